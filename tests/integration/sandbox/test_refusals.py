"""What Telegram refuses is refused with its status and words, and nothing is sent."""

from typing import Any

import httpx
import pytest

from tests.integration.sandbox.conftest import TOKEN, World


async def refused(http: httpx.AsyncClient, method: str, code: int = 400, /, **params: Any) -> str:
    answer = await http.post(f"/bot{TOKEN}/{method}", json=params)
    body = answer.json()
    assert (answer.status_code, body["ok"], body["error_code"]) == (code, False, code)
    return str(body["description"])


async def sent(http: httpx.AsyncClient, world: World, text: str = "x", **params: Any) -> int:
    answer = await http.post(f"/bot{TOKEN}/sendMessage", json={"chat_id": world.chat, "text": text} | params)
    return int(answer.json()["result"]["message_id"])


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"text": ""}, "message text is empty"),
        ({}, "message text is empty"),
        ({"text": " \n "}, "text must be non-empty"),
        ({"text": "<b></b>", "parse_mode": "HTML"}, "text must be non-empty"),
        ({"text": "x" * 4097}, "message is too long"),
        ({"text": "😀" * 2049}, "message is too long"),
        (
            {"text": "<b>x", "parse_mode": "HTML"},
            "can't parse entities: Can't find end tag corresponding to start tag \"b\"",
        ),
        ({"text": "x", "parse_mode": "bbcode"}, "unsupported parse_mode"),
        ({"text": "x", "chat_id": 1}, "chat not found"),
        ({"text": "x", "chat_id": "nobody"}, "chat not found"),
        ({"text": "x", "chat_id": ""}, "chat_id is empty"),
        ({"text": "x", "reply_parameters": {"message_id": 999}}, "message to be replied not found"),
        ({"text": "x", "reply_markup": "{"}, "can't parse reply markup JSON object"),
        (
            {"text": "x", "reply_markup": {"inline_keyboard": [[{"text": "a", "callback_data": "x" * 65}]]}},
            "BUTTON_DATA_INVALID",
        ),
    ],
)
async def test_a_message_is_refused(world: World, http: httpx.AsyncClient, params: dict[str, Any], words: str) -> None:
    assert await refused(http, "sendMessage", **{"chat_id": world.chat} | params) == f"Bad Request: {words}"
    assert world.ada.replies() == []


async def test_4096_units_are_counted_after_parsing(world: World, http: httpx.AsyncClient) -> None:
    source = "<b>" + "&amp;" * 4094 + "😀</b>"
    assert await sent(http, world, source, parse_mode="HTML")


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"photo": "AgACunknown"}, "wrong file identifier/HTTP URL specified"),
        ({"photo": "http://a.example/x.png"}, "failed to get HTTP URL content"),
        ({}, "there is no photo in the request"),
        ({"photo": "x", "caption": "x" * 1025}, "message caption is too long"),
    ],
)
async def test_a_photo_is_refused(world: World, http: httpx.AsyncClient, params: dict[str, Any], words: str) -> None:
    assert await refused(http, "sendPhoto", chat_id=world.chat, **params) == f"Bad Request: {words}"


async def test_a_document_is_no_photo_and_a_text_no_picture(world: World, http: httpx.AsyncClient) -> None:
    document = await world.bot.send_document(world.chat, b"x", filename="x.txt")
    assert document.document
    words = await refused(http, "sendPhoto", chat_id=world.chat, photo=document.document.file_id)
    assert words == "Bad Request: can't use file of type Document as Photo"
    answer = await http.post(
        f"/bot{TOKEN}/sendPhoto", data={"chat_id": str(world.chat)}, files={"photo": ("x.png", b"text")}
    )
    assert answer.json()["description"] == "Bad Request: IMAGE_PROCESS_FAILED"
    empty = await http.post(
        f"/bot{TOKEN}/sendDocument", data={"chat_id": str(world.chat)}, files={"document": ("x", b"")}
    )
    assert empty.json()["description"] == "Bad Request: file must be non-empty"


async def test_an_edit_that_changes_nothing_is_refused(world: World, http: httpx.AsyncClient) -> None:
    message_id = await sent(http, world, "<b>x</b>", parse_mode="HTML")
    same: dict[str, Any] = {
        "chat_id": world.chat,
        "message_id": message_id,
        "text": "<strong>x</strong>",
        "parse_mode": "HTML",
    }
    assert await refused(http, "editMessageText", **same) == (
        "Bad Request: message is not modified: specified new message content and reply markup are exactly "
        "the same as a current content and reply markup of the message"
    )


async def test_only_the_bots_own_existing_messages_are_edited(world: World, http: httpx.AsyncClient) -> None:
    own = await world.ada.send("mine")
    wish: dict[str, Any] = {"chat_id": world.chat, "text": "new"}
    missing = await refused(http, "editMessageText", message_id=999, **wish)
    foreign = await refused(http, "editMessageText", message_id=own["message_id"], **wish)
    assert (missing, foreign) == (
        "Bad Request: message to edit not found",
        "Bad Request: message can't be edited",
    )
    text = await sent(http, world)
    assert "no caption" in await refused(http, "editMessageCaption", chat_id=world.chat, message_id=text, caption="x")
    keyboard = {"keyboard": [["a"]]}
    assert "inline keyboard expected" in await refused(
        http, "editMessageText", message_id=text, reply_markup=keyboard, **wish
    )


async def test_a_deleted_message_cannot_be_deleted_again(world: World, http: httpx.AsyncClient) -> None:
    message_id = await sent(http, world)
    await world.bot.delete_message(world.chat, message_id)
    words = await refused(http, "deleteMessage", chat_id=world.chat, message_id=message_id)
    assert words == "Bad Request: message to delete not found"


async def test_presses_are_answered_once_while_known_and_in_200_characters(
    world: World, http: httpx.AsyncClient
) -> None:
    await sent(http, world, reply_markup={"inline_keyboard": [[{"text": "Go", "callback_data": "go"}]]})
    press = await world.ada.press("Go")
    long = await refused(http, "answerCallbackQuery", callback_query_id=press.id, text="x" * 201)
    assert long == "Bad Request: MESSAGE_TOO_LONG"
    await world.bot.answer_callback_query(press.id)
    too_old = "Bad Request: query is too old and response timeout expired or query ID is invalid"
    assert await refused(http, "answerCallbackQuery", callback_query_id=press.id) == too_old
    assert await refused(http, "answerCallbackQuery", callback_query_id="77") == too_old


@pytest.mark.parametrize("name", ["Start", "with space", "x" * 33, "", "ü"])
async def test_command_names_are_small_letters_digits_and_underscores(
    world: World, http: httpx.AsyncClient, name: str
) -> None:
    commands = [{"command": name, "description": "x"}]
    assert await refused(http, "setMyCommands", commands=commands) == "Bad Request: BOT_COMMAND_INVALID"


async def test_who_has_not_started_or_has_blocked_gets_nothing(world: World, http: httpx.AsyncClient) -> None:
    bob = world.sandbox.person("Bob")
    words = await refused(http, "sendMessage", 403, chat_id=bob.id, text="x")
    assert words == "Forbidden: bot can't initiate conversation with a user"
    await world.ada.block()
    words = await refused(http, "sendMessage", 403, chat_id=world.chat, text="x")
    assert words == "Forbidden: bot was blocked by the user"
    await world.ada.unblock()
    assert await sent(http, world)


async def test_an_unknown_method_is_refused_and_logged_by_name(
    world: World, http: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    words = await refused(http, "sendTelepathy", 404)
    assert words == "Not Found: method not found"
    assert "unknown method sendTelepathy" in caplog.text


async def test_only_the_right_token_is_taken(world: World, http: httpx.AsyncClient) -> None:
    wrong = await http.get("/bot4242:some-other-token-of-this-length/getMe")
    assert (wrong.status_code, wrong.json()["description"]) == (401, "Unauthorized")
    malformed = await http.get("/botnonsense/getMe")
    assert (malformed.status_code, malformed.json()["description"]) == (404, "Not Found")
    file = await http.get("/file/bot4242:some-other-token-of-this-length/photos/x.png")
    assert file.status_code == 401


async def test_files_are_found_only_by_paths_that_were_given_out(world: World, http: httpx.AsyncClient) -> None:
    await world.bot.send_document(world.chat, b"x", filename="../../etc/passwd")
    for path in ("photos/none.png", "../sandbox.sqlite3", "%2e%2e/sandbox.sqlite3", "documents/"):
        assert (await http.get(f"/file/bot{TOKEN}/{path}")).status_code == 404


async def test_parameters_come_as_query_form_multipart_or_json(world: World, http: httpx.AsyncClient) -> None:
    url, values = f"/bot{TOKEN}/sendMessage", {"chat_id": str(world.chat), "text": "x"}
    answers = [
        await http.get(url, params=values),
        await http.post(url, data=values),
        await http.post(url, data=values, files={"unused": b"x"}),
        await http.post(url, json=values),
        await http.post(url.replace("sendMessage", "SENDMESSAGE"), json=values),
    ]
    assert [answer.status_code for answer in answers] == [200] * 5


@pytest.mark.parametrize("body", [b"{", b"[]", b"7", b"\xff\xfe", b'{"chat_id": {}}'])
async def test_a_broken_body_is_refused_not_a_crash(world: World, http: httpx.AsyncClient, body: bytes) -> None:
    answer = await http.post(f"/bot{TOKEN}/sendMessage", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["ok"] is False


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("sendMessage", {"text": "x", "reply_parameters": "7"}),
        ("sendMessage", {"text": "x", "reply_parameters": {"message_id": "x"}}),
        ("sendMessage", {"text": "x", "entities": [{"type": "bold"}]}),
        ("sendMessage", {"text": "x", "entities": 7}),
        ("sendMediaGroup", {"media": "x"}),
        ("sendMediaGroup", {"media": [{"type": "photo", "media": "attach://none"}] * 2}),
        ("sendMediaGroup", {"media": [{"type": "video"}, {"type": "video"}]}),
        ("sendPhoto", {"photo": {"x": 1}}),
        ("deleteMessages", {"message_ids": ["x"]}),
        ("deleteMessages", {"message_ids": []}),
        ("setMyCommands", {"commands": [7]}),
        ("setMyCommands", {"commands": [], "scope": {"type": "moon"}}),
        ("setMessageReaction", {"reaction": [7], "message_id": 1}),
        ("setChatMenuButton", {"menu_button": 7}),
        ("editMessageMedia", {"media": 7, "message_id": 1}),
        ("getUpdates", {"allowed_updates": "x"}),
        ("setWebhook", {"url": "http://[", "secret_token": ""}),
    ],
)
async def test_values_of_the_wrong_kind_are_refused_not_a_crash(
    world: World, http: httpx.AsyncClient, method: str, params: dict[str, Any]
) -> None:
    await refused(http, method, **{"chat_id": world.chat} | params)
