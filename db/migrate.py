"""Bring a database to the newest schema, as its owner: roles first, then Alembic, one migrator at a time."""

from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, make_url, text
from sqlalchemy.pool import NullPool

from db.roles import ensure_roles

MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"
LOCK_WITHIN = "120s"


def is_ours(_: Any, name: str | None, kind: str, reflected: bool, __: Any) -> bool:
    """Whether autogenerate should look at it: the monthly partitions are made by the database itself."""
    if kind == "table" and reflected and name is not None:
        return not (name.endswith("_default") or (name[-7:-6] == "p" and name[-6:].isdigit()))
    return True


def upgrade(owner_url: str, secret_key: str, revision: str = "head") -> int:
    """Create or repair the roles, migrate up to `revision`, and say how many migrations that took.

    Safe to call from several machines at once: the second waits for the first, then finds nothing to do.
    """
    engine = _owner(owner_url)
    with engine.connect() as connection:
        connection.execute(text(f"SET lock_timeout = '{LOCK_WITHIN}'"))
        connection.execute(text("SELECT pg_advisory_lock(hashtext('openbell:migrate'))"))
        connection.commit()
        ensure_roles(connection.connection.driver_connection, secret_key)
        connection.commit()
        before = _applied(connection)
        command.upgrade(_config(connection), revision)
        connection.commit()
        after = _applied(connection)
        connection.execute(text("SELECT pg_advisory_unlock(hashtext('openbell:migrate'))"))
        connection.commit()
    engine.dispose()
    return after - before


def downgrade(owner_url: str, revision: str = "base") -> None:
    """Migrate down to `revision`; what the later schema held is gone."""
    engine = _owner(owner_url)
    with engine.connect() as connection:
        command.downgrade(_config(connection), revision)
        connection.commit()
    engine.dispose()


def current_and_head(url: str | Any) -> tuple[str | None, str]:
    """The revision the database is at, and the newest one there is; `url` may be a role's own."""
    engine = create_engine(url, poolclass=NullPool, connect_args={"connect_timeout": 5})
    with engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    engine.dispose()
    return current, _script().get_current_head() or ""


def knows(revision: str) -> bool:
    """Whether this version of Openbell has that revision of the schema."""
    return any(each.revision == revision for each in _script().walk_revisions())


def _owner(url: str) -> Engine:
    address = make_url(url).set(drivername="postgresql+psycopg2")
    return create_engine(address, poolclass=NullPool, hide_parameters=True, connect_args={"connect_timeout": 5})


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    if connection is not None:
        config.attributes["connection"] = connection
    return config


def _script() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _applied(connection: Connection) -> int:
    current = MigrationContext.configure(connection).get_current_revision()
    connection.commit()
    return len(list(_script().iterate_revisions(current, "base"))) if current else 0
