"""A restored database takes the place of the present one: filled beside it, settled, then swapped in by its name."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2 import errors, sql
from sqlalchemy import make_url

from db import dumps
from db.migrate import current_and_head, knows, upgrade
from db.roles import ensure_roles
from domain import runs
from domain.errors import GiveUp, OpenbellError
from domain.messages import DeliveryStatus

_OTHERS = """
    SELECT DISTINCT coalesce(nullif(application_name, ''), 'unnamed') || ' as ' || usename FROM pg_stat_activity
    WHERE datname = %s AND pid <> pg_backend_pid() AND backend_type = 'client backend' ORDER BY 1
"""
_LIKE = """
    SELECT pg_encoding_to_char(encoding), datlocprovider, datcollate, datctype, datlocale, datacl IS NOT NULL
    FROM pg_database WHERE datname = %s
"""
_GRANTS = """
    SELECT privilege_type, CASE grantee WHEN 0 THEN NULL ELSE pg_get_userbyid(grantee) END
    FROM pg_database, aclexplode(datacl) WHERE datname = %s
"""
_CONFIGURED = """
    SELECT unnest(setconfig) FROM pg_db_role_setting JOIN pg_database ON oid = setdatabase
    WHERE setrole = 0 AND datname = %s
"""
_CANCEL = """
    UPDATE job_schedule_runs
    SET status = %(cancelled)s, token = token + 1, finished_at = now(), lease_until = NULL, error = %(why)s,
        events = events || jsonb_build_object('at', now(), 'what', 'cancelled', 'by', 'openbell restore', 'was', status)
    WHERE status = ANY (%(sources)s)
"""
_EXPIRE = """
    UPDATE msg_delivery_status SET status = %(expired)s, lease_until = NULL, fence = fence + 1, error = %(why)s
    WHERE status = ANY (%(waiting)s)
"""
_COUNTERS = "SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'public' AND last_value IS NOT NULL"
_WAITING = [DeliveryStatus.QUEUED.value, DeliveryStatus.SENDING.value]


class InUse(GiveUp):
    """Processes are connected to the database."""


@dataclass(frozen=True)
class Restored:
    """What is in place now, and under which name the database of before lies aside."""

    database: str
    aside: str
    tables: int
    cancelled_runs: int
    expired_messages: int
    migrations: int

    def as_dict(self) -> dict[str, str | int]:
        return dict(vars(self))


def restore(path: Path, *, admin_url: str, owner_url: str, secret_key: str, now: datetime) -> Restored:
    """Put the backup in place of the database at `owner_url`; until the last step nothing of the present one changes.

    `admin_url` is of a role that may make databases, at another database of the same server. Roles keep their
    passwords and grants. InUse when somebody is connected; BadDump when the file does not hold what it should.
    """
    tables = _checked(path)
    name = make_url(owner_url).database or ""
    owner = make_url(owner_url).username or ""
    fresh, aside = f"{name[:40]}_restoring", f"{name[:40]}_before_{now.astimezone(UTC):%Y%m%dT%H%M%S}"
    with _administering(admin_url) as cursor:
        _refuse_if_used(cursor, name)
        _make_like(cursor, fresh, name, owner)
        try:
            cancelled, expired, migrations = _fill(path, owner_url, fresh, secret_key)
            _swap(cursor, name, fresh, aside)
        except BaseException:
            cursor.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(fresh)))
            raise
    return Restored(name, aside, tables, cancelled, expired, migrations)


def _checked(path: Path) -> int:
    expected = dumps.expected_checksum(path)
    if expected is not None and expected != dumps.checksum(path):
        raise dumps.BadDump(f"{path.name} is not what it was when it was made: its SHA-256 differs. Take another one.")
    return dumps.contents(path)


@contextmanager
def _administering(url: str) -> Iterator[Any]:
    address = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    try:
        connection = psycopg2.connect(address, connect_timeout=10)
    except psycopg2.OperationalError as problem:
        raise OpenbellError(f"The database server does not answer: {str(problem).strip()}") from problem
    connection.autocommit = True
    with closing(connection), connection.cursor() as cursor:
        yield cursor


def _refuse_if_used(cursor: Any, name: str) -> None:
    cursor.execute(_OTHERS, (name,))
    if found := [who for (who,) in cursor.fetchall()]:
        raise InUse(
            f"{len(found)} kinds of processes are connected to the database {name}: {', '.join(found)}. "
            "Stop every Openbell process that uses it, then restore again."
        )


def _make_like(cursor: Any, fresh: str, name: str, owner: str) -> None:
    """An empty database with the encoding, the order of letters, the settings and the grants of the present one."""
    cursor.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(fresh)))
    cursor.execute(_LIKE, (name,))
    found = cursor.fetchone()
    if found is None:
        raise OpenbellError(f"There is no database {name} on that server. Make it first: openbell db upgrade")
    encoding, provider, collate, ctype, locale, granted = found
    made = sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING {} LC_COLLATE {} LC_CTYPE {}").format(
        sql.Identifier(fresh), sql.Identifier(owner), *map(sql.Literal, (encoding, collate, ctype))
    )
    if provider != "c":
        kind, option = ("icu", "ICU_LOCALE") if provider == "i" else ("builtin", "BUILTIN_LOCALE")
        made += sql.SQL(f" LOCALE_PROVIDER {kind} {option} ") + sql.Literal(locale)
    try:
        cursor.execute(made)
    except errors.InsufficientPrivilege as problem:
        raise GiveUp(
            f"The role {owner} may not make databases, which a restore needs. Allow it, as a superuser: "
            f'ALTER ROLE "{owner}" CREATEDB'
        ) from problem
    _copy_rights(cursor, fresh, name, granted=granted)


def _copy_rights(cursor: Any, fresh: str, name: str, *, granted: bool) -> None:
    target = sql.Identifier(fresh)
    if granted:
        cursor.execute(_GRANTS, (name,))
        rights = cursor.fetchall()
        cursor.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(target))
        for right, role in rights:
            whom = sql.Identifier(role) if role is not None else sql.SQL("PUBLIC")
            cursor.execute(sql.SQL("GRANT {} ON DATABASE {} TO {}").format(sql.SQL(right), target, whom))
    cursor.execute(_CONFIGURED, (name,))
    for (setting,) in cursor.fetchall():
        key, _, value = setting.partition("=")
        cursor.execute(sql.SQL("ALTER DATABASE {} SET {} = {}").format(target, sql.Identifier(key), sql.Literal(value)))


def _fill(path: Path, owner_url: str, fresh: str, secret_key: str) -> tuple[int, int, int]:
    """The backup's rows, migrated, with nothing under way: runs cancelled, messages expired, migrations applied."""
    url = make_url(owner_url).set(drivername="postgresql", database=fresh).render_as_string(hide_password=False)
    with closing(psycopg2.connect(url, connect_timeout=10)) as connection, connection:
        ensure_roles(connection, secret_key)
    dumps.restore(url, path)
    revision, head = current_and_head(make_url(url).set(drivername="postgresql+psycopg2"))
    if revision is None or not knows(revision):
        raise dumps.BadDump(
            f"{path.name} was made by a newer Openbell (schema {revision}, this one knows up to {head}). "
            "Upgrade Openbell, then restore."
        )
    migrations = upgrade(url, secret_key)
    with closing(psycopg2.connect(url, connect_timeout=10)) as connection, connection, connection.cursor() as cursor:
        cancelled, expired = _settle(cursor)
        _carry_counters_on(cursor, owner_url)
    return cancelled, expired, migrations


def _settle(cursor: Any) -> tuple[int, int]:
    """End what was under way when the backup was made: it went on then, and must not be done or sent once more."""
    why = "the database was restored from a backup that was made while this was under way"
    sources = [source.value for source in runs.CANCEL.sources]
    cursor.execute(_CANCEL, {"cancelled": runs.CANCEL.target.value, "why": why, "sources": sources})
    cancelled = cursor.rowcount
    cursor.execute(_EXPIRE, {"expired": DeliveryStatus.EXPIRED.value, "why": why, "waiting": _WAITING})
    return cancelled, cursor.rowcount


def _carry_counters_on(cursor: Any, present_url: str) -> None:
    """No number is given out a second time: bells and buttons that still know the old ones must find nothing."""
    present = make_url(present_url).set(drivername="postgresql").render_as_string(hide_password=False)
    with closing(psycopg2.connect(present, connect_timeout=10)) as connection, connection.cursor() as looking:
        looking.execute(_COUNTERS)
        before = dict(looking.fetchall())
    cursor.execute("SELECT sequencename, coalesce(last_value, 0) FROM pg_sequences WHERE schemaname = 'public'")
    for name, reached in cursor.fetchall():
        if before.get(name, 0) > reached:
            cursor.execute("SELECT setval(quote_ident(%s)::regclass, %s)", (name, before[name]))


def _swap(cursor: Any, name: str, fresh: str, aside: str) -> None:
    """Both names change in one transaction, or neither."""
    rename = sql.SQL("ALTER DATABASE {} RENAME TO {}")
    try:
        cursor.execute("BEGIN")
        cursor.execute(rename.format(sql.Identifier(name), sql.Identifier(aside)))
        cursor.execute(rename.format(sql.Identifier(fresh), sql.Identifier(name)))
        cursor.execute("COMMIT")
    except psycopg2.Error as problem:
        cursor.execute("ROLLBACK")
        if not isinstance(problem, errors.ObjectInUse):
            raise
        raise InUse(
            f"Somebody connected to the database {name} meanwhile, so it stayed as it was. "
            "Stop every Openbell process that uses it, then restore again."
        ) from problem
