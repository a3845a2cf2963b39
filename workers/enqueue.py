"""Ringing: the only part of the workers that the scheduler knows. A message says which run, the row says everything."""

import json
import time
from collections.abc import Sequence
from typing import Any

import redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from domain.errors import RetryLater
from domain.runs import Bell

NAMESPACE = "openbell"
CHANNEL = "openbell:bell"
ANSWER_WITHIN = 2.0
PER_CALL = 1000

# The bells of one queue, in the form Dramatiq's consumers take them: the ids in a list, the messages in a hash. A run
# that is rung again while its message still waits is not put a second time: during an outage of the workers the
# queue holds each run once. One whose message a worker has taken, and perhaps lost with its life, is put once more.
PUT = """
local fresh, known = {}, {}
for i = 1, #ARGV, 2 do
    if redis.call("hsetnx", KEYS[2], ARGV[i], ARGV[i + 1]) == 1 then
        fresh[#fresh + 1] = ARGV[i]
    else
        known[#known + 1] = ARGV[i]
    end
end
if #known > 0 then
    local waiting = {}
    for _, id in ipairs(redis.call("lrange", KEYS[1], 0, -1)) do
        waiting[id] = true
    end
    for _, id in ipairs(known) do
        if not waiting[id] then
            fresh[#fresh + 1] = id
        end
    end
end
for i = 1, #fresh, 500 do
    redis.call("rpush", KEYS[1], unpack(fresh, i, math.min(i + 499, #fresh)))
end
return #fresh
"""


class BrokerUnavailable(RetryLater):
    """Valkey can't be reached; the runs keep waiting and are rung again."""


class _Client(redis.Redis):
    """A client whose time-outs count as lost connections, as they do for Dramatiq and for us."""

    def execute_command(self, *args: Any, **options: Any) -> Any:
        try:
            return super().execute_command(*args, **options)  # type: ignore[no-untyped-call]
        except redis.exceptions.TimeoutError as problem:
            raise redis.exceptions.ConnectionError(str(problem)) from problem


def client_of(redis_url: str, *, answer_within: float = ANSWER_WITHIN) -> redis.Redis:
    """A client for `redis_url`; nothing is connected before it is used, and no answer is waited for without end."""
    pool = redis.ConnectionPool.from_url(
        redis_url,
        socket_timeout=answer_within,
        socket_connect_timeout=answer_within,
        health_check_interval=30,
        retry=Retry(ConstantBackoff(0.1), 1),  # a connection that the server cut is made anew at once
    )
    return _Client(connection_pool=pool)


def actor_of(queue: str) -> str:
    """The name of the actor that works through `queue`."""
    return f"run_{queue}"


def message_id(bell: Bell) -> str:
    """The same for every bell of the same attempt, so that a queue holds it once."""
    return f"{bell.run_id}-{bell.attempt}"


class Bells:
    """Rings workers: a message carries the run's number and its attempt, nothing else."""

    def __init__(self, redis_url: str) -> None:
        self._client = client_of(redis_url)

    def ring(self, bells: Sequence[Bell]) -> None:
        """Put every bell into its queue and wake the workers, in one exchange.

        BrokerUnavailable says that not all of them may have been taken; ringing them again does no harm.
        """
        by_queue: dict[str, list[Bell]] = {}
        for bell in bells:
            by_queue.setdefault(bell.queue, []).append(bell)
        if not by_queue:
            return
        pipeline = self._client.pipeline(transaction=False)
        for queue, its in by_queue.items():
            keys = (f"{NAMESPACE}:{queue}", f"{NAMESPACE}:{queue}.msgs")
            for first in range(0, len(its), PER_CALL):
                pipeline.eval(PUT, 2, *keys, *_messages(queue, its[first : first + PER_CALL]))
        pipeline.publish(CHANNEL, " ".join(by_queue))
        try:
            pipeline.execute()
        except (redis.exceptions.RedisError, OSError) as problem:
            raise BrokerUnavailable from problem

    def ping(self) -> None:
        """Raise BrokerUnavailable when the broker does not answer."""
        try:
            self._client.ping()
        except (redis.exceptions.RedisError, OSError) as problem:
            raise BrokerUnavailable(f"Valkey does not answer: {type(problem).__name__}.") from problem

    def close(self) -> None:
        self._client.close()


def _messages(queue: str, bells: Sequence[Bell]) -> list[str]:
    """Ids and Dramatiq messages by turns; written as text, for a thousand are made at once."""
    head = f'{{"queue_name":{json.dumps(queue)},"actor_name":{json.dumps(actor_of(queue))},"args":['
    tail = f'","message_timestamp":{int(time.time() * 1000)}}}'
    found = []
    for bell in bells:
        name = message_id(bell)
        found.append(name)
        found.append(
            f'{head}{bell.run_id:d},{bell.attempt:d}],"kwargs":{{}},"options":{{"redis_message_id":"{name}"}},'
            f'"message_id":"{name}{tail}'
        )
    return found
