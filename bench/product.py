"""`make bench`: start the product and its peers, measure, print."""

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
from db.engine import Database
from openbell.processes import wait_until
from sandbox.app import Addresses, Sandbox
from sandbox.person import Person

SECRET_KEY = "bench-only-secret-key-0123456789abcdef"  # noqa: S105  # of a throw-away database
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


def resident_mb(pid: int) -> float:
    """The resident memory of one process, in megabytes."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


async def main(folder: Path) -> None:
    ours = Sandbox(folder / "ours", replies.TOKEN)
    async with ours.running() as addresses, replies.echo_bot(folder / "echo") as echo:
        with contextlib.ExitStack() as stack:
            pids = await asyncio.to_thread(stack.enter_context, product(folder / "data", addresses))
            environment = json.loads((folder / "data/run/environment.json").read_text(encoding="utf-8"))
            people = await asyncio.to_thread(make_people, ours, environment["DB_URL"])
            print("measuring replies", file=sys.stderr, flush=True)
            found = await replies.compare(echo, ours, people)
            await people[0].send("/report GOLD")
            await people[0].wait_for(lambda message: "photo" in message, 60)
            memory = {name: resident_mb(pids[name]) for name in TARGETS}
            await asyncio.to_thread(stack.close)
    print("\n".join(replies.lines(found)))
    print("Resident memory, after the load and one report")
    for name, used in memory.items():
        print(f"    {name:8}  {used:6.0f} MB   (target {TARGETS[name]} MB)")
    print(json.dumps({"replies": replies.as_dict(found), "rss_mb": memory}))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="openbell-bench-") as name:
        Path(name).chmod(0o711)  # under root the database server is another account and passes through
        asyncio.run(main(Path(name)))
