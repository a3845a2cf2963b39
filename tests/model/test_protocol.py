"""The protocol keeps its promises whatever happens, and every rule of it is needed, or it is said why it is not.

`OPENBELL_MODEL=full` explores more crashes at once, for some minutes.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from domain.runs import STEPS, Fence, RunStatus, Step
from tests.model.explorer import LOST, Finding, explore
from tests.model.protocol import Budget, Protocol

FULL = os.environ.get("OPENBELL_MODEL") == "full"


@dataclass(frozen=True)
class Bound:
    """How far a search goes."""

    repeatable: bool
    budget: Budget
    most_attempts: int = 2

    def of(self, protocol: Protocol) -> Protocol:
        return replace(protocol, repeatable=self.repeatable, budget=self.budget, most_attempts=self.most_attempts)

    def __str__(self) -> str:
        kind = "at-least-once" if self.repeatable else "at-most-once"
        faults = (f"{n} {name}" for name, n in zip(Budget._fields, self.budget, strict=True) if n)
        return f"{kind}, {self.most_attempts} attempts, {' '.join(faults)}"


WHOLE = (
    Bound(False, Budget(crashes=2, losses=1, stalls=1, failures=1, overruns=1, cancels=1)),
    Bound(True, Budget(crashes=2, losses=0, stalls=1, failures=0, overruns=0, cancels=0)),
    Bound(True, Budget(crashes=1, losses=1, stalls=1, failures=0, overruns=0, cancels=1)),
    Bound(True, Budget(crashes=1, losses=0, stalls=1, failures=1, overruns=0, cancels=1)),
    Bound(True, Budget(crashes=0, losses=0, stalls=1, failures=1, overruns=1, cancels=1)),
)
FULLER = (
    Bound(False, Budget(crashes=3, losses=2, stalls=2, failures=2, overruns=2, cancels=1), 3),
    Bound(True, Budget(crashes=2, losses=1, stalls=1, failures=1, overruns=1, cancels=1)),
    Bound(True, Budget(crashes=2, losses=1, stalls=1, failures=0, overruns=0, cancels=0), 3),
)
SMALL = (
    Bound(False, Budget(crashes=1, losses=1, stalls=1, failures=1, overruns=1, cancels=1)),
    Bound(True, Budget(crashes=0, losses=0, stalls=0, failures=0, overruns=2, cancels=0)),
    Bound(True, Budget(crashes=0, losses=1, stalls=0, failures=1, overruns=0, cancels=1)),
    Bound(True, Budget(crashes=0, losses=0, stalls=1, failures=1, overruns=0, cancels=0), 3),
    Bound(True, Budget(crashes=1, losses=0, stalls=1, failures=0, overruns=0, cancels=1)),
    Bound(True, Budget(crashes=0, losses=0, stalls=1, failures=0, overruns=1, cancels=1)),
)


SHORT = Bound(True, Budget(crashes=1, losses=0, stalls=1, failures=0, overruns=0, cancels=0))
HARMLESS_WITHIN = (*SMALL, *WHOLE) if FULL else (*SMALL[:3], SHORT)


def hunt(mutant: Protocol, bounds: tuple[Bound, ...] = SMALL) -> Finding | None:
    """The first broken promise that some bound shows; a smaller bound goes first."""
    for bound in bounds:
        found = explore(bound.of(mutant))
        if found.flaw:
            return found
    return None


@pytest.mark.parametrize("bound", [*WHOLE, *(FULLER if FULL else ())], ids=str)
def test_no_promise_is_broken_in_any_reachable_state(bound: Bound) -> None:
    found = explore(bound.of(Protocol()))
    assert found.flaw is None, str(found)
    assert found.states > 10_000, "the model has lost most of its states: something no longer happens in it"


# One rule of the table taken away

REMOVALS: dict[str, dict[str, Any]] = {
    "any source": {"sources": frozenset(RunStatus)},
    "no fence": {"fence": Fence.NONE},
    "no condition": {"condition": None},
    "token not raised": {"raises_token": False},
    "attempt not raised": {"raises_attempt": False},
}
HARMLESS = {
    ("ring again", "no condition"): "a bell too many finds nothing to start; waiting only saves work",
    ("start", "token not raised"): "whoever took the run from its holder has raised it already",
    ("retry", "any source"): "whoever takes the run away for good from a holder with attempts left raises the token",
    ("retry", "token not raised"): "its holder gives it up, and the next start raises it",
    ("rescue", "token not raised"): "the run is planned, where its old holder may write nothing, and a start raises it",
    ("overrun, retry", "token not raised"): "as with rescue",
    ("lose", "no fence"): "work that is not repeated has one attempt, so the token that was read is still the row's",
    ("bury", "no fence"): "the last attempt was read, and there is none after it",
    ("overrun", "no fence"): "the last attempt was read, and there is none after it",
    ("overrun", "no condition"): "what was over when it was read stays over for this token",
    ("overrun, retry", "no condition"): "what was over when it was read stays over for this token",
    ("cancel", "token not raised"): "a cancelled run is final, and every write asks for a state that is not",
}


def rules(step: Step) -> Iterator[str]:
    yield "any source"
    if step.fence is not Fence.NONE:
        yield "no fence"
    if step.condition is not None:
        yield "no condition"
    if step.raises_token:
        yield "token not raised"
    if step.raises_attempt:
        yield "attempt not raised"


RULES = [(step.name, rule) for step in STEPS for rule in rules(step)]


@pytest.mark.parametrize(("step", "rule"), [rule for rule in RULES if rule not in HARMLESS])
def test_a_rule_taken_from_the_table_breaks_a_promise(step: str, rule: str) -> None:
    assert hunt(Protocol().without(step, **REMOVALS[rule])) is not None


@pytest.mark.slow
@pytest.mark.parametrize(("step", "rule"), HARMLESS)
def test_a_rule_that_another_one_backs_is_harmless_alone(step: str, rule: str) -> None:
    assert (step, rule) in RULES, "the table no longer has this rule"
    found = hunt(Protocol().without(step, **REMOVALS[rule]), HARMLESS_WITHIN)
    assert found is None, str(found)


PAIRS = {
    "nobody raises the token": (("start", "token not raised"), ("rescue", "token not raised")),
    "a cancelled run's holder stores its result": (("cancel", "token not raised"), ("succeed", "any source")),
    "a cancelled run's holder keeps it running": (("cancel", "token not raised"), ("heartbeat", "any source")),
    "a cancelled run's holder plans it again": (("cancel", "token not raised"), ("retry", "any source")),
    "the end is written from an old read": (("overrun, retry", "no condition"), ("overrun, retry", "no fence")),
    "the loss is written from an old read": (("rescue", "no condition"), ("rescue", "no fence")),
}


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
def test_rules_that_back_each_other_may_not_both_go(pair: tuple[tuple[str, str], ...]) -> None:
    mutant = Protocol()
    for step, rule in pair:
        mutant = mutant.without(step, **REMOVALS[rule])
    assert hunt(mutant) is not None


# One rule of the processes taken away

NOTHING_ASKED: dict[str, Any] = {"sources": frozenset(RunStatus), "fence": Fence.NONE, "condition": None}
PROCESSES: dict[str, tuple[Protocol, str]] = {
    "the cursor moves in a transaction of its own": (replace(Protocol(), cursor_and_row_together=False), LOST),
    "nothing rescues": (replace(Protocol(), sweeps=False), LOST),
    "nothing rings again": (replace(Protocol(), rings_again=False), LOST),
    "rings before the commit, and never again": (
        replace(Protocol(), rings_after_commit=False, rings_again=False),
        LOST,
    ),
    "the result is stored without a question": (
        Protocol().without("succeed", **NOTHING_ASKED),
        "a final state was overwritten",
    ),
    "the mark is set without a question": (
        Protocol().without("ring again", **NOTHING_ASKED),
        "a final state was overwritten",
    ),
    "the rescue acts on an old read": (
        Protocol().without("rescue", **NOTHING_ASKED),
        "a run was taken from a worker whose lease stands",
    ),
    "the worker performs without a claim": (
        replace(Protocol(), claims=False),
        "work that must not be repeated was done twice",
    ),
    "work that must not be repeated is rescued like any other": (
        replace(Protocol(), asks_before_repeating=False),
        "more attempts than there may be",
    ),
    "the messages come after the result's commit": (
        replace(Protocol(), messages_with_result=False),
        "a succeeded run has no message, or another run has one",
    ),
    "plans without a lock and without the unique key": (
        replace(Protocol(), planning_locks=False, due_time_is_unique=False),
        "one due time has two rows",
    ),
}


@pytest.mark.parametrize(("mutant", "flaw"), PROCESSES.values(), ids=PROCESSES)
def test_a_rule_taken_from_the_processes_breaks_the_promise_that_it_keeps(mutant: Protocol, flaw: str) -> None:
    found = hunt(mutant)
    assert found is not None
    assert found.flaw == flaw, str(found)


def test_a_worker_without_a_claim_also_loses_runs() -> None:
    nobody_minds_repeats = Bound(True, Budget(0, 0, 0, 0, 0, 0))
    assert explore(nobody_minds_repeats.of(replace(Protocol(), claims=False))).flaw == LOST


@pytest.mark.slow
@pytest.mark.parametrize(
    "mutant",
    [replace(Protocol(), rings_after_commit=False), replace(Protocol(), planning_locks=False)],
    ids=["rings before the commit: the next ring heals it", "plans without a lock: the unique key refuses the second"],
)
def test_a_rule_of_the_processes_that_another_one_backs_is_harmless_alone(mutant: Protocol) -> None:
    found = hunt(mutant, HARMLESS_WITHIN)
    assert found is None, str(found)
