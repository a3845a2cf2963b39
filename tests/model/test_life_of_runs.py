"""Whatever schedulers, workers, people and misfortune do to runs, and in whatever order, the promises hold.

The default profile goes the same ways each time; `OPENBELL_MODEL=full` goes other and longer ones, for many minutes.
That the machine would notice is shown too: with one rule of the product taken away, it finds the broken promise.
"""

import os
import random
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from sqlalchemy import text

import db.run_steps
import db.runs
import services.jobs
import services.pausing
from db.planning import PlanningRepo
from domain.runs import TRANSITIONS
from notifications import outbox
from tests.model.life import DRAWN, LifeOfRuns, wander
from tests.model.world import World
from tests.servers import TestServers

FULL = os.environ.get("OPENBELL_MODEL") == "full"
BOUND = settings(
    deadline=None,
    max_examples=1500 if FULL else 30,
    stateful_step_count=70 if FULL else 35,
    derandomize=not FULL,
    database=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)


@pytest.fixture(scope="module")
def world(servers: TestServers, secret_key: str) -> Iterator[World]:
    if servers.migration_error:
        pytest.fail(f"The template database could not be migrated.\n{servers.migration_error}", pytrace=False)
    with servers.fresh_database() as name:
        made = World(servers.url(name), servers.url_of_owner(name), secret_key)
        yield made
        made.close()


def test_the_promises_hold_whatever_happens(world: World) -> None:
    LifeOfRuns.world = world
    run_state_machine_as_test(LifeOfRuns, settings=BOUND)


@pytest.mark.parametrize("seed", range(60 if FULL else 4))
def test_the_promises_hold_when_several_write_at_once(world: World, seed: int) -> None:
    LifeOfRuns.world = world
    wander(LifeOfRuns(), random.Random(seed), 400 if FULL else 60, at_once=True)


def test_the_drawing_made_by_hand_is_that_of_the_table_of_steps() -> None:
    of_table = {str(was): {str(after) for after in all_after} for was, all_after in TRANSITIONS.items()}
    assert {was: after - {was} for was, after in of_table.items()} == DRAWN


# One rule taken away

Patch = pytest.MonkeyPatch


def _without(statement: Any, rule: str) -> Any:
    changed, number = re.subn(rule, "true", statement.text)
    assert number, f"there is no {rule} in it any more"
    return text(changed)


def _a_result_without_its_token(patch: Patch) -> None:
    patch.setattr(db.run_steps, "SUCCEED", _without(db.run_steps.SUCCEED, r"r\.token = given\.token"))


def _a_start_whatever_the_state(patch: Patch) -> None:
    guard = r"r\.status IN \([^)]*\) AND r\.attempt = given\.attempt"
    patch.setattr(db.run_steps, "START", _without(db.run_steps.START, guard))


def _a_rescue_whatever_the_lease(patch: Patch) -> None:
    patch.setattr(db.runs, "text", lambda sql: text(sql.replace("r.lease_until < now()", "true")))
    for step in ("rescue", "lose", "bury"):
        patch.setitem(db.run_steps.MOVES, step, _without(db.run_steps.MOVES[step], r"r\.lease_until < now\(\)"))


def _a_cancellation_of_what_is_over(patch: Patch) -> None:
    patch.setattr(db.run_steps, "CANCEL", _without(db.run_steps.CANCEL, r"r\.status IN \([^)]*\)"))


def _no_second_ring(patch: Patch) -> None:
    none = text("SELECT id, attempt, job_type FROM job_schedule_runs WHERE false AND :limit = 0 AND :event = ''")
    patch.setattr(db.run_steps, "RING_ONCE_MORE", none)


def _a_cursor_without_rows(patch: Patch) -> None:
    patch.setattr(PlanningRepo, "plan", lambda *_: [])


def _a_result_without_messages(patch: Patch) -> None:
    patch.setattr(outbox, "enqueue_many", lambda _, outgoing, __: [None for _ in outgoing])


def _no_count_of_what_a_person_has_going(patch: Patch) -> None:
    patch.setattr(PlanningRepo, "busy", lambda *_: {})


def _a_pause_that_forgets(patch: Patch) -> None:
    def forget(_: Any, schedule: Any, __: str) -> None:
        schedule.next_run_at = None

    for module in (services.jobs, services.pausing):
        patch.setattr(module, "plan_no_more", forget)


MUTANTS: dict[Callable[[Patch], None], str] = {
    _a_result_without_its_token: "written True, by its holder False",
    _a_start_whatever_the_state: "not drawn|started while it ran",
    _a_rescue_whatever_the_lease: "taken from a worker whose lease stands",
    _a_cancellation_of_what_is_over: "not drawn",
    _no_second_ring: "never end",
    _a_cursor_without_rows: "lost",
    _a_result_without_messages: "is succeeded with the messages",
    _no_count_of_what_a_person_has_going: "too many going",
    _a_pause_that_forgets: "lost",
}


@pytest.mark.slow
@pytest.mark.parametrize(("mutant", "flaw"), MUTANTS.items(), ids=lambda each: getattr(each, "__name__", "").strip("_"))
def test_a_rule_taken_from_the_product_is_noticed(
    world: World, monkeypatch: Patch, mutant: Callable[[Patch], None], flaw: str
) -> None:
    LifeOfRuns.world = world
    mutant(monkeypatch)
    with pytest.raises(AssertionError, match=flaw):
        _search()


def _search() -> None:
    for seed in range(30):
        wander(LifeOfRuns(), random.Random(seed), 40, at_once=False)
