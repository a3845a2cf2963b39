"""The scheduler's door: one sync loop, in a thread of the core or in a process of its own."""

import threading
from collections.abc import Callable

import structlog

from db.engine import Database, role_url
from db.listen import Listener
from db.roles import PLATFORM
from openbell import logs
from openbell.settings import Settings, load_settings
from scheduler.dispatch import Dispatch
from scheduler.leader import Leader
from scheduler.loop import Loop
from services.job_kinds import kinds
from workers.enqueue import Bells

log = structlog.get_logger(__name__)


def run(settings: Settings, *, stop: threading.Event, ready: Callable[[], None]) -> None:
    """Plan and ring until `stop`."""
    if settings.db_url is None or settings.redis_url is None or settings.secret_key is None:
        raise ValueError("the scheduler needs DB_URL, REDIS_URL and SECRET_KEY")
    db_url, secret_key = settings.db_url.get_secret_value(), settings.secret_key.get_secret_value()
    database = Database.connect(db_url, secret_key, pool_size=2)
    listener = Listener(role_url(db_url, PLATFORM, secret_key), "runs")
    bells = Bells(settings.redis_url.get_secret_value())
    loop = Loop(database, Dispatch(database, bells), listener, Leader(database), settings.history_months)
    waker = threading.Thread(target=_wake_on, args=(stop, listener), name="scheduler-stop", daemon=True)
    waker.start()
    kinds()  # read before the first instant that counts
    ready()
    loop.run(stop)
    listener.close()
    bells.close()
    database.close()


def _wake_on(stop: threading.Event, listener: Listener) -> None:
    stop.wait()
    listener.wake()


if __name__ == "__main__":
    found = load_settings()
    logs.configure(found.log_level, role="scheduler")
    run(found, stop=threading.Event(), ready=lambda: log.info("scheduler_ready"))
