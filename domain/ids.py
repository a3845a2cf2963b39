"""Identities, so that a user's number is never taken for a schedule's."""

from typing import NewType

from domain.errors import InvalidInput

UserId = NewType("UserId", int)
ScheduleId = NewType("ScheduleId", int)
RunId = NewType("RunId", int)
MessageId = NewType("MessageId", int)
DeliveryId = NewType("DeliveryId", int)
DraftId = NewType("DraftId", int)

_LARGEST = 2**63 - 1


def parse_number(text: str, what: str, example: str) -> int:
    """The positive number that a person wrote as `what`; InvalidInput names it and gives an example."""
    digits = text.strip().lstrip("#")
    if not (digits.isascii() and digits.isdigit() and 0 < int(digits[:20]) <= _LARGEST and len(digits) <= 19):
        raise InvalidInput(f"“{text[:40]}” is not a {what}: it needs a number. Example: {example}")
    return int(digits)
