"""A breadth-first explorer: every state that the protocol can reach, and whether a promise is broken in any."""

import gc
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.model.protocol import Protocol, State, is_over, wrong_with

LOST = "a due time may never come to its end"


@dataclass(frozen=True)
class Finding:
    """What an exploration showed: how many states there are, and the shortest way to a broken promise, if any."""

    states: int
    flaw: str | None = None
    way: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.flaw is None:
            return f"no promise is broken in {self.states:,} states"
        return f"{self.flaw} ({self.states:,} states seen):\n  " + "\n  ".join(self.way)


def explore(protocol: Protocol) -> Finding:
    """Go through every reachable state; the first broken promise ends it, the shortest way to it is told."""
    with _no_garbage():
        return _explore(protocol)


@contextmanager
def _no_garbage() -> Iterator[None]:
    """States hold no cycles, and looking for some among millions of tuples takes a third of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _explore(protocol: Protocol) -> Finding:
    start = protocol.start()
    came_from: dict[State, tuple[State, str] | None] = {start: None}
    leads_to: dict[State, list[State]] = {}
    waiting = deque([start])
    while waiting:
        state = waiting.popleft()
        for move in protocol.moves(state):
            new = move.state not in came_from
            flaw = move.flaw or (wrong_with(protocol, move.state) if new else None)
            if flaw:
                return Finding(len(came_from), flaw, (*_way(came_from, state), move.name))
            if new:
                came_from[move.state] = (state, move.name)
                waiting.append(move.state)
            if not move.fault and move.state != state:
                leads_to.setdefault(move.state, []).append(state)
    stuck = _stuck(came_from, leads_to)
    return Finding(len(came_from)) if stuck is None else Finding(len(came_from), LOST, _way(came_from, stuck))


def _stuck(came_from: dict[State, tuple[State, str] | None], leads_to: dict[State, list[State]]) -> State | None:
    """The first state found from which no end can be reached without another fault, if any."""
    good = {state for state in came_from if is_over(state)}
    waiting = list(good)
    while waiting:
        for before in leads_to.get(waiting.pop(), ()):
            if before not in good:
                good.add(before)
                waiting.append(before)
    return next((state for state in came_from if state not in good), None)


def _way(came_from: dict[State, tuple[State, str] | None], state: State) -> tuple[str, ...]:
    names = []
    while (before := came_from[state]) is not None:
        state, name = before
        names.append(name)
    return tuple(reversed(names))
