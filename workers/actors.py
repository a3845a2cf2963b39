"""Dramatiq's actors: one for each queue, all doing the same with what the bell says."""

from collections.abc import Callable
from typing import Any, Protocol

import dramatiq
import structlog

from workers.enqueue import actor_of
from workers.queues import PRIORITIES

log = structlog.get_logger(__name__)


class Begins(Protocol):
    """What carries out one attempt of a run; it may return before the result is stored."""

    def begin(self, run_id: int, attempt: int) -> object: ...


def declare(broker: Any, execution: Begins) -> None:
    """Let this process work through every queue."""
    for queue, priority in PRIORITIES.items():
        name = actor_of(queue)
        dramatiq.actor(broker=broker, queue_name=queue, actor_name=name, priority=priority)(_answer(execution))


def _answer(execution: Begins) -> Callable[..., None]:
    def answer(*bell: object) -> None:
        if len(bell) != 2 or not all(isinstance(part, int) and not isinstance(part, bool) for part in bell):
            log.error("bell_not_understood", bell=repr(bell)[:200])  # a message that is not ours is dropped, and said
            return
        run_id, attempt = bell
        execution.begin(run_id, attempt)  # type: ignore[arg-type]  # checked above

    return answer
