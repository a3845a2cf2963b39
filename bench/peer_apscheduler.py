"""APScheduler 3.11 with its SQLAlchemy job store: alone, and with every job handed to Dramatiq.

Its own limits are lifted so that it runs what is due: no grace time after which a late job is dropped (one second as it
comes, which drops most of ten thousand). The rows are written straight into its table: `add_job` commits each.
"""

import pickle
import threading
import time
from datetime import UTC, datetime
from io import StringIO
from typing import Any

import dramatiq
import redis
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.job import Job
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger
from dramatiq.brokers.redis import RedisBroker

from bench.house import House
from bench.rows import CRONS, ZONES

QUEUE = "apscheduler_peer"
_counted = threading.Semaphore(0)
_actor: Any = None


def count() -> None:
    """A job that does nothing but be counted."""
    _counted.release()


def send() -> None:
    """A job that hands over to Dramatiq, as a job of any size would."""
    _actor.send()


def fill(house: House, schedules: int, job: str) -> None:
    """Its table with so many jobs, none of them due today."""
    scheduler = _scheduler(house.master_url)
    scheduler.start(paused=True)  # makes the table
    connection = house.master()
    later = time.time() + 86400
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE apscheduler_jobs")
        _copy(cursor, [_row(scheduler, number, later + number, job) for number in range(schedules)])
        cursor.execute("VACUUM (ANALYZE) apscheduler_jobs")
    connection.close()
    scheduler.shutdown(wait=False)


def let_be_due(house: House, schedules: int, count: int, at: float, job: str) -> None:
    """Let `count` of them be due at `at`, seconds of the epoch, and the others later."""
    scheduler = _scheduler(house.master_url)
    connection = house.master()
    with connection.cursor() as cursor:
        step = schedules // count
        cursor.execute("DELETE FROM apscheduler_jobs WHERE id::int %% %s = 0", (step,))
        _copy(cursor, [_row(scheduler, number * step, at, job) for number in range(count)])
        cursor.execute("VACUUM apscheduler_jobs")
    connection.close()


def dispatch(database_url: str, redis_url: str, due: int, ready: Any, at: Any, finished: Any) -> None:
    """Run until `due` jobs were counted; those of `send` are counted in Valkey by whoever asked for this."""
    global _actor  # its jobs are found by name, so they have nothing but globals
    broker: Any = RedisBroker
    broker = broker(client=redis.Redis.from_url(redis_url))
    _actor = dramatiq.actor(broker=broker, queue_name=QUEUE, actor_name="noop")(lambda: None)
    scheduler = _scheduler(database_url)
    ready.set()
    at.recv()
    scheduler.start()
    for _ in range(due):
        _counted.acquire()
    finished.send(time.time())


def _scheduler(database_url: str) -> Any:
    return BackgroundScheduler(
        jobstores={"default": SQLAlchemyJobStore(url=database_url.replace("postgresql://", "postgresql+psycopg2://"))},
        executors={"default": ThreadPoolExecutor(10)},
        job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
        timezone="UTC",
    )


def _row(scheduler: Any, number: int, at: float, job: str) -> tuple[str, float, bytes]:
    trigger = CronTrigger.from_crontab(CRONS[number // 10 % 10], ZONES[number // 100 % 5])
    made = Job(
        scheduler,
        id=str(number), func=count if job == "count" else send, name=f"Job {number}", trigger=trigger,
        args=(), kwargs={}, executor="default", misfire_grace_time=None, coalesce=True, max_instances=1,
        next_run_time=datetime.fromtimestamp(at, UTC),
    )  # fmt: skip
    return str(number), at, pickle.dumps(made.__getstate__(), pickle.HIGHEST_PROTOCOL)


def _copy(cursor: Any, rows: list[tuple[str, float, bytes]]) -> None:
    lines = StringIO("".join(f"{name}\t{at}\t\\\\x{state.hex()}\n" for name, at, state in rows))
    cursor.copy_from(lines, "apscheduler_jobs", columns=("id", "next_run_time", "job_state"))
