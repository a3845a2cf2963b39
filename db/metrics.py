"""Figures about the whole platform, in a few bounded statements: each reads an index, and none more than LIMIT rows."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

MOST = 20_000
"""Nothing is counted further: a queue of a million shows as this many."""
RECENT_RUNS = 5_000
RECENT = 900
"""Seconds over which the figures about runs look back."""
QUANTILES = (0.5, 0.95, 0.99)

QUEUES = text("""
SELECT l.lane,
    (SELECT count(*) FROM (SELECT FROM msg_delivery_status
        WHERE status = 'queued' AND NOT held AND lane = l.lane LIMIT :most) AS due) AS due,
    (SELECT extract(epoch FROM now() - greatest(created_at, not_before)) FROM msg_delivery_status
        WHERE status = 'queued' AND NOT held AND lane = l.lane ORDER BY place, id LIMIT 1) AS age
FROM generate_series(0, 3) AS l (lane)
""")

STATES = text("""
SELECT 'held' AS state, count(*) AS number FROM (SELECT FROM msg_delivery_status
    WHERE status = 'queued' AND held LIMIT :most) AS held
UNION ALL SELECT 'sending', count(*) FROM (SELECT FROM msg_delivery_status
    WHERE status = 'sending' LIMIT :most) AS sending
UNION ALL SELECT s.status, (SELECT count(*) FROM (SELECT FROM msg_delivery_status d
    WHERE d.status = s.status AND d.status IN ('dead', 'uncertain', 'failed') LIMIT :most) AS stuck)
FROM (VALUES ('dead'), ('uncertain'), ('failed')) AS s (status)
""")

RUNS = text("""
WITH recent AS (SELECT status, "trigger", attempt, not_before, started_at, created_at
                FROM job_schedule_runs ORDER BY id DESC LIMIT :recent)
SELECT status, count(*) AS number FROM recent
WHERE created_at > now() - make_interval(secs => :seconds) GROUP BY status
""")

LATENESS = text("""
WITH recent AS (SELECT "trigger", attempt, not_before, started_at, created_at
                FROM job_schedule_runs ORDER BY id DESC LIMIT :recent)
SELECT count(*) AS number,
    percentile_cont(CAST(:quantiles AS float8[])) WITHIN GROUP (
        ORDER BY greatest(extract(epoch FROM started_at - not_before), 0)) AS seconds
FROM recent
WHERE "trigger" = 'cron' AND attempt = 1 AND started_at IS NOT NULL
    AND started_at > now() - make_interval(secs => :seconds)
""")

WAITING = text("""
SELECT extract(epoch FROM now() - least(
    (SELECT min(not_before) FROM job_schedule_runs WHERE status = 'planned' AND not_before <= now()),
    (SELECT min(enqueued_at) FROM job_schedule_runs WHERE status = 'enqueued')))
""")

HEALTH = text("""
SELECT system, component, status, extract(epoch FROM now() - checked_at) AS age, avg_response_time_ms, metadata
FROM msg_system_health ORDER BY system, component
""")


@dataclass(frozen=True)
class Beat:
    """One row of the health table, and what senders counted in it."""

    system: str
    component: str | None
    status: str
    age: float
    mean_ms: int | None
    metadata: str | None

    @property
    def silence(self) -> timedelta:
        return timedelta(seconds=self.age)


@dataclass(frozen=True)
class Figures:
    """What was counted at one instant."""

    at: datetime
    due: dict[int, int]
    ages: dict[int, float]
    states: dict[str, int]
    runs: dict[str, int]
    runs_timed: int
    lateness: dict[float, float]
    oldest_run: float
    beats: tuple[Beat, ...]


class MetricsRepo:
    """Counts; it changes nothing."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def figures(self) -> Figures:
        """Everything that is counted, as of one instant; a server too busy to count within 3 s is not kept busy."""
        self.session.execute(text("SET LOCAL statement_timeout = '3s'"))
        look_back = {"recent": RECENT_RUNS, "seconds": RECENT}
        queues = self.session.execute(QUEUES, {"most": MOST}).all()
        timed = self.session.execute(LATENESS, look_back | {"quantiles": list(QUANTILES)}).one()
        return Figures(
            at=self.session.execute(text("SELECT now()")).scalar_one(),
            due={row.lane: row.due for row in queues},
            ages={row.lane: float(max(row.age or 0, 0)) for row in queues},
            states={row.state: row.number for row in self.session.execute(STATES, {"most": MOST})},
            runs={row.status: row.number for row in self.session.execute(RUNS, look_back)},
            runs_timed=timed.number,
            lateness=dict(zip(QUANTILES, timed.seconds or (), strict=False)),
            oldest_run=float(max(self.session.execute(WAITING).scalar_one() or 0, 0)),
            beats=tuple(
                Beat(row.system, row.component, row.status, float(row.age), row.avg_response_time_ms, row.metadata)
                for row in self.session.execute(HEALTH)
            ),
        )
