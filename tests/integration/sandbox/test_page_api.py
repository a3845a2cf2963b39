"""The page's own API: people, texts, presses, the stream of events, and who may use it."""

import asyncio
import json
from typing import Any

import httpx
import pytest

from tests.integration.sandbox.conftest import World


async def done(http: httpx.AsyncClient, path: str, **wish: Any) -> Any:
    answer = await http.post(path, json=wish)
    assert answer.status_code == 200, answer.text
    return answer.json()["done"]


async def problem(http: httpx.AsyncClient, path: str, **wish: Any) -> str:
    answer = await http.post(path, json=wish)
    assert answer.status_code == 400
    return str(answer.json()["error"])


async def test_the_page_knows_everybody_and_adds_people(world: World, http: httpx.AsyncClient) -> None:
    added = await done(http, "/api/people", first_name="Bob", last_name="B", language_code="fr")
    state = (await http.get("/api/state")).json()
    assert [person["first_name"] for person in state["people"]] == ["You", "Ada", "Bob"]
    assert [person["started"] for person in state["people"]] == [False, True, False]
    assert added["id"] == world.sandbox.person("Bob").id
    assert "1 to 64" in await problem(http, "/api/people", first_name=" ")


async def test_a_text_a_press_an_edit_and_a_deletion_by_the_page(world: World, http: httpx.AsyncClient) -> None:
    chat = f"/api/chats/{world.chat}"
    (message,) = await done(http, f"{chat}/send", text="  /run 1  ")
    assert message["text"] == "/run 1"
    await done(http, f"{chat}/edit", message_id=message["message_id"], text="/run 2")
    first, second = await world.bot.get_updates()
    assert first.message
    assert second.edited_message
    await done(http, f"{chat}/delete", message_id=message["message_id"])
    shown = (await http.get(f"{chat}/messages")).json()
    assert [m["text"] for m in shown["messages"]] == ["/start"]


async def test_a_long_text_is_sent_as_several_as_clients_do(world: World, http: httpx.AsyncClient) -> None:
    sent = await done(http, f"/api/chats/{world.chat}/send", text="😀" * 5000)
    assert [len(message["text"]) for message in sent] == [2048, 2048, 904]


async def test_unread_messages_are_counted_until_read(world: World, http: httpx.AsyncClient) -> None:
    sent = await world.bot.send_message(world.chat, "x")
    assert (await http.get("/api/state")).json()["people"][1]["unread"] == 1
    await done(http, f"/api/chats/{world.chat}/read", message_id=sent.message_id)
    assert (await http.get("/api/state")).json()["people"][1]["unread"] == 0


async def test_old_messages_are_read_page_by_page(world: World, http: httpx.AsyncClient) -> None:
    for number in range(205):
        world.sandbox.messenger.messages.create(world.chat, world.sandbox.messenger.bot_user(), {"text": str(number)})
    newest = (await http.get(f"/api/chats/{world.chat}/messages")).json()
    assert (len(newest["messages"]), newest["more"]) == (200, True)
    before = newest["messages"][0]["message_id"]
    older = (await http.get(f"/api/chats/{world.chat}/messages", params={"before": before})).json()
    assert (len(older["messages"]), older["more"]) == (6, False)


@pytest.mark.parametrize(
    ("path", "wish"),
    [
        ("send", {"text": "  "}),
        ("send", {}),
        ("edit", {"message_id": 999, "text": "x"}),
        ("edit", {"message_id": "x", "text": "x"}),
        ("delete", {"message_id": 999}),
        ("press", {"message_id": 999, "data": "x"}),
    ],
)
async def test_what_cannot_be_done_is_answered_with_a_sentence(
    world: World, http: httpx.AsyncClient, path: str, wish: dict[str, Any]
) -> None:
    assert await problem(http, f"/api/chats/{world.chat}/{path}", **wish)
    assert await problem(http, f"/api/chats/1/{path}", **wish)


async def test_a_broken_body_is_answered_with_a_sentence(world: World, http: httpx.AsyncClient) -> None:
    for body in (b"{", b"7", b"[1]", b"\xff"):
        answer = await http.post(
            f"/api/chats/{world.chat}/send", content=body, headers={"content-type": "application/json"}
        )
        assert answer.status_code == 400


async def test_a_blocked_bot_is_not_written_to(world: World, http: httpx.AsyncClient) -> None:
    await done(http, f"/api/chats/{world.chat}/block", blocked=True)
    assert "unblock" in await problem(http, f"/api/chats/{world.chat}/send", text="x")


async def test_a_file_from_the_page_is_shown_and_downloaded(
    world: World, http: httpx.AsyncClient, picture: bytes
) -> None:
    answer = await http.post(
        f"/api/chats/{world.chat}/upload",
        params={"name": "x.html", "caption": "hello"},
        content=b"<script>alert(1)</script>",
        headers={"content-type": "application/octet-stream"},
    )
    message = answer.json()["done"]
    shown = await http.get(f"/api/files/{message['document']['file_id']}")
    assert shown.headers["content-type"] == "application/octet-stream"
    assert shown.headers["content-disposition"].startswith("attachment")
    photo = await world.bot.send_photo(world.chat, picture)
    shown = await http.get(f"/api/files/{photo.photo[0].file_id}")
    assert (shown.headers["content-type"], shown.content) == ("image/png", picture)
    assert (await http.get("/api/files/AgACnone")).status_code == 404


async def next_events(response: httpx.Response, count: int) -> list[tuple[int, dict[str, Any]]]:
    found, event_id = [], 0
    async with asyncio.timeout(5):
        async for line in response.aiter_lines():
            if line.startswith("id: "):
                event_id = int(line[4:])
            if line.startswith("data: "):
                found.append((event_id, json.loads(line[6:])))
            if len(found) == count:
                break
    return found


async def test_events_are_pushed_and_resumed_after_the_last_one_seen(world: World, http: httpx.AsyncClient) -> None:
    start = (await http.get("/api/state")).json()["last_event"]
    async with http.stream("GET", "/api/events", params={"after": start}) as stream:
        await world.bot.send_message(world.chat, "one")
        ((first_id, first),) = await next_events(stream, 1)
    assert (first["kind"], first["message"]["text"]) == ("message", "one")
    await world.bot.send_message(world.chat, "two")
    async with http.stream("GET", "/api/events", headers={"last-event-id": str(first_id)}) as stream:
        ((second_id, second),) = await next_events(stream, 1)
    assert second_id > first_id
    assert second["message"]["text"] == "two"


async def test_a_page_that_saw_another_life_of_the_sandbox_is_told_to_start_afresh(
    world: World, http: httpx.AsyncClient
) -> None:
    async with http.stream("GET", "/api/events", headers={"last-event-id": "1"}) as stream:
        ((_, event),) = await next_events(stream, 1)
    assert event["kind"] == "reset"


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"host": "evil.example"},
        {"sec-fetch-site": "cross-site"},
        {"content-type": "text/plain"},
    ],
)
async def test_another_site_can_neither_write_nor_switch(
    world: World, http: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    sent = {"content-type": "application/json"} | headers
    for path in (f"/api/chats/{world.chat}/send", "/control/faults"):
        answer = await http.post(path, content=b'{"text": "x", "kind": "error"}', headers=sent)
        assert answer.status_code == 403
        assert answer.json()["error"]
    assert len(world.ada.messages()) == 1


async def test_the_page_is_served_with_a_strict_policy_and_a_tag(world: World, http: httpx.AsyncClient) -> None:
    page = await http.get("/")
    assert page.headers["content-security-policy"].startswith("default-src 'self';")
    assert page.headers["cache-control"] == "no-cache"
    again = await http.get("/", headers={"if-none-match": page.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert (await http.get("/sandbox_bot?start=v_1")).text == page.text
    assert (await http.get("/nothing")).status_code == 404
    for path in ("/static/../app.py", "/static/%2e%2e%2fapp.py", "/static/none.js"):
        assert (await http.get(path)).status_code == 404


async def test_a_group_by_the_page_with_topics_and_whoever_speaks_there(world: World, http: httpx.AsyncClient) -> None:
    ada = world.ada.id
    group = await done(http, "/api/groups", title="Desk", topics="Gold, FX", **{"as": ada})
    assert [topic["name"] for topic in group["topics"]] == ["Gold", "FX"]
    (shown,) = (await http.get("/api/state")).json()["groups"]
    assert (shown["first_name"], len(shown["members"])) == ("Desk", 2)
    chat, topic = f"/api/chats/{group['id']}", group["topics"][0]["id"]
    await done(http, f"{chat}/send", text="/jobs", thread_id=topic, **{"as": ada})
    told = (await world.bot.get_updates())[-1].message
    assert told is not None
    assert told.from_user is not None
    assert (told.from_user.id, told.chat.id, told.message_thread_id) == (ada, group["id"], topic)
    assert "missing" in await problem(http, f"{chat}/send", text="/jobs")
    assert (await http.get(f"{chat}/commands?as={ada}")).json() == {"commands": []}
