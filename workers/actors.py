"""Dramatiq's actors: one for each queue, all doing the same with what the bell says."""

from typing import Any

import dramatiq
import structlog

from workers.execution import Execution
from workers.queues import QUEUES, actor_of

log = structlog.get_logger(__name__)


def declare(broker: Any, execution: Execution) -> None:
    """Let this process work through every queue."""
    for queue in QUEUES:
        dramatiq.actor(broker=broker, queue_name=queue, actor_name=actor_of(queue))(_answer(execution))


def _answer(execution: Execution) -> Any:
    def answer(*bell: object) -> None:
        if len(bell) != 2 or not all(isinstance(part, int) and not isinstance(part, bool) for part in bell):
            log.error("bell_not_understood", bell=repr(bell)[:200])  # a message that is not ours is dropped, and said
            return
        run_id, attempt = bell
        execution.execute(run_id, attempt)  # type: ignore[arg-type]  # checked above

    return answer
