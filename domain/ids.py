"""Identities, so that a user's number is never taken for a schedule's."""

from typing import NewType

from domain.errors import InvalidInput
from domain.locales import mark, t

UserId = NewType("UserId", int)
ScheduleId = NewType("ScheduleId", int)
RunId = NewType("RunId", int)
MessageId = NewType("MessageId", int)
DeliveryId = NewType("DeliveryId", int)
DraftId = NewType("DraftId", int)

_LARGEST = 2**63 - 1
NUMBERED = (
    *(mark("job"), mark("run"), mark("broadcast"), mark("feedback"), mark("group"), mark("person"), mark("request")),
    *(mark("form"), mark("list"), mark("page"), mark("row"), mark("count")),
)
"""What people name by numbers."""


def pressed_number(text: str) -> int | None:
    """The number that a button carries, from 0; None where it is none, as what is pressed may be made up."""
    known = text.isascii() and text.isdigit() and len(text) <= 19 and int(text) <= _LARGEST
    return int(text) if known else None


def parse_number(text: str, what: str, example: str) -> int:
    """The positive number that a person wrote as `what`; InvalidInput names it and gives an example."""
    digits = text.strip().lstrip("#")
    if not (digits.isascii() and digits.isdigit() and 0 < int(digits[:20]) <= _LARGEST and len(digits) <= 19):
        said = t(
            "“{text}” is not a {what}: it needs a number. Example: {example}",
            text=text[:40],
            what=t(what),
            example=example,
        )
        raise InvalidInput(said)
    return int(digits)
