"""From another terminal or machine to a running instance: its settings, its database, its owner."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from domain.errors import OpenbellError
from openbell.data_dir import DataDir
from openbell.settings import Settings, SettingsError

if TYPE_CHECKING:
    from db.engine import Database

TELEGRAM_ROLES = {"core", "bot", "notifications"}


class NotRunningError(OpenbellError):
    """Openbell does not run here."""


def needed_by(role: str, settings: Settings) -> None:
    """Refuse to start a role without what it cannot do without; every missing variable is named at once."""
    needed = {"DB_URL": settings.db_url, "REDIS_URL": settings.redis_url, "SECRET_KEY": settings.secret_key}
    if role in TELEGRAM_ROLES:
        needed["TELEGRAM_TOKEN"] = settings.telegram_token
    missing = [name for name, value in needed.items() if value is None]
    if missing:
        raise SettingsError(
            f"{role} needs {', '.join(missing)}; nothing that runs on {DataDir(settings.data_dir).root} provides "
            f"{'it' if len(missing) == 1 else 'them'}. Start `openbell up` first, or set {missing[0]}."
        )


def database_url(settings: Settings) -> str:
    """The database's address; NotRunningError when there is none."""
    if settings.db_url is None:
        raise NotRunningError(
            f"Nothing runs on {DataDir(settings.data_dir).root} and DB_URL is not set; "
            "start `openbell up` in another terminal, or set DB_URL."
        )
    return settings.db_url.get_secret_value()


def secret_key(settings: Settings) -> str:
    """The key of this instance."""
    if settings.secret_key:
        return settings.secret_key.get_secret_value()
    kept = DataDir(settings.data_dir).secret_key
    if not kept.exists():
        raise NotRunningError("SECRET_KEY is not set and none is kept in DATA_DIR; set the one your instance uses.")
    return kept.read_text(encoding="utf-8").strip()


def owner_url(settings: Settings) -> str:
    """The schema owner's address: DB_URL itself when it names a user, else the embedded server's."""
    given = database_url(settings)
    if urlsplit(given).username:
        return given
    from openbell.servers import embedded_servers

    data = DataDir(settings.data_dir)
    if not (data.secrets / "postgres_owner").exists():
        raise SettingsError(
            "DB_URL names no user; migrations need the schema's owner. "
            "Example: DB_URL=postgresql://openbell_owner:password@db.example.com/openbell"
        )
    return embedded_servers(data)[0].owner_url


def app_url(settings: Settings) -> str:
    """The address as the role that sees only one user's rows."""
    from db.engine import role_url
    from db.roles import APP

    url = role_url(database_url(settings), APP, secret_key(settings))
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


def migrate(settings: Settings) -> int:
    """Bring the schema to its head; how many migrations that took."""
    from sqlalchemy.exc import DBAPIError

    from db.migrate import upgrade

    try:
        return upgrade(owner_url(settings), secret_key(settings))
    except DBAPIError as problem:
        raise OpenbellError(_why(problem)) from problem


@contextlib.contextmanager
def connected(settings: Settings) -> Iterator["Database"]:
    """The instance's database for the block; a server that cannot be reached is said in a sentence."""
    from sqlalchemy.exc import OperationalError

    from db.engine import Database

    database = Database.connect(database_url(settings), secret_key(settings), pool_size=1)
    try:
        yield database
    except OperationalError as problem:
        raise OpenbellError(_why(problem)) from problem
    finally:
        database.close()


def _why(problem: Exception) -> str:
    reason = str(getattr(problem, "orig", None) or problem).strip().splitlines()
    why = reason[0] if reason else "no reason given"
    return f"The database refused: {why}. Check DB_URL, or whether `openbell up` runs."


def open_psql(url: str) -> None:
    """Become psql, the embedded server's own or the system's; it asks nothing more."""
    from openbell.places import postgres_binaries

    own = postgres_binaries(None) / "psql"
    program = str(own) if own.exists() else shutil.which("psql")
    if program is None:
        raise OpenbellError("psql is not installed; any PostgreSQL client can use the address of: openbell db url")
    os.execv(program, [program, url])  # noqa: S606 - the point of the command
