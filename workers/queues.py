"""Dramatiq's side: one queue for each kind of work, a broker that only rings bells, and no retries of its own."""

import threading
from collections.abc import Iterable
from typing import Any

import dramatiq
import redis
import structlog
from dramatiq.broker import Consumer, MessageProxy
from dramatiq.brokers.redis import RedisBroker
from dramatiq.errors import ConnectionClosed
from dramatiq.worker import ConsumerThread, Worker, WorkerThread

from workers.bell import Doorbell
from workers.enqueue import NAMESPACE, client_of
from workers.lanes import URGENT, Lanes

log = structlog.get_logger(__name__)

PRIORITIES = {"alerts": URGENT, "trading_bots": URGENT, "screeners": 10, "reports": 10, "maintenance": 20}
QUEUES = tuple(PRIORITIES)
LOOK_EVERY_MS = 1000
"""How often a queue is looked into although nobody rang."""
ANSWER_WITHIN = 5.0
AFTER_A_FAULT = 1.0
RESERVED_THREADS = 2
"""Of a process's threads, those that take nothing but alerts and trading bots."""


class Broker(RedisBroker):
    """Dramatiq's broker for Valkey and Redis, with consumers that are woken instead of asking ever more seldom."""

    def __init__(self, redis_url: str, answer_within: float = ANSWER_WITHIN) -> None:
        super().__init__(  # type: ignore[no-untyped-call]
            client=client_of(redis_url, answer_within=answer_within),
            namespace=NAMESPACE,
            middleware=[],
            maintenance_chance=20_000,  # of a million calls; recovery does not depend on it, the leases do that
        )
        self.doorbell = Doorbell(redis_url, answer_within)

    @property
    def consumer_class(self) -> Any:
        return BellConsumer

    def declare_queue(self, queue_name: str) -> None:
        """Declare a queue without its twin for delayed messages: what is to wait waits in the database."""
        if queue_name not in self.queues:
            self.emit_before("declare_queue", queue_name)
            self.queues.add(queue_name)
            self.emit_after("declare_queue", queue_name)

    def acknowledge(self, queue: str, ids: Iterable[str]) -> None:
        """Forget these messages, which were taken from `queue` and dealt with; harmless when they are gone already."""
        names = list(ids)
        pipeline = self.client.pipeline(transaction=True)
        pipeline.srem(self._taken(queue), *names)
        pipeline.hdel(f"{NAMESPACE}:{queue}.msgs", *names)
        pipeline.execute()

    def forget_taken(self, queue: str) -> None:
        """Forget what this process took from `queue`; for when it is known that nothing of it is left to do."""
        self.client.delete(self._taken(queue))

    def _taken(self, queue: str) -> str:
        return f"{NAMESPACE}:__acks__.{self.broker_id}.{queue}"

    def close(self) -> None:
        self.doorbell.stop()
        self.client.close()


class BellConsumer(Consumer):
    """Takes the messages of one queue as soon as it is rung or a thread has room.

    An acknowledgement is written with the next look into the queue, by the consumer's own thread: the run's row says
    already what became of it, so one that is lost only brings a bell that finds nothing to do.
    """

    def __init__(self, broker: Broker, queue_name: str, prefetch: int, timeout: int) -> None:
        self.broker, self.queue_name, self.prefetch = broker, queue_name, prefetch
        self._look_every = timeout / 1000
        self._bell = threading.Event()
        self._lock = threading.Lock()
        self._fetched: list[Any] = []
        self._outstanding = 0
        self._done: list[str] = []
        self._strays = False
        broker.doorbell.add(queue_name, self._bell)

    def __next__(self) -> MessageProxy | None:
        """The next message; None after a wait without one, and while the broker does not answer."""
        if not self._fetched:
            self._bell.clear()  # before looking, so that a ring meanwhile ends the wait
            try:
                self._write_acknowledgements()
                self._fetched = self._fetch()
            except (redis.exceptions.RedisError, OSError) as problem:
                log.warning("queue_not_read", queue=self.queue_name, error=str(problem))
                self._bell.wait(AFTER_A_FAULT)
                return None
        if not self._fetched:
            self._bell.wait(self._look_every)
            return None
        return self._decoded(self._fetched.pop(0))

    def ack(self, message: MessageProxy) -> None:
        with self._lock:
            self._done.append(message.options["redis_message_id"])
            self._outstanding = max(self._outstanding - 1, 0)
            wake = len(self._done) == 1 or self._outstanding == 0
        if wake:
            self._bell.set()

    def nack(self, message: MessageProxy) -> None:
        try:
            self.broker.do_nack(self.queue_name, message.options["redis_message_id"])
        except (redis.exceptions.RedisError, OSError) as problem:
            raise ConnectionClosed(problem) from None  # type: ignore[no-untyped-call]
        with self._lock:
            self._outstanding = max(self._outstanding - 1, 0)
        self._bell.set()

    def requeue(self, messages: Iterable[MessageProxy]) -> None:
        """Put back what was not begun, behind what was acknowledged."""
        ids = [message.options["redis_message_id"] for message in messages]
        ids += [each.options["redis_message_id"] for each in map(self._decoded, self._fetched) if each is not None]
        self._fetched = []
        try:
            self._write_acknowledgements()
            if ids:
                self.broker.do_requeue(self.queue_name, *ids)
        except (redis.exceptions.RedisError, OSError) as problem:
            raise ConnectionClosed(problem) from None  # type: ignore[no-untyped-call]

    def close(self) -> None:
        self.broker.doorbell.remove(self.queue_name, self._bell)

    def wake(self) -> None:
        """End a wait at once."""
        self._bell.set()

    def _fetch(self) -> list[Any]:
        with self._lock:
            room = self.prefetch - self._outstanding
        if room <= 0:
            return []
        found = self.broker.do_fetch(self.queue_name, room)
        messages = [data for data in found if data is not None]  # None: its twin was dealt with meanwhile
        with self._lock:
            self._outstanding += len(messages)
            self._strays = self._strays or len(messages) < len(found)
            idle = self._outstanding == 0 and not self._done
        if self._strays and idle:
            self.broker.forget_taken(self.queue_name)
            self._strays = False
        return messages

    def _decoded(self, data: bytes) -> MessageProxy | None:
        try:
            return MessageProxy(dramatiq.Message.decode(data))
        except dramatiq.errors.DecodeError:
            log.exception("message_not_understood", queue=self.queue_name, message=repr(data)[:200])
            with self._lock:
                self._outstanding = max(self._outstanding - 1, 0)
                self._strays = True
            return None

    def _write_acknowledgements(self) -> None:
        with self._lock:
            done, self._done = self._done, []
        if not done:
            return
        try:
            self.broker.acknowledge(self.queue_name, done)
        except (redis.exceptions.RedisError, OSError):
            with self._lock:
                self._done = done + self._done
            raise


class Crew(Worker):
    """Dramatiq's worker with our line in front of the threads: urgent things first, two threads for them alone."""

    def __init__(self, broker: Broker, threads: int) -> None:
        super().__init__(broker, worker_timeout=LOOK_EVERY_MS, worker_threads=threads)
        self._lanes = self.work_queue = Lanes()
        self._reserved = min(RESERVED_THREADS, threads - 1)

    def stop(self, timeout: int = 600_000) -> None:
        """End after the runs in progress, waiting for so many milliseconds at most; what was not begun goes back."""
        for thread in self.consumers.values():
            thread.stop()
            if isinstance(thread.consumer, BellConsumer):
                thread.consumer.wake()
        for worker in self.workers:
            worker.stop()
        self._lanes.close()
        super().stop(timeout)

    def _add_consumer(self, queue_name: str, *, delay: bool = False) -> None:
        if delay or queue_name in self.consumers:
            return
        urgent = PRIORITIES.get(queue_name) == URGENT
        consumer = self.consumers[queue_name] = ConsumerThread(
            broker=self.broker,
            queue_name=queue_name,
            prefetch=self.worker_threads * (4 if urgent else 1),  # what takes long is not hoarded
            work_queue=self.work_queue,
            worker_timeout=self.worker_timeout,
        )
        consumer.start()

    def _add_worker(self) -> None:
        reserved = len(self.workers) < self._reserved
        worker = WorkerThread(
            broker=self.broker,
            consumers=self.consumers,
            work_queue=self._lanes.reserved if reserved else self.work_queue,  # type: ignore[arg-type]
            worker_timeout=self.worker_timeout,
        )
        worker.start()
        self.workers.append(worker)


def connect(redis_url: str, answer_within: float = ANSWER_WITHIN) -> Broker:
    """The broker behind `redis_url` with every queue declared; nothing is connected before it is used."""
    broker = Broker(redis_url, answer_within)
    for queue in QUEUES:
        broker.declare_queue(queue)
    return broker


def start_worker(broker: Broker, threads: int) -> Crew:
    """Begin to work through the queues with so many threads."""
    broker.doorbell.start()
    crew = Crew(broker, threads)
    crew.start()
    return crew
