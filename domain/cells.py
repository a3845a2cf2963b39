"""Files of rows: text that no spreadsheet takes for a formula."""

import csv
import io
from collections.abc import Iterable, Sequence

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def text_cell(text: str | None) -> str:
    """A text for a column of texts: what a spreadsheet would calculate is kept as text by an apostrophe."""
    said = (text or "").replace("\x00", "")
    return f"'{said}" if said.startswith(_FORMULA) else said


def as_csv(head: Sequence[str], rows: Iterable[Sequence[str | int | float | None]]) -> bytes:
    """A CSV file that spreadsheets open as UTF-8; texts that came from people were made cells by `text_cell`."""
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(head)
    writer.writerows(rows)
    return file.getvalue().encode("utf-8-sig", "replace")
