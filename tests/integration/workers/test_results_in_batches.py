"""Results are stored behind the threads: in batches, still held meanwhile, and refused when they come too late."""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, wait
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from db.engine import Database, role_url
from db.listen import Listener
from db.roles import PLATFORM
from domain.runs import Bell, ClaimedRun, Outcome
from openbell.processes import wait_until
from services.job_kinds import JobKind
from services.planning import PlanningService
from tests.factories import Rows
from workers.execution import Desk, Execution
from workers.watch import Watch

RUNS = 6


class Anything(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    symbol: str = "GOLD"
    theme: str = "light"


class SlowDesk(Desk):
    """Stores nothing before it is told to, and remembers how much it stored at once."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, "worker-1")
        self.go_on = threading.Event()
        self.batches: list[int] = []

    def _end(self, ended: Sequence[tuple[ClaimedRun, Outcome, str]]) -> list[bool]:
        assert self.go_on.wait(20)
        self.batches.append(len(ended))
        return super()._end(ended)


class Shop:
    def __init__(self, database: Database, watch: Watch, folder: Path) -> None:
        self.desk, self.watch = SlowDesk(database), watch
        kind = JobKind("report", "Nothing.", Anything, lambda *_: Outcome({"done": True}))
        self.execution = Execution(database, self.desk, watch, "sim", folder, find=lambda _: kind)


@pytest.fixture
def shop(house_database: Database, database_url: str, secret_key: str, tmp_path: Path) -> Iterator[Shop]:
    watch = Watch(house_database, Listener(role_url(database_url, PLATFORM, secret_key), "cancel"), every=0.2)
    found = Shop(house_database, watch, tmp_path)
    found.desk.open()
    watch.start()
    yield found
    found.desk.go_on.set()
    found.desk.close()
    watch.stop()


@pytest.fixture
def bells(house_database: Database, rows: Rows) -> list[Bell]:
    for number in range(RUNS // 2):
        person = rows.person(f"person{number}@example.com", telegram=1000 + number)
        for each in range(2):
            schedule = rows.schedule(person, "* 0 1 1 *", f"Job {each}", 1000 + number)
            rows.due_ago(schedule, timedelta(0))
    return PlanningService(house_database.for_platform()).plan_due_runs().bells


def statuses(rows: Rows) -> set[str]:
    return {row.status for row in rows.all("SELECT status FROM job_schedule_runs")}


def test_a_thread_goes_on_while_results_wait_to_be_stored(shop: Shop, bells: list[Bell], rows: Rows) -> None:
    begun: list[Future[Any]] = [shop.execution.begin(bell.run_id, bell.attempt) for bell in bells]
    assert len(begun) == RUNS
    assert not any(each.done() for each in begun)
    assert statuses(rows) == {"running"}
    shop.desk.go_on.set()
    assert not wait(begun, timeout=20).not_done
    assert statuses(rows) == {"succeeded"}
    assert sum(shop.desk.batches) == RUNS
    assert len(shop.desk.batches) <= 2  # what came first, then all that had come meanwhile


def test_a_run_keeps_its_lease_while_its_result_waits(shop: Shop, bells: list[Bell], rows: Rows) -> None:
    shop.execution.begin(bells[0].run_id, bells[0].attempt)
    beat = "SELECT heartbeat_at - started_at AS kept FROM job_schedule_runs WHERE status = 'running'"
    assert wait_until(lambda: rows.all(beat)[0].kept > timedelta(seconds=0.3), 10)
    assert shop.watch.hand_back() == 0  # its work is over: another worker would do it for the second time


def test_a_result_that_waited_too_long_is_refused(shop: Shop, bells: list[Bell], rows: Rows) -> None:
    stored = shop.execution.begin(bells[0].run_id, bells[0].attempt)
    rows.execute("UPDATE job_schedule_runs SET token = token + 1 WHERE status = 'running'")  # as a rescuer does
    shop.desk.go_on.set()
    assert not wait([stored], timeout=20).not_done
    assert "succeeded" not in statuses(rows)
    assert shop.watch.stuck() == 0
