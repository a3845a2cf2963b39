"""Failures on demand: what the bot sees, and whether anything was delivered."""

import httpx
import pytest
from telegram.error import BadRequest, Forbidden, NetworkError, RetryAfter, TimedOut

from sandbox.faults import Kind
from tests.integration.sandbox.conftest import World

WAIT = 0.3
# python-telegram-bot announces another type for RetryAfter.retry_after; nothing here depends on it.
pytestmark = pytest.mark.filterwarnings("ignore::telegram.warnings.PTBDeprecationWarning")


async def test_429_says_how_long_to_wait_and_delivers_nothing(world: World) -> None:
    world.sandbox.faults.add("throttled", method="sendMessage", retry_after=7)
    with pytest.raises(RetryAfter, match=r"Retry in (7|0:00:07)"):  # by the library's own switch for durations
        await world.bot.send_message(world.chat, "x")
    assert world.ada.replies() == []
    await world.bot.send_message(world.chat, "x")
    assert len(world.ada.replies()) == 1


async def test_a_bare_429_has_no_waiting_time(world: World) -> None:
    world.sandbox.faults.add("throttled_bare")
    with pytest.raises(NetworkError, match="Too Many Requests") as refusal:
        await world.bot.send_message(world.chat, "x")
    assert not isinstance(refusal.value, RetryAfter | BadRequest)


async def test_403_and_500_and_a_gateways_page(world: World) -> None:
    world.sandbox.faults.add("blocked")
    with pytest.raises(Forbidden, match="bot was blocked by the user"):
        await world.bot.send_message(world.chat, "x")
    world.sandbox.faults.add("error")
    with pytest.raises(NetworkError, match="Internal Server Error"):
        await world.bot.send_message(world.chat, "x")
    world.sandbox.faults.add("bad_gateway")
    with pytest.raises(NetworkError):
        await world.bot.send_message(world.chat, "x")
    assert world.ada.replies() == []


@pytest.mark.parametrize(("kind", "delivered"), [("timeout_before", 0), ("timeout_after", 1)])
async def test_a_time_out_before_or_after_delivery(world: World, kind: Kind, delivered: int) -> None:
    world.sandbox.faults.add(kind)
    with pytest.raises(TimedOut):
        await world.bot.send_message(world.chat, "x", read_timeout=WAIT)
    assert len(world.ada.replies()) == delivered
    assert world.sandbox.requests.calls("sendMessage")[-1].fault == kind


@pytest.mark.parametrize(("kind", "delivered"), [("dropped_before", 0), ("dropped_after", 1)])
async def test_a_connection_cut_before_or_after_delivery(world: World, kind: Kind, delivered: int) -> None:
    world.sandbox.faults.add(kind)
    with pytest.raises(NetworkError) as refusal:
        await world.bot.send_message(world.chat, "x")
    assert not isinstance(refusal.value, TimedOut)
    assert len(world.ada.replies()) == delivered


async def test_a_failure_can_be_for_one_chat_and_several_times(world: World) -> None:
    bob = world.sandbox.person("Bob")
    await bob.send("/start")
    world.sandbox.faults.add("blocked", chat_id=bob.id, times=2)
    await world.bot.send_message(world.chat, "x")
    for _ in range(2):
        with pytest.raises(Forbidden):
            await world.bot.send_message(bob.id, "x")
    await world.bot.send_message(bob.id, "x")
    assert len(bob.replies()) == 1


async def test_failures_are_switched_over_http_too(world: World, http: httpx.AsyncClient) -> None:
    wish = {"kind": "throttled", "method": "sendMessage", "retry_after": 3}
    listed = await http.post("/control/faults", json=wish)
    assert listed.json()["faults"][0]["retry_after"] == 3
    with pytest.raises(RetryAfter):
        await world.bot.send_message(world.chat, "x")
    await http.post("/control/faults", json={"kind": "duplicate_update"})
    await world.ada.send("twice")
    assert len(await world.bot.get_updates()) == 2
    await http.post("/control/faults", json={"kind": "error", "times": 9})
    assert (await http.delete("/control/faults")).json() == {"faults": []}
    await world.bot.send_message(world.chat, "x")


@pytest.mark.parametrize(
    "wish", [{"kind": "explode"}, {"kind": "error", "colour": "red"}, {"kind": "error", "times": "x"}, [], 7, {}]
)
async def test_a_wrong_switch_is_refused_with_a_sentence(world: World, http: httpx.AsyncClient, wish: object) -> None:
    answer = await http.post("/control/faults", json=wish)
    assert answer.status_code == 400
    assert answer.json()["error"]


async def test_real_limits_are_off_unless_asked_for(world: World) -> None:
    for number in range(8):
        await world.bot.send_message(world.chat, str(number))
    assert len(world.ada.replies()) == 8
