"""The protocol as a model: one due time, two schedulers, two workers, and everything that may go wrong between them.

Every guarded write goes through a `Step` of `domain.runs.STEPS`, the table from which the product's conditional UPDATEs
take their WHERE, so that whoever changes a rule there changes this model. What the processes do between the writes
(read, ring, perform, die) is written here. A `Protocol` with a rule removed is a mutant.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from domain.runs import FINAL, STEPS, TRANSITIONS, Condition, Fence, RunStatus, Step

TABLE: Mapping[str, Step] = {step.name: step for step in STEPS}
MOST_COPIES_OF_A_BELL = 2
IDLE = ("idle", "", 0)

Process = tuple[str, str, int]
"""Where a process stands: a word, the step it is about to write if any, and the attempt or token that it knows."""


class Row(NamedTuple):
    """The run's row; the last three say what the database's clock says of it."""

    status: RunStatus
    attempt: int
    token: int
    due: bool
    lease_over: bool
    overdue: bool


class Budget(NamedTuple):
    """How often each thing may still go wrong."""

    crashes: int = 2
    losses: int = 1
    stalls: int = 1
    failures: int = 1
    overruns: int = 1
    cancels: int = 1


class State(NamedTuple):
    """Everything at one moment; the two of a kind are alike, so they are kept sorted."""

    cursor_moved: bool
    rows: int
    row: Row | None
    bells: tuple[int, ...]
    schedulers: tuple[Process, Process]
    workers: tuple[Process, Process]
    left: Budget
    effects: int
    results: int
    messages: int


@dataclass(frozen=True)
class Move:
    """What may happen next; `fault` when nobody may count on it."""

    name: str
    state: State
    fault: bool = False
    flaw: str | None = None


@dataclass(frozen=True)
class Protocol:
    """The rules under which the processes act; each switch takes one of the processes' own rules away."""

    repeatable: bool = True
    most_attempts: int = 2
    budget: Budget = field(default_factory=Budget)
    table: Mapping[str, Step] = field(default_factory=lambda: TABLE)
    cursor_and_row_together: bool = True
    planning_locks: bool = True
    due_time_is_unique: bool = True
    rings_after_commit: bool = True
    rings_again: bool = True
    sweeps: bool = True
    claims: bool = True
    messages_with_result: bool = True
    asks_before_repeating: bool = True

    def without(self, name: str, **changes: object) -> "Protocol":
        """This protocol with one Step of the table altered."""
        return replace(self, table={**self.table, name: replace(self.table[name], **changes)})  # type: ignore[arg-type]

    def start(self) -> State:
        """A due time that nobody has planned yet."""
        return State(False, 0, None, (), (IDLE, IDLE), (IDLE, IDLE), self.budget, 0, 0, 0)

    def moves(self, state: State) -> Iterator[Move]:
        """Every step that anybody can make in this state."""
        for scheduler in sorted(set(state.schedulers)):
            yield from self._scheduler(state, scheduler)
        for worker in sorted(set(state.workers)):
            yield from self._worker(state, worker)
        yield from self._clock(state)
        yield from self._misfortune(state)

    # the scheduler

    def _scheduler(self, state: State, me: Process) -> Iterator[Move]:
        word, step, known = me
        if word == "idle":
            yield from self._plan(state, me)
            yield from self._ring(state, me)
            yield from self._look_for_stalled(state, me)
        elif word == "about to ring":
            yield Move("rings", _scheduler_at(_with_bell(state, known), me, IDLE))
        elif word == "moved the cursor":
            yield Move("inserts", self._inserted(state, me))
        elif word == "read the cursor":
            yield Move("inserts and moves the cursor", self._inserted(state, me))
        elif word == "rang first":
            yield Move("commits", self._inserted(state, me, IDLE))
        elif word == "found stalled":
            yield self._write(f"sweeps: {step}", state, step, me, IDLE, token=known, of_worker=False)

    def _plan(self, state: State, me: Process) -> Iterator[Move]:
        if state.cursor_moved:
            return
        if not self.cursor_and_row_together:
            yield Move(
                "moves the cursor", _scheduler_at(state._replace(cursor_moved=True), me, ("moved the cursor", "", 0))
            )
        elif not self.planning_locks:
            yield Move("reads the cursor", _scheduler_at(state, me, ("read the cursor", "", 0)))
        elif not self.rings_after_commit:
            yield Move("rings before it commits", _scheduler_at(_with_bell(state, 0), me, ("rang first", "", 0)))
        else:
            yield Move("plans", self._inserted(state, me))

    def _inserted(self, state: State, me: Process, after: Process = ("about to ring", "", 0)) -> State:
        """The row made as enqueued and the cursor moved, in one transaction; a due time that has its row gets none."""
        planned = _scheduler_at(state._replace(cursor_moved=True), me, IDLE)
        if state.rows and self.due_time_is_unique:
            return planned
        row = Row(RunStatus.ENQUEUED, 0, 0, due=True, lease_over=False, overdue=False)
        return _scheduler_at(state._replace(cursor_moved=True, rows=state.rows + 1, row=row), me, after)

    def _ring(self, state: State, me: Process) -> Iterator[Move]:
        if state.row is None:
            return
        for name in ("enqueue", "ring again") if self.rings_again else ("enqueue",):
            if self._may(state, name):
                after = ("about to ring", "", state.row.attempt)
                yield self._write(f"marks: {name}", state, name, me, after, of_worker=False)

    def _look_for_stalled(self, state: State, me: Process) -> Iterator[Move]:
        row = state.row
        if not self.sweeps or row is None or row.status is not RunStatus.RUNNING:
            return
        again = row.attempt < self.most_attempts and (self.repeatable or not self.asks_before_repeating)
        if row.lease_over:
            last = "bury" if self.repeatable else "lose"
            yield Move("finds a lapsed lease", _scheduler_at(state, me, _stalled("rescue" if again else last, row)))
        if row.overdue:
            name = "overrun, retry" if again else "overrun"
            yield Move("finds a run past its deadline", _scheduler_at(state, me, _stalled(name, row)))

    # the worker

    def _worker(self, state: State, me: Process) -> Iterator[Move]:
        word, _, known = me
        if word == "idle":
            for attempt in sorted(set(state.bells)):
                heard = _worker_at(_without_bell(state, attempt), me, ("rung", "", attempt))
                yield Move(f"hears bell {attempt}", heard)
        elif word == "rung":
            yield self._claim(state, me)
        elif word == "stored":
            yield Move("sends the messages", _worker_at(state._replace(messages=1), me, IDLE))
        else:
            yield self._write("keeps", state, "heartbeat", me, me, token=known)
            yield from self._perform(state, me)
            yield from self._give_up(state, me)

    def _claim(self, state: State, me: Process) -> Move:
        if not self.claims:
            token = state.row.token if state.row else 0
            return Move("starts without asking", _worker_at(state, me, ("holding", "", token)))
        if state.row is None or not self._may(state, "start", attempt=me[2]):
            return Move("finds nothing to start", _worker_at(state, me, IDLE))
        raised = self.table["start"].raises_token
        after = ("holding", "", state.row.token + raised)
        return self._write("starts", state, "start", me, after, attempt=me[2], flaw=self._wrong_start(state.row))

    def _wrong_start(self, row: Row) -> str | None:
        if row.attempt >= self.most_attempts or (row.attempt and not self.repeatable):
            return "more attempts than there may be"
        return None if row.due else "an attempt started before its time"

    def _perform(self, state: State, me: Process) -> Iterator[Move]:
        word, _, token = me
        if word == "holding":
            done = state._replace(effects=min(state.effects + 1, 2))
            twice = not self.repeatable and done.effects > 1
            flaw = "work that must not be repeated was done twice" if twice else None
            yield Move("performs", _worker_at(done, me, ("performed", "", token)), flaw=flaw)
        else:
            stored = ("stored", "", token) if not self.messages_with_result else IDLE
            yield self._write("stores", state, "succeed", me, stored, token=token, otherwise=IDLE)

    def _give_up(self, state: State, me: Process) -> Iterator[Move]:
        token, row = me[2], state.row
        if row is None:
            return
        again = self.repeatable and row.attempt < self.most_attempts
        if state.left.failures and me[0] == "holding":
            less = state._replace(left=state.left._replace(failures=state.left.failures - 1))
            yield self._write("fails for good", less, "fail", me, IDLE, token=token, fault=True)
            if again:
                yield self._write("fails", less, "retry", me, IDLE, token=token, fault=True)
        if row.overdue:
            yield self._write("stops at its deadline", state, "retry" if again else "time out", me, IDLE, token=token)

    # what nobody does

    def _clock(self, state: State) -> Iterator[Move]:
        row = state.row
        if row is None:
            return
        if row.status is RunStatus.PLANNED and not row.due:
            yield Move("the back-off is over", state._replace(row=row._replace(due=True)))
        if row.status is not RunStatus.RUNNING:
            return
        if not row.lease_over:
            lapsed = state._replace(row=row._replace(lease_over=True))
            if not _held(state):
                yield Move("the lease of a dead worker lapses", lapsed)
            elif state.left.stalls:
                less = lapsed._replace(left=state.left._replace(stalls=state.left.stalls - 1))
                yield Move("the lease of a live worker lapses", less, fault=True)
        if not row.overdue and state.left.overruns:
            late = state._replace(row=row._replace(overdue=True))
            less = late._replace(left=state.left._replace(overruns=state.left.overruns - 1))
            yield Move("the deadline passes", less, fault=True)

    def _misfortune(self, state: State) -> Iterator[Move]:
        left = state.left
        if left.crashes:
            less = state._replace(left=left._replace(crashes=left.crashes - 1))
            for scheduler in sorted(set(state.schedulers) - {IDLE}):
                yield Move("a scheduler dies", _scheduler_at(less, scheduler, IDLE), fault=True)
            for worker in sorted(set(state.workers) - {IDLE}):
                yield Move("a worker dies", _worker_at(less, worker, IDLE), fault=True)
        if left.losses and state.bells:
            less = state._replace(bells=(), left=left._replace(losses=left.losses - 1))
            yield Move("the broker is emptied", less, fault=True)
        if left.cancels and self._may(state, "cancel"):
            less = state._replace(left=left._replace(cancels=left.cancels - 1))
            yield self._write("somebody cancels", less, "cancel", None, IDLE, of_worker=False, fault=True)

    # the one way to write

    def _may(self, state: State, name: str, *, attempt: int = 0, token: int = 0) -> bool:
        """Whether the conditional UPDATE of this step finds the row, by nothing but the table."""
        step, row = self.table[name], state.row
        if row is None or row.status not in step.sources:
            return False
        if step.fence is Fence.ATTEMPT and row.attempt != attempt:
            return False
        if step.fence is Fence.TOKEN and row.token != token:
            return False
        match step.condition:
            case Condition.DUE:
                return row.due
            case Condition.LEASE_OVER:
                return row.lease_over
            case Condition.DEADLINE_OVER:
                return row.overdue
        return True  # of an unanswered bell only time decides, and any time may have passed

    def _write(
        self,
        name: str,
        state: State,
        step_name: str,
        me: Process | None,
        after: Process,
        *,
        attempt: int = 0,
        token: int = 0,
        of_worker: bool = True,
        otherwise: Process | None = None,
        fault: bool = False,
        flaw: str | None = None,
    ) -> Move:
        """A conditional UPDATE: when it finds no row the writer goes on as `otherwise`, and nothing has changed."""
        place = _worker_at if of_worker else _scheduler_at
        if not self._may(state, step_name, attempt=attempt, token=token) or state.row is None:
            return Move(f"{name}, in vain", place(state, me, otherwise or after) if me else state, fault)
        step = self.table[step_name]
        flaw = flaw or self._flaw(step, state, token, of_worker=of_worker)
        written = state._replace(row=_changed(state.row, step))
        if step.name == "succeed":
            written = written._replace(
                results=min(state.results + 1, 2), messages=1 if self.messages_with_result else state.messages
            )
        return Move(name, place(written, me, after) if me else written, fault, flaw)

    def _flaw(self, step: Step, state: State, token: int, *, of_worker: bool) -> str | None:
        """What is wrong with this write, judged by the promises and not by the guards."""
        row = state.row
        if row is None:
            return None
        if row.status in FINAL:
            return "a final state was overwritten"
        if step.target is not row.status and step.target not in TRANSITIONS[row.status]:
            return "a change of state that is not drawn"
        if of_worker and step.name != "start" and token != row.token:
            return "a write by an old token"
        taken_for_lost = step.name in ("rescue", "lose", "bury")
        if taken_for_lost and not row.lease_over:
            return "a run was taken from a worker whose lease stands"
        if step.name.startswith("overrun") and not row.overdue:
            return "a run was taken before its deadline"
        if (taken_for_lost or step.name.startswith("overrun")) and row.status is not RunStatus.RUNNING:
            return "a run that nobody held was rescued"
        return None


def wrong_with(protocol: Protocol, state: State) -> str | None:
    """The promise that this state breaks, if any."""
    row = state.row
    if state.rows > 1:
        return "one due time has two rows"
    if row is None:
        return None
    holders = sum(word in ("holding", "performed") and token == row.token for word, _, token in state.workers)
    if protocol.claims and holders > 1:
        return "two attempts hold the run with the current token"
    if state.results > 1:
        return "two results were stored"
    if (row.status is RunStatus.SUCCEEDED) != bool(state.messages):
        return "a succeeded run has no message, or another run has one"
    return None


def is_over(state: State) -> bool:
    """Whether the due time has come to its end."""
    return state.row is not None and state.row.status in FINAL


def _changed(row: Row, step: Step) -> Row:
    changed = row._replace(
        status=step.target, attempt=row.attempt + step.raises_attempt, token=row.token + step.raises_token
    )
    if step.target is RunStatus.RUNNING:
        return changed._replace(lease_over=False, overdue=row.overdue and step.name == "heartbeat")
    # No guard may lean on the clock once nobody holds the run: the columns may be left as they are, and then lapse.
    return changed._replace(due=row.due and step.target is not RunStatus.PLANNED, lease_over=True, overdue=True)


def _held(state: State) -> bool:
    row = state.row
    return row is not None and any(word in ("holding", "performed") and t == row.token for word, _, t in state.workers)


def _stalled(step: str, row: Row) -> Process:
    return ("found stalled", step, row.token)


def _with_bell(state: State, attempt: int) -> State:
    if state.bells.count(attempt) >= MOST_COPIES_OF_A_BELL:
        return state
    return state._replace(bells=tuple(sorted((*state.bells, attempt))))


def _without_bell(state: State, attempt: int) -> State:
    bells = list(state.bells)
    bells.remove(attempt)
    return state._replace(bells=tuple(bells))


def _scheduler_at(state: State, before: Process | None, after: Process) -> State:
    return state._replace(schedulers=_moved(state.schedulers, before, after))


def _worker_at(state: State, before: Process | None, after: Process) -> State:
    return state._replace(workers=_moved(state.workers, before, after))


def _moved(pair: tuple[Process, Process], before: Process | None, after: Process) -> tuple[Process, Process]:
    other = pair[1] if pair[0] == before else pair[0]
    return (after, other) if after <= other else (other, after)
