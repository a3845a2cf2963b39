"""Many values as one argument: an array in PostgreSQL's own text form, quicker to make and to read than a list."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any


def as_array(values: Iterable[Any]) -> str:
    """The text of an array of numbers, texts or instants, to be cast to its type by the statement."""
    found = list(values)
    texts = {value: _text(value) for value in set(found)}  # most columns of a batch repeat a few values
    return f"{{{','.join([texts[value] for value in found])}}}"


def _text(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return f'"{value.isoformat()}"' if isinstance(value, datetime) else str(value)
