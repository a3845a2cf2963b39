"""The workers' door: the only process that draws charts and loads price libraries."""

import os
import socket
import threading
from collections.abc import Callable

import dramatiq
import structlog

from db.engine import Database
from db.offload import with_retries
from openbell import logs
from openbell.settings import Settings, load_settings
from services.health import HealthService
from workers.actors import declare
from workers.execution import Execution, Heartbeats
from workers.queues import connect

THREADS = 4
PICK_UP_WITHIN_MS = 50
BEAT_S = 10.0

log = structlog.get_logger(__name__)


def run(settings: Settings, *, stop: threading.Event, ready: Callable[[], None]) -> None:
    """Work through the queues until `stop`; runs begun are finished, runs not begun stay for others."""
    if settings.db_url is None or settings.redis_url is None or settings.secret_key is None:
        raise ValueError("a worker needs DB_URL, REDIS_URL and SECRET_KEY")
    secret_key = settings.secret_key.get_secret_value()
    database = Database.connect(settings.db_url.get_secret_value(), secret_key)
    broker = connect(settings.redis_url.get_secret_value())
    heartbeats = Heartbeats(database)
    execution = Execution(
        database=database,
        worker_id=f"{socket.gethostname()}:{os.getpid()}",
        heartbeats=heartbeats,
        market_feed=settings.market_feed,
        bars_dir=settings.data_dir / "bars",
    )
    declare(broker, execution)
    worker = dramatiq.Worker(broker, worker_threads=THREADS, worker_timeout=PICK_UP_WITHIN_MS)
    broker.emit_after("process_boot")
    heartbeats.start()
    worker.start()
    _report(database)
    ready()
    while not stop.wait(BEAT_S):
        _report(database)
    worker.stop(timeout=6000)
    heartbeats.stop()
    broker.close()
    database.close()


def _report(database: Database) -> None:
    try:
        with_retries(HealthService(database.for_platform()).report, "worker")
    except Exception as problem:  # noqa: BLE001  # work goes on; silence in the health table says the rest
        log.warning("health_not_reported", error=str(problem))


if __name__ == "__main__":
    found = load_settings()
    logs.configure(found.log_level, role="worker")
    run(found, stop=threading.Event(), ready=lambda: log.info("worker_ready"))
