"""Kinds of jobs: found by entry points, checked before they are kept, and cheap to know."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from importlib.metadata import EntryPoint
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, Field

from domain import plug_ins
from domain.errors import GiveUp, InvalidInput, NotAllowed
from domain.runs import Outcome, Overlap
from domain.schedules import OWN_JOB_TYPES
from domain.users import Role
from services import job_kinds
from services.job_kinds import JobKind, check_params, kind_of, kinds, problems, queue_of, target_of
from workers.queues import PRIORITIES


class Params(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    symbol: str = Field(description="what to look at", max_length=5)
    count: int = Field(3, ge=1, le=10)


class Loose(BaseModel):
    symbol: str = ""


def perform(_context: Any, _params: Any) -> Outcome:
    return Outcome({})


GOOD = JobKind("acme.look", "a look", Params, perform, target="symbol")
NO_KIND = "just a text"


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[EntryPoint]]:
    """The entry points that are found; each test adds its own."""
    found: list[EntryPoint] = []
    monkeypatch.setattr(plug_ins, "entry_points", lambda group: found if group == "openbell.jobs" else [])
    _forget()
    yield found
    _forget()


def _forget() -> None:
    job_kinds._loaded.cache_clear()
    job_kinds._queues.cache_clear()


def entry(name: str, what: str, owner: str = "acme-jobs", module: str = __name__) -> EntryPoint:
    made: Any = EntryPoint(name, f"{module}:{what}", "openbell.jobs")
    found: EntryPoint = made._for(SimpleNamespace(name=owner))  # what importlib.metadata itself does
    return found


def test_all_seven_of_ours_are_installed() -> None:
    assert set(OWN_JOB_TYPES) <= set(kinds())
    assert not problems()
    assert all(kind.name == name for name, kind in kinds().items())


def test_knowing_the_kinds_loads_no_heavy_library() -> None:
    heavy = ("pandas", "numpy", "matplotlib", "exchange_calendars", "yfinance", "dramatiq")
    script = (
        "import sys; from services.job_kinds import kinds\n"
        "assert len(kinds()) >= 7\n"
        f"print(*[name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == []


@pytest.mark.parametrize("name", OWN_JOB_TYPES)
def test_each_of_ours_is_fit_for_a_dialogue(name: str) -> None:
    kind = kinds()[name]
    assert kind.params.model_config.get("frozen")
    for field in kind.params.model_fields.values():
        assert field.title
        assert field.description


def test_queues_are_known_and_unknown_work_waits_for_maintenance() -> None:
    wanted = {"report": "reports", "alert": "alerts", "notification": "alerts", "bot": "trading_bots"}
    assert {name: queue_of(name) for name in wanted} == wanted
    assert queue_of("acme.gone") == "maintenance"


def test_a_worker_has_every_queue_that_a_kind_may_name() -> None:
    assert set(PRIORITIES) == set(job_kinds.QUEUES)


def test_an_unknown_kind_gets_the_nearest_names_and_is_final_for_a_run() -> None:
    with pytest.raises(InvalidInput, match=r"There is no job type “reprot”\. Did you mean report\?") as caught:
        kind_of("reprot")
    assert isinstance(caught.value, GiveUp)
    with pytest.raises(InvalidInput, match="There are alert, backup, bot"):
        kind_of("zzzzzz")


def test_defaults_are_kept_with_the_rest() -> None:
    assert check_params(kind_of("report"), {"symbol": "GOLD"}) == {"symbol": "GOLD", "theme": "light"}
    assert check_params(GOOD, {"symbol": "GOLD", "count": "7"}) == {"symbol": "GOLD", "count": 7}


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({}, "A job of the type acme.look needs the parameter “symbol”: what to look at."),
        (
            {"symbl": "GOLD", "symbol": "X"},
            "A job of the type acme.look has no parameter “symbl”. Did you mean symbol?",
        ),
        ({"symbol": "X", "zz": 1}, "A job of the type acme.look has no parameter “zz”. It takes symbol, count."),
        (
            {"symbol": "X", "count": 99},
            "The parameter “count” of this job is “99”: input should be less than or equal to 10.",
        ),
        (
            {"symbol": "GOLDGOLD"},
            "The parameter “symbol” of this job is “GOLDGOLD”: string should have at most 5 characters.",
        ),
    ],
)
def test_a_wrong_parameter_is_named_in_a_sentence(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_params(GOOD, given)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(("name", "version"), [("screener", "0.3"), ("alert", "0.3"), ("bot", "0.4")])
def test_what_this_version_cannot_do_is_refused_when_it_is_scheduled(name: str, version: str) -> None:
    kind = kind_of(name)
    assert not kind.available
    with pytest.raises(InvalidInput, match=f"come with version {version}"):
        check_params(kind, {})


def test_the_target_is_one_of_the_parameters() -> None:
    assert target_of(GOOD, {"symbol": "GOLD", "count": 3}) == "GOLD"
    assert target_of(kind_of("backup"), {"keep": 3}) is None
    assert len(target_of(kind_of("notification"), {"text": "x" * 3000}) or "") == 255


def test_roles_and_finer_rules_decide_who_may_have_a_job() -> None:
    with pytest.raises(NotAllowed, match="are for people with the role admin; yours is trader"):
        kind_of("backup").authorise(Role.TRADER, {})
    kind_of("backup").authorise(Role.ADMIN, {})
    kind_of("notification").authorise(Role.VIEWER, {"to": "me"})
    with pytest.raises(NotAllowed, match="Only admins may write to everyone"):
        kind_of("notification").authorise(Role.TRADER, {"to": "everyone"})
    kind_of("notification").authorise(Role.ADMIN, {"to": "everyone"})


def test_a_plug_in_is_found(installed: list[EntryPoint]) -> None:
    installed.append(entry("acme.look", "GOOD"))
    assert kinds()["acme.look"] is GOOD


@pytest.mark.parametrize(
    ("name", "what", "module", "reason"),
    [
        ("acme.look", "GONE", __name__, "has no attribute"),
        ("acme.look", "GOOD", "acme_is_not_installed", "No module named"),
        ("acme.look", "NO_KIND", __name__, "it is a str, not a JobKind"),
        ("acme.other", "GOOD", __name__, "it calls itself acme.look, its entry point acme.other"),
        ("acme", "GOOD", __name__, "is named vendor.kind"),
        ("report", "GOOD", __name__, "Openbell's own"),
    ],
)
def test_a_broken_plug_in_is_reported_and_left_out(
    installed: list[EntryPoint], name: str, what: str, module: str, reason: str
) -> None:
    installed.extend([entry(name, what, module=module), entry("backup", "KIND", "openbell", "workers.jobs.backups")])
    assert set(kinds()) == {"backup"}
    assert reason in problems()[name]
    with pytest.raises(InvalidInput, match="can't be done here"):
        kind_of(name)


def test_of_two_with_one_name_the_first_stays_and_the_other_is_reported(installed: list[EntryPoint]) -> None:
    installed.extend([entry("acme.look", "GOOD"), entry("acme.look", "NO_KIND")])
    assert kinds()["acme.look"] is GOOD
    assert problems()[f"acme.look ({__name__}:NO_KIND)"] == "another plug-in has a job type of that name"


def test_what_is_missing_of_ours_is_reported(installed: list[EntryPoint]) -> None:
    installed.append(entry("acme.look", "GOOD"))
    assert set(problems()) == set(OWN_JOB_TYPES)


@pytest.mark.parametrize(
    ("wrong", "fault"),
    [
        ({"name": "acme." + "x" * 30}, "more than 32 characters"),
        ({"queue": "fast"}, "not one of alerts"),
        ({"timeout": timedelta(0)}, "time limit"),
        ({"retries": 21}, "retries"),
        ({"overlap": Overlap.IN_TURN}, "in_turn"),
        ({"params": dict}, "not a pydantic model"),
        ({"params": Loose}, 'extra="forbid"'),
        ({"target": "colour"}, "none of its parameters"),
    ],
)
def test_a_kind_that_cannot_be_right_is_refused(wrong: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        replace(GOOD, **wrong)
