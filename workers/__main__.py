"""The workers' door: the only process that draws charts and loads price libraries."""

import os
import socket
import threading
from collections.abc import Callable

import structlog

from db.engine import Database, role_url
from db.listen import Listener
from db.offload import with_retries
from db.roles import PLATFORM
from openbell import logs
from openbell.settings import Settings, load_settings
from services.health import HealthService
from services.job_kinds import kinds
from workers.actors import declare
from workers.execution import Desk, Execution
from workers.feeds import FeedWatch
from workers.queues import connect, start_worker
from workers.watch import Watch

THREADS = 8
BEAT_S = 10.0
FINISH_WITHIN_MS = 5000

log = structlog.get_logger(__name__)


def run(settings: Settings, *, stop: threading.Event, ready: Callable[[], None]) -> None:
    """Work through the queues until `stop`; runs begun are finished or handed back, runs not begun stay for others."""
    if settings.db_url is None or settings.redis_url is None or settings.secret_key is None:
        raise ValueError("a worker needs DB_URL, REDIS_URL and SECRET_KEY")
    db_url, secret_key = settings.db_url.get_secret_value(), settings.secret_key.get_secret_value()
    database = Database.connect(db_url, secret_key)
    broker = connect(settings.redis_url.get_secret_value())
    watch = Watch(database, Listener(role_url(db_url, PLATFORM, secret_key), "cancel"))
    desk = Desk(database, f"{socket.gethostname()}:{os.getpid()}")
    feeds = FeedWatch()
    declare(broker, Execution(database, desk, watch, settings.market_feed, settings.data_dir, db_url, feeds=feeds))
    desk.open()
    watch.start()
    worker = start_worker(broker, THREADS)
    _report(database, feeds)
    kinds()  # read before the first run that waits for one
    ready()
    while not stop.wait(BEAT_S):
        _report(database, feeds)
        if watch.stuck() >= THREADS:
            log.critical("every_thread_is_stuck", threads=THREADS)
            os._exit(1)  # none of them can be ended from within; the supervisor starts a fresh process
    worker.stop(timeout=FINISH_WITHIN_MS)
    if given := watch.hand_back():
        log.warning("runs_handed_back", runs=given)
    desk.close()
    watch.stop()
    broker.close()
    database.close()


def _report(database: Database, feeds: FeedWatch) -> None:
    try:
        with_retries(HealthService(database.for_platform()).report, "worker")
        feeds.report(database)
    except Exception as problem:  # noqa: BLE001  # work goes on; silence in the health table says the rest
        log.warning("health_not_reported", error=str(problem))


if __name__ == "__main__":
    found = load_settings()
    logs.configure(found.log_level, role="worker")
    run(found, stop=threading.Event(), ready=lambda: log.info("worker_ready"))
