"""Embedded PostgreSQL: a cluster of our own configuration, with passwords, on a private socket."""

import contextlib
import os
import shutil
import signal
import subprocess
from pathlib import Path

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import encrypt_password

from domain.errors import OpenbellError
from openbell.places import Account, give, naming_account, postgres_binaries, server_account, socket_folder
from openbell.processes import STDIN, end, with_parent, working_in

DATABASE = "openbell"
OWNER = "openbell_owner"
PORT = 5432
SOCKET = f".s.PGSQL.{PORT}"

CONFIGURATION = {
    "listen_addresses": "",
    "port": PORT,
    "unix_socket_permissions": "0700",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "max_connections": 60,
    "shared_buffers": "64MB",
    "work_mem": "8MB",
    "maintenance_work_mem": "64MB",
    "min_wal_size": "64MB",
    "max_wal_size": "512MB",
    "wal_compression": "on",
    "io_method": "sync",  # no processes of its own for a database of this size
    "jit": "off",
    "max_parallel_workers_per_gather": 0,
    "max_worker_processes": 4,
    "max_logical_replication_workers": 0,
    "autovacuum_max_workers": 2,
    "track_io_timing": "on",
    "log_min_messages": "warning",
    "log_min_error_statement": "panic",  # a failing statement may hold what people wrote
    "log_error_verbosity": "terse",
    "log_checkpoints": "off",
    "log_line_prefix": "%m [%p] %q%u ",
}
FORGETFUL = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "max_wal_size": "1GB"}
"""For throw-away clusters only: a crash of the machine destroys them."""


class ServerStartError(OpenbellError):
    """An embedded server did not start."""


class Postgres:
    """One cluster in `home`, which `account` owns; the caller starts and ends its process."""

    name = "postgres"
    stop_signal: int = signal.SIGINT  # fast shutdown: sessions end, nothing is lost
    program = "postgres"

    def __init__(
        self, home: Path, *, superuser_password: str, owner_password: str, log: Path, durable: bool = True
    ) -> None:
        self.home = home
        self.cluster = home / "cluster"
        self.log = log
        self.account: Account | None = server_account()
        self._passwords = {"postgres": superuser_password, OWNER: owner_password}
        self._durable = durable
        self._sockets: Path | None = None

    @property
    def sockets(self) -> Path:
        """The private folder of the socket."""
        if self._sockets is None:
            self._sockets = socket_folder(self.home, f"{SOCKET}.lock", self.account)
        return self._sockets

    @property
    def public_url(self) -> str:
        """Where the database is, without a user: each process adds its own role."""
        return f"postgresql:///{DATABASE}?host={self.sockets}&port={PORT}"

    @property
    def owner_url(self) -> str:
        """The schema owner's address, for migrations; no child gets it but by the file that a backup reads."""
        return f"postgresql://{OWNER}:{self._passwords[OWNER]}@/{DATABASE}?host={self.sockets}&port={PORT}"

    @property
    def superuser_url(self) -> str:
        """The superuser's address, for backups and repairs."""
        return f"postgresql://postgres:{self._passwords['postgres']}@/postgres?host={self.sockets}&port={PORT}"

    def prepare(self) -> None:
        """Make the cluster where there is none, write its configuration, clear away what a crash left."""
        self.home.mkdir(mode=0o700, exist_ok=True)
        if self.account:
            os.chown(self.home, self.account.uid, self.account.gid)
        if not (self.cluster / "PG_VERSION").exists():
            self._make_cluster()
        self._configure()
        self.clear_leftovers()

    def command(self) -> list[str]:
        """The server's command line; it ends by a fast shutdown when this process ends."""
        program = [str(postgres_binaries(self.account) / "postgres"), "-D", str(self.cluster)]
        return with_parent(program, self.stop_signal, str(self.account or "-"))

    def ready(self, pid: int) -> bool:
        """Whether the server with `pid` takes connections."""
        try:
            lines = (self.cluster / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except OSError:
            return False
        return len(lines) > 7 and lines[0].strip() == str(pid) and lines[7].strip() == "ready"

    def started(self) -> None:
        """Make the owner and its database where they are missing."""
        with contextlib.suppress(psycopg2.OperationalError):
            psycopg2.connect(self.owner_url).close()
            return
        connection = psycopg2.connect(self.superuser_url)
        connection.autocommit = True
        with contextlib.closing(connection), connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (OWNER,))
            verb = sql.SQL("ALTER" if cursor.fetchone() else "CREATE")
            hidden = encrypt_password(self._passwords[OWNER], OWNER, connection, "scram-sha-256")
            role = sql.SQL("{} ROLE {} LOGIN CREATEROLE NOSUPERUSER PASSWORD {}")
            cursor.execute(role.format(verb, sql.Identifier(OWNER), sql.Literal(hidden)))
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,))
            if not cursor.fetchone():
                made = sql.SQL("CREATE DATABASE {} OWNER {}")
                cursor.execute(made.format(sql.Identifier(DATABASE), sql.Identifier(OWNER)))

    def clear_leftovers(self) -> None:
        """End processes that an unclean stop left on this very cluster, and the lock files they left."""
        still = end(
            working_in(self.cluster, self.program),
            (signal.SIGINT, 4.0),
            (signal.SIGQUIT, 1.0),
            (signal.SIGKILL, 2.0),
        )
        if still:
            raise ServerStartError(
                f"PostgreSQL processes {', '.join(str(process.pid) for process in still)} still hold {self.cluster} "
                "and do not end; end them, then start again."
            )
        for stale in (self.cluster / "postmaster.pid", self.sockets / SOCKET, self.sockets / f"{SOCKET}.lock"):
            stale.unlink(missing_ok=True)

    def _make_cluster(self) -> None:
        """Run initdb beside the final place, so that a half-made cluster is never taken for one."""
        unfinished = self.home / "cluster.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        maker = naming_account(self.account) if self.account else None
        workshop = self.home / "initdb"
        shutil.rmtree(workshop, ignore_errors=True)
        workshop.mkdir(mode=0o700)
        password = workshop / "password"
        password.write_text(self._passwords["postgres"] + "\n", encoding="utf-8")
        password.chmod(0o600)
        if maker:
            give(workshop, maker)
            os.chown(self.home, maker.uid, maker.gid)
        self._initdb(workshop / "cluster", password, maker)
        password.unlink()
        if self.account:
            give(self.home, self.account)
        (workshop / "cluster").rename(self.cluster)
        workshop.rmdir()

    def _initdb(self, target: Path, password: Path, maker: Account | None) -> None:
        options = [
            f"--pgdata={target}",
            "--username=postgres",
            f"--pwfile={password}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--data-checksums",
            "--no-instructions",
            *([] if self._durable else ["--no-sync"]),
        ]
        program = [str(postgres_binaries(self.account) / "initdb"), *options]
        done = subprocess.run(
            with_parent(program, signal.SIGKILL, str(maker or "-")),
            capture_output=True,
            text=True,
            stdin=STDIN,
            cwd="/",
            env={"PATH": os.defpath, "LC_ALL": "C"},
            check=False,
        )
        if done.returncode != 0:
            said = (done.stderr or done.stdout).strip().splitlines()
            raise ServerStartError(
                f"PostgreSQL could not make its cluster in {self.home}: {said[-1] if said else 'no reason given'}"
            )

    def _configure(self) -> None:
        values = CONFIGURATION | ({} if self._durable else FORGETFUL) | {"unix_socket_directories": self.sockets}
        lines = [f"{name} = '{str(value).replace(chr(39), chr(39) * 2)}'\n" for name, value in values.items()]
        self._write("postgresql.conf", "".join(lines))
        self._write("pg_hba.conf", "local all all scram-sha-256\n")

    def _write(self, name: str, text: str) -> None:
        path = self.cluster / name
        path.write_text(text, encoding="utf-8")
        path.chmod(0o600)
        if self.account:
            os.chown(path, self.account.uid, self.account.gid)
