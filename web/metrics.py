"""Figures for Prometheus: counted in the database, so that every copy of this door says the same."""

import json
from collections.abc import Iterator
from concurrent.futures import Executor

import structlog
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from starlette.requests import Request
from starlette.responses import Response

from db.engine import Database
from db.metrics import Beat, Figures
from domain.health import Status, status_now
from services.metrics import MetricsService
from web.sharing import Shared

log = structlog.get_logger(__name__)

WITHIN_S = 8.0
FRESH_S = 5.0
LANES = {0: "code", 1: "alert", 2: "report", 3: "broadcast"}


class Metrics:
    """`/metrics`: counted at most once in five seconds, however many ask."""

    def __init__(self, database: Database, version: str, pool: Executor) -> None:
        self._version = version
        self._figures = Shared(MetricsService(database.for_platform()).figures, pool, FRESH_S)

    async def show(self, request: Request) -> Response:
        """The figures; without the database only that it is gone."""
        figures = None
        try:
            figures = await self._figures.get(WITHIN_S)
        except Exception as problem:  # noqa: BLE001  # a scrape must say that the database is gone, not fail with it
            log.warning("figures_not_counted", error=type(problem).__name__)
        text, kind = exposition(figures, self._version, request.headers.get("accept", ""))
        return Response(text, headers={"Content-Type": kind})


def exposition(figures: Figures | None, version: str, accept: str = "") -> tuple[bytes, str]:
    """The figures as text of the kind that `accept` asks for, and that kind."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collected(figures, version))
    encode, kind = choose_encoder(accept)
    return encode(registry), kind


class _Collected:
    def __init__(self, figures: Figures | None, version: str) -> None:
        self._figures = figures
        self._version = version

    def collect(self) -> Iterator[Metric]:
        yield InfoMetricFamily("openbell", "What this is.", {"version": self._version})
        known = self._figures is not None
        yield GaugeMetricFamily("openbell_database_up", "Whether the figures could be counted.", float(known))
        if self._figures is None:
            return
        yield from _queue(self._figures)
        yield from _runs(self._figures)
        yield from _health(self._figures)
        yield from _sends(self._figures)


def _queue(figures: Figures) -> Iterator[Metric]:
    due = GaugeMetricFamily("openbell_queue_due", "Deliveries that could be sent now (at most 20000).", labels=["lane"])
    age = GaugeMetricFamily(
        "openbell_queue_oldest_seconds", "How long the next of the lane has waited.", labels=["lane"]
    )
    for lane, name in LANES.items():
        due.add_metric([name], figures.due.get(lane, 0))
        age.add_metric([name], figures.ages.get(lane, 0.0))
    states = GaugeMetricFamily(
        "openbell_deliveries", "Deliveries held for later, being sent, or stuck (at most 20000).", labels=["state"]
    )
    for state, number in sorted(figures.states.items()):
        states.add_metric([state], number)
    yield from (due, age, states)


def _runs(figures: Figures) -> Iterator[Metric]:
    runs = GaugeMetricFamily(
        "openbell_runs_recent", "Runs of the last 15 minutes (of the newest 5000).", labels=["status"]
    )
    for status, number in sorted(figures.runs.items()):
        runs.add_metric([status], number)
    late = GaugeMetricFamily(
        "openbell_run_lateness_seconds",
        "How long after their due time scheduled runs started, in the last 15 minutes.",
        labels=["quantile"],
    )
    for quantile, seconds in figures.lateness.items():
        late.add_metric([str(quantile)], seconds)
    yield runs
    yield late
    yield GaugeMetricFamily(
        "openbell_runs_timed", "How many runs the lateness was measured on.", float(figures.runs_timed)
    )
    yield GaugeMetricFamily(
        "openbell_run_oldest_seconds", "How long the run that waits longest has been due.", figures.oldest_run
    )


def _health(figures: Figures) -> Iterator[Metric]:
    names = ["system", "component"]
    age = GaugeMetricFamily("openbell_heartbeat_age_seconds", "How long ago it last reported.", labels=names)
    status = GaugeMetricFamily("openbell_health", "1 for the status that it has.", labels=[*names, "status"])
    mean = GaugeMetricFamily("openbell_response_seconds", "How long it takes to answer, on average.", labels=names)
    for beat in figures.beats:
        labels, now = [beat.system, beat.component or ""], status_now(beat.system, beat.status, beat.silence)
        age.add_metric(labels, max(beat.age, 0.0))
        for each in Status:
            status.add_metric([*labels, each.lower()], float(each is now))
        if beat.mean_ms is not None:
            mean.add_metric(labels, beat.mean_ms / 1000)
    yield from (age, status, mean)


def _sends(figures: Figures) -> Iterator[Metric]:
    sends = CounterMetricFamily("openbell_sends", "What came of attempts to send.", labels=["channel", "outcome"])
    waits = CounterMetricFamily("openbell_rate_waits", "Deliveries that waited for a rate limit.", labels=["channel"])
    waited = CounterMetricFamily("openbell_rate_wait_seconds", "How long they waited.", labels=["channel"])
    for beat in figures.beats:
        if beat.system != "notification" or beat.component is None:
            continue
        counted = _counted(beat)
        for outcome in sorted(set(counted) - {"waits", "waited_s"}):
            sends.add_metric([beat.component, outcome], counted[outcome])
        waits.add_metric([beat.component], counted.get("waits", 0))
        waited.add_metric([beat.component], counted.get("waited_s", 0.0))
    yield from (sends, waits, waited)


def _counted(beat: Beat) -> dict[str, float]:
    try:
        found = json.loads(beat.metadata or "{}").get("counts", {})
    except (ValueError, AttributeError):  # somebody else's words
        return {}
    return {str(name): float(value) for name, value in found.items()}
