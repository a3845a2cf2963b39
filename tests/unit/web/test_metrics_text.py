"""The figures as text: complete, readable by Prometheus, described in the documents, and about nobody."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as plain

from db.metrics import Beat, Figures
from web.metrics import exposition

PAGE = Path(__file__).parents[3] / "docs/how-to/watch-it.md"
COUNTS = json.dumps({"counts": {"sent": 7, "flooded": 1, "waits": 3, "waited_s": 1.25}, "record": {"status": "DOWN"}})


def figures(*beats: Beat) -> Figures:
    return Figures(
        at=datetime(2026, 11, 20, tzinfo=UTC),
        due={0: 0, 1: 2, 2: 0, 3: 20_000},
        ages={0: 0.0, 1: 61.5, 2: 0.0, 3: 3600.0},
        states={"held": 4, "sending": 1, "dead": 2, "uncertain": 0, "failed": 0},
        runs={"succeeded": 12, "running": 1},
        runs_timed=13,
        lateness={0.5: 0.1, 0.95: 0.4, 0.99: 2.0},
        oldest_run=0.0,
        beats=beats,
    )


BEATS = (
    Beat("notification", "telegram", "HEALTHY", 3.0, 45, COUNTS),
    Beat("notification", "email", "DOWN", 3.0, None, "not json"),
    Beat("worker", None, "HEALTHY", 60.0, None, None),
)


def read(accept: str = "") -> dict[tuple[str, ...], float]:
    text, kind = exposition(figures(*BEATS), "1.2.3", accept)
    parse = open_metrics if "openmetrics" in kind else plain
    return {
        (sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in parse(text.decode())
        for sample in family.samples
    }


@pytest.mark.parametrize("accept", ["", "application/openmetrics-text;version=1.0.0"])
def test_every_figure_can_be_read(accept: str) -> None:
    found = read(accept)
    assert found["openbell_info", "1.2.3"] == 1
    assert found["openbell_database_up",] == 1
    assert found["openbell_queue_due", "broadcast"] == 20_000
    assert found["openbell_queue_oldest_seconds", "alert"] == 61.5
    assert found["openbell_deliveries", "dead"] == 2
    assert found["openbell_runs_recent", "succeeded"] == 12
    assert found["openbell_run_lateness_seconds", "0.95"] == 0.4
    assert found["openbell_sends_total", "telegram", "sent"] == 7
    assert found["openbell_rate_waits_total", "telegram"] == 3
    assert found["openbell_rate_wait_seconds_total", "telegram"] == 1.25
    assert found["openbell_response_seconds", "telegram", "notification"] == 0.045


def test_a_silent_role_is_unknown_whatever_it_said_last() -> None:
    found = read()
    assert found["openbell_health", "", "unknown", "worker"] == 1
    assert found["openbell_health", "", "healthy", "worker"] == 0
    assert found["openbell_health", "email", "down", "notification"] == 1


def test_without_the_database_only_that_is_said() -> None:
    text, _ = exposition(None, "1.2.3")
    samples = {sample.name for family in plain(text.decode()) for sample in family.samples}
    assert samples == {"openbell_info", "openbell_database_up"}
    assert b"openbell_database_up 0.0" in text


def test_the_page_names_every_figure_and_no_other() -> None:
    written = {name[0] for name in read()} - {"openbell_info"}
    described = set(re.findall(r"`(openbell_\w+)`", PAGE.read_text(encoding="utf-8")))
    assert described == written
