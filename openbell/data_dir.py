"""DATA_DIR: what lies where, and who may read it."""

import fcntl
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from domain.errors import OpenbellError


class DataDirUnusableError(OpenbellError):
    """The data directory cannot be used."""


class DataDir:
    """The layout below DATA_DIR; every file with a secret is readable by its owner alone."""

    def __init__(self, root: Path) -> None:
        self.root = Path(os.path.abspath(root))  # noqa: PTH100 - a link in the path stays as the person wrote it
        self.run = self.root / "run"
        self.logs = self.root / "logs"
        self.secrets = self.root / "secrets"
        self.secret_key = self.root / "secret_key"
        self.environment = self.run / "environment.json"
        self.processes = self.run / "processes.json"

    def make(self) -> None:
        """Make the folders that are missing; an unusable place is said in a sentence."""
        try:
            if not self.root.exists():
                self.root.mkdir(parents=True)
                # As root the database server is another account and passes through; the folders inside are closed.
                self.root.chmod(0o711 if os.geteuid() == 0 else 0o700)
            for folder in (self.run, self.logs, self.secrets):
                folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as problem:
            raise DataDirUnusableError(
                f"DATA_DIR is {self.root}, which cannot be used ({problem.strerror}); "
                "name a folder you may write to, as in DATA_DIR=~/.openbell"
            ) from problem

    def secret(self, name: str, make: Callable[[], str] = lambda: secrets.token_urlsafe(24)) -> str:
        """The secret kept under `name`, made at its first use."""
        return kept_secret(self.secret_key if name == "secret_key" else self.secrets / name, make)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the data directory for this process alone; a second one is refused with the holder's process id."""
        self.make()
        with (self.run / "lock").open("a+", encoding="ascii") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as problem:
                lock.seek(0)
                holder = lock.read().strip() or "unknown"
                raise DataDirUnusableError(
                    f"Openbell already runs on {self.root} (process {holder}); "
                    "stop that one first, or name another folder in DATA_DIR."
                ) from problem
            lock.seek(0)
            lock.truncate()
            lock.write(str(os.getpid()))
            lock.flush()
            yield
            lock.truncate(0)


def kept_secret(path: Path, make: Callable[[], str]) -> str:
    """The secret in `path`, made once; the file appears whole or not at all."""
    if not path.exists():
        write_private(path, make() + "\n")
    return path.read_text(encoding="utf-8").strip()


def write_private(path: Path, text: str) -> None:
    """Write `text` so that only this account reads it, and replace the old file in one step."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.unlink(missing_ok=True)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
