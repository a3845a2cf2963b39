"""Rows for tests, made the way the product makes them, and an owner's look at what became of them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import create_engine, make_url, text

from db.engine import Database
from domain.cron import parse_cron
from domain.schedules import JobType, Proposal, Schedule
from domain.timing import Timing
from domain.users import User
from services.jobs import JobsService


class Rows:
    """Makes people and schedules, and reads or changes any row as the owner."""

    def __init__(self, database: Database, owner_url: str) -> None:
        self.database = database
        url = make_url(owner_url).set(drivername="postgresql+psycopg2")
        self._owner = create_engine(url)

    def close(self) -> None:
        self._owner.dispose()

    def person(self, email: str = "ada@example.com", *, telegram: int = 1000, role: str = "admin") -> User:
        with self.database.for_platform() as uow:
            row = uow.users.ensure_email(email)
            row.role, row.verified_at, row.timezone = role, datetime.now(UTC), "Europe/Berlin"
            uow.users.link(row.id, "telegram", str(telegram), chat_id=telegram)
            uow.commit()
            return row.view()

    def schedule(
        self, user: User, cron: str = "* * * * *", name: str = "GOLD report", telegram: int = 1000, **options: Any
    ) -> Schedule:
        """A saved schedule; `options` are columns, such as overlap="allow"."""
        now = datetime.now(UTC)
        timing = Timing(parse_cron(cron, now).text, user.timezone)
        proposal = Proposal(name, JobType.REPORT, {"symbol": "GOLD"}, timing)
        saved = JobsService(self.database.for_user(user.id)).create(user, proposal, now=now)
        for column, value in options.items():
            self.execute(f"UPDATE job_schedules SET {column} = :value WHERE id = :id", value=value, id=saved.id)
        return saved

    def due_ago(self, schedule: Schedule, ago: timedelta) -> datetime:
        """Move a schedule's cursor into the past, to a whole minute."""
        cursor = (datetime.now(UTC) - ago).replace(second=0, microsecond=0)
        self.execute("UPDATE job_schedules SET next_run_at = :at WHERE id = :id", at=cursor, id=schedule.id)
        return cursor

    def all(self, query: str, **values: Any) -> list[Any]:
        with self._owner.connect() as connection:
            return list(connection.execute(text(query), values))

    def execute(self, statement: str, **values: Any) -> None:
        with self._owner.begin() as connection:
            connection.execute(text(statement), values)
