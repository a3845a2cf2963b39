"""Dramatiq's side: one queue for each kind of work, a broker that only rings bells, and no retries of its own."""

from typing import Any

import dramatiq
import redis
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import CurrentMessage, ShutdownNotifications
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from domain.schedules import JobType

QUEUE_OF = {
    JobType.REPORT: "reports",
    JobType.SCREENER: "screeners",
    JobType.ALERT: "alerts",
    JobType.NOTIFICATION: "alerts",
    JobType.DATA_PROCESSING: "maintenance",
    JobType.BACKUP: "maintenance",
    JobType.BOT: "trading_bots",
}
QUEUES = tuple(dict.fromkeys(QUEUE_OF.values()))
ANSWER_WITHIN = 5.0


class _Client(redis.Redis):
    """A client whose time-outs count as lost connections: Dramatiq's consumer only rebuilds itself after those."""

    def execute_command(self, *args: Any, **options: Any) -> Any:
        try:
            return super().execute_command(*args, **options)  # type: ignore[no-untyped-call]
        except redis.exceptions.TimeoutError as problem:
            raise redis.exceptions.ConnectionError(str(problem)) from problem


def connect(redis_url: str) -> RedisBroker:
    """The broker behind `redis_url`; nothing is connected before it is used."""
    pool = redis.ConnectionPool.from_url(
        redis_url,
        socket_timeout=ANSWER_WITHIN,
        socket_connect_timeout=ANSWER_WITHIN,
        health_check_interval=30,
        retry=Retry(ConstantBackoff(0.2), 2),
    )
    broker = RedisBroker(  # type: ignore[no-untyped-call]
        client=_Client(connection_pool=pool),
        namespace="openbell",
        middleware=[ShutdownNotifications(), CurrentMessage()],
        maintenance_chance=20_000,  # of a million calls; recovery does not depend on it, the leases do that
    )
    for queue in QUEUES:
        broker.declare_queue(queue)
    dramatiq.set_broker(broker)
    return broker


def actor_of(queue: str) -> str:
    """The name of the actor that works through `queue`."""
    return f"run_{queue}"
