"""PostgreSQL and Valkey are killed in the middle: an answer comes, and nothing is lost or doubled."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from db.engine import Database
from openbell.processes import wait_until
from sandbox.app import Sandbox
from sandbox.person import Person
from tests.instance import Instance, running_instance

pytestmark = pytest.mark.slow

TOKEN = "4242:sandbox-token-of-the-tests"
SECRET_KEY = "tests-only-secret-key-0123456789abcdef"


class Town:
    """A product of its own processes, and one verified person who talks to it."""

    def __init__(self, instance: Instance, person: Person) -> None:
        self.instance = instance
        self.person = person

    async def kill(self, name: str) -> None:
        """Kill a child hard, as soon as it is at work."""
        await asyncio.to_thread(self.instance.until_ready, name)
        pid = self.instance.pids()[name]
        assert pid is not None
        os.kill(pid, signal.SIGKILL)


def verify(instance: Instance, person: Person) -> None:
    """Make the person known, straight in the database: how that is done by chat is tested elsewhere."""
    handed = json.loads((instance.data_dir / "run/environment.json").read_text(encoding="utf-8"))
    database = Database.connect(handed["DB_URL"], SECRET_KEY)
    with database.for_platform() as uow:
        row = uow.users.ensure_email("ada@example.com")
        row.verified_at = row.timezone_chosen_at = datetime.now(UTC)
        uow.users.link(row.id, "telegram", str(person.id), chat_id=person.id)
        uow.commit()
    database.close()


@pytest.fixture
def folder() -> Iterator[Path]:
    found = Path(tempfile.mkdtemp(prefix="openbell-restarts-"))
    found.chmod(0o711)  # under root the database server is another account and passes through
    yield found
    shutil.rmtree(found, ignore_errors=True)


@pytest.fixture
async def town(folder: Path) -> AsyncIterator[Town]:
    sandbox = Sandbox(folder / "sandbox", TOKEN)
    async with sandbox.running() as addresses:
        running = running_instance(
            folder / "data",
            TELEGRAM_TOKEN=TOKEN,
            TELEGRAM_API_URL=addresses.root,
            TELEGRAM_LINK_URL=addresses.root,
            SMTP_URL=f"smtp+plain://{addresses.smtp}",
            SECRET_KEY=SECRET_KEY,
        )
        with contextlib.ExitStack() as stack:
            instance = await asyncio.to_thread(stack.enter_context, running)
            await asyncio.to_thread(instance.until_ready)
            person = sandbox.person("Ada")
            await asyncio.to_thread(verify, instance, person)
            await person.send("/whoami")
            await person.wait_for(lambda m: "ada@example.com" in m["text"], 20)
            yield Town(instance, person)
            await asyncio.to_thread(stack.close)


@pytest.mark.slow
async def test_servers_killed_in_the_middle_lose_no_command_and_no_report(town: Town) -> None:
    ada = town.person
    await town.kill("postgres")
    assert "no jobs yet" in (await ada.ask("/jobs", 30))["text"]
    await town.kill("postgres")
    await ada.send("/report GOLD")
    await ada.wait_for(lambda m: "Drawing the report" in m.get("text", ""), 30)
    await ada.wait_for(lambda m: "photo" in m, 60)
    await town.kill("valkey")
    await ada.send("/report SILVER")
    await ada.wait_for(lambda m: "SILVER" in m.get("caption", ""), 60)
    await town.kill("worker")
    await ada.send("/report EURUSD")
    await ada.wait_for(lambda m: "EURUSD" in m.get("caption", ""), 90)
    pictures = [m for m in ada.replies() if "photo" in m]
    assert len(pictures) == 3
    history = await ada.ask("/history", 30)
    assert history["text"].count("✓") == 3


def make_admin(instance: Instance) -> None:
    """Let the one person be told what admins are told, and wait until the sender knows it: it looks with each beat."""
    handed = json.loads((instance.data_dir / "run/environment.json").read_text(encoding="utf-8"))
    database = Database.connect(handed["DB_URL"], SECRET_KEY)
    with database.for_platform() as uow:
        uow.users.ensure_email("ada@example.com").role = "admin"
        since = uow.planning.database_now()
        uow.commit()

    def beaten() -> bool:
        with database.for_platform() as uow:
            beats = [row.checked_at for row in uow.health.of_system("notification") if row.component is None]
            return bool(beats) and beats[0] > since + timedelta(seconds=1)

    assert wait_until(beaten, 30)
    database.close()


def frozen(instance: Instance, number: signal.Signals) -> None:
    """Stop every process of PostgreSQL, or let them go on."""
    server = instance.pids()["postgres"]
    assert server is not None
    for pid in [server, *_children(server)]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def _children(parent: int) -> list[int]:
    tasks = Path(f"/proc/{parent}/task/{parent}/children").read_text(encoding="ascii")
    return [int(pid) for pid in tasks.split()]


@pytest.mark.slow
async def test_a_database_that_answers_nothing_any_more_is_told_from_memory(town: Town) -> None:
    await asyncio.to_thread(make_admin, town.instance)
    frozen(town.instance, signal.SIGSTOP)
    try:
        told = await town.person.wait_for(lambda m: "The database" in m.get("text", ""), 90)
    finally:
        frozen(town.instance, signal.SIGCONT)
    assert "has not answered" in told["text"]
    assert "nothing that was saved is lost" in told["text"]
