"""`openbell backup` and `openbell restore`: a verified dump now, and a dump in place of the present database."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy import make_url

from db import dumps, restoring
from db.dumps import Dump
from db.restoring import Restored
from domain.errors import NotFound
from openbell.data_dir import DataDir
from openbell.instance import owner_url, secret_key
from openbell.servers import embedded_servers, start
from openbell.settings import Settings

KEPT = 14


def folder_of(settings: Settings) -> Path:
    """Where backups lie."""
    return DataDir(settings.data_dir).root / "backups"


def backup(settings: Settings, keep: int = KEPT) -> Dump:
    """Dump the running instance's database, verified, and keep the newest `keep` ones."""
    return dumps.make(owner_url(settings), folder_of(settings), kept=keep, now=datetime.now(UTC))


def listed(settings: Settings) -> list[dict[str, str | int | None]]:
    """The backups that are there, newest first."""
    return [
        {"file": str(path), "bytes": path.stat().st_size, "sha256": dumps.expected_checksum(path)}
        for path in dumps.kept_in(folder_of(settings))
    ]


def restore(settings: Settings, wanted: str) -> Restored:
    """Put a backup in place of the database; the embedded server is started for it, and must not be in use."""
    path = find(settings, wanted)
    dumps.contents(path)  # a wrong file is refused before anything is started
    with _server(settings) as (admin, owner):
        return restoring.restore(
            path, admin_url=admin, owner_url=owner, secret_key=_key(settings), now=datetime.now(UTC)
        )


def find(settings: Settings, wanted: str) -> Path:
    """The backup by its path, its name in DATA_DIR/backups, or `latest`; NotFound names the newest ones."""
    kept = dumps.kept_in(folder_of(settings))
    if wanted == "latest" and kept:
        return kept[0]
    for path in (Path(wanted).expanduser(), folder_of(settings) / wanted):
        if path.is_file():
            return path.resolve()
    names = ", ".join(path.name for path in kept[:3])
    there = f"The newest in {folder_of(settings)} are {names}." if kept else f"{folder_of(settings)} holds none."
    raise NotFound(f"There is no backup {wanted}. {there}")


@contextmanager
def _server(settings: Settings) -> Iterator[tuple[str, str]]:
    """The addresses of who may make databases and of the owner: on a server of one's own, or on the embedded one."""
    given = settings.db_url.get_secret_value() if settings.db_url is not None else ""
    if urlsplit(given).username:
        yield make_url(given).set(database="postgres").render_as_string(hide_password=False), given
        return
    data = DataDir(settings.data_dir)
    with data.locked():  # refuses while `openbell up` runs
        postgres, _ = embedded_servers(data)
        postgres.prepare()
        running = start(postgres)
        try:
            yield postgres.superuser_url, postgres.owner_url
        finally:
            running.stop()


def _key(settings: Settings) -> str:
    """The instance's key; on a new machine the one that its first start would make."""
    given = settings.db_url.get_secret_value() if settings.db_url is not None else ""
    if settings.secret_key is None and not urlsplit(given).username:
        return DataDir(settings.data_dir).secret("secret_key", lambda: secrets.token_hex(32))
    return secret_key(settings)
