"""The whole house in one test process: every real door, on throw-away servers, with the sandbox outside."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.__main__ import run as bot
from db.engine import Database
from notifications.__main__ import run as notifications
from openbell.settings import Settings
from openbell.supervisor import any_port
from sandbox.app import Sandbox
from sandbox.person import Person
from scheduler.__main__ import run as scheduler
from web.__main__ import run as web
from workers.__main__ import run as worker

TOKEN = "4242:sandbox-token-of-the-tests"
READY_WITHIN = 30.0


class House:
    """The running doors and the outside world around them."""

    def __init__(self, sandbox: Sandbox, settings: Settings, doors: "Doors") -> None:
        self.sandbox = sandbox
        self.settings = settings
        self._doors = doors

    @property
    def root(self) -> str:
        """Where the web door answers."""
        return f"http://{self.settings.http_addr}"

    async def stop_worker(self) -> None:
        """Close that one door; the others stay open."""
        self._doors.worker_halt.set()
        await self._doors.worker

    def person(self, name: str) -> Person:
        return self.sandbox.person(name)

    async def verified(self, name: str, email: str, zone: str = "Europe/Berlin") -> Person:
        """A person who went through the front door."""
        person = self.person(name)
        await person.send("/start")
        await person.wait_for(lambda m: "e-mail" in m.get("text", ""))
        await person.send(email)
        await person.wait_for(lambda m: "I sent a code" in m.get("text", ""))
        mail = await self.sandbox.wait_for_mail(email)
        await person.send(code_in(mail.text))
        await person.wait_for(lambda m: "verified" in m.get("text", ""))
        await person.wait_for(lambda m: "Where is your clock" in m.get("text", ""))
        await person.send(f"/timezone {zone}")
        await person.wait_for(lambda m: f"Your time zone is {zone}" in m.get("text", ""))
        return person


def code_in(text: str) -> str:
    """The eight digits of a code mail."""
    line = next(line for line in text.splitlines() if line.strip().replace(" ", "").isdigit())
    return line.strip()


def unhurried(database_url: str, secret_key: str) -> None:
    """Let one person write as much as they like, by the product's own live settings."""
    database = Database.connect(database_url, secret_key)
    with database.for_platform() as uow:
        uow.telegram.set_setting("live:commands_per_minute", "1000000")
        uow.telegram.set_setting("live:command_burst", "100000")
        uow.commit()
    database.close()


@asynccontextmanager
async def open_house(
    folder: Path,
    database_url: str,
    valkey_url: str,
    secret_key: str,
    *,
    sandbox_mode: bool = True,
    throttled: bool = False,
    **values: Any,
) -> AsyncIterator[House]:
    """Every door open until the block ends; a door that fails fails the test.

    People may write as fast as a test does, unless it is `throttled` as it comes.
    """
    if not throttled:
        await asyncio.to_thread(unhurried, database_url, secret_key)
    sandbox = Sandbox(folder / "sandbox", TOKEN)
    async with sandbox.running() as addresses:
        settings = Settings(
            db_url=database_url,
            redis_url=valkey_url,
            secret_key=secret_key,
            telegram_token=TOKEN,
            telegram_api_url=addresses.root,
            telegram_link_url=addresses.root,
            smtp_url=f"smtp+plain://{addresses.smtp}",
            data_dir=folder / "data",
            sandbox=sandbox_mode,
            _env_file=None,
            **{"http_addr": any_port("127.0.0.1")} | values,
        )
        async with _doors(settings) as doors:
            yield House(sandbox, settings, doors)


@dataclass(frozen=True)
class Doors:
    """What a test may close before its house."""

    worker: "asyncio.Task[None]"
    worker_halt: threading.Event


@asynccontextmanager
async def _doors(settings: Settings) -> AsyncIterator[Doors]:
    stop, halt, worker_halt = asyncio.Event(), threading.Event(), threading.Event()
    waiting = {name: threading.Event() for name in ("bot", "notifications", "web", "scheduler", "worker")}

    def ready(name: str) -> Callable[[], None]:
        return waiting[name].set

    tasks = [
        asyncio.create_task(bot(settings, stop=stop, ready=ready("bot"))),
        asyncio.create_task(notifications(settings, stop=stop, ready=ready("notifications"))),
        asyncio.create_task(asyncio.to_thread(scheduler, settings, stop=halt, ready=ready("scheduler"))),
        asyncio.create_task(asyncio.to_thread(worker, settings, stop=worker_halt, ready=ready("worker"))),
        asyncio.create_task(web(settings, stop=stop, ready=ready("web"))),
    ]
    try:
        deadline = asyncio.get_running_loop().time() + READY_WITHIN
        while not all(event.is_set() for event in waiting.values()):
            failed = [task for task in tasks if task.done()]
            if failed or asyncio.get_running_loop().time() > deadline:
                raise AssertionError(f"the doors did not open: {[task.exception() for task in failed]}")
            await asyncio.sleep(0.02)
        yield Doors(tasks[3], worker_halt)
    finally:
        stop.set()
        halt.set()
        worker_halt.set()
        await asyncio.gather(*tasks)
