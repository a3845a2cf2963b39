"""What a delivery becomes in Telegram: its parts, their order, and the simpler ways for what is refused."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from domain.messages import Attachment, Button
from notifications.channels.telegram import TelegramChannel
from notifications.errors import AddressGone, Flooded, Postponed, Refused, Uncertain
from sandbox.app import Sandbox
from sandbox.html_markup import parse
from tests.fakes.bot_api import TOKEN, FakeBotApi, bad_request, refusal
from tests.fakes.delivery import Parts, delivery, picture, table
from tests.fakes.http import HANG, RESET, page

BUTTONS = ((Button("Again", data="r:GOLD:1"), Button("Chart", url="https://example.com")),)
DOT = Path(__file__).parent / "dot.png"


@pytest.fixture
async def api() -> AsyncIterator[FakeBotApi]:
    fake = FakeBotApi()
    async with fake.running():
        yield fake


@pytest.fixture
async def channel(api: FakeBotApi) -> AsyncIterator[TelegramChannel]:
    found = TelegramChannel(TOKEN, api.root, answer_within=1.0)
    await found.open()
    yield found
    await found.close()


@pytest.fixture
def parts() -> Parts:
    return Parts()


def lines(count: int) -> str:
    return "\n".join(f"<b>{number}</b> price &amp; volume" for number in range(count))


async def test_a_text_goes_out_with_markup_buttons_and_no_preview(
    api: FakeBotApi, channel: TelegramChannel, parts: Parts
) -> None:
    receipt = await channel.send(delivery("<b>GOLD</b>", buttons=BUTTONS), parts)
    [call] = api.calls()
    assert (call["chat_id"], call["text"], call["parse_mode"]) == ("77", "<b>GOLD</b>", "HTML")
    assert json.loads(call["link_preview_options"]) == {"is_disabled": True}
    assert json.loads(call["reply_markup"])["inline_keyboard"][0][0] == {"text": "Again", "callback_data": "r:GOLD:1"}
    assert "disable_notification" not in call or call["disable_notification"] == "false"
    assert (receipt.provider_id, receipt.note, parts.taken) == ("100", None, [])


async def test_a_silent_delivery_makes_no_sound(api: FakeBotApi, channel: TelegramChannel, parts: Parts) -> None:
    await channel.send(delivery(silent=True), parts)
    assert api.calls()[0]["disable_notification"] == "true"


async def test_a_long_text_is_several_messages_of_which_only_the_first_rings(
    api: FakeBotApi, channel: TelegramChannel, parts: Parts
) -> None:
    text = lines(400)
    receipt = await channel.send(delivery(text, buttons=BUTTONS), parts)
    assert len(api.texts) > 1
    assert "\n".join(api.texts) == text
    assert all(len(parse(each)[0]) <= 4096 for each in api.texts)
    assert [call.get("disable_notification") == "true" for call in api.calls()] == [
        number > 0 for number in range(len(api.texts))
    ]
    assert ["reply_markup" in call for call in api.calls()][-1:] == [True]
    assert sum("reply_markup" in call for call in api.calls()) == 1
    assert parts.taken == [(number, str(100 + number)) for number in range(len(api.texts) - 1)]
    assert receipt.provider_id == str(99 + len(api.texts))


async def test_a_resend_begins_at_the_part_in_doubt_with_the_same_words(
    api: FakeBotApi, channel: TelegramChannel, parts: Parts
) -> None:
    text = lines(400)
    await channel.send(delivery(text), Parts())
    whole = api.texts
    api.requests.clear()
    await channel.send(delivery(text, part=2, possible_repeat=True, ref="7F3K"), parts)
    assert api.texts == ["<i>(I may have sent this already. Ref 7F3K.)</i>\n" + whole[2], *whole[3:]]
    assert all(len(parse(each)[0]) <= 4096 for each in api.texts)
    assert [part for part, _ in parts.taken] == list(range(2, len(whole) - 1))


async def test_a_part_that_fails_leaves_the_earlier_ones_told(
    api: FakeBotApi, channel: TelegramChannel, parts: Parts
) -> None:
    api.plan_for("sendMessage", page(200, "garbage"))
    with pytest.raises(Uncertain):
        await channel.send(delivery(lines(400)), parts)
    assert parts.taken == []
    api.by_method.clear()
    api.plan_for("sendPhoto", refusal(429, "Too Many Requests", retry_after=3))
    with pytest.raises(Flooded):
        await channel.send(delivery("hello", attachments=(table(), picture())), parts)
    assert parts.taken == [(0, "100")]


async def test_a_very_long_text_is_a_file_that_begins_in_the_chat(
    api: FakeBotApi, channel: TelegramChannel, parts: Parts
) -> None:
    text = lines(2000) + '\n<a href="https://example.com/all">all</a>'
    await channel.send(delivery(text, buttons=BUTTONS), parts)
    [call] = api.calls()
    assert call["method"] == "senddocument"
    assert call["caption"].startswith("<b>0</b> price &amp; volume\n<b>1</b>")
    assert call["caption"].endswith("… All of it is in the file.")
    assert len(parse(call["caption"])[0]) <= 1024
    assert "reply_markup" in call
    [(name, content)] = api.requests[-1].files.values()
    assert name == "message.txt"
    assert content.decode().startswith("0 price & volume\n1 price & volume\n")
    assert content.decode().endswith("1999 price & volume\nall (https://example.com/all)")


async def test_the_caption_of_a_picture_is_the_text_if_it_fits(
    api: FakeBotApi, channel: TelegramChannel, parts: Parts
) -> None:
    await channel.send(delivery("x" * 900, attachments=(picture(),), buttons=BUTTONS), parts)
    await channel.send(delivery("x" * 1000, attachments=(picture(),), buttons=BUTTONS), parts)
    first, second, third = api.calls()
    assert (first["method"], first["caption"]) == ("sendphoto", "x" * 900)
    assert "reply_markup" in first
    assert (second["method"], second.get("caption"), "reply_markup" in second) == ("sendphoto", None, False)
    assert (third["method"], third["text"], "reply_markup" in third) == ("sendmessage", "x" * 1000, True)


async def test_pictures_are_an_album_with_the_text_under_it(
    api: FakeBotApi, channel: TelegramChannel, parts: Parts
) -> None:
    receipt = await channel.send(delivery("three", attachments=tuple(picture(f"{n}.png") for n in range(3))), parts)
    [call] = api.calls()
    media = json.loads(call["media"])
    assert [item["type"] for item in media] == ["photo"] * 3
    assert [item.get("caption") for item in media] == ["three", None, None]
    assert len(api.requests[-1].files) == 3
    assert receipt.provider_id == "102"


async def test_an_album_has_no_buttons_so_the_text_follows_with_them(
    api: FakeBotApi, channel: TelegramChannel, parts: Parts
) -> None:
    await channel.send(delivery("two", attachments=(picture(), picture()), buttons=BUTTONS), parts)
    assert api.methods == ["sendmediagroup", "sendmessage"]
    assert "reply_markup" in api.calls()[1]
    assert parts.taken == [(1, "101")]


async def test_more_pictures_than_an_album_holds_are_several(
    api: FakeBotApi, channel: TelegramChannel, parts: Parts
) -> None:
    files = (*(picture() for _ in range(11)), table(), picture(), picture())
    await channel.send(delivery("many", attachments=files), parts)
    assert api.methods == ["sendmediagroup", "sendphoto", "senddocument", "sendmediagroup"]
    assert parts.taken == [(9, "109"), (10, "110"), (11, "111")]
    assert [call.get("caption") for call in api.calls()[:3]] == [None] * 3
    assert "many" in api.calls()[3]["media"]


async def test_a_refused_album_goes_picture_by_picture(api: FakeBotApi, channel: TelegramChannel, parts: Parts) -> None:
    api.plan_for("sendMediaGroup", bad_request("group send failed"))
    receipt = await channel.send(delivery("two", attachments=(picture("a"), picture("b"))), parts)
    assert api.methods == ["sendmediagroup", "sendphoto", "sendphoto"]
    assert [call.get("caption") for call in api.calls()[1:]] == [None, "two"]
    assert parts.taken == [(0, "100")]
    assert receipt.note == "the pictures were sent one by one"


async def test_a_picture_that_is_too_large_for_one_is_a_file(
    api: FakeBotApi, channel: TelegramChannel, parts: Parts
) -> None:
    await channel.send(delivery("big", attachments=(picture(size=10_000_001),)), parts)
    assert api.methods == ["senddocument"]


@pytest.mark.parametrize("words", ["PHOTO_INVALID_DIMENSIONS", "IMAGE_PROCESS_FAILED", "wrong file identifier"])
async def test_a_refused_picture_is_a_file_and_a_refused_file_words(
    api: FakeBotApi, channel: TelegramChannel, parts: Parts, words: str
) -> None:
    api.plan_for("sendPhoto", bad_request(words))
    receipt = await channel.send(delivery("look", attachments=(picture(),), buttons=BUTTONS), parts)
    assert api.methods == ["sendphoto", "senddocument"]
    assert receipt.note == "a picture was sent as a file"
    api.requests.clear()
    api.plan_for("sendPhoto", bad_request(words))
    api.plan_for("sendDocument", bad_request("file must be non-empty"))
    receipt = await channel.send(delivery("look", attachments=(picture(),), buttons=BUTTONS), parts)
    assert api.methods == ["sendphoto", "senddocument", "sendmessage"]
    assert api.texts[-1] == "look\n(chart.png, 0.1 kB, could not be sent.)"
    assert "reply_markup" in api.calls()[-1]


@pytest.mark.parametrize("answer", [page(413), refusal(413, "Request Entity Too Large")], ids=["proxy", "server"])
async def test_a_file_too_large_for_the_server_is_told_in_words(
    api: FakeBotApi, channel: TelegramChannel, parts: Parts, answer: Any
) -> None:
    api.plan_for("sendDocument", answer)
    receipt = await channel.send(delivery("list", attachments=(table("a<b>.csv", 200_000),)), parts)
    assert api.methods == ["senddocument", "sendmessage"]
    assert api.texts[-1] == "list\n(a&lt;b&gt;.csv, 0.2 MB, could not be sent.)"
    assert receipt.note == "a<b>.csv could not be sent"


async def test_refused_markup_arrives_as_plain_text(api: FakeBotApi, channel: TelegramChannel, parts: Parts) -> None:
    api.plan_for("sendMessage", bad_request("can't parse entities: Unsupported start tag"))
    receipt = await channel.send(delivery("<b>GOLD</b> 1 &lt; 2"), parts)
    first, second = api.calls()
    assert (first["text"], first["parse_mode"]) == ("<b>GOLD</b> 1 &lt; 2", "HTML")
    assert (second["text"], second.get("parse_mode")) == ("GOLD 1 < 2", None)
    assert receipt.note == "sent as plain text"


async def test_markup_refused_again_is_a_definite_no(api: FakeBotApi, channel: TelegramChannel, parts: Parts) -> None:
    problem = bad_request("can't parse entities: Unsupported start tag")
    api.plan_for("sendMessage", problem, problem)
    with pytest.raises(Refused):
        await channel.send(delivery(), parts)
    assert len(api.calls()) == 2


async def test_a_text_that_is_refused_as_too_long_is_a_file(
    api: FakeBotApi, channel: TelegramChannel, parts: Parts
) -> None:
    api.plan_for("sendMessage", bad_request("message is too long"))
    receipt = await channel.send(delivery("<b>all</b> of it"), parts)
    assert api.methods == ["sendmessage", "senddocument"]
    assert api.requests[-1].files["document"] == ("message.txt", b"all of it")
    assert receipt.note == "the text was sent as a file"


async def test_a_caption_that_is_refused_as_too_long_is_a_message_of_its_own(
    api: FakeBotApi, channel: TelegramChannel, parts: Parts
) -> None:
    api.plan_for("sendPhoto", bad_request("message caption is too long"))
    await channel.send(delivery("look", attachments=(picture(),), buttons=BUTTONS), parts)
    assert api.methods == ["sendphoto", "sendphoto", "sendmessage"]
    assert api.texts == ["look", "", "look"]
    assert ["reply_markup" in call for call in api.calls()] == [True, False, True]
    assert parts.taken == [(0, "100")]


async def test_a_topic_is_written_to_and_one_that_is_gone_is_left(
    api: FakeBotApi, channel: TelegramChannel, parts: Parts
) -> None:
    await channel.send(delivery(address="-4711/8"), parts)
    assert (api.calls()[0]["chat_id"], api.calls()[0]["message_thread_id"]) == ("-4711", "8")
    for words in ("message thread not found", "TOPIC_CLOSED", "not enough rights to send text messages to the chat"):
        api.requests.clear()
        api.plan_for("sendMessage", bad_request(words))
        receipt = await channel.send(delivery(lines(400), address="-4711/8"), parts)
        threads = [call.get("message_thread_id") for call in api.calls()]
        assert threads == ["8", *[None] * (len(threads) - 1)]
        assert receipt.note == "sent outside the topic, which can't be written to"


@pytest.mark.parametrize("words", ["not enough rights to send photos to the chat", "CHAT_SEND_MEDIA_FORBIDDEN"])
async def test_where_pictures_are_not_allowed_the_words_arrive(
    api: FakeBotApi, channel: TelegramChannel, parts: Parts, words: str
) -> None:
    api.plan_for("sendPhoto", bad_request(words))
    api.plan_for("sendDocument", bad_request(words))
    await channel.send(delivery("look", attachments=(picture(),), address="-4711"), parts)
    assert api.methods == ["sendphoto", "senddocument", "sendmessage"]
    api.plan_for("sendPhoto", bad_request(words))
    api.plan_for("sendDocument", bad_request(words))
    api.plan_for("sendMessage", bad_request("not enough rights to send text messages to the chat"))
    with pytest.raises(AddressGone):
        await channel.send(delivery("look", attachments=(picture(),), address="-4711"), parts)


async def test_half_a_character_does_not_stop_the_rest(api: FakeBotApi, channel: TelegramChannel, parts: Parts) -> None:
    await channel.send(delivery("up \ud83d down"), parts)
    assert api.texts == ["up ? down"]


async def test_the_general_topic_is_written_to_without_its_number(
    api: FakeBotApi, channel: TelegramChannel, parts: Parts
) -> None:
    await channel.send(delivery(address="-4711/1"), parts)
    assert "message_thread_id" not in api.calls()[0]


async def test_an_earlier_message_is_changed_in_place(api: FakeBotApi, channel: TelegramChannel, parts: Parts) -> None:
    receipt = await channel.send(delivery("new words", edits="42", buttons=BUTTONS), parts)
    [call] = api.calls()
    assert (call["method"], call["message_id"], call["text"]) == ("editmessagetext", "42", "new words")
    assert json.loads(call["link_preview_options"]) == {"is_disabled": True}
    assert receipt.provider_id == "42"


async def test_an_edit_that_changes_nothing_is_a_success(
    api: FakeBotApi, channel: TelegramChannel, parts: Parts
) -> None:
    api.plan_for("editMessageText", bad_request("message is not modified: specified new message content is the same"))
    assert (await channel.send(delivery(edits="42"), parts)).provider_id == "42"
    assert len(api.calls()) == 1


async def test_the_words_under_a_picture_are_changed_as_its_caption(
    api: FakeBotApi, channel: TelegramChannel, parts: Parts
) -> None:
    api.plan_for("editMessageText", bad_request("there is no text in the message to edit"))
    await channel.send(delivery("new words", edits="42"), parts)
    assert api.methods == ["editmessagetext", "editmessagecaption"]
    assert api.calls()[1]["caption"] == "new words"


@pytest.mark.parametrize("words", ["message to edit not found", "message can't be edited", "MESSAGE_ID_INVALID"])
async def test_what_cannot_be_changed_is_sent_anew(
    api: FakeBotApi, channel: TelegramChannel, parts: Parts, words: str
) -> None:
    api.plan_for("editMessageText", bad_request(words))
    receipt = await channel.send(delivery(edits="42"), parts)
    assert api.methods == ["editmessagetext", "sendmessage"]
    assert (receipt.provider_id, receipt.note) == ("100", "sent as a new message: the earlier one can't be changed")


async def test_refused_markup_in_an_edit_goes_plain(api: FakeBotApi, channel: TelegramChannel, parts: Parts) -> None:
    api.plan_for("editMessageText", bad_request("can't parse entities"))
    receipt = await channel.send(delivery(edits="42"), parts)
    assert [call["text"] for call in api.calls()] == ["<b>GOLD</b> 1 &lt; 2", "GOLD 1 < 2"]
    assert receipt.note == "sent as plain text"


@pytest.mark.parametrize("answer", [HANG, RESET, page(502)])
async def test_an_edit_in_doubt_can_simply_be_made_again(
    api: FakeBotApi, channel: TelegramChannel, parts: Parts, answer: Any
) -> None:
    api.plan_for("editMessageText", answer)
    with pytest.raises(Postponed):
        await channel.send(delivery(edits="42"), parts)
    assert api.methods == ["editmessagetext"]


async def test_an_edit_with_a_file_is_a_new_message(api: FakeBotApi, channel: TelegramChannel, parts: Parts) -> None:
    await channel.send(delivery(edits="42", attachments=(table(),)), parts)
    assert api.methods == ["senddocument"]


async def test_each_call_after_the_first_waits_for_its_turn(api: FakeBotApi, parts: Parts) -> None:
    turns: list[tuple[str, int]] = []

    async def pace(chat: str, messages: int) -> None:
        turns.append((chat, messages))

    channel = TelegramChannel(TOKEN, api.root, pace=pace)
    await channel.open()
    await channel.send(delivery("short"), parts)
    await channel.send(delivery("new words", edits="42"), parts)
    assert turns == []
    api.plan_for("editMessageText", bad_request("message to edit not found"))
    await channel.send(delivery("new words", edits="42"), parts)
    assert turns == [("77", 1)]
    turns.clear()
    await channel.send(delivery("x", attachments=(picture(), picture(), picture(), table()), address="-5/2"), parts)
    assert turns == [("-5", 2), ("-5", 1)]
    await channel.close()


async def test_a_server_with_telegrams_rules_takes_all_of_it(tmp_path: Path) -> None:
    sandbox = Sandbox(tmp_path, TOKEN)
    dot = Attachment("dot.png", "image/png", DOT.read_bytes())
    async with sandbox.running() as addresses:
        ada = sandbox.person("Ada")
        await ada.send("/start")
        channel = TelegramChannel(TOKEN, addresses.root)
        await channel.open()
        chat = str(ada.id)
        receipt = await channel.send(delivery(lines(300), address=chat), Parts())
        assert receipt.note is None
        texts = [message["text"] for message in ada.replies()]
        assert "\n".join(texts) == parse(lines(300))[0]
        await channel.send(delivery("<b>two</b>", address=chat, attachments=(dot, dot), buttons=BUTTONS), Parts())
        await channel.send(delivery("both", address=chat, attachments=(dot, dot)), Parts())
        first = await channel.send(delivery("before", address=chat), Parts())
        edited = await channel.send(delivery("<i>after</i>", address=chat, edits=first.provider_id), Parts())
        assert edited.provider_id == first.provider_id
        kinds = [("photo" in m, m.get("caption") or m.get("text")) for m in ada.replies()][len(texts) :]
        assert kinds == [
            (True, None), (True, None), (False, "two"), (True, "both"), (True, None), (False, "after"),
        ]  # fmt: skip
        await channel.close()
