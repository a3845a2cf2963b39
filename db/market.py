"""When exchanges are open: rows that a job of the platform fills, and everybody reads."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import URL, Boolean, CheckConstraint, Date, Text, delete, func, insert, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from db.repository import Base
from domain.calendars import Session as MarketSession
from domain.calendars import Sessions
from domain.timing import Timing

_EXCHANGE_IN_EXPRESSION = re.compile(r"@(?:open|close)\((\w+)\)")


class SessionRow(Base):
    __tablename__ = "market_sessions"
    __table_args__ = (
        CheckConstraint("opens_at < closes_at", name="ck_market_sessions_hours"),
        {"comment": "When exchanges are open: filled a year ahead, so that the scheduler only reads rows."},
    )

    exchange: Mapped[str] = mapped_column(Text, primary_key=True)
    session_date: Mapped[date] = mapped_column(Date, primary_key=True)
    opens_at: Mapped[datetime]
    closes_at: Mapped[datetime]
    early_close: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))
    note: Mapped[str | None] = mapped_column(Text)


class ClosureRow(Base):
    __tablename__ = "market_closures"
    __table_args__ = {"comment": "Weekdays without a session, and what they are called."}  # noqa: RUF012  # SQLAlchemy's own form

    exchange: Mapped[str] = mapped_column(Text, primary_key=True)
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    name: Mapped[str] = mapped_column(Text)


_FILL_ORDERED = text("""
    SELECT EXISTS (
        SELECT FROM job_schedule_runs
        WHERE user_id IS NULL AND job_type = 'data_processing'
          AND scheduled_for > now() - interval '7 days'
          AND (status IN ('planned', 'enqueued', 'running')
               OR scheduled_for > now() - CASE status WHEN 'succeeded' THEN interval '1 day' ELSE interval '1 hour' END)
    )
""")
_ALONE = text("SELECT pg_try_advisory_xact_lock(hashtext('openbell_market_fill'))")


class MarketRepo:
    """The sessions and named holidays of the exchanges."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def sessions(self) -> Sessions:
        """All that is known; rows that have not changed since the last look of this process are not read again."""
        bind: Any = self.session.get_bind()
        where = bind.url.set(username="", password="")  # every role sees the same of them
        version = tuple(self.session.execute(_VERSION).one())
        kept = _KEPT.get(where)
        if kept is None or kept[0] != version:
            _KEPT[where] = kept = version, self._read(None)
        return kept[1]

    def sessions_for(self, timing: Timing) -> Sessions:
        """What this timing needs to know, nothing for one without an exchange."""
        exchanges = {*_EXCHANGE_IN_EXPRESSION.findall(timing.expression), *filter(None, [timing.calendar])}
        return self._read(exchanges) if exchanges else Sessions.NONE

    def _read(self, exchanges: Collection[str] | None) -> Sessions:
        by_exchange: dict[str, list[MarketSession]] = defaultdict(list)
        holidays: dict[str, dict[date, str]] = defaultdict(dict)
        for row in self.session.execute(_wanted(_SESSIONS, SessionRow.exchange, exchanges)):
            by_exchange[row[0]].append(MarketSession(*row))
        for exchange, day, name in self.session.execute(_wanted(_CLOSURES, ClosureRow.exchange, exchanges)):
            holidays[exchange][day] = name
        return Sessions(by_exchange, holidays) if by_exchange else Sessions.NONE

    def known_until(self) -> dict[str, date]:
        """The last session known of each exchange."""
        last = select(SessionRow.exchange, func.max(SessionRow.session_date)).group_by(SessionRow.exchange)
        return {exchange: day for exchange, day in self.session.execute(last)}  # noqa: C416  # rows are no pairs to mypy

    def store(self, sessions: Iterable[MarketSession], holidays: Mapping[str, Mapping[date, str]]) -> int:
        """Keep these in place of what was known of the same exchanges from the first of the days on."""
        rows = [_row(session) for session in sessions]
        firsts: dict[str, date] = {}
        for row in rows:
            day = row["session_date"]
            firsts[row["exchange"]] = min(day, firsts.get(row["exchange"], day))
        for exchange, first in firsts.items():
            of_session = delete(SessionRow).where(SessionRow.exchange == exchange, SessionRow.session_date >= first)
            of_closure = delete(ClosureRow).where(ClosureRow.exchange == exchange, ClosureRow.day >= first)
            self.session.execute(of_session)
            self.session.execute(of_closure)
        closures = [
            {"exchange": exchange, "day": day, "name": name}
            for exchange, days in holidays.items()
            for day, name in days.items()
            if exchange in firsts and day >= firsts[exchange]
        ]
        if rows:
            self.session.execute(insert(SessionRow), rows)
        if closures:
            self.session.execute(insert(ClosureRow), closures)
        return len(rows)

    def fill_may_be_ordered(self) -> bool:
        """Whether no fill is on its way or was just tried; others who ask at the same moment hear no."""
        if not self.session.scalar(_ALONE):
            return False
        return not self.session.scalar(_FILL_ORDERED)


_KEPT: dict[URL, tuple[tuple[Any, ...], Sessions]] = {}
"""What each database of this process knew at the last look; eighteen thousand rows take a quarter of a second."""
_VERSION = text("""
    SELECT (SELECT array[count(*), max(xmin::text::bigint)] FROM market_sessions)::text,
           (SELECT array[count(*), max(xmin::text::bigint)] FROM market_closures)::text
""")
_SESSIONS = select(
    SessionRow.exchange,
    SessionRow.session_date,
    SessionRow.opens_at,
    SessionRow.closes_at,
    SessionRow.early_close,
    SessionRow.note,
).order_by(SessionRow.exchange, SessionRow.session_date)
_CLOSURES = select(ClosureRow.exchange, ClosureRow.day, ClosureRow.name)


def _wanted(query: Any, column: Any, exchanges: Collection[str] | None) -> Any:
    return query if exchanges is None else query.where(column.in_(list(exchanges)))


def _row(session: MarketSession) -> dict[str, Any]:
    return {
        "exchange": session.exchange,
        "session_date": session.day,
        "opens_at": session.opens_at,
        "closes_at": session.closes_at,
        "early_close": session.early_close,
        "note": session.note,
    }
