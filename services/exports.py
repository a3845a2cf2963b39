"""All that is a person's own as one ZIP: who they are as JSON, what grows as CSV, and a page that explains it."""

import csv
import io
import json
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from db import exports
from db.unit_of_work import UnitOfWork
from domain.errors import InvalidInput
from domain.locales import t
from domain.users import User

log = structlog.get_logger(__name__)

MOST_BYTES = 20_000_000
"""Of the ZIP; Telegram takes 50 MB from a bot."""
MOST_ROWS = 200_000
"""Of one table, the newest."""
IN_MEMORY = 1_000_000
LONGEST_CELL = 32_000
"""Spreadsheets take a little more."""
BETWEEN = timedelta(minutes=1)
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # spreadsheets read these too
_LAST = ("messages", "runs", "commands")
"""What may be too much for one file."""
_MOST_AT_END = 200_000
"""Bytes that may come once a table is known to be full: what the compressor still holds, and the page."""


class TooOften(InvalidInput):
    """You had an export a moment ago. Ask again in a minute."""


@dataclass(frozen=True)
class Export:
    """A ZIP, ready to be sent, and how much stands in it."""

    content: bytes = field(repr=False)
    name: str
    counts: dict[str, int]
    cut: tuple[str, ...]
    """The tables of which only the newest rows are in it."""


class ExportsService:
    """Use cases around taking one's data along; the unit of work is the person's own."""

    def __init__(self, uow: UnitOfWork) -> None:
        self.uow = uow

    def make(self, user: User, *, now: datetime, most_bytes: int = MOST_BYTES, most_rows: int = MOST_ROWS) -> Export:
        """Everything of this person, the newest first where there is too much of it."""
        with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as file:
            with self.uow as uow, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                account = exports.account(uow.session)
                archive.writestr("account.json", json.dumps(account, default=_json, ensure_ascii=False, indent=2))
                counts, cut = {}, []
                for table in sorted(exports.TABLES, key=_LAST.count):
                    rows = exports.rows(uow.session, table, most_rows + 1)
                    written, whole = _table(archive, table, rows, most_bytes - _MOST_AT_END, most_rows)
                    counts[table] = written
                    if not whole:
                        cut.append(table)
                archive.writestr("README.txt", _read_me(user, counts, cut, now))
            file.seek(0)
            content = file.read()
        log.info("account_exported", user_id=user.id, size=len(content), **counts)
        return Export(content, f"openbell-{now:%Y-%m-%d}.zip", counts, tuple(cut))


def _table(
    archive: zipfile.ZipFile, table: str, rows: Iterator[Sequence[Any]], most_bytes: int, most_rows: int
) -> tuple[int, bool]:
    """Write a table until it ends or there is no more room; how many rows, and whether that was all."""
    written = 0
    with archive.open(f"{table}.csv", "w") as raw, io.TextIOWrapper(raw, "utf-8-sig", newline="") as wrapped:
        writer = csv.writer(wrapped)
        writer.writerow(exports.names(table))
        for row in rows:
            if written >= most_rows or (archive.fp is not None and archive.fp.tell() > most_bytes):
                return written, False
            writer.writerow([cell(value) for value in row])
            written += 1
    return written, True


def cell(value: Any) -> str:
    """A value as a cell that no spreadsheet takes for a formula."""
    if value is None:
        return ""
    if isinstance(value, bool | int | float):
        return str(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    said = value if isinstance(value, str) else json.dumps(value, default=_json, ensure_ascii=False)
    if len(said) > LONGEST_CELL:
        said = said[:LONGEST_CELL] + "…"
    return f"'{said}" if said.startswith(_FORMULA) else said


def _json(value: Any) -> str:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else str(value)


def _read_me(user: User, counts: dict[str, int], cut: Sequence[str], now: datetime) -> str:
    lines = [
        t("All that this Openbell knows of {email}, on {day}.", email=user.email, day=f"{now:%Y-%m-%d}"),
        "",
        t("account.json: who you are, how you are reached, how you want to be told, the groups you linked."),
        t("jobs.csv: your jobs, also deleted ones."),
        t("runs.csv: what was run, and what came of it."),
        t("messages.csv: what I wrote to you, and how it went. Pictures are in your chat and your mails only."),
        t("feedback.csv: what you wrote to those who run this, and their answers."),
        t("commands.csv: every command and button of yours, without codes and passwords."),
        "",
        t("Instants are in UTC. A leading ' keeps a spreadsheet from reading a cell as a formula."),
        "",
        *(f"{table}.csv: {count}" for table, count in counts.items()),
    ]
    if cut:
        names = ", ".join(f"{each}.csv" for each in cut)
        lines += ["", t("There was too much for one file: {names} holds the newest rows only.", names=names)]
    return "\n".join(lines) + "\n"
