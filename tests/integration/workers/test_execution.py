"""A worker's attempt on a real server: time limits, cancellation, interruption, handing back, and batches."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict
from sqlalchemy import URL, make_url

from db.engine import Database, role_url
from db.listen import Listener
from db.roles import PLATFORM
from domain import runs
from domain.errors import RetryLater
from domain.messages import Category, Outgoing
from domain.runs import Bell, Outcome
from openbell.processes import wait_until
from services.job_kinds import JobKind
from services.jobs import JobsService
from services.planning import PlanningService
from services.runs import RunsService
from tests.factories import Rows
from workers.context import JobContext
from workers.execution import Desk, Execution
from workers.watch import RunInterrupted, Watch

Perform = Callable[[JobContext, Any], Outcome]


class Anything(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    symbol: str = "GOLD"
    theme: str = "light"


class Shop:
    """One worker process's parts, and threads that each carry out a run."""

    def __init__(self, database: Database, url: URL, folder: Path) -> None:
        self.database = database
        self.watch = Watch(database, Listener(url, "cancel"), every=0.2)
        self.desk = Desk(database, "worker-1")
        self.folder = folder
        self.threads: list[threading.Thread] = []

    def carry_out(self, bell: Bell, perform: Perform) -> None:
        """Answer the bell in a thread of its own, by `perform`."""
        kind = JobKind("report", "Whatever the test wants.", Anything, perform)
        execution = Execution(self.database, self.desk, self.watch, "sim", self.folder, find=lambda _: kind)
        thread = threading.Thread(target=execution.execute, args=(bell.run_id, bell.attempt), daemon=True)
        thread.start()
        self.threads.append(thread)

    def ended(self, within: float = 10.0) -> bool:
        return wait_until(lambda: not any(thread.is_alive() for thread in self.threads), within)


@contextlib.contextmanager
def open_shop(database: Database, database_url: str, secret_key: str, folder: Path) -> Iterator[Shop]:
    shop = Shop(database, make_url(role_url(database_url, PLATFORM, secret_key)), folder)
    shop.desk.open()
    shop.watch.start()
    try:
        yield shop
    finally:
        shop.desk.close()
        shop.watch.stop()


@pytest.fixture
def shop(house_database: Database, database_url: str, secret_key: str, tmp_path: Path) -> Iterator[Shop]:
    with open_shop(house_database, database_url, secret_key, tmp_path) as found:
        yield found


def rung(database: Database, rows: Rows, **options: Any) -> Bell:
    """A run that is due and rung."""
    rows.due_ago(rows.schedule(rows.person(), "* 0 1 1 *", **options), timedelta(0))
    [bell] = PlanningService(database.for_platform()).plan_due_runs().bells
    return bell


def run_row(rows: Rows) -> Any:
    [row] = rows.all("SELECT * FROM job_schedule_runs")
    return row


def until_status(rows: Rows, *statuses: str, within: float = 10.0) -> Any:
    assert wait_until(lambda: run_row(rows).status in statuses, within), f"it is {run_row(rows).status}"
    return run_row(rows)


def test_a_job_that_looks_stops_at_its_time_limit(shop: Shop, house_database: Database, rows: Rows) -> None:
    def polite(context: JobContext, _: Any) -> Outcome:
        assert context.stopping.wait(20)
        context.check()
        raise AssertionError("unreachable")

    bell = rung(house_database, rows, timeout_s=1, max_retries=0)
    shop.carry_out(bell, polite)
    row = until_status(rows, "timed_out")
    assert shop.ended()
    assert row.error == "it took longer than its time limit"
    assert (row.finished_at - row.started_at) < timedelta(seconds=3)
    assert [message.template for message in rows.all("SELECT template FROM msg_messages")] == ["run_failed"]


def test_a_job_that_does_not_look_is_interrupted(
    shop: Shop, house_database: Database, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "STOP_GRACE", timedelta(seconds=0.2))
    cleaned = threading.Event()

    def deaf(context: JobContext, _: Any) -> Outcome:
        try:
            while True:
                time.sleep(0.01)
        finally:
            cleaned.set()

    shop.carry_out(rung(house_database, rows, timeout_s=1, max_retries=0), deaf)
    until_status(rows, "timed_out")
    assert shop.ended()
    assert cleaned.is_set()


def test_a_call_that_cannot_be_interrupted_is_recorded_and_its_late_result_refused(
    shop: Shop, house_database: Database, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "STOP_GRACE", timedelta(seconds=0.2))
    go_on = threading.Event()

    def native(context: JobContext, _: Any) -> Outcome:
        with contextlib.suppress(RunInterrupted):  # it even swallows what is raised behind the call
            go_on.wait(20)  # one call into C: nothing can be raised inside
        return Outcome({"late": True}, (Outgoing(Category.REPORT, context.owner, "late"),))

    shop.carry_out(rung(house_database, rows, timeout_s=1, max_retries=0), native)
    until_status(rows, "timed_out")
    go_on.set()
    assert shop.ended()
    assert run_row(rows).result is None
    assert [message.template for message in rows.all("SELECT template FROM msg_messages")] == ["run_failed"]


def test_a_running_job_learns_at_once_that_it_was_cancelled(shop: Shop, house_database: Database, rows: Rows) -> None:
    begun, told = threading.Event(), threading.Event()

    def polite(context: JobContext, _: Any) -> Outcome:
        begun.set()
        assert context.stopping.wait(20)
        told.set()
        context.check()
        raise AssertionError("unreachable")

    bell = rung(house_database, rows)
    shop.carry_out(bell, polite)
    assert begun.wait(10)
    owner = run_row(rows).user_id
    JobsService(house_database.for_user(owner)).kill(bell.run_id, "ada@example.com", now=datetime.now(UTC))
    assert told.wait(5)
    assert shop.ended()
    row = run_row(rows)
    assert (row.status, row.error) == ("cancelled", "cancelled by ada@example.com")
    assert rows.all("SELECT id FROM msg_messages") == []


def test_a_long_job_keeps_its_lease(shop: Shop, house_database: Database, rows: Rows) -> None:
    go_on = threading.Event()

    def long(context: JobContext, _: Any) -> Outcome:
        assert go_on.wait(20)
        return Outcome({"done": True})

    shop.carry_out(rung(house_database, rows), long)
    begun = until_status(rows, "running")
    assert wait_until(lambda: run_row(rows).lease_until > begun.lease_until, 5)
    go_on.set()
    assert until_status(rows, "succeeded").result == {"done": True}


def test_what_fails_for_now_is_tried_again_and_says_so(shop: Shop, house_database: Database, rows: Rows) -> None:
    def moody(context: JobContext, _: Any) -> Outcome:
        if context.attempt == 1:
            raise RetryLater("the exchange is closed for a moment", after=timedelta(0))
        return Outcome({"attempt": context.attempt})

    bell = rung(house_database, rows)
    shop.carry_out(bell, moody)
    row = until_status(rows, "planned")
    assert [event["reason"] for event in row.events] == ["the exchange is closed for a moment"]
    [again] = PlanningService(house_database.for_platform()).ring_waiting()
    assert again == Bell(bell.run_id, 1, "reports")
    shop.carry_out(again, moody)
    assert until_status(rows, "succeeded").result == {"attempt": 2}


def test_a_worker_that_is_stopped_hands_back_what_may_be_repeated(
    shop: Shop, house_database: Database, rows: Rows
) -> None:
    def patient(context: JobContext, _: Any) -> Outcome:
        context.stopping.wait(20)
        context.check()
        raise AssertionError("unreachable")

    bell = rung(house_database, rows)
    shop.carry_out(bell, patient)
    until_status(rows, "running")
    assert shop.watch.hand_back() == 1
    row = until_status(rows, "planned")
    assert shop.ended()
    assert row.error == "its worker was stopped"
    assert RunsService(house_database.for_platform()).start_run(bell.run_id, 1, "worker-2") is not None


def test_a_worker_that_is_stopped_keeps_what_may_not_be_repeated(
    shop: Shop, house_database: Database, rows: Rows
) -> None:
    go_on = threading.Event()

    def order(context: JobContext, _: Any) -> Outcome:
        go_on.wait(20)
        return Outcome({"ordered": True})

    shop.carry_out(rung(house_database, rows, repeatable=False), order)
    until_status(rows, "running")
    assert shop.watch.hand_back() == 0
    go_on.set()
    assert until_status(rows, "succeeded").result == {"ordered": True}


def test_one_result_that_cannot_be_stored_fails_alone(shop: Shop, house_database: Database, rows: Rows) -> None:
    user = rows.person()
    together = threading.Barrier(2, timeout=10)
    for number in (1, 2):
        rows.due_ago(rows.schedule(user, "* 0 1 1 *", f"job {number}", max_retries=0), timedelta(0))
    good, bad = PlanningService(house_database.for_platform()).plan_due_runs().bells

    def perform(context: JobContext, _: Any) -> Outcome:
        together.wait()
        text = "fine" if context.run_id == good.run_id else "\0"  # PostgreSQL keeps no NUL
        return Outcome({"text": text})

    for bell in (good, bad):
        shop.carry_out(bell, perform)
    assert shop.ended()
    found = {row.id: row for row in rows.all("SELECT id, status, error FROM job_schedule_runs")}
    assert found[good.run_id].status == "succeeded"
    assert found[bad.run_id].status == "failed"
    assert "something broke on my side" in found[bad.run_id].error
