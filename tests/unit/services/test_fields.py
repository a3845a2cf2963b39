"""Questions out of a model alone, whoever wrote it."""

from decimal import Decimal
from enum import Enum
from typing import Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, model_validator

from domain.errors import InvalidInput
from domain.runs import Outcome
from services.fields import asked_of, checked_value, fields_of
from services.job_kinds import JobKind, kinds


class Colour(Enum):
    RED = "red"
    GREEN = "green"


class Params(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    side: Literal["above", "below"] = Field("above", title="Side", json_schema_extra={"labels": {"above": "Above it"}})
    level: Decimal = Field(title="Level", description="the price", gt=0, examples=["2500"])
    colour: Colour = Colour.RED
    aloud: bool = False
    names: list[str] = Field(default_factory=list)
    limit: int | None = None
    note: str

    @model_validator(mode="after")
    def _fits(self) -> "Params":
        if self.limit is not None and self.limit > self.level:
            raise ValueError("the limit is above the level")
        return self


def perform(_context: Any, _params: Params) -> Outcome:
    return Outcome({})


KIND = JobKind(name="test.fields", summary="of every sort", params=Params, perform=perform)
FIELDS = {field.name: field for field in fields_of(KIND)}


def test_what_has_no_default_is_asked_first_and_alone() -> None:
    assert [field.name for field in fields_of(KIND)][:2] == ["level", "note"]
    assert [field.name for field in asked_of(KIND)] == ["level", "note"]


def test_a_kind_whose_parameters_all_have_defaults_is_asked_for_all_of_them() -> None:
    class Easy(BaseModel):
        model_config = ConfigDict(extra="forbid")
        keep: int = 14

    assert [f.name for f in asked_of(JobKind(name="test.easy", summary="-", params=Easy, perform=perform))] == ["keep"]


def test_literals_enums_and_bools_become_choices() -> None:
    assert [choice.label for choice in FIELDS["side"].choices] == ["Above it", "below"]
    assert [choice.value for choice in FIELDS["colour"].choices] == ["red", "green"]
    assert [choice.label for choice in FIELDS["aloud"].choices] == ["Yes", "No"]
    assert FIELDS["level"].choices == ()
    assert FIELDS["limit"].number


@pytest.mark.parametrize(
    ("name", "typed", "read"),
    [
        ("side", "ABOVE IT", "above"),
        ("side", "below", "below"),
        ("aloud", "yes", True),
        ("level", "2500,5", "2500.5"),
        ("level", "2.500,5", "2.500,5"),
        ("names", "gold, silver ,", ["gold", "silver"]),
        ("note", "[not json", "[not json"),
        ("note", " two words ", "two words"),
    ],
)
def test_what_is_typed_is_read_as_the_model_takes_it(name: str, typed: str, read: object) -> None:
    assert FIELDS[name].read(typed) == read


def test_the_model_says_what_is_wrong_with_one_value_while_others_are_missing() -> None:
    assert checked_value(KIND, FIELDS["level"], "2500", {}) == "2500"
    assert checked_value(KIND, FIELDS["level"], "2500", {"note": "x"}) == "2500"
    for wrong in ("-1", "much"):
        with pytest.raises(InvalidInput, match=r"^That can.t be it: (input should be|.*decimal)"):
            checked_value(KIND, FIELDS["level"], wrong, {})


def test_what_is_wrong_only_together_is_said_with_the_last_answer() -> None:
    assert checked_value(KIND, FIELDS["limit"], 9, {"level": "5"}) == 9
    with pytest.raises(InvalidInput, match="the limit is above the level"):
        checked_value(KIND, FIELDS["note"], "x", {"level": "5", "limit": 9})


def test_every_question_of_our_own_kinds_has_a_title_a_hint_and_something_to_tap_or_an_example() -> None:
    for kind in kinds().values():
        for field in fields_of(kind):
            assert field.title, (kind.name, field.name)
            assert field.hint, (kind.name, field.name)
            answers = (field.choices, field.examples, field.default, field.asks_for, kind.unavailable)
            assert any(answers), (kind.name, field.name)
