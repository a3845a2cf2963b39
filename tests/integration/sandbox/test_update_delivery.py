"""Updates stay until they are confirmed, reach one poller only, or are carried to a webhook."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from telegram import Bot, Update
from telegram.error import BadRequest, Conflict

from sandbox.app import Sandbox
from sandbox.connections import bound, serving
from sandbox.waiting import eventually
from tests.integration.sandbox.conftest import TOKEN, World


def texts(updates: tuple[Update, ...]) -> list[str | None]:
    return [update.message.text for update in updates if update.message]


async def test_an_update_stays_until_a_higher_offset_confirms_it(world: World) -> None:
    await world.ada.send("one")
    await world.ada.send("two")
    first, second = await world.bot.get_updates()
    assert texts(await world.bot.get_updates()) == ["one", "two"]
    assert texts(await world.bot.get_updates(offset=first.update_id)) == ["one", "two"]
    assert texts(await world.bot.get_updates(offset=second.update_id)) == ["two"]
    assert await world.bot.get_updates(offset=second.update_id + 1) == ()


async def test_a_limit_and_a_negative_offset_choose_among_the_waiting(world: World) -> None:
    for text in ("one", "two", "three"):
        await world.ada.send(text)
    assert texts(await world.bot.get_updates(limit=2)) == ["one", "two"]
    assert texts(await world.bot.get_updates(offset=-1)) == ["three"]
    assert texts(await world.bot.get_updates()) == ["three"]


async def test_a_poll_waits_and_is_answered_as_soon_as_something_comes(world: World) -> None:
    started = time.monotonic()
    poll = asyncio.create_task(world.bot.get_updates(timeout=20))
    await world.sandbox.wait_until_bot_listens()
    await world.ada.send("now")
    assert texts(await poll) == ["now"]
    assert time.monotonic() - started < 5


async def test_a_poll_without_news_lasts_as_long_as_it_asked(world: World) -> None:
    started = time.monotonic()
    assert await world.bot.get_updates(timeout=1) == ()
    assert 0.9 < time.monotonic() - started < 4


async def test_a_second_poller_ends_the_first_with_a_conflict(world: World) -> None:
    first = asyncio.create_task(world.bot.get_updates(timeout=20))
    await eventually(
        world.sandbox.messenger.events,
        lambda: world.sandbox.messenger.updates._waiting,
        5,
        "No poll came.",
    )
    async with Bot(TOKEN, world.addresses.api_url) as other:
        second = asyncio.create_task(other.get_updates(timeout=20))
        with pytest.raises(Conflict, match="terminated by other getUpdates request"):
            await first
        await world.ada.send("for the second")
        assert texts(await second) == ["for the second"]


async def test_only_the_wanted_kinds_of_updates_are_kept(world: World) -> None:
    await world.bot.get_updates(allowed_updates=["callback_query"])
    await world.ada.send("unwanted")
    assert await world.bot.get_updates() == ()
    await world.bot.get_updates(allowed_updates=[])
    await world.ada.send("wanted")
    assert texts(await world.bot.get_updates()) == ["wanted"]


async def test_a_message_shows_when_the_bot_has_confirmed_it(world: World) -> None:
    await world.ada.send("seen?")
    (update,) = await world.bot.get_updates()
    assert not world.ada.messages()[-1]["seen"]
    await world.bot.get_updates(offset=update.update_id + 1)
    assert world.ada.messages()[-1]["seen"]


@pytest.mark.parametrize("same_id", [True, False])
async def test_an_update_can_be_delivered_twice(world: World, same_id: bool) -> None:
    world.sandbox.duplicate_updates(same_id=same_id)
    await world.ada.send("twice")
    first, second = await world.bot.get_updates()
    assert texts((first, second)) == ["twice", "twice"]
    assert (first.update_id == second.update_id) == same_id


async def test_a_restart_keeps_updates_offsets_chats_files_and_mail(tmp_path: Path, picture: bytes) -> None:
    first = Sandbox(tmp_path, TOKEN)
    async with first.running() as addresses, Bot(TOKEN, addresses.api_url) as bot:
        await first.person("Ada").send("confirmed")
        await first.person("Ada").send("waiting")
        seen = (await bot.get_updates())[1].update_id
        await bot.get_updates(offset=seen)
        photo = (await bot.send_photo(first.person("Ada").id, picture)).photo[0]
        first.messenger.inbox.add("a@example.com", ["b@example.com"], b"Subject: kept\r\n\r\nx")
    second = Sandbox(tmp_path, TOKEN)
    async with second.running() as addresses, Bot(TOKEN, addresses.api_url, addresses.file_url) as bot:
        (update,) = await bot.get_updates()
        assert (update.update_id, texts((update,))) == (seen, ["waiting"])
        assert [m.get("text") for m in second.person("Ada").messages()] == ["confirmed", "waiting", None]
        assert bytes(await (await bot.get_file(photo.file_id)).download_as_bytearray()) == picture
        assert [mail.subject for mail in second.inbox()] == ["kept"]
        await bot.get_updates(offset=seen + 1)
        await second.person("Ada").send("later")
        assert (await bot.get_updates())[0].update_id > seen


@dataclass
class Hook:
    """A bot's webhook that refuses a number of times first."""

    url: str = ""
    refusals: int = 0
    taken: list[tuple[str | None, str | None]] = field(default_factory=list)
    tried: int = 0

    async def __call__(self, request: Request) -> Response:
        self.tried += 1
        if self.refusals:
            self.refusals -= 1
            return Response(status_code=500)
        secret = request.headers.get("x-telegram-bot-api-secret-token")
        self.taken.append((secret, (await request.json())["message"]["text"]))
        return Response()


@asynccontextmanager
async def open_hook(refusals: int = 0) -> AsyncIterator[Hook]:
    hook = Hook(refusals=refusals)
    sock = bound("127.0.0.1", 0, "webhook of the test")
    hook.url = f"http://127.0.0.1:{sock.getsockname()[1]}/hook"
    async with serving(Starlette(routes=[Route("/hook", hook.__call__, methods=["POST"])]), sock):
        yield hook


async def until(condition: object) -> None:
    assert callable(condition)
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.01)


async def test_a_webhook_gets_updates_in_order_with_its_secret(world: World) -> None:
    await world.ada.send("waited")
    async with open_hook() as hook:
        await world.bot.set_webhook(hook.url, secret_token="s3cret")
        await world.ada.send("fresh")
        await until(lambda: len(hook.taken) == 2)
        await until(lambda: world.sandbox.messenger.updates.count() == 0)
        assert hook.taken == [("s3cret", "waited"), ("s3cret", "fresh")]
        info = await world.bot.get_webhook_info()
        assert (info.url, info.pending_update_count, info.last_error_message) == (hook.url, 0, None)


async def test_a_refusing_webhook_is_tried_again_and_its_error_shown(world: World) -> None:
    async with open_hook(refusals=3) as hook:
        await world.bot.set_webhook(hook.url)
        await world.ada.send("please")
        await until(lambda: hook.taken)
        assert hook.tried == 4
        info = await world.bot.get_webhook_info()
        assert info.last_error_message == "Wrong response from the webhook: 500 Internal Server Error"
        await world.bot.delete_webhook()
        assert (await world.bot.get_webhook_info()).url == ""


async def test_polling_is_refused_while_a_webhook_is_set(world: World) -> None:
    await world.bot.set_webhook("http://127.0.0.1:1/hook")
    await world.ada.send("nobody takes it")
    with pytest.raises(Conflict, match="webhook is active"):
        await world.bot.get_updates()
    await world.bot.delete_webhook(drop_pending_updates=True)
    assert await world.bot.get_updates() == ()


@pytest.mark.parametrize("url", ["https://example.com/hook", "http://10.0.0.1/hook", "ftp://127.0.0.1/"])
async def test_nothing_is_carried_beyond_this_computer(world: World, url: str) -> None:
    with pytest.raises(BadRequest, match="Bad webhook"):
        await world.bot.set_webhook(url)


async def test_calls_are_recorded_with_parameters_and_answers(world: World, http: httpx.AsyncClient) -> None:
    world.sandbox.requests.clear()
    await world.bot.send_message(world.chat, "x")
    with pytest.raises(BadRequest):
        await world.bot.send_message(world.chat, "x" * 5000)
    good, bad = world.sandbox.requests.calls("sendMessage")
    assert (good.params["text"], good.code, bad.code) == ("x", 200, 400)
    assert bad.description == "Bad Request: message is too long"
    listed = (await http.get("/control/requests")).json()["requests"]
    assert [call["method"] for call in listed] == ["sendMessage", "sendMessage"]
