"""The questions of a kind of job, out of its pydantic model alone: what a person reads, taps and types for each."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from domain.errors import InvalidInput
from domain.locales import mark as _
from domain.locales import t
from services.job_kinds import JobKind, reason_of

YES, NO = "yes", "no"
_SPOKEN = {YES: _("Yes"), NO: _("No")}
_NUMBERS = (int, float)
_MOST_SHOWN = 60


@dataclass(frozen=True)
class Choice:
    """One of the values that a parameter may have, and what stands on its button."""

    value: Any
    label: str


@dataclass(frozen=True)
class Field:
    """One parameter of a kind of job, as it is asked for."""

    name: str
    title: str
    hint: str
    choices: tuple[Choice, ...]
    """Every value that is allowed; empty when it is typed."""
    examples: tuple[str, ...]
    default: Any
    required: bool
    number: bool
    several: bool
    asks_for: str | None
    """``instrument`` when it names something that has prices."""

    def shown(self, value: Any) -> str:
        """A value as people read it."""
        if value is None:
            return t("none")
        for choice in self.choices:
            if choice.value == value or str(choice.value) == str(value):
                return choice.label
        text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
        return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}…"

    def read(self, text: str) -> Any:
        """What was typed, as the model takes it; the model itself says whether it can be right."""
        said = text.strip()
        for choice in self.choices:
            if said.casefold() in (str(choice.value).casefold(), choice.label.casefold()):
                return choice.value
        if self.number and said.count(",") == 1 and "." not in said:
            return said.replace(",", ".")
        if said[:1] in "[{" and said:
            try:
                return json.loads(said)
            except ValueError:
                return said
        return [each.strip() for each in said.split(",") if each.strip()] if self.several else said


def fields_of(kind: JobKind) -> list[Field]:
    """Every parameter of that kind, those without a default first."""
    found = [_field(name, info) for name, info in kind.params.model_fields.items()]
    return [each for each in found if each.required] + [each for each in found if not each.required]


def asked_of(kind: JobKind) -> list[Field]:
    """The parameters that are asked one by one: those without a default, or, where all have one, all."""
    fields = fields_of(kind)
    return [each for each in fields if each.required] or fields


def checked_value(kind: JobKind, field: Field, value: Any, others: Mapping[str, Any]) -> Any:
    """A value that the kind's model takes for this parameter; InvalidInput says why it does not."""
    given = {**others, field.name: value}
    try:
        return kind.params.model_validate(given).model_dump(mode="json")[field.name]
    except ValidationError as problem:
        errors = problem.errors(include_url=False)
        wrong = [error for error in errors if error["loc"][:1] == (field.name,)]
        if not wrong and _complete(kind, given):
            wrong = [error for error in errors if not error["loc"]]
        if wrong:
            raise InvalidInput(t("That can't be it: {why}.", why=reason_of(wrong[0]))) from problem
        return value


def _complete(kind: JobKind, given: Mapping[str, Any]) -> bool:
    return all(name in given for name, info in kind.params.model_fields.items() if info.is_required())


def _field(name: str, info: FieldInfo) -> Field:
    bare = _bare(info.annotation)
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    default = info.get_default(call_default_factory=True, validated_data={})
    default = None if default is PydanticUndefined else _plain(default)
    labels = extra.get("labels")
    number = isinstance(bare, type) and (issubclass(bare, _NUMBERS) or bare.__name__ == "Decimal") and bare is not bool
    return Field(
        name=name,
        title=t(info.title) if info.title else name.replace("_", " ").capitalize(),
        hint=t(info.description) if info.description else "",
        choices=_choices(bare, labels if isinstance(labels, dict) else {}),
        examples=tuple(t(each) if isinstance(each, str) else str(each) for each in info.examples or ()),
        default=default,
        required=info.is_required(),
        number=number,
        several=get_origin(bare) in (list, tuple, set, frozenset) or bare in (list, tuple, set, frozenset),
        asks_for=str(extra["asks_for"]) if "asks_for" in extra else None,
    )


def _bare(annotation: Any) -> Any:
    """An annotation without its None."""
    if get_origin(annotation) in (Union, UnionType):
        kept = [each for each in get_args(annotation) if each is not NoneType]
        if len(kept) == 1:
            return kept[0]
    return annotation


def _choices(bare: Any, labels: Mapping[str, Any]) -> tuple[Choice, ...]:
    if get_origin(bare) is Literal:
        values: list[Any] = list(get_args(bare))
    elif isinstance(bare, type) and issubclass(bare, Enum):
        values = [each.value for each in bare]
    elif bare is bool:
        return (Choice(True, t(_SPOKEN[YES])), Choice(False, t(_SPOKEN[NO])))
    else:
        return ()
    return tuple(Choice(value, _label(value, labels)) for value in values)


def _label(value: Any, labels: Mapping[str, Any]) -> str:
    label = labels.get(str(value))
    return t(label) if isinstance(label, str) else str(value)


def _plain(value: Any) -> Any:
    """A default as JSON has it."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, Enum):
        return value.value
    return value if isinstance(value, str | int | float | bool | list | dict | NoneType) else str(value)
