"""The work that is watched: two kinds of job whose every attempt leaves a trace in a table of its own.

They are a real plug-in: found through the entry point `openbell.jobs`, installed for the harness alone.
"""

import os
import secrets
import time
from datetime import timedelta

import psycopg2
from pydantic import BaseModel, ConfigDict, Field

from domain.errors import RetryLater
from domain.messages import Category, Outgoing
from domain.runs import Outcome
from services.job_kinds import JobKind
from workers.context import JobContext

EFFECTS_URL = "CHAOS_EFFECTS_URL"
LOOK_EVERY_S = 0.2


class EffectsUnavailable(RetryLater):
    """The table of effects cannot be reached."""


class Params(BaseModel):
    """How long an attempt lasts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seconds: float = Field(default=0.1, ge=0, le=60, title="Seconds", description="how long an attempt takes")


def repeat(context: JobContext, params: Params) -> Outcome:
    """Work that may be repeated: an attempt that could not leave its trace is tried again soon."""
    try:
        return _work(context, params)
    except psycopg2.Error as problem:
        raise EffectsUnavailable(after=timedelta(seconds=2)) from problem


def once(context: JobContext, params: Params) -> Outcome:
    """Work that may not be repeated: whether its trace was left is not always known, and it is never tried again."""
    return _work(context, params)


def _work(context: JobContext, params: Params) -> Outcome:
    mark = secrets.token_hex(8)
    _last(context, params.seconds / 2)
    _leave(context, mark)
    _last(context, params.seconds / 2)
    message = Outgoing(Category.REPORT, context.owner, text=f"run {context.run_id}, mark {mark}")
    return Outcome({"mark": mark, "attempt": context.attempt}, (message,))


def _last(context: JobContext, seconds: float) -> None:
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        context.check()
        time.sleep(min(left, LOOK_EVERY_S))


def _leave(context: JobContext, mark: str) -> None:
    """The effect: a row without any key, so that nothing but the platform keeps it from being doubled."""
    connection = psycopg2.connect(os.environ[EFFECTS_URL], connect_timeout=5)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO chaos.effects (run_id, attempt, mark, pid) VALUES (%s, %s, %s, %s)",
                (context.run_id, context.attempt, mark, os.getpid()),
            )
    finally:
        connection.close()


REPEATABLE = JobKind(
    name="chaos.effect",
    summary="Leaves a mark, and may be repeated",
    params=Params,
    perform=repeat,
    timeout=timedelta(seconds=120),
    retries=12,
    queue="reports",
)
AT_MOST_ONCE = JobKind(
    name="chaos.once",
    summary="Leaves a mark, and may not be repeated",
    params=Params,
    perform=once,
    timeout=timedelta(seconds=120),
    retries=0,
    repeatable=False,
    queue="trading_bots",
)
