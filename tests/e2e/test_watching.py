"""Watching the house from outside and from the chat: one answer, and it notices when a door closes."""

import asyncio
import re

import httpx
import psycopg2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.house import House

PATIENCE_S = 20.0


def age_the_worker(owner_database_url: str) -> None:
    """Let a minute go by since the worker last spoke."""
    connection = psycopg2.connect(owner_database_url)
    with connection, connection.cursor() as cursor:
        cursor.execute("UPDATE msg_system_health SET checked_at = now() - interval '1 minute' WHERE system = 'worker'")
    connection.close()


async def until_answered(client: httpx.AsyncClient, status: int) -> httpx.Response:
    deadline = asyncio.get_running_loop().time() + PATIENCE_S
    while (answer := await client.get("/readyz")).status_code != status:
        assert asyncio.get_running_loop().time() < deadline, answer.text
        await asyncio.sleep(0.2)
    return answer


async def test_a_stopped_worker_shows_in_readiness_in_the_figures_and_in_the_chat(
    house: House, owner_database_url: str
) -> None:
    ada = await house.verified("Ada", "ada@example.com")
    async with httpx.AsyncClient(base_url=house.root, trust_env=False) as client:
        ready = await until_answered(client, 200)
        assert ready.json()["checks"]["notification/telegram:heartbeat"][0]["status"] == "pass"
        assert "Everything works" in (await ada.ask("/health"))["text"]
        status = (await ada.ask("/status"))["text"]
        assert "No jobs" in status
        assert "Everything works" in status

        await house.stop_worker()
        await asyncio.to_thread(age_the_worker, owner_database_url)
        unready = await until_answered(client, 503)
        assert unready.json()["checks"]["worker:heartbeat"][0]["status"] == "fail"
        health = (await ada.ask("/health"))["text"]
        assert "Silent: Worker." in health
        assert "Worker · silent for 1 min" in health

        scraped = await client.get("/metrics")
        found = {
            (sample.name, *sorted(sample.labels.values())): sample.value
            for family in text_string_to_metric_families(scraped.text)
            for sample in family.samples
        }
        assert found["openbell_heartbeat_age_seconds", "", "worker"] > 45
        assert found["openbell_health", "", "unknown", "worker"] == 1
        assert "ada" not in scraped.text.lower()
        assert "ada" not in unready.text.lower()


@pytest.mark.slow
async def test_sends_and_fetches_of_prices_show_in_the_figures(house: House) -> None:
    ada = await house.verified("Ada", "ada@example.com")
    await ada.send("/report GOLD")
    await ada.wait_for(lambda m: "photo" in m, timeout=30)
    async with httpx.AsyncClient(base_url=house.root, trust_env=False) as client:
        deadline = asyncio.get_running_loop().time() + 30
        while True:
            text = (await client.get("/metrics")).text
            sent = set(re.findall(r'openbell_sends_total\{channel="(\w+)",outcome="sent"\} [1-9]', text))
            if sent == {"email", "telegram"} and 'component="sim",system="market_data"' in text:
                break
            assert asyncio.get_running_loop().time() < deadline, text
            await asyncio.sleep(0.5)
