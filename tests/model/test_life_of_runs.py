"""Whatever schedulers, workers, people and misfortune do to runs, and in whatever order, the promises hold.

The default profile goes the same ways each time; `OPENBELL_MODEL=full` goes other and longer ones, for many minutes.
"""

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.model.life import LifeOfRuns
from tests.model.world import World

FULL = os.environ.get("OPENBELL_MODEL") == "full"
BOUND = settings(
    deadline=None,
    max_examples=1500 if FULL else int(os.environ.get("N", "40")),
    stateful_step_count=70 if FULL else 35,
    derandomize=not FULL,
    phases=(Phase.generate,),
    database=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)


@pytest.fixture(scope="module")
def world(servers, secret_key: str) -> Iterator[World]:  # type: ignore[no-untyped-def]
    with servers.fresh_database() as name:
        made = World(servers.url(name), servers.url_of_owner(name), secret_key)
        yield made
        made.close()


def test_the_promises_hold_whatever_happens(world: World) -> None:
    LifeOfRuns.world = world
    run_state_machine_as_test(LifeOfRuns, settings=BOUND)
