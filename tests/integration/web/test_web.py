"""The web door over real sockets, on real servers."""

import asyncio
import contextlib
import json
import re
import socket
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from db.engine import Database
from domain.ids import UserId
from domain.unsubscribe import OptOut, link
from openbell.settings import Settings
from services.health import HealthService
from tests.factories import Rows
from web.__main__ import run, run_beside
from web.errors import AddressTaken

ROLES = ("telegram_bot", "scheduler", "worker", "notification")


def free_address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def settings_for(database_url: str, valkey_url: str, secret_key: str, address: str) -> Settings:
    return Settings(db_url=database_url, redis_url=valkey_url, secret_key=secret_key, http_addr=address, _env_file=None)


@contextlib.asynccontextmanager
async def opened(settings: Settings, door: Any = run) -> AsyncIterator[httpx.AsyncClient]:
    stop, ready = asyncio.Event(), asyncio.Event()
    running = asyncio.create_task(door(settings, stop=stop, ready=ready.set))
    waiting = asyncio.create_task(ready.wait())
    try:
        await asyncio.wait([running, waiting], timeout=10, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()
        async with httpx.AsyncClient(base_url=f"http://{settings.http_addr}", trust_env=False) as client:
            yield client
    finally:
        stop.set()
        waiting.cancel()
        await asyncio.gather(running, waiting, return_exceptions=True)


@pytest.fixture
async def web(database_url: str, valkey_url: str, secret_key: str) -> AsyncIterator[httpx.AsyncClient]:
    async with opened(settings_for(database_url, valkey_url, secret_key, free_address())) as client:
        yield client


async def beat(database: Database, *systems: str, error: str | None = None) -> None:
    for system in systems:
        await asyncio.to_thread(HealthService(database.for_platform()).report, system, error=error)


async def test_alive_says_so_without_any_server(secret_key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("db.offload.PATIENCE", 0.1)
    nowhere = settings_for("postgresql://127.0.0.1:1/x", "redis://127.0.0.1:1/0", secret_key, free_address())
    async with opened(nowhere) as client:
        answer = await client.get("/healthz")
        assert answer.status_code == 200
        assert answer.json()["status"] == "pass"
        unready = await client.get("/readyz")
        assert unready.status_code == 503
        assert unready.json()["checks"]["valkey:responseTime"][0]["status"] == "fail"
        assert unready.json()["checks"]["database:responseTime"][0]["status"] == "fail"
        scraped = await client.get("/metrics")
        assert scraped.status_code == 200
        assert "openbell_database_up 0.0" in scraped.text
        unsubscribed = await client.post("/u/" + link("", secret_key, OptOut(UserId(1), "report")).rpartition("/")[2])
        assert unsubscribed.status_code == 503
        assert "Please try again" in unsubscribed.text


async def test_ready_once_every_role_has_reported(web: httpx.AsyncClient, house_database: Database) -> None:
    first = await web.get("/readyz")
    assert first.status_code == 503
    assert first.json()["checks"]["worker:heartbeat"][0]["output"] == "it has not reported yet"
    await beat(house_database, *ROLES)
    answer = await until(web, 200)
    assert answer.headers["content-type"] == "application/health+json"
    assert answer.json()["status"] == "pass"
    assert {"database:responseTime", "valkey:responseTime", "worker:heartbeat"} <= set(answer.json()["checks"])


async def until(web: httpx.AsyncClient, status: int) -> httpx.Response:
    deadline = asyncio.get_running_loop().time() + 10
    while True:
        answer = await web.get("/readyz")
        if answer.status_code == status:
            return answer
        assert asyncio.get_running_loop().time() < deadline, answer.text
        await asyncio.sleep(0.1)


async def test_a_silent_role_makes_it_unready_and_a_troubled_channel_only_warns(
    web: httpx.AsyncClient, house_database: Database, rows: Rows
) -> None:
    await beat(house_database, *ROLES)
    for _ in range(3):
        service = HealthService(house_database.for_platform())
        await asyncio.to_thread(service.report, "notification", "email", error="535 secret@example.com refused")
    answer = await until(web, 200)
    assert answer.json()["status"] == "warn"
    assert "example.com" not in answer.text
    await asyncio.to_thread(
        rows.execute, "UPDATE msg_system_health SET checked_at = now() - interval '1 minute' WHERE system = 'worker'"
    )
    answer = await until(web, 503)
    assert answer.json()["checks"]["worker:heartbeat"][0]["status"] == "fail"


async def test_the_figures_can_be_read_by_prometheus(
    web: httpx.AsyncClient, house_database: Database, rows: Rows
) -> None:
    ada = await asyncio.to_thread(rows.person)
    await asyncio.to_thread(queue_some, rows, ada.id)
    await beat(house_database, "worker")
    answer = await web.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    found = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    assert found["openbell_queue_due", "alert"] == 2
    assert found["openbell_queue_due", "broadcast"] == 1
    assert 59 <= found["openbell_queue_oldest_seconds", "alert"] < 90
    assert found["openbell_deliveries", "held"] == 1
    assert found["openbell_deliveries", "dead"] == 1
    assert found["openbell_heartbeat_age_seconds", "", "worker"] < 10
    assert found["openbell_health", "", "healthy", "worker"] == 1
    assert found["openbell_database_up",] == 1
    assert "ada" not in answer.text.lower()


def queue_some(rows: Rows, user_id: int) -> None:
    rows.execute(
        "INSERT INTO msg_messages (user_id, category, lane, payload, expires_at) "
        "SELECT :user, 'alert', 1, '{}', now() + interval '1 day' FROM generate_series(1, 5)",
        user=user_id,
    )
    kinds = [(1, "queued", False), (1, "queued", False), (3, "queued", False), (2, "queued", True), (1, "dead", False)]
    for place, (lane, status, held) in enumerate(kinds):
        rows.execute(
            "INSERT INTO msg_delivery_status (message_id, user_id, channel, address, lane, status, held, not_before, "
            "created_at) SELECT id, user_id, 'telegram', :address, :lane, :status, :held, now() - interval '1 minute', "
            "now() - interval '2 minutes' FROM msg_messages ORDER BY id LIMIT 1 OFFSET :place",
            address=str(place), lane=lane, status=status, held=held, place=place,
        )  # fmt: skip


def opted_out(rows: Rows) -> list[Any]:
    return [
        (row.user_id, row.category, row.opted_out)
        for row in rows.all("SELECT user_id, category, opted_out FROM msg_preferences ORDER BY category")
    ]


async def test_looking_at_the_link_changes_nothing_and_pressing_does(
    web: httpx.AsyncClient, rows: Rows, secret_key: str
) -> None:
    ada = await asyncio.to_thread(rows.person)
    path = link("", secret_key, OptOut(ada.id, "report"))
    page = await web.get(path)
    head = await web.head(path)
    assert (page.status_code, head.status_code, head.content) == (200, 200, b"")
    assert "Stop reports?" in page.text
    assert await asyncio.to_thread(opted_out, rows) == []
    done = await web.post(path, data={"stop": "1"})
    assert "You get no more reports" in done.text
    assert await asyncio.to_thread(opted_out, rows) == [(ada.id, "report", True)]
    back = await web.post(path, data={"again": "1"})
    assert "You get reports again" in back.text
    assert await asyncio.to_thread(opted_out, rows) == [(ada.id, "report", False)]


@pytest.mark.parametrize("multipart", [False, True])
async def test_the_mail_programs_one_click_is_enough(
    web: httpx.AsyncClient, rows: Rows, secret_key: str, multipart: bool
) -> None:
    ada = await asyncio.to_thread(rows.person)
    path = link("", secret_key, OptOut(ada.id, "broadcast"))
    one_click = {"List-Unsubscribe": "One-Click"}
    answer = await (
        web.post(path, files={name: (None, value) for name, value in one_click.items()})
        if multipart
        else web.post(path, data=one_click)
    )
    assert answer.status_code == 200
    assert await asyncio.to_thread(opted_out, rows) == [(ada.id, "broadcast", True)]


async def test_other_wishes_of_the_category_stay(web: httpx.AsyncClient, rows: Rows, secret_key: str) -> None:
    ada = await asyncio.to_thread(rows.person)
    await asyncio.to_thread(
        rows.execute,
        "INSERT INTO msg_preferences (user_id, category, digest) VALUES (:id, 'report', 'daily')",
        id=ada.id,
    )
    await web.post(link("", secret_key, OptOut(ada.id, "report")))
    (kept,) = await asyncio.to_thread(rows.all, "SELECT digest, opted_out FROM msg_preferences")
    assert (kept.digest, kept.opted_out) == ("daily", True)


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_link_that_means_nobody_says_so(
    web: httpx.AsyncClient, rows: Rows, secret_key: str, method: str
) -> None:
    nobody = link("", secret_key, OptOut(UserId(999), "report"))
    code = link("", secret_key, OptOut(UserId(999), "code"))
    forged = link("", "another-key-of-thirty-two-letters", OptOut(UserId(1), "report"))
    for path in (code, forged, "/u/x", "/u/" + "A" * 4000, *([nobody] if method == "POST" else [])):
        answer = await web.request(method, path)
        assert answer.status_code == 404, path
        assert "This link doesn’t work" in answer.text
    assert await asyncio.to_thread(opted_out, rows) == []


async def test_a_long_body_is_refused(web: httpx.AsyncClient, rows: Rows, secret_key: str) -> None:
    ada = await asyncio.to_thread(rows.person)
    answer = await web.post(link("", secret_key, OptOut(ada.id, "report")), content=b"x" * 100_000)
    assert answer.status_code == 413
    assert await asyncio.to_thread(opted_out, rows) == []


async def test_every_answer_is_safe_for_a_browser(web: httpx.AsyncClient, secret_key: str) -> None:
    for path in ("/", "/nothing", "/healthz", "/metrics", link("", secret_key, OptOut(UserId(1), "report"))):
        answer = await web.get(path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script" not in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "set-cookie" not in answer.headers
        assert "server" not in answer.headers
        assert not re.search(r"<script|javascript:|src=\"http", answer.text)
    assert (await web.delete("/healthz")).status_code == 405


async def test_alone_a_taken_port_is_one_sentence(database_url: str, valkey_url: str, secret_key: str) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        address = f"127.0.0.1:{other.getsockname()[1]}"
        with pytest.raises(AddressTaken, match=f"^HTTP_ADDR is {address}, and nothing can listen there .*8090.$"):
            async with opened(settings_for(database_url, valkey_url, secret_key, address)):
                pass


async def test_beside_others_a_taken_port_is_waited_for(
    database_url: str, valkey_url: str, secret_key: str, monkeypatch: pytest.MonkeyPatch, rows: Rows
) -> None:
    monkeypatch.setattr("web.__main__.TRY_AGAIN_S", 0.1)
    other = socket.socket()
    other.bind(("127.0.0.1", 0))
    other.listen()
    address = f"127.0.0.1:{other.getsockname()[1]}"
    async with opened(settings_for(database_url, valkey_url, secret_key, address), run_beside) as client:
        deadline = asyncio.get_running_loop().time() + 10
        while not await asyncio.to_thread(rows.all, "SELECT FROM msg_system_health WHERE failure_count > 0"):
            assert asyncio.get_running_loop().time() < deadline
            await asyncio.sleep(0.05)
        other.close()
        while True:
            with contextlib.suppress(httpx.HTTPError):
                answer = await client.get("/healthz")
                break
            assert asyncio.get_running_loop().time() < deadline
            await asyncio.sleep(0.05)
    assert json.loads(answer.text)["status"] == "pass"
