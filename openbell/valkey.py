"""Embedded Valkey: a password, a private socket, an append-only file, and nothing evicted."""

import signal
from pathlib import Path
from urllib.parse import quote

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from openbell.data_dir import write_private
from openbell.places import socket_folder, valkey_binary
from openbell.processes import end, with_parent, working_in

USER = "openbell"
SOCKET = "valkey.sock"
COMMANDS = "+@all -@admin -@dangerous +keys +info"
"""The product's own: Dramatiq's script asks KEYS, doctor asks INFO; nobody reconfigures or empties the server."""


class Valkey:
    """One server with its files in `home`; the caller starts and ends its process."""

    name = "valkey"
    stop_signal: int = signal.SIGTERM  # writes the append-only file out, then ends
    program = "valkey-server"

    def __init__(self, home: Path, *, password: str, log: Path, commands: str = COMMANDS) -> None:
        self.home = home
        self.log = log
        self._password = password
        self._commands = commands
        self._data = home / "data"
        self._socket: Path | None = None

    @property
    def socket(self) -> Path:
        """The private socket."""
        if self._socket is None:
            self._socket = socket_folder(self.home, SOCKET) / SOCKET
        return self._socket

    def url(self, database: int = 0) -> str:
        """The product's address, with its password."""
        return f"unix://{USER}:{quote(self._password)}@{self.socket}?db={database}"

    def prepare(self) -> None:
        """Write the configuration and clear away what a crash left."""
        for folder in (self.home, self._data):
            folder.mkdir(mode=0o700, exist_ok=True)
        write_private(self.home / "valkey.conf", self._configuration())
        self.clear_leftovers()

    def command(self) -> list[str]:
        """The server's command line; it ends when this process ends."""
        return with_parent([str(valkey_binary()), str(self.home / "valkey.conf")], self.stop_signal)

    def ready(self, pid: int) -> bool:
        """Whether the server with `pid` answers and has read its file."""
        client = redis.Redis.from_url(self.url(), socket_timeout=1, retry=Retry(NoBackoff(), 0))
        try:
            return bool(client.info("server")["process_id"] == pid)
        except redis.RedisError:
            return False
        finally:
            client.close()

    def started(self) -> None:
        """Nothing is left to make."""

    def clear_leftovers(self) -> None:
        """End a server that an unclean stop left on these very files."""
        end(working_in(self._data, self.program), (signal.SIGTERM, 3.0), (signal.SIGKILL, 2.0))
        self.socket.unlink(missing_ok=True)

    def _configuration(self) -> str:
        lines = [
            "port 0",
            f'unixsocket "{self.socket}"',
            "unixsocketperm 700",
            f'dir "{self._data}"',
            "appendonly yes",
            "appendfsync everysec",
            'save ""',
            "maxmemory 256mb",
            "maxmemory-policy noeviction",
            "databases 16",
            "protected-mode yes",
            "daemonize no",
            "supervised no",
            "loglevel notice",
            "user default off",
            f"user {USER} on >{self._password} ~* &* {self._commands}",
        ]
        return "\n".join(lines) + "\n"
