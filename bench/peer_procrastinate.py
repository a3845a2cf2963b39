"""procrastinate 3: a queue in PostgreSQL, as durable as ours. `python -m bench.peer_procrastinate URL` works."""

import asyncio
import contextlib
import sys
import time
from collections.abc import Iterator
from typing import Any

import procrastinate

from bench.house import House, said, until

CONCURRENCY = 8
SCHEMA = "SELECT to_regclass('procrastinate_jobs') IS NOT NULL"
LEFT = "SELECT count(*) FROM procrastinate_jobs WHERE status IN ('todo', 'doing')"
PICKED_UP = """
SELECT extract(epoch FROM started.at - deferred.at) FROM procrastinate_events started
JOIN procrastinate_events deferred USING (job_id)
WHERE started.type = 'started' AND deferred.type = 'deferred' ORDER BY job_id
"""


async def noop() -> None:
    """Nothing."""


def app_of(database_url: str) -> Any:
    """The application, as its worker and whoever defers see it."""
    app: Any = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=database_url))
    app.task(name="noop", queue="noop")(noop)
    return app


async def work(database_url: str) -> None:
    """Work until killed."""
    app = app_of(database_url)
    async with app.open_async():
        sys.stdout.write("working\n")
        sys.stdout.flush()
        await app.run_worker_async(queues=["noop"], concurrency=CONCURRENCY, install_signal_handlers=False)


def prepare(house: House) -> None:
    """Its schema, once, and no jobs."""
    with _cursor(house) as cursor:
        cursor.execute(SCHEMA)
        there = cursor.fetchone()[0]
    if not there:
        asyncio.run(_make_schema(house.master_url))
    with _cursor(house) as cursor:
        cursor.execute("TRUNCATE procrastinate_jobs, procrastinate_events CASCADE")


async def _make_schema(database_url: str) -> None:
    app = app_of(database_url)
    async with app.open_async():
        await app.schema_manager.apply_schema_async()


@contextlib.contextmanager
def workers(house: House, processes: int) -> Iterator[None]:
    """So many worker processes, each with eight jobs at once."""
    with contextlib.ExitStack() as stack:
        for _ in range(processes):
            said(stack.enter_context(house.process("-m", "bench.peer_procrastinate", house.master_url)), "working")
        yield


def throughput(house: House, jobs: int, processes: int) -> float:
    """No-op jobs a second, deferred in one batch to workers that are idle."""
    prepare(house)
    with workers(house, processes), _cursor(house) as cursor:
        asyncio.run(_defer(house.master_url, 20))
        until(lambda: _left(cursor) == 0, 20, "procrastinate does not work")
        begun = time.monotonic()
        asyncio.run(_defer(house.master_url, jobs))
        until(lambda: _left(cursor) == 0, 180, "procrastinate did not come to its end")
        return jobs / (time.monotonic() - begun)


def pick_up(house: House, seconds: int) -> list[float]:
    """Seconds from deferring to starting, for one job a second on an idle worker."""
    prepare(house)
    with workers(house, 1), _cursor(house) as cursor:
        asyncio.run(_one_a_second(house.master_url, seconds))
        until(lambda: _left(cursor) == 0, 20, "procrastinate did not come to its end")
        cursor.execute(PICKED_UP)
        return [float(row[0]) for row in cursor.fetchall()]


async def _defer(database_url: str, jobs: int) -> None:
    app = app_of(database_url)
    async with app.open_async():
        for first in range(0, jobs, 1000):
            await app.configure_task("noop", queue="noop").batch_defer_async(*({},) * min(1000, jobs - first))


async def _one_a_second(database_url: str, seconds: int) -> None:
    app = app_of(database_url)
    async with app.open_async():
        for _ in range(seconds):
            await app.configure_task("noop", queue="noop").defer_async()
            await asyncio.sleep(1)


def _left(cursor: Any) -> int:
    cursor.execute(LEFT)
    return int(cursor.fetchone()[0])


@contextlib.contextmanager
def _cursor(house: House) -> Iterator[Any]:
    connection = house.master()
    with contextlib.closing(connection), connection.cursor() as cursor:
        yield cursor


if __name__ == "__main__":
    asyncio.run(work(sys.argv[1]))
