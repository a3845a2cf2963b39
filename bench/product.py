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
from datetime import UTC, datetime
from pathlib import Path

from bench import replies
from bench.house import SECRET_KEY, resident_mb
from bench.table import Section
from db.engine import Database
from openbell.processes import wait_until
from sandbox.app import Addresses, Sandbox
from sandbox.person import Person

PEOPLE = 50
TARGETS = {"core": 120, "worker": 200}


@contextlib.contextmanager
def product(data: Path, addresses: Addresses) -> Iterator[dict[str, int]]:
    """`openbell up` on throw-away data, talking to our sandbox; the process ids of its children."""
    environment = os.environ | {
        "DATA_DIR": str(data),
        "SECRET_KEY": SECRET_KEY,
        "TELEGRAM_TOKEN": replies.TOKEN,
        "TELEGRAM_API_URL": addresses.root,
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


def make_people(sandbox: Sandbox, db_url: str) -> list[Person]:
    """Verified people, straight into the database: proving fifty addresses is not what is measured."""
    database = Database.connect(db_url, SECRET_KEY)
    people = [sandbox.person(f"Person {number}") for number in range(PEOPLE)]
    with database.for_platform() as uow:
        for number, person in enumerate(people):
            row = uow.users.ensure_email(f"person{number}@example.com")
            row.verified_at = row.timezone_chosen_at = datetime.now(UTC)
            uow.users.link(row.id, "telegram", str(person.id), chat_id=person.id)
        uow.commit()
    database.close()
    return people


def measure(rounds: int) -> Section:
    """Reply latency beside an echo bot, and the resident memory after that and one report."""
    with tempfile.TemporaryDirectory(prefix="openbell-bench-") as name:
        Path(name).chmod(0o711)  # under root the database server is another account and passes through
        found, memory = asyncio.run(_measure(Path(name), rounds))
    section = Section("Replies: from a person's message to the bot's answer, beside a bare echo bot")
    replies.tell(section, found)
    for role, used in memory.items():
        section.add(f"resident memory of {role}, after the load and one report", "MB", [used])
        section.expect(f"{role} under {TARGETS[role]} MB", f"{used:.0f} MB", used <= TARGETS[role])
    return section


async def _measure(folder: Path, rounds: int) -> tuple[list[replies.Found], dict[str, float]]:
    ours = Sandbox(folder / "ours", replies.TOKEN)
    async with ours.running() as addresses, replies.echo_bot(folder / "echo") as echo:
        with contextlib.ExitStack() as stack:
            pids = await asyncio.to_thread(stack.enter_context, product(folder / "data", addresses))
            environment = json.loads((folder / "data/run/environment.json").read_text(encoding="utf-8"))
            people = await asyncio.to_thread(make_people, ours, environment["DB_URL"])
            found = await replies.compare(echo, ours, people, rounds)
            await people[0].send("/report GOLD")
            await people[0].wait_for(lambda message: "photo" in message, 60)
            memory = {name: resident_mb(pids[name]) for name in TARGETS}
            await asyncio.to_thread(stack.close)
    return found, memory
