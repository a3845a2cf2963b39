"""Urgent messages beside a broadcast, the cost of a message, and a queue of a million."""

import asyncio
import contextlib
import json
import statistics
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

from bench.house import House, cpu_seconds, said, until
from bench.table import Section, percentile
from domain.ids import UserId
from domain.messages import LEASE, Category, Outgoing
from notifications import outbox
from sandbox.app import Sandbox

EVERY_S = 0.25
FIRST_URGENT = 900_000
URGENT_CHATS = 400
CHUNK = 50_000
TOKEN = "4242:bench-only-token-0123456789"  # noqa: S105  # of a sandbox that lives for one measurement


@dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    recipients: int
    rate: float
    steady_s: float
    waiting: int
    claims: int
    people_at_limits: int


FULL = Sizes(recipients=10_000, rate=100.0, steady_s=30.0, waiting=1_000_000, claims=50, people_at_limits=250)
QUICK = Sizes(recipients=600, rate=100.0, steady_s=4.0, waiting=20_000, claims=10, people_at_limits=20)

PEOPLE = """
INSERT INTO usr_users (email, role, verified_at)
SELECT 'p' || n || '@bench.invalid', 'viewer', now() FROM generate_series(1, %(people)s) n;
INSERT INTO usr_auth_identities (user_id, provider, external_id, metadata)
SELECT id, 'telegram', id::text,
    jsonb_build_object('chat_id', CASE WHEN id <= %(urgent)s THEN %(first)s + id ELSE id END)
FROM usr_users;
"""
BROADCAST = """
WITH message AS (
    INSERT INTO msg_messages (user_id, category, lane, payload, expires_at)
    VALUES (1, 'broadcast', 3, '{"text": "bulk", "buttons": [], "params": {}}', now() + interval '1 day') RETURNING id)
INSERT INTO msg_delivery_status (message_id, user_id, channel, address, lane, place)
SELECT message.id, u.id, 'telegram', u.id::text, 3, u.id FROM message, usr_users u WHERE u.id > %(urgent)s;
"""
AT_LIMITS = """
WITH people AS (SELECT chat::text AS chat, row_number() OVER () AS place
                FROM unnest(CAST(%(chats)s AS bigint[])) AS t (chat)),
messages AS (
    INSERT INTO msg_messages (user_id, category, lane, payload, expires_at)
    SELECT 1, category, lane,
        jsonb_build_object('text', category || ' ' || n, 'buttons', '[]'::jsonb, 'params', '{}'::jsonb),
        now() + interval '1 day'
    FROM (VALUES ('broadcast', 3, 1), ('report', 2, 1), ('report', 2, 2), ('report', 2, 3)) AS v (category, lane, n)
    RETURNING id, lane)
INSERT INTO msg_delivery_status (message_id, user_id, channel, address, lane, place)
SELECT messages.id, 1, 'telegram', people.chat, messages.lane, people.place FROM messages, people ORDER BY messages.id
"""
WAITING = """
WITH messages AS (
    INSERT INTO msg_messages (user_id, category, lane, payload, expires_at)
    SELECT 1, 'report', 2, '{"text": "x", "buttons": [], "params": {}}', now() + interval '1 day'
    FROM generate_series(0, 9) RETURNING id),
numbered AS (SELECT id, row_number() OVER () - 1 AS place FROM messages)
INSERT INTO msg_delivery_status (message_id, user_id, channel, address, lane, place, not_before, held)
SELECT numbered.id, 1 + n %% 1000, 'telegram', 'w' || n / 10, 2 + n %% 2, 0,
    now() + make_interval(hours => n %% 2), n %% 2 = 1
FROM generate_series(%(first)s, %(last)s) n JOIN numbered ON numbered.place = n %% 10
"""


def measure(house: House, sizes: Sizes) -> Section:
    """All of it, on one house."""
    section = Section("messages: urgent beside a broadcast, cost, a million waiting")
    with contextlib.closing(house.master()) as master:
        given = {"people": sizes.recipients + URGENT_CHATS, "urgent": URGENT_CHATS, "first": FIRST_URGENT}
        master.cursor().execute(PEOPLE, given)
    _beside_a_broadcast(house, sizes, section)
    _peer(house, sizes, section)
    _steady(house, sizes, section)
    _real_limits(house, sizes, section)
    _claims(house, sizes, section)
    return section


def _beside_a_broadcast(house: House, sizes: Sizes, section: Section) -> None:
    with _post(house) as post, _sender(house, post, sizes.rate) as _:
        with contextlib.closing(house.master()) as master:
            master.cursor().execute(BROADCAST, {"urgent": URGENT_CHATS})
        begun, last = time.time(), 0
        while last < sizes.recipients:
            _say_urgently(house)
            time.sleep(EVERY_S)
            last = sum(text == "bulk" for _, text, _ in _taken(post)) if int(time.time() - begun) % 2 == 0 else last
        taken = _taken(post)
    waits, bulk = _waits(taken), [at for _, text, at in taken if text == "bulk"]
    speed = (len(bulk) - 1) / (max(bulk) - min(bulk))
    allowed = sizes.rate * 0.8
    section.add("urgent beside it, p50", "s", [statistics.median(waits)])
    p95 = section.add("urgent beside it, p95", "s", [percentile(waits, 0.95)], f"{len(waits)} alerts")
    section.add("broadcast", "/s", [speed], f"of {allowed:.0f}/s allowed beside others, {len(bulk)} recipients")
    section.expect("urgent p95 at most 0.15 s", f"{p95.median:.3f} s", p95.median <= 0.15)
    section.expect("broadcast at 95 % of its allowance", f"{speed / allowed:.0%}", speed >= 0.95 * allowed)
    section.expect("nobody twice, nobody left out", f"{len(bulk)}", len(bulk) == sizes.recipients)


def _peer(house: House, sizes: Sizes, section: Section) -> None:
    seconds = min(sizes.recipients / sizes.rate, 60.0)
    bulk = str(sizes.recipients)
    with (
        _post(house) as post,
        house.process("-m", "bench.peer_ptb", post, str(sizes.rate), bulk, str(seconds)) as child,
    ):
        said(child, "peer_done", seconds + 60)
        taken = _taken(post)
    waits = _waits(taken)
    sent = [at for _, text, at in taken if text == "bulk"]
    speed = (len(sent) - 1) / (max(sent) - min(sent))
    note = f"{len(waits)} of about {seconds / EVERY_S:.0f} urgent ones arrived in {seconds:.0f} s"
    section.add("AIORateLimiter, urgent p95", "s", [percentile(waits, 0.95) if waits else float("inf")], note)
    section.add("AIORateLimiter, broadcast", "/s", [speed])


def _steady(house: House, sizes: Sizes, section: Section) -> None:
    """The sender's processor time at Telegram's own rate."""
    with contextlib.closing(house.master()) as master:
        master.cursor().execute("UPDATE msg_delivery_status SET status = 'sent'")
    with _post(house) as post, _sender(house, post, 25.0) as child:
        with contextlib.closing(house.master()) as master:
            master.cursor().execute(BROADCAST.replace("3, '{", "2, '{").replace("u.id::text, 3", "u.id::text, 2"),
                                    {"urgent": URGENT_CHATS})  # fmt: skip
        until(lambda: len(_taken(post)) > 25, 20, "nothing was sent")
        before, cpu, begun = len(_taken(post)), cpu_seconds(child), time.monotonic()
        time.sleep(sizes.steady_s)
        sent, used, took = len(_taken(post)) - before, cpu_seconds(child) - cpu, time.monotonic() - begun
    section.add("sent at Telegram's rate", "/s", [sent / took])
    section.add("processor time of a message", "ms", [1000 * used / sent])
    section.expect("under 10 % of a core at 25/s", f"{used / took:.1%}", used / took < 0.10)


def _real_limits(house: House, sizes: Sizes, section: Section) -> None:
    """A broadcast and reports beside it, at Telegram's real limits, which the sandbox enforces."""
    with contextlib.closing(house.master()) as master, tempfile.TemporaryDirectory() as folder:
        master.cursor().execute("UPDATE msg_delivery_status SET status = 'sent' WHERE status <> 'sent'")
        codes = asyncio.run(_through_the_sandbox(house, Path(folder), sizes.people_at_limits, master))
    refused = sum(code == HTTPStatus.TOO_MANY_REQUESTS for code in codes)
    section.add("sent at Telegram's real limits", "messages", [len(codes)], f"{refused} answered with 429")
    section.expect("not one 429", str(refused), refused == 0)


async def _through_the_sandbox(house: House, folder: Path, people: int, master: Any) -> list[int]:
    """The answers of the sandbox, once each of so many people has an announcement and three reports."""
    sandbox = Sandbox(folder / "sandbox", TOKEN, real_limits=True)
    async with sandbox.running() as addresses:
        chats = []
        for number in range(people):
            person = sandbox.person(f"P{number}")
            await person.send("/start")
            chats.append(int(person.user["id"]))
        master.cursor().execute(AT_LIMITS, {"chats": chats})
        values = {"TELEGRAM_TOKEN": TOKEN, "TELEGRAM_API_URL": addresses.root}
        with house.process("-m", "notifications", **values) as child:
            await asyncio.to_thread(said, child, "notifications_ready")
            until_then = time.monotonic() + 60 + people * 4 / 15
            while len(found := [call.code for call in sandbox.requests.calls("sendMessage")]) < people * 4:
                if time.monotonic() > until_then:
                    raise RuntimeError(f"only {len(found)} of {people * 4} messages were sent")
                await asyncio.sleep(0.2)
            return found


def _claims(house: House, sizes: Sizes, section: Section) -> None:
    with contextlib.closing(house.master()) as master:
        master.cursor().execute("UPDATE msg_delivery_status SET status = 'sent' WHERE status <> 'sent'; ANALYZE")
        empty = _claim_ms(house, sizes.claims)
        for first in range(1, sizes.waiting, CHUNK):
            master.cursor().execute(WAITING, {"first": first, "last": min(first + CHUNK - 1, sizes.waiting)})
        master.cursor().execute("ANALYZE msg_delivery_status")
    full = _claim_ms(house, sizes.claims)
    section.add("claim of 10, queue empty", "ms", empty)
    section.add(f"claim of 10, {sizes.waiting:,} waiting", "ms", full)
    ratio = statistics.median(full) / statistics.median(empty)
    section.expect("a claim takes at most twice as long", f"{ratio:.2f}", ratio <= 2)


def _claim_ms(house: House, claims: int) -> list[float]:
    """Milliseconds of claims that are rolled back; ten of them would be sent."""
    found = []
    with contextlib.closing(house.database()) as database:
        with database.for_platform() as uow:
            messages = [Outgoing(Category.ALERT, UserId(number), "x") for number in range(1, 11)]
            outbox.enqueue_many(uow, messages, datetime.now(UTC))
            uow.commit()
        for _ in range(claims):
            with database.for_platform() as uow:
                begun = time.perf_counter()
                rows = uow.deliveries.claim("bench", LEASE, channels=["telegram"], most=10, bulk=0)
                found.append((time.perf_counter() - begun) * 1000)
                assert len(rows) == 10
    with contextlib.closing(house.master()) as master:
        master.cursor().execute("UPDATE msg_delivery_status SET status = 'sent' WHERE lane = 1")
    return found


def _say_urgently(house: House, numbers: list[int] = [0]) -> None:  # noqa: B006  # goes round the urgent chats
    numbers[0] = numbers[0] % URGENT_CHATS + 1
    with contextlib.closing(house.database()) as database, database.for_platform() as uow:
        message = Outgoing(Category.ALERT, UserId(numbers[0]), f"urgent {time.time()}")
        outbox.enqueue(uow, message, datetime.now(UTC))
        uow.commit()


def _waits(taken: list[Any]) -> list[float]:
    return [at - float(text.split()[1]) for _, text, at in taken if text.startswith("urgent ")]


@contextlib.contextmanager
def _post(house: House) -> Iterator[str]:
    with house.process("-m", "bench.post") as child:
        said(child, "post_ready")
        port = child.log.read_text(encoding="utf-8").split("post_ready ")[1].split()[0]  # type: ignore[attr-defined]
        yield f"http://127.0.0.1:{port}"


@contextlib.contextmanager
def _sender(house: House, post: str, rate: float) -> Iterator[int]:
    values = {"TELEGRAM_TOKEN": TOKEN, "TELEGRAM_API_URL": post}
    with contextlib.closing(house.valkey()) as valkey:
        valkey.flushall()
    with house.process("-m", "bench.sender", str(rate), **values) as child:
        said(child, "sender_ready")
        yield child.pid


def _taken(post: str) -> list[Any]:
    with urllib.request.urlopen(f"{post}/taken", timeout=30) as answer:  # noqa: S310  # our own server on loopback
        found: list[Any] = json.load(answer)
        return found
