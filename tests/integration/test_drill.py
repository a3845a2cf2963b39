"""The drill that kills senders: its proofs notice every broken promise, and a small one is held."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from chaos.drill import Drill, Place, Plan, lines
from chaos.drill_proofs import MARK, Received, Row, figures, prove

pytestmark = pytest.mark.slow

Taken = list[tuple[str, str]]
SENT = ["queued sending", "sending sent"]
AGAIN = ["queued sending", "sending queued", *SENT]
HELD = ["queued sending", "sending uncertain"]
MARKED = f"<i>{MARK} Ref 7F3K.)</i>\n\nalert"

ROWS = (
    Row(1, "alert", "11", "sent", 1, "1", [], SENT),
    Row(2, "alert", "12", "sent", 2, "3", ["first"], AGAIN),
    Row(3, "alert", "13", "sent", 2, "5", ["second"], AGAIN),
    Row(4, "broadcast", "24", "sent", 1, "4", [], SENT),
    Row(5, "broadcast", "25", "uncertain", 1, None, ["first"], HELD),
    Row(6, "broadcast", "26", "uncertain", 1, None, ["second"], HELD),
)
TAKEN: Taken = [
    ("11", "alert"), ("12", "alert"), ("12", MARKED), ("24", "bulk"), ("13", MARKED), ("25", "bulk"),
]  # fmt: skip
"""The second alert came twice, the third one's first call never arrived; so did one of the two that are held."""


def broken(rows: Sequence[Row], taken: Taken) -> set[str]:
    return {proof.promise for proof in prove(rows, Received(taken), len(ROWS), kills=2) if proof.broken}


def with_row(number: int, **changes: object) -> list[Row]:
    return [replace(row, **changes) if row.id == number else row for row in ROWS]  # type: ignore[arg-type]


def test_what_a_kill_may_do_breaks_no_promise() -> None:
    assert broken(ROWS, TAKEN) == set()


def test_the_figures_count_both_ends() -> None:
    found = figures(ROWS, Received(TAKEN))
    assert found["received"] == 6
    assert (found["alerts received"], found["alerts cut off in their call"]) == (4, 2)
    assert (found["alerts received twice, the second marked"], found["alerts received once, and marked"]) == (1, 1)
    assert (found["held as uncertain, received"], found["held as uncertain, not received"]) == (1, 1)


@pytest.mark.parametrize(
    ("rows", "taken", "promise"),
    [
        pytest.param(ROWS, [*TAKEN, ("24", "bulk")], "nobody twice", id="a broadcast received twice"),
        pytest.param(ROWS, [*TAKEN, ("25", "bulk")], "nobody twice", id="a held one received twice"),
        pytest.param(ROWS, [("24", f"{MARK})") if t == ("24", "bulk") else t for t in TAKEN], "unmarked",
                     id="a marked broadcast"),
        pytest.param(ROWS, [*TAKEN, ("11", "alert")], "came once", id="an alert twice without a kill"),
        pytest.param(ROWS, [*TAKEN, ("11", MARKED)], "came once", id="an alert marked without a kill"),
        pytest.param(ROWS, [*TAKEN[:2], ("12", "alert"), *TAKEN[3:]], "came once", id="a repeat without its mark"),
        pytest.param(ROWS, [*TAKEN, ("12", MARKED)], "came once", id="two repeats for one kill"),
        pytest.param(ROWS, [t for t in TAKEN if t[0] != "13"], "no alert is missing", id="a lost alert"),
        pytest.param(with_row(3, status="dead"), TAKEN, "an alert ends as", id="an alert given up"),
        pytest.param(ROWS, [t for t in TAKEN if t[0] != "24"], "did not reach", id="a lost broadcast"),
        pytest.param(with_row(4, status="uncertain"), TAKEN, "nothing else is", id="held without a reason"),
        pytest.param(with_row(5, status="sent", provider_id="6"), TAKEN, "nothing else is", id="cut off and not held"),
        pytest.param(with_row(4, provider_id="1"), TAKEN, "counts as sent", id="a receipt of somebody else"),
        pytest.param(with_row(4, provider_id=None), TAKEN, "counts as sent", id="sent without a receipt"),
        pytest.param(with_row(1, status="queued"), TAKEN, "nothing is left", id="left in the queue"),
        pytest.param(with_row(5, attempts=0), TAKEN, "does not know of", id="received without a call"),
        pytest.param(ROWS, [*TAKEN, ("99", "bulk")], "does not know of", id="received by a stranger"),
        pytest.param(ROWS[:-1], TAKEN, "in the database", id="a message without a row"),
        pytest.param(with_row(6, doubts=["third"]), TAKEN, "than were killed", id="a call cut off without a kill"),
        pytest.param(with_row(1, steps=[*SENT, "sent queued"]), TAKEN, "not drawn", id="sent and queued again"),
    ],
)  # fmt: skip
def test_a_broken_promise_is_noticed(rows: Sequence[Row], taken: Taken, promise: str) -> None:
    assert any(promise in found for found in broken(rows, taken))


def test_the_seed_draws_the_points_of_the_kills_within_the_work() -> None:
    plan = Plan(seed=7, messages=2000, kills=20)
    assert plan.points() == Plan(seed=7, messages=2000, kills=20).points() != Plan(8, 2000, 20).points()
    assert plan.points() == sorted(set(plan.points()))
    assert 0 < min(plan.points()) < max(plan.points()) < 2000


def test_a_small_drill_accounts_for_every_message(
    tmp_path: Path, database_url: str, owner_database_url: str, valkey_url: str, secret_key: str
) -> None:
    plan = Plan(seed=3, messages=60, kills=2, lease=timedelta(seconds=2))
    report = Drill(Place(tmp_path, database_url, owner_database_url, valkey_url, secret_key), plan).run()
    assert report.passed, "\n".join(lines(report))
    assert ["ended by signal 9" in kill.proof for kill in report.kills] == [True, True]
    assert report.figures["alerts received"] >= 30
    assert sum(report.figures["broadcast"].values()) == 30
