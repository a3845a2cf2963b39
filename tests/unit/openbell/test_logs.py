"""Logs: no secret on any way out, and the noisy library stays quiet."""

import json
import subprocess
import sys

import pytest

TOKEN = "123456789:AAE-a-token-for-tests"
PASSWORD = "correct-horse"
KEY = "0123456789abcdef0123456789abcdef"
HEAD = f"""
import logging, structlog
from openbell import logs
logs.configure("INFO", role="core", secrets=({KEY!r},))
log = structlog.get_logger()
address, token, key = "postgresql://owner:{PASSWORD}@db/x", {TOKEN!r}, {KEY!r}
"""
WAYS = {
    "in the event": "log.info(f'asking {address} with {token} and {key}')",
    "as a value": "log.info('asked', address=address, token=token, key=key)",
    "nested": "log.info('asked', all=[{'address': address}, (token, key)])",
    "as an object": "log.info('asked', error=ValueError(address + token + key))",
    "by the standard library": "logging.getLogger('x').warning('asking %s %s %s', address, token, key)",
    "in a Bot API address": "log.info(f'POST https://api.telegram.org/bot{token}/getMe {address} {key}')",
    "in a traceback": (
        "\ntry:\n    raise ValueError(address + ' ' + token + ' ' + key)\n"
        "except ValueError:\n    log.exception('broke')"
    ),
    "in a traceback of a library": (
        "\ntry:\n    raise ValueError(address + ' ' + token + ' ' + key)\n"
        "except ValueError:\n    logging.getLogger('x').exception('broke')"
    ),
}


def written_by(program: str) -> str:
    done = subprocess.run([sys.executable, "-c", HEAD + program], capture_output=True, text=True, check=True)
    return done.stdout + done.stderr


@pytest.mark.parametrize("way", WAYS)
def test_no_secret_leaves(way: str) -> None:
    said = written_by(WAYS[way])
    assert "***" in said
    assert not [secret for secret in (TOKEN, PASSWORD, KEY) if secret in said], said
    assert all(json.loads(line)["role"] == "core" for line in said.splitlines())


def test_what_is_no_secret_stays_readable() -> None:
    event = json.loads(
        written_by("log.info('run_finished', run_id=7, at='08:30:15', site='https://example.com/a:b@c')")
    )
    assert (event["event"], event["run_id"], event["at"]) == ("run_finished", 7, "08:30:15")
    assert event["site"] == "https://example.com/a:b@c"
    assert event["timestamp"].endswith("Z")


def test_httpx_says_nothing_below_a_warning() -> None:
    assert written_by("logging.getLogger('httpx').info('HTTP Request: POST /bot...')") == ""
    assert "slow" in written_by("logging.getLogger('httpx').warning('slow')")
