"""Ringing: the only part of the workers that the scheduler knows."""

from collections.abc import Iterable
from typing import Any

import dramatiq
import redis

from domain.errors import RetryLater
from services.jobs import Bell
from workers.queues import QUEUE_OF, actor_of, connect


class BrokerUnavailable(RetryLater):
    """Valkey can't be reached; the runs stay planned and are rung again."""


class Bells:
    """Rings workers: a message carries the run's number and its attempt, nothing else."""

    def __init__(self, redis_url: str) -> None:
        self._broker: Any = connect(redis_url)

    def ring(self, bells: Iterable[Bell]) -> None:
        """Put one message for each run into its queue; BrokerUnavailable when the broker took none of the rest."""
        try:
            for bell in bells:
                queue = QUEUE_OF[bell.job_type]
                message: Any = dramatiq.Message(
                    queue_name=queue,
                    actor_name=actor_of(queue),
                    args=(bell.run_id, bell.attempt),
                    kwargs={},
                    options={},
                )
                self._broker.enqueue(message)
        except (redis.exceptions.RedisError, dramatiq.errors.ConnectionError, OSError) as problem:
            raise BrokerUnavailable from problem

    def ping(self) -> None:
        """Raise when the broker does not answer."""
        try:
            self._broker.client.ping()
        except (redis.exceptions.RedisError, OSError) as problem:
            raise BrokerUnavailable(f"Valkey does not answer: {type(problem).__name__}.") from problem

    def close(self) -> None:
        self._broker.close()
