"""What one line says of a job, taken apart."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from bot.commands.adding import read_line, said_by
from domain.errors import InvalidInput
from domain.users import Role

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
CONTEXT: Any = SimpleNamespace(user=SimpleNamespace(timezone="Europe/Berlin", role=Role.ADMIN), now=NOW)


@pytest.mark.parametrize(
    ("line", "name", "kind", "params", "cron"),
    [
        ('"Gold" report GC=F every weekday 8:30', "Gold", "report", {"symbol": "GC=F"}, "30 8 * * 1-5"),
        ("GOLD every weekday 8:30", None, "report", {"symbol": "GOLD"}, "30 8 * * 1-5"),
        ("every weekday at 8:30 the gold report, dark", None, "report",
         {"symbol": "the gold report,", "theme": "dark"}, "30 8 * * 1-5"),
        ("report theme=dark symbol=GOLD 30 8 * * 1-5", None, "report", {"symbol": "GOLD", "theme": "dark"},
         "30 8 * * 1-5"),
        ("30 8 * * 1-5 GOLD", None, "report", {"symbol": "GOLD"}, "30 8 * * 1-5"),
        ("reminder check margins every day at 9", None, "notification", {"text": "check margins"}, "0 9 * * *"),
        ("every day at 9 remind me to check margins", None, "notification", {"text": "check margins"}, "0 9 * * *"),
        ("remind me to look at the rates", None, "notification", {"text": "look at the rates"}, None),
        ("notification to=admins close the books every friday 17:00", None, "notification",
         {"to": "admins", "text": "close the books"}, "0 17 * * 5"),
        ("backup 7 every day at 3:00", None, "backup", {"keep": "7"}, "0 3 * * *"),
        ("report", None, "report", {}, None),
        ("report GOLD", None, "report", {"symbol": "GOLD"}, None),
        ("every weekday at 8:30", None, None, {}, "30 8 * * 1-5"),
        ("", None, None, {}, None),
    ],
)  # fmt: skip
def test_a_line_is_name_kind_parameters_and_time(
    line: str, name: str | None, kind: str | None, params: dict[str, str], cron: str | None
) -> None:
    said = read_line(line, CONTEXT)
    assert (said.name, said.kind, dict(said.params)) == (name, kind, params)
    assert (said.timing.expression if said.timing is not None else None) == cron
    assert said.refused is None


@pytest.mark.parametrize(
    ("line", "params", "half"),
    [
        ("every monday GOLD", {"symbol": "GOLD"}, "every monday"),
        ("61 8 * * 1-5 GOLD", {"symbol": "GOLD"}, ""),
        ("every monday", {}, "every monday"),
        ("evry mondy 9", {}, ""),
    ],
)
def test_a_time_that_was_not_understood_keeps_the_rest_and_what_can_be_made_whole(
    line: str, params: dict[str, str], half: str
) -> None:
    said = said_by(line, None, CONTEXT)
    assert said.refused is not None
    assert said.timing is None
    assert dict(said.params) == params
    assert said.half == half


def test_words_that_no_parameter_takes_are_named() -> None:
    with pytest.raises(InvalidInput, match="what “many things” is for"):
        read_line("data_processing many things every day at 3:00", CONTEXT)
