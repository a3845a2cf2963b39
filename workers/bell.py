"""A bell that really rings: one subscription for a whole worker process, which wakes those who wait for its queues."""

import contextlib
import threading
import time
from typing import Any

import redis
import structlog

from workers.enqueue import CHANNEL, client_of

log = structlog.get_logger(__name__)

LOOK_EVERY = 0.25
RECONNECT_AFTER = 0.5
LONGEST_PAUSE = 5.0


class Doorbell:
    """Sets the events of those who listen when their queue is rung.

    It may miss a ring (nothing is kept for a subscriber that is away), so whoever listens also looks from time to
    time. After every new subscription all are woken, for a ring may have been missed meanwhile.
    """

    def __init__(self, redis_url: str, answer_within: float) -> None:
        self._client = client_of(redis_url, answer_within=answer_within)
        self._answer_within, self._ping_every = answer_within, 2 * answer_within
        self._waiting: dict[str, list[threading.Event]] = {}
        self._stopped = threading.Event()
        self._listening = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="doorbell", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(timeout=self._answer_within + LOOK_EVERY)
        self._client.close()

    def add(self, queue: str, event: threading.Event) -> None:
        """Set `event` whenever `queue` is rung."""
        self._waiting.setdefault(queue, []).append(event)

    def remove(self, queue: str, event: threading.Event) -> None:
        with contextlib.suppress(ValueError):
            self._waiting.get(queue, []).remove(event)

    def wait_until_it_listens(self, seconds: float) -> bool:
        """Whether the subscription stands, waiting for it for so long at most."""
        return self._listening.wait(seconds)

    def _serve(self) -> None:
        pause = RECONNECT_AFTER
        while not self._stopped.is_set():
            try:
                with contextlib.closing(self._pubsub()) as subscription:
                    subscription.subscribe(CHANNEL)
                    for _ in self._heard(subscription):
                        pause = RECONNECT_AFTER
            except (redis.exceptions.RedisError, OSError) as problem:
                log.warning("doorbell_lost", error=str(problem), again_in_s=pause)
            self._listening.clear()
            self._stopped.wait(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    def _pubsub(self) -> Any:
        return self._client.pubsub()  # type: ignore[no-untyped-call]

    def _heard(self, subscription: Any) -> Any:
        """Pass on what is heard until it stops; ConnectionError when the server has been silent for too long."""
        last, asked = time.monotonic(), None
        while not self._stopped.is_set():
            message = subscription.get_message(timeout=LOOK_EVERY)
            now = time.monotonic()
            if message is not None:
                last, asked = now, None
                self._pass_on(message)
                yield message
            elif asked is not None and now - asked > self._answer_within:
                raise redis.exceptions.ConnectionError(f"no answer for {now - last:.0f} s")
            elif asked is None and now - last > self._ping_every:
                subscription.ping()
                asked = now

    def _pass_on(self, message: dict[str, Any]) -> None:
        if message["type"] == "subscribe":
            self._listening.set()
            rung = list(self._waiting)
        elif message["type"] == "message":
            rung = message["data"].decode(errors="replace").split()
        else:
            return
        for queue in rung:
            for event in self._waiting.get(queue, ()):
                event.set()
