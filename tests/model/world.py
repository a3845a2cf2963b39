"""A database whose clock the test moves, and what is seen of it: every change of a run's row, as it happened.

The product's SQL asks `now()`; a schema in front of `pg_catalog` answers with the test's own reading, and everything
else stays as it is. Triggers note each change of a run, so that nothing between two looks is missed.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, create_engine, make_url, text

from db.engine import Database
from domain.users import User

CLOCK = """
CREATE SCHEMA clock;
CREATE TABLE clock.reading (at timestamptz NOT NULL);
INSERT INTO clock.reading VALUES (pg_catalog.now());
CREATE FUNCTION clock.now() RETURNS timestamptz STABLE LANGUAGE sql AS 'SELECT at FROM clock.reading';
CREATE FUNCTION clock.clock_timestamp() RETURNS timestamptz VOLATILE LANGUAGE sql AS 'SELECT at FROM clock.reading';
CREATE TABLE clock.trail (
    n BIGINT GENERATED ALWAYS AS IDENTITY, run_id BIGINT NOT NULL, was JSONB, became JSONB NOT NULL,
    at timestamptz NOT NULL);
CREATE FUNCTION clock.note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO clock.trail (run_id, was, became, at)
    VALUES (NEW.id, CASE WHEN TG_OP = 'UPDATE' THEN to_jsonb(OLD) END, to_jsonb(NEW), clock.now());
    RETURN NULL;
END $$;
CREATE TRIGGER note AFTER INSERT OR UPDATE ON public.job_schedule_runs FOR EACH ROW EXECUTE FUNCTION clock.note();
GRANT USAGE ON SCHEMA clock TO PUBLIC;
GRANT SELECT ON clock.reading TO PUBLIC;
"""
FRONT = "ALTER DATABASE {} SET search_path = clock, pg_catalog, public"
EMPTY = "DELETE FROM clock.trail; DELETE FROM msg_messages; DELETE FROM job_schedule_runs; DELETE FROM job_schedules"


class World:
    """One database with a clock of its own, and the eyes of its owner."""

    def __init__(self, database_url: str, owner_url: str, secret_key: str) -> None:
        self._owner = _owner(owner_url)
        with self._owner.begin() as connection:
            connection.execute(text(CLOCK))
            connection.execute(text(FRONT.format(make_url(owner_url).database)))
        self._owner.dispose()  # to connect anew, behind the clock
        self.database = Database.connect(database_url, secret_key, pool_size=4, on_loop="raise")
        self.now = datetime.now(UTC)
        self._seen = 0

    def close(self) -> None:
        self.database.close()
        self._owner.dispose()

    def begin_anew(self) -> None:
        """No schedules, no runs, half a minute past noon."""
        with self._owner.begin() as connection:
            connection.execute(text(EMPTY))
        self._seen = 0
        noon = datetime.now(UTC).replace(hour=12, minute=0, second=30, microsecond=0)
        self.step(noon - self.now)

    def step(self, by: timedelta) -> None:
        """Move the database's clock."""
        self.now += by
        with self._owner.begin() as connection:
            connection.execute(text("UPDATE clock.reading SET at = :at"), {"at": self.now})

    def person(self, number: int) -> User:
        with self.database.for_platform() as uow:
            row = uow.users.ensure_email(f"person{number}@example.com")
            row.role, row.verified_at = "admin", self.now
            uow.users.link(row.id, "telegram", str(1000 + number), chat_id=1000 + number)
            uow.commit()
            return row.view()

    def all(self, question: str, **values: Any) -> Sequence[Any]:
        with self._owner.connect() as connection:
            return connection.execute(text(question), values).all()

    def changes(self) -> Sequence[Any]:
        """What happened to runs since the last look, in order: (run_id, was, became, at)."""
        found = self.all(
            "SELECT n, run_id, was, became, at FROM clock.trail WHERE n > :seen ORDER BY n", seen=self._seen
        )
        if found:
            self._seen = found[-1].n
        return found


def _owner(url: str) -> Engine:
    return create_engine(make_url(url).set(drivername="postgresql+psycopg2"), isolation_level="AUTOCOMMIT")


def instant(row: Mapping[str, Any], column: str) -> datetime | None:
    """A time out of a noted row."""
    return datetime.fromisoformat(row[column]) if row[column] is not None else None
