"""The sandbox as a command: its addresses, its end, and what survives kill -9."""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from telegram import Bot

from tests.integration.sandbox.conftest import TOKEN

ROOT = Path(__file__).parents[3]


@contextmanager
def started(folder: Path, *more: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    port_file = folder / "ports.json"
    port_file.unlink(missing_ok=True)
    command = [sys.executable, "-m", "sandbox", "--http", "127.0.0.1:0", "--smtp", "127.0.0.1:0"]
    command += ["--data", str(folder / "data"), "--port-file", str(port_file), *more]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        until = time.monotonic() + 20
        while not port_file.exists() and process.poll() is None and time.monotonic() < until:
            time.sleep(0.01)
        address = json.loads(port_file.read_text())["http"] if port_file.exists() else ""
        yield process, f"http://{address}"
    finally:
        process.kill()
        process.communicate()


async def test_kill_9_loses_no_message_and_no_update(tmp_path: Path) -> None:
    with started(tmp_path, "--token", TOKEN) as (process, root):
        async with httpx.AsyncClient(base_url=root) as http:
            person = (await http.get("/api/state")).json()["people"][0]["id"]
            await http.post(f"/api/chats/{person}/send", json={"text": "/start abc"})
        process.send_signal(signal.SIGKILL)
        process.wait(5)
    with started(tmp_path, "--token", TOKEN) as (process, root):
        async with Bot(TOKEN, f"{root}/bot") as bot:
            (update,) = await bot.get_updates()
        assert update.message
        assert update.message.text == "/start abc"


async def test_sigterm_ends_it_at_once_also_with_polls_and_pages_open(tmp_path: Path) -> None:
    with started(tmp_path, "--token", TOKEN) as (process, root):
        async with httpx.AsyncClient(base_url=root) as http, http.stream("GET", "/api/events") as page:
            assert page.status_code == 200
            asked = time.monotonic()
            process.send_signal(signal.SIGTERM)
            code = process.wait(5)
        assert code == 0
        assert time.monotonic() - asked < 2


def test_without_a_token_one_is_made_kept_and_printed(tmp_path: Path) -> None:
    printed = []
    for _ in range(2):
        with started(tmp_path) as (process, _root):
            process.send_signal(signal.SIGTERM)
            out, _err = process.communicate(timeout=5)
            printed.append(out.strip())
    assert printed[0] == printed[1]
    assert printed[0].startswith("token ")


def test_a_taken_port_is_told_in_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with started(tmp_path, "--http", f"127.0.0.1:{port}") as (process, _root):
            _out, err = process.communicate(timeout=10)
    assert process.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in err
    assert len(err.splitlines()) == 1
