"""The audit of commands, as an admin looks through it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from db.telegram import CommandAuditRow
from db.unit_of_work import UnitOfWork
from domain.cron import first_valid
from domain.errors import InvalidInput
from domain.locales import t
from domain.users import User
from services.admins import require_admin

EXAMPLE = "/audit ada@example.com /run 7d"
_AGO = re.compile(r"(\d{1,3})\s*(m|min|h|d|w)")
_UNITS = {"m": 1, "min": 1, "h": 60, "d": 1440, "w": 10080}
_REFERENCE = re.compile(r"e-[0-9a-f]{4}")
_FAILED = ("failed", "failures", "fehler", "fehlgeschlagen")
_SINCE = ("since", "seit")
_LONGEST_NAME = 60


@dataclass(frozen=True)
class AuditFilter:
    """Which rows are looked for; everything that is set has to fit."""

    who: str = ""
    """A part of an e-mail address, or the number of a person or of a Telegram user."""
    command: str = ""
    since: datetime | None = None
    failed: bool = False
    reference: str = ""


@dataclass(frozen=True)
class Entry:
    """One row of the audit."""

    id: int
    at: datetime
    who: str
    """The address, or the Telegram user where nobody is known."""
    command: str
    said: str
    success: bool
    error: str | None
    took_ms: int | None
    reference: str | None


def read_filter(words: Sequence[str], now: datetime, zone: ZoneInfo) -> AuditFilter:
    """What was asked for: somebody, a /command, since when, failed, a code such as E-7F3A; in any order."""
    who, command, since, failed, reference = "", "", None, False, ""
    for word in words:
        lower = word.lower().strip(",")
        if lower in _SINCE or not lower:
            continue
        if lower in _FAILED:
            failed = True
        elif _REFERENCE.fullmatch(lower):
            reference = lower.upper()
        elif lower.startswith("/") and len(lower) > 1:
            command = lower[:100]
        elif (at := _read_since(lower, now, zone)) is not None:
            since = at
        elif not who and len(lower) <= _LONGEST_NAME:
            who = lower.removeprefix("@")
        else:
            said = t(
                "I can't look for “{word}”. Name a person, a /command, a time, failed, or a code. Example: {example}",
                word=word[:40],
                example=EXAMPLE,
            )
            raise InvalidInput(said)
    return AuditFilter(who, command, since, failed, reference)


def _read_since(word: str, now: datetime, zone: ZoneInfo) -> datetime | None:
    """An instant as 7d, 24h, today, yesterday or 2026-11-02; None where it is no such word."""
    if (ago := _AGO.fullmatch(word)) is not None:
        return now - timedelta(minutes=int(ago[1]) * _UNITS[ago[2]])
    today = now.astimezone(zone).date()
    days = {"today": today, "heute": today}
    days |= {"yesterday": today - timedelta(days=1), "gestern": today - timedelta(days=1)}
    try:
        day = days.get(word) or datetime.strptime(word, "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError:
        return None
    return first_valid(datetime.combine(day, datetime.min.time()), zone)


class AuditsService:
    """Use cases around the audit; the unit of work is the platform's, so every method looks who asks."""

    def __init__(self, uow: UnitOfWork) -> None:
        self.uow = uow

    def page(self, user: User, wanted: AuditFilter, *, before: int | None, limit: int) -> list[Entry]:
        """A page of what was done, the newest first, below the number `before`."""
        with self.uow as uow:
            require_admin(uow, user)
            rows = uow.telegram.audits(
                who=wanted.who,
                command=wanted.command,
                since=wanted.since,
                failed=wanted.failed,
                reference=wanted.reference,
                before=before,
                limit=limit,
            )
            return [_entry(row) for row in rows]


def _entry(row: CommandAuditRow) -> Entry:
    return Entry(
        row.id,
        row.created_at,
        row.user_email or row.telegram_user_id,
        row.command,
        row.full_message or "",
        row.success,
        row.error_message,
        row.response_time_ms,
        row.reference,
    )
