"""Bare Dramatiq, as it comes: eight threads, nothing recorded. `python -m bench.peer_dramatiq REDIS_URL` works."""

import contextlib
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import dramatiq
import redis
from dramatiq.brokers.redis import RedisBroker
from dramatiq.worker import Worker

from bench.house import House, said, until

QUEUE = "bare"
STARTED = "bare_started"
THREADS = 8


def broker_of(redis_url: str) -> Any:
    make: Any = RedisBroker
    return make(client=redis.Redis.from_url(redis_url))


def actors(broker: Any) -> tuple[Any, Any]:
    """One that does nothing, and one that writes down how long after its sending it started."""
    client = broker.client

    def note(sent: float) -> None:
        client.rpush(STARTED, time.time() - sent)

    noop = dramatiq.actor(broker=broker, queue_name=QUEUE, actor_name="noop")(lambda: None)
    return noop, dramatiq.actor(broker=broker, queue_name=QUEUE, actor_name="note")(note)


def work(redis_url: str) -> None:
    """Work until killed."""
    broker = broker_of(redis_url)
    actors(broker)
    Worker(broker, worker_threads=THREADS).start()
    sys.stdout.write("working\n")
    sys.stdout.flush()
    threading.Event().wait()


@contextlib.contextmanager
def workers(house: House, processes: int) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        for _ in range(processes):
            said(stack.enter_context(house.process("-m", "bench.peer_dramatiq", house.valkey_url)), "working")
        yield


def throughput(house: House, jobs: int, processes: int) -> float:
    """No-op messages a second, put into the queue in one exchange."""
    broker = broker_of(house.valkey_url)
    broker.client.flushall()
    noop, _ = actors(broker)
    messages = {str(number): noop.message().copy(options={"redis_message_id": str(number)}) for number in range(jobs)}
    texts = {name: message.encode() for name, message in messages.items()}
    with workers(house, processes):
        begun = time.monotonic()
        pipeline = broker.client.pipeline(transaction=False)
        pipeline.hset(f"dramatiq:{QUEUE}.msgs", mapping=texts)
        pipeline.rpush(f"dramatiq:{QUEUE}", *texts)
        pipeline.execute()
        until(lambda: not broker.client.hlen(f"dramatiq:{QUEUE}.msgs"), 120, "Dramatiq did not come to its end")
        return jobs / (time.monotonic() - begun)


def pick_up(house: House, seconds: int) -> list[float]:
    """Seconds from sending to starting, for one message a second on an idle worker."""
    broker = broker_of(house.valkey_url)
    broker.client.flushall()
    _, note = actors(broker)
    with workers(house, 1):
        for _ in range(seconds):
            note.send(time.time())
            time.sleep(1)
        until(lambda: broker.client.llen(STARTED) == seconds, 10, "Dramatiq did not come to its end")
        return [float(each) for each in broker.client.lrange(STARTED, 0, -1)]


if __name__ == "__main__":
    work(sys.argv[1])
