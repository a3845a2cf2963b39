"""Is this process alive, and can the instance work? After the health draft: pass, warn, fail, and each component."""

import time
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from db.engine import Database
from domain.health import NEEDED, ROLES, Status, key_of
from services.health import ComponentHealth, HealthService
from web.sharing import Shared

WITHIN_S = 3.0
FRESH_S = 1.0
PASS, WARN, FAIL = "pass", "warn", "fail"  # the draft's words
WORDS = {Status.HEALTHY: PASS, Status.DEGRADED: WARN, Status.DOWN: FAIL, Status.UNKNOWN: WARN}
NOTES = {
    Status.DEGRADED: "it works, with trouble",
    Status.DOWN: "it does not work",
    Status.UNKNOWN: "it has been silent for too long",
}


class HealthJson(JSONResponse):
    media_type = "application/health+json"


@dataclass(frozen=True)
class Check:
    """One line of the answer; `needed` ones decide over 200 or 503."""

    name: str
    status: str
    kind: str
    measured: float | None = None
    unit: str = ""
    note: str = ""
    needed: bool = False

    def as_dict(self, now: str) -> dict[str, Any]:
        told = {
            "status": self.status, "componentType": self.kind, "observedValue": self.measured,
            "observedUnit": self.unit, "output": self.note, "time": now,
        }  # fmt: skip
        return {name: value for name, value in told.items() if value not in (None, "")}


class Health:
    """The two answers; the second looks at the servers at most once a second, however many ask."""

    def __init__(self, database: Database, valkey_url: str, version: str, pool: Executor) -> None:
        self._version = version
        self._rows = Shared(lambda: _timed(HealthService(database.for_platform()).current), pool, FRESH_S)
        self._ping = Shared(lambda: _timed(lambda: ping(valkey_url)), pool, FRESH_S)

    async def alive(self, _: Request) -> Response:
        """This process answers; it looks at nothing else."""
        return HealthJson({"status": PASS, "releaseId": self._version})

    async def ready(self, _: Request) -> Response:
        """Whether everything needed works: 200 with pass or warn, 503 with fail."""
        checks = [await self._valkey()]
        database, rows = await self._database()
        checks = [database, *checks, *_beats(rows)]
        status = _worst(checks)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        told = {each.name: [each.as_dict(now)] for each in checks}
        answer = {"status": status, "releaseId": self._version, "serviceId": "openbell", "checks": told}
        return HealthJson(answer, 503 if status == FAIL else 200)

    async def _database(self) -> tuple[Check, list[ComponentHealth]]:
        try:
            rows, took = await self._rows.get(WITHIN_S)
        except Exception as problem:  # noqa: BLE001  # whatever it is, the answer is that it does not work
            return _server("database", "datastore", note=_why(problem)), []
        return _server("database", "datastore", took), rows

    async def _valkey(self) -> Check:
        try:
            _, took = await self._ping.get(WITHIN_S)
        except Exception as problem:  # noqa: BLE001  # as above
            return _server("valkey", "datastore", note=_why(problem))
        return _server("valkey", "datastore", took)


def ping(valkey_url: str) -> None:
    """Raise unless Valkey answers."""
    client = redis.Redis.from_url(
        valkey_url, socket_timeout=WITHIN_S, socket_connect_timeout=WITHIN_S, retry=Retry(NoBackoff(), 0)
    )
    with closing(client):
        client.ping()


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    begun = time.monotonic()
    return work(), time.monotonic() - begun


def _why(problem: Exception) -> str:
    """No word of the server's own: it may name hosts and accounts."""
    return f"no answer within {WITHIN_S:.0f} s" if isinstance(problem, TimeoutError) else "it cannot be reached"


def _server(name: str, kind: str, took: float | None = None, note: str = "") -> Check:
    measured = None if took is None else round(took * 1000, 1)
    return Check(f"{name}:responseTime", FAIL if note else PASS, kind, measured, "ms", note, needed=True)


def _beats(rows: list[ComponentHealth]) -> list[Check]:
    """What the others said of themselves; a role that is silent or never spoke fails, whatever it said last."""
    told = [_beat(row) for row in rows if key_of(row.system, row.component) not in ("database", "valkey")]
    heard = {row.system for row in rows if row.component is None}
    missing = [
        Check(f"{role}:heartbeat", FAIL, "component", note="it has not reported yet", needed=True)
        for role in ROLES
        if role not in heard
    ]
    return told + missing


def _beat(row: ComponentHealth) -> Check:
    status, name = Status(row.status), f"{row.system}/{row.component}" if row.component else row.system
    needed = row.component is None and row.system in NEEDED
    word = FAIL if needed and status is Status.UNKNOWN else WORDS[status]
    age = round(row.age.total_seconds(), 1)
    return Check(f"{name}:heartbeat", word, "component", age, "s", NOTES.get(status, ""), needed)


def _worst(checks: list[Check]) -> str:
    if any(each.needed and each.status == FAIL for each in checks):
        return FAIL
    return PASS if all(each.status == PASS for each in checks) else WARN
