"""The throw-away servers that other tests stand on."""

import json
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg2
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from openbell.processes import wait_until
from tests.servers import TestServers


def test_an_empty_database_belongs_to_the_owner_role(empty_database_url: str) -> None:
    connection = psycopg2.connect(empty_database_url)
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user, rolsuper, rolcreaterole FROM pg_roles WHERE rolname = current_user")
        assert cursor.fetchone() == ("openbell_owner", False, True)
    connection.close()


def test_a_wrong_password_is_refused(servers: TestServers) -> None:
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        psycopg2.connect(servers.owner_url.replace("throwaway-owner", "wrong"))


def test_statements_of_failing_queries_stay_out_of_the_log(servers: TestServers) -> None:
    connection = psycopg2.connect(servers.superuser_url)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name, setting FROM pg_settings WHERE name IN ('log_min_error_statement', 'listen_addresses')"
        )
        assert dict(cursor.fetchall()) == {"log_min_error_statement": "panic", "listen_addresses": ""}
    connection.close()


def test_valkey_refuses_strangers_and_administration(valkey_url: str) -> None:
    client = redis.Redis.from_url(valkey_url)
    assert client.ping()
    with pytest.raises(redis.exceptions.NoPermissionError):
        client.config_set("maxmemory", "1")
    path = valkey_url.split("@")[1].split("?")[0]
    with pytest.raises(redis.exceptions.AuthenticationError):
        redis.Redis(unix_socket_path=path, retry=Retry(NoBackoff(), 0)).ping()


def test_a_call_to_the_outside_fails_the_test() -> None:
    with pytest.raises(pytest.fail.Exception, match=r"tried to reach 192\.0\.2\.1"):
        socket.create_connection(("192.0.2.1", 80), timeout=0.1)


def test_a_run_that_is_killed_leaves_no_servers_and_no_folder() -> None:
    folder = Path(tempfile.mkdtemp(prefix="openbell-"))
    folder.chmod(0o711)
    run = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    keeper = subprocess.Popen(
        [sys.executable, "-m", "tests.servers", str(folder), str(run.pid)], cwd=Path(__file__).parents[3]
    )
    try:
        told = folder / "servers.json"
        assert wait_until(told.exists, 60)
        sockets = Path(json.loads(told.read_text(encoding="utf-8"))["sockets"])
        assert any(sockets.iterdir())
        os.kill(run.pid, 9)
        run.wait(10)
        assert keeper.wait(30) == 0
        assert not folder.exists()
        assert not sockets.exists() or not any(sockets.iterdir())
    finally:
        for process in (run, keeper):
            process.kill()
            process.wait(10)
