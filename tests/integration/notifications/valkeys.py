"""A Valkey of a test's own, to be stopped, started again and frozen."""

import contextlib
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

from openbell.servers import Running, start
from openbell.valkey import COMMANDS, Valkey


class OwnValkey:
    """A server with the product's configuration."""

    def __init__(self, folder: Path) -> None:
        self.valkey = Valkey(
            folder / "valkey", password="throwaway", log=folder / "valkey.log", commands=f"{COMMANDS} +flushall"
        )
        self.valkey.prepare()
        self.running: Running = start(self.valkey)
        self.url = self.valkey.url()

    def stop(self) -> None:
        self.running.stop()

    def start(self) -> None:
        self.valkey.prepare()
        self.running = start(self.valkey)

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        os.kill(self.running.process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.running.process.pid, signal.SIGCONT)


@contextlib.contextmanager
def own_valkey() -> Iterator[OwnValkey]:
    folder = Path(tempfile.mkdtemp(prefix="openbell-"))
    server = OwnValkey(folder)
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
