"""How the channels are, from what really became of sends and, when nothing was sent, from a probe."""

import asyncio
import contextlib
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import structlog
from sqlalchemy import func

from db.engine import Database
from db.health import HealthRow
from db.offload import DatabaseUnavailable, Offload
from db.unit_of_work import UnitOfWork
from domain.health import Status, key_of, slow_after
from notifications.breaker import Breaker, Record
from notifications.channels.channel import Channel
from notifications.errors import (
    AddressGone,
    AddressMoved,
    ChannelFault,
    Flooded,
    Postponed,
    Refused,
    SendError,
    Uncertain,
)

log = structlog.get_logger(__name__)

FLUSH_EVERY_S = 10.0
LOOK_EVERY_S = 2.0
TICK_S = 0.5
IDLE_AFTER_S = 10.0
PROBE_WITHIN_S = 15.0
MOST_KEPT = 1_000
OUTCOMES: dict[type[SendError], str] = {
    Flooded: "flooded",
    AddressMoved: "moved",
    ChannelFault: "fault",
    AddressGone: "gone",
    Uncertain: "uncertain",
    Refused: "refused",
    Postponed: "postponed",
}


@dataclass(frozen=True)
class Outcome:
    """What became of one call; `why` is None when it did what was asked."""

    at: float
    began: float
    why: str | None = None
    timed: bool = True
    """Whether how long it took says anything: a beat takes no time."""

    @classmethod
    def of(cls, took_s: float | None = None, why: str | None = None) -> "Outcome":
        """One that ended just now."""
        now = time.time()
        return cls(now, now - (took_s or 0.0), why, timed=took_s is not None)


def write(
    uow: UnitOfWork,
    system: str,
    component: str | None,
    outcomes: Sequence[Outcome],
    counts: Mapping[str, float] | None = None,
) -> Record:
    """Let the row of a system go through these outcomes, in their order; what it is afterwards."""
    row = uow.health.held(system, component)
    record, before, slow = Record.read(row.notes.get("record")), row.status, slow_after(system, component)
    for each in outcomes:
        if each.why is None:
            record.succeeded(each.at, each.at - each.began, slow)
            if each.timed:
                _mean(row, (each.at - each.began) * 1000)
            row.last_success = func.now()
        else:
            record.failed(each.at, each.began, each.why, slow)
            row.last_failure = func.now()
    row.status, row.failure_count = record.status, record.failures
    row.error_message = record.why if record.failures or record.status is not Status.HEALTHY else None
    row.checked_at = func.now()
    row.note("record", record.stored())
    if counts:
        known = row.notes.get("counts", {})
        row.note("counts", known | {name: round(known.get(name, 0) + more, 3) for name, more in counts.items()})
    if before != record.status:
        log.warning(
            "health_changed", system=key_of(system, component), status=record.status, before=before, why=record.why
        )
    return record


def _mean(row: HealthRow, took_ms: float) -> None:
    """The mean moves by a fifth of the difference."""
    known = row.avg_response_time_ms
    row.avg_response_time_ms = round(took_ms if known is None else (known * 4 + took_ms) / 5)


@dataclass
class _Pending:
    outcomes: list[Outcome] = field(default_factory=list)
    counts: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    flushed_at: float = 0.0

    @property
    def is_urgent(self) -> bool:
        return any(each.why is not None for each in self.outcomes)


class ChannelHealth:
    """What one sender knows of its channels; the rows are everybody's, and whoever opens a breaker opens it for all."""

    def __init__(self, database: Database, offload: Offload, channels: Mapping[str, Channel]) -> None:
        self._database = database
        self._offload = offload
        self._channels = channels
        self._records = {name: Record() for name in channels}
        self._pending = {name: _Pending() for name in channels}
        self._looked_at = 0.0
        self._woken = asyncio.Event()

    def sent(self, channel: str, took_s: float) -> None:
        """A provider's yes."""
        self._add(channel, Outcome.of(took_s), "sent")

    def failed(self, channel: str, took_s: float, problem: SendError) -> None:
        """A provider's no, or silence: only what is the channel's own fault counts against it."""
        outcome = next(name for kind, name in OUTCOMES.items() if isinstance(problem, kind))
        faulty = isinstance(problem, ChannelFault) or (isinstance(problem, Uncertain) and not self._is_private(channel))
        self._add(channel, Outcome.of(took_s, str(problem)) if faulty else None, outcome)

    def waited(self, channel: str, seconds: float) -> None:
        """A delivery waited so long for its turn, by the rate limits."""
        counts = self._pending[channel].counts
        counts["waits"] += 1
        counts["waited_s"] += seconds

    def open_ones(self) -> list[str]:
        """The channels that may be used without a thought."""
        return [name for name, record in self._records.items() if record.may_send() is None]

    def on_trial(self) -> list[str]:
        """The channels that have answered a probe: one delivery at a time may go by each of them."""
        return [name for name, record in self._records.items() if record.may_send() == 1]

    def why(self, channel: str) -> str | None:
        """What is wrong with a channel that may not be used now."""
        record = self._records[channel]
        return record.why if record.breaker is not Breaker.CLOSED else None

    async def watch(self, stop: asyncio.Event) -> None:
        """Write what was seen, read what others saw, and probe what nothing is known of, until `stop`."""
        while not stop.is_set():
            await self.tick()
            self._woken.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), TICK_S)

    async def finish(self) -> None:
        """Write what was seen and not yet written, within a second."""
        try:
            async with asyncio.timeout(1.0):
                await self._flush(everything=True)
        except (DatabaseUnavailable, TimeoutError) as problem:
            log.warning("health_not_written", error=str(problem))

    async def tick(self) -> None:
        """One look at everything."""
        try:
            await self._flush()
            await self._look()
            await asyncio.gather(*(self._probe_if_due(name) for name in self._channels))
        except DatabaseUnavailable as problem:
            log.warning("health_not_written", error=str(problem))
        except Exception as problem:
            log.exception("health_not_written", error=str(problem))

    def _add(self, channel: str, outcome: Outcome | None, counted: str) -> None:
        pending, record = self._pending[channel], self._records[channel]
        pending.counts[counted] += 1
        if outcome is None or len(pending.outcomes) >= MOST_KEPT:
            return
        pending.outcomes.append(outcome)
        _apply(record, channel, outcome)  # at once for this sender, with the next writing for all
        if outcome.why is not None or record.breaker is not Breaker.CLOSED:
            self._woken.set()

    def _is_private(self, channel: str) -> bool:
        """Whether each address has a provider of its own, so that one's silence says nothing of another."""
        return bool(getattr(self._channels[channel], "private_ends", False))

    async def _flush(self, *, everything: bool = False) -> None:
        for name, pending in self._pending.items():
            over = time.monotonic() - pending.flushed_at >= FLUSH_EVERY_S
            troubled = bool(pending.outcomes) and self._records[name].status is not Status.HEALTHY
            if not (pending.outcomes or pending.counts) or not (everything or over or pending.is_urgent or troubled):
                continue
            taken, self._pending[name] = pending, _Pending(flushed_at=time.monotonic())
            try:
                record = await self._offload.run(self._write, name, taken)
            except BaseException:
                later = self._pending[name]
                later.outcomes[:0] = taken.outcomes
                for counted, number in taken.counts.items():
                    later.counts[counted] += number
                raise
            self._take(name, record)

    def _write(self, name: str, pending: _Pending) -> Record:
        with self._database.for_platform() as uow:
            record = write(uow, "notification", name, pending.outcomes, pending.counts)
            uow.commit()
            return record

    async def _look(self) -> None:
        """What other senders found out."""
        if time.monotonic() - self._looked_at < LOOK_EVERY_S:
            return
        self._looked_at = time.monotonic()
        for name, record in (await self._offload.run(self._read)).items():
            if name in self._records and not self._pending[name].outcomes:
                self._take(name, record)

    def _read(self) -> dict[str, Record]:
        with self._database.for_platform() as uow:
            rows = uow.health.of_system("notification")
            return {row.component: Record.read(row.notes.get("record")) for row in rows if row.component}

    def _take(self, name: str, record: Record) -> None:
        """This is how it is; what was seen since and is not written yet comes on top."""
        for outcome in self._pending[name].outcomes:
            _apply(record, name, outcome)
        self._records[name] = record

    async def _probe_if_due(self, name: str) -> None:
        record = self._records[name]
        if record.breaker is Breaker.OPEN:
            due = time.time() >= record.probe_at and await self._offload.run(self._take_probe, name)
        else:
            idle = LOOK_EVERY_S if record.breaker is Breaker.HALF_OPEN else IDLE_AFTER_S
            due = time.time() - max(record.succeeded_at, record.failed_at) >= idle
        if not due:
            return
        begun = time.monotonic()
        error = await probe(self._channels[name])
        outcome = Outcome.of(time.monotonic() - begun, error)
        self._pending[name].outcomes.append(outcome)
        _apply(self._records[name], name, outcome)
        self._pending[name].flushed_at = 0.0
        await self._flush()

    def _take_probe(self, name: str) -> bool:
        with self._database.for_platform() as uow:
            row = uow.health.held("notification", name)
            record = Record.read(row.notes.get("record"))
            taken = record.take_probe(time.time())
            row.note("record", record.stored())
            uow.commit()
            return taken


def _apply(record: Record, channel: str, outcome: Outcome) -> None:
    slow = slow_after("notification", channel)
    if outcome.why is None:
        record.succeeded(outcome.at, outcome.at - outcome.began, slow)
    else:
        record.failed(outcome.at, outcome.began, outcome.why, slow)


async def probe(channel: Channel) -> str | None:
    """Ask the channel whether anything could be sent now; why not, if not."""
    try:
        async with asyncio.timeout(PROBE_WITHIN_S):
            await channel.check()
    except TimeoutError:
        return f"no answer within {PROBE_WITHIN_S:.0f} s"
    except SendError as problem:
        return str(problem)
    return None
