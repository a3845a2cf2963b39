"""Replies: start the product and an echo bot, let people ask both, and look at the memory afterwards."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench import replies
from bench.house import SECRET_KEY, resident_mb
from bench.ladder import climbed
from bench.replies import Sizes
from bench.table import Section
from db.engine import Database
from openbell.processes import wait_until
from sandbox.app import Addresses, Sandbox
from sandbox.person import Person

LIVE_S = 3.0
"""After so long every process has read the live settings."""
TARGETS = {"core": 120, "worker": 200}


@contextlib.contextmanager
def product(data: Path, addresses: Addresses, api: str = "") -> Iterator[dict[str, int]]:
    """`openbell up` on throw-away data, talking to our sandbox (by way of `api`); the process ids of its children."""
    environment = os.environ | {
        "DATA_DIR": str(data),
        "SECRET_KEY": SECRET_KEY,
        "TELEGRAM_TOKEN": replies.TOKEN,
        "TELEGRAM_API_URL": api or addresses.root,
        "TELEGRAM_LINK_URL": addresses.root,
        "TELEGRAM_PER_SECOND": "1000",  # what is measured is the way of an answer, not Telegram's pace
        "TELEGRAM_CHAT_PER_SECOND": "1000",
        "SMTP_URL": f"smtp+plain://{addresses.smtp}",
        "LOG_LEVEL": "INFO",
    }
    with (data.parent / "up.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "openbell", "up"], env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL
        )
    try:
        if not wait_until(lambda: process.poll() is not None or _all_ready(data), 60) or process.poll() is not None:
            raise RuntimeError((data.parent / "up.log").read_text(encoding="utf-8"))
        yield {name: child["pid"] for name, child in _children(data).items()}
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(20)


def _children(data: Path) -> dict[str, dict[str, int]]:
    with contextlib.suppress(OSError, ValueError):
        recorded = json.loads((data / "run/processes.json").read_text(encoding="utf-8"))
        return {child["name"]: child for child in recorded["children"]}
    return {}


def _all_ready(data: Path) -> bool:
    children = _children(data)
    return "worker" in children and all(child["ready"] for child in children.values())


def make_people(sandbox: Sandbox, db_url: str, count: int) -> list[Person]:
    """Verified people, straight into the database: proving their addresses is not what is measured.

    Nor is how much one person may ask, so the live settings let them.
    """
    database = Database.connect(db_url, SECRET_KEY)
    people = [sandbox.person(f"Person {number}") for number in range(count)]
    with database.for_platform() as uow:
        uow.telegram.set_setting("live:commands_per_minute", "1000000")
        uow.telegram.set_setting("live:command_burst", "100000")
        for number, person in enumerate(people):
            row = uow.users.ensure_email(f"person{number}@example.com")
            row.verified_at = row.timezone_chosen_at = datetime.now(UTC)
            uow.users.link(row.id, "telegram", str(person.id), chat_id=person.id)
        uow.commit()
    database.close()
    return people


def measure(sizes: Sizes) -> Section:
    """Latency and rate beside an echo bot, the rate behind a slow Bot API, and the resident memory after all that."""
    with tempfile.TemporaryDirectory(prefix="openbell-bench-") as name:
        Path(name).chmod(0o711)  # under root the database server is another account and passes through
        measured = asyncio.run(_measure(Path(name), sizes))
    section = Section("Replies: from a person's message to the bot's answer, beside a bare echo bot")
    replies.tell(section, measured.found)
    replies.tell_rates(section, measured.rates, measured.slow)
    for role, used in measured.memory.items():
        section.add(f"resident memory of {role}, after the load and one report", "MB", [used])
        section.expect(f"{role} under {TARGETS[role]} MB", f"{used:.0f} MB", used <= TARGETS[role])
    return section


@dataclass
class Measured:
    """All that was found."""

    found: list[replies.Found]
    rates: dict[str, list[float]]
    slow: dict[str, list[float]]
    memory: dict[str, float]


async def _measure(folder: Path, sizes: Sizes) -> Measured:
    ours = Sandbox(folder / "ours", replies.TOKEN)
    async with ours.running() as addresses, replies.echo_bot(folder / "echo") as echo:
        with contextlib.ExitStack() as stack:
            pids = await asyncio.to_thread(stack.enter_context, product(folder / "data", addresses))
            environment = json.loads((folder / "data/run/environment.json").read_text(encoding="utf-8"))
            people = await asyncio.to_thread(make_people, ours, environment["DB_URL"], max(sizes.chats))
            await asyncio.sleep(LIVE_S)
            found = await replies.compare(echo, ours, people, sizes)
            rates = await replies.climb(echo, ours, people, sizes)
            await people[0].send("/report GOLD")
            await people[0].wait_for(lambda message: "photo" in message, 60)
            memory = {name: resident_mb(pids[name]) for name in TARGETS}
            await asyncio.to_thread(stack.close)
        slow = await _behind_a_slow_api(folder / "data", ours, addresses, people, sizes)
    return Measured(found, rates, slow, memory)


async def _behind_a_slow_api(
    data: Path, ours: Sandbox, addresses: Addresses, people: list[Person], sizes: Sizes
) -> dict[str, list[float]]:
    """The same product, started again where each call takes its time."""
    rates: dict[str, list[float]] = {"/help": [], "/jobs": []}
    async with replies.slow_way(addresses.http, replies.SLOW_S) as api:
        with contextlib.ExitStack() as stack:
            await asyncio.to_thread(stack.enter_context, product(data, addresses, api))
            for _ in range(sizes.climbs):
                for text, found in rates.items():
                    found.append(await climbed(ours, people, text, sizes.seconds))
            await asyncio.to_thread(stack.close)
    return rates
