"""The sender's loop: claim by urgency, look again, write that we call, call, write what came of it."""

import asyncio
import contextlib
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Coroutine, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import structlog

from db.engine import Database
from db.listen import Listener
from db.offload import DatabaseUnavailable, Offload
from domain.locales import speaking
from domain.messages import BULK_LANE, ChannelConfig
from domain.preferences import ADJUSTABLE
from notifications import broadcasts, deliveries
from notifications.channels.channel import Channel, Progress
from notifications.database_watch import DatabaseWatch
from notifications.delivery import Delivery, Sent
from notifications.errors import (
    AddressGone,
    AddressMoved,
    ChannelFault,
    Flooded,
    Postponed,
    SendError,
    Uncertain,
)
from notifications.health import ChannelHealth, Outcome, write
from notifications.health_watch import Watcher
from notifications.rates import Rates

log = structlog.get_logger(__name__)

AT_ONCE = 24
BULK_AT_ONCE = 10
"""What is bulk never takes every place: an alert finds one free."""
AHEAD_S = 0.5
"""No more is claimed than is sent in so long, for what is claimed can't be overtaken any more."""
PATIENCE_S = 1.0
"""How long a claimed delivery waits for its turn before it is given back."""
POLL_S = 1.0
SWEEP_EVERY_S = 5.0
DRIVE_EVERY_S = 1.0
REPORT_EVERY_S = 10.0
CALL_WITHIN_S = 180.0
RENEW_EVERY_S = 20.0
FAULT_PAUSE = timedelta(seconds=5)
CAPPED = "capped:"
STOP_WITHIN_S = 6.0
NOTICED_S = 0.02
"""A wait for the pace shorter than this is none."""


_AS_IT_COMES = ChannelConfig()


async def _this_one() -> bool:
    return True


class Sender:
    """Delivers what is queued; any number of senders may run, the claims keep them apart."""

    def __init__(
        self,
        database: Database,
        listener: Listener,
        channels: Mapping[str, Channel],
        offload: Offload,
        rates: Rates,
        *,
        per_second: float = 25.0,
        opt_out: Callable[[int, str], str | None] = lambda _user, _category: None,
        only_one: Callable[[], Awaitable[bool]] = _this_one,
        best_effort: Collection[str] = (),
    ) -> None:
        """`per_second` is what may be sent in all; `opt_out` makes the link by which a person leaves a category;
        `only_one` says whether this sender, of all, is to tell of the database's outage. Channels that are
        `best_effort` can't tell a refusal from a doubt: nothing is sent there twice.
        """
        self._holds = frozenset(best_effort)
        self._database = database
        self._listener = listener
        self._channels = channels
        self._offload = offload
        self._rates = rates
        self._ahead = max(int(per_second * AHEAD_S), 1)
        self._opt_out = opt_out
        self._owner = uuid.uuid4().hex
        self._health = ChannelHealth(database, offload, channels)
        self._watcher = Watcher()
        self._urgent: set[asyncio.Task[None]] = set()
        self._bulk: set[asyncio.Task[None]] = set()
        self._going: Counter[str] = Counter()
        self._told: asyncio.Task[bool] | None = None
        self._look = True
        """Whether something was queued, or the clock says to look."""
        self._more = False
        """Whether the last claim found something, or an address became free, so that there may be more."""
        self._outages = DatabaseWatch(channels, only_one)
        self._configs: dict[str, ChannelConfig] = {}

    async def run(self, stop: asyncio.Event, ready: Callable[[], None]) -> None:
        """Send until `stop`; what was begun is finished, what was not begun stays queued."""
        for channel in self._channels.values():
            await channel.open()
        with contextlib.suppress(DatabaseUnavailable):  # read again with every report
            await self._offload.run(self._read_configs)
        beside = [asyncio.create_task(work) for work in self._beside(stop)]
        ready()
        try:
            while not stop.is_set():
                if not await self._step():
                    await self._rest()
        finally:
            await self._let_finish()
            await self._health.finish()
            for work in beside:
                work.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
            for channel in self._channels.values():
                await channel.close()

    async def _step(self) -> bool:
        """Begin the next few; False when there was nothing to begin, or no place for it."""
        if not self._look and not (self._more and self._has_room()):
            return False
        free = AT_ONCE - len(self._urgent) - len(self._bulk)
        most = min(free, self._ahead - len(self._urgent))
        bulk = min(free, BULK_AT_ONCE - len(self._bulk), self._ahead)
        if max(most, bulk) <= 0:
            return False
        try:
            begun = await self._claim(self._enabled(self._health.open_ones()), max(most, 0), max(bulk, 0))
            for name in self._enabled(self._health.on_trial()):
                if not self._going[name]:
                    begun += await self._claim([name], min(max(most, 0), 1), 0) or await self._claim([name], 0, 1)
        except DatabaseUnavailable as problem:
            log.warning("claim_failed", error=str(problem))
            return False
        except Exception as problem:
            log.exception("claim_failed", error=str(problem))
            return False
        self._look, self._more = False, bool(begun)
        return bool(begun)

    def _has_room(self) -> bool:
        """Whether so few are under way that a claim brings several: asking for each alone costs as much as sending."""
        return len(self._urgent) <= self._ahead // 2 and len(self._bulk) <= BULK_AT_ONCE // 2

    async def _claim(self, channels: list[str], most: int, bulk: int) -> int:
        """Begin the next few of these channels; one that is down is left out, so that no attempt is lost on it."""
        if not channels or not most + bulk:
            return 0
        claimed = await self._offload.run(
            deliveries.claim, self._database, self._owner, channels=channels, most=most, bulk=bulk
        )
        for delivery in claimed:
            self._begin(delivery)
        return len(claimed)

    def _begin(self, delivery: Delivery) -> None:
        places = self._bulk if delivery.lane == BULK_LANE else self._urgent
        work = asyncio.create_task(self._deliver(delivery))
        places.add(work)
        self._going[delivery.channel] += 1

        def ended(_: "asyncio.Task[None]") -> None:
            places.discard(work)
            self._going[delivery.channel] -= 1
            self._more = True  # its address is free for the next

        work.add_done_callback(ended)

    async def _rest(self) -> None:
        """Until something is queued, something that was begun ends, or the clock says to look."""
        if self._told is None:
            self._told = asyncio.create_task(asyncio.to_thread(self._listener.wait, POLL_S))
        going = self._urgent | self._bulk
        await asyncio.wait({self._told, *going}, return_when=asyncio.FIRST_COMPLETED)
        if self._told.done():
            self._told, self._look = None, True

    async def _let_finish(self) -> None:
        self._listener.wake()
        if self._told is not None:
            await self._told
        going = self._urgent | self._bulk
        if going:
            await asyncio.wait(going, timeout=STOP_WITHIN_S)

    async def _deliver(self, delivery: Delivery) -> None:
        with structlog.contextvars.bound_contextvars(**delivery.label):
            try:
                await self._attempt(delivery)
            except Exception as problem:
                # the lease lapses, and the sweep decides by called_at what that means
                log.exception("delivery_broke", error=str(problem))

    async def _attempt(self, delivery: Delivery) -> None:
        channel = self._channels[delivery.channel]
        asked = time.monotonic()
        wait = await self._its_turn(delivery, channel)
        if wait > 0 or time.monotonic() - asked > NOTICED_S:
            self._health.waited(delivery.channel, wait + time.monotonic() - asked)
        if wait > 0:
            reason = "its turn comes later: the channel is busy"
            await self._offload.run(deliveries.give_back, self._database, delivery, timedelta(seconds=wait), reason)
            return
        if not await self._offload.run(deliveries.mark_called, self._database, delivery):
            log.warning("delivery_not_ours")
            return
        begun = time.monotonic()
        try:
            within = self._config(channel.name).timeout_s or CALL_WITHIN_S
            async with self._keeping(delivery), asyncio.timeout(within):
                with speaking(delivery.locale):
                    receipt = await channel.send(self._complete(delivery), self._progress(delivery))
        except TimeoutError:
            await self._failed(delivery, Uncertain("no answer came in time"), time.monotonic() - begun)
        except SendError as problem:
            await self._failed(delivery, problem, time.monotonic() - begun)
        else:
            took = timedelta(seconds=time.monotonic() - begun)
            self._health.sent(delivery.channel, took.total_seconds())
            sent = Sent(receipt.provider_id, receipt.note, took, left_topic=receipt.left_topic)
            ours = await self._offload.run(deliveries.record_sent, self._database, delivery, sent)
            log.info("delivery_sent" if ours else "late_receipt_ignored", took_s=round(took.total_seconds(), 3))

    async def _its_turn(self, delivery: Delivery, channel: Channel) -> float:
        """0.0 once it may go, by the pace that all senders and the bot share; else seconds until it is worth asking."""
        bulk = delivery.lane == BULK_LANE
        if self._config(channel.name).per_minute is not None:
            kind = f"{CAPPED}{channel.name}"
            wait = await self._rates.acquire(chat=None, bulk=bulk, within=PATIENCE_S, kind=kind)
            if wait > 0:
                return wait
        if channel.name == "telegram":
            return await self._rates.acquire(chat=delivery.address, bulk=bulk, within=PATIENCE_S)
        relay = next(iter(getattr(channel, "caps", ())), None)
        if relay is None:
            return 0.0
        return await self._rates.acquire(chat=None, bulk=bulk, within=PATIENCE_S, kind=f"email:{relay}")

    def _complete(self, delivery: Delivery) -> Delivery:
        """With the way out of its category, where people may leave that one."""
        if delivery.category not in ADJUSTABLE:
            return delivery
        return replace(delivery, unsubscribe=self._opt_out(delivery.user_id, delivery.category.value))

    async def _failed(self, delivery: Delivery, problem: SendError, took_s: float) -> None:
        kind, reason = type(problem).__name__, str(problem)
        self._health.failed(delivery.channel, took_s, problem)
        log.warning("delivery_failed", kind=kind, reason=reason)
        match problem:
            case Flooded():
                wait = problem.after or FAULT_PAUSE
                if delivery.channel == "telegram":
                    await self._rates.flooded(delivery.address, wait.total_seconds())
                await self._offload.run(deliveries.record_flooded, self._database, delivery, reason, wait)
            case AddressMoved():
                await self._offload.run(deliveries.record_moved, self._database, delivery, reason, problem.new_address)
            case Postponed():
                await self._postpone(delivery, reason, kind, problem.after, counts=problem.counts)
            case ChannelFault():
                await self._postpone(delivery, reason, kind, FAULT_PAUSE, counts=False)
            case AddressGone():
                await self._offload.run(deliveries.record_address_gone, self._database, delivery, reason, kind)
            case Uncertain():
                await self._offload.run(
                    deliveries.record_uncertain,
                    self._database,
                    delivery,
                    reason,
                    kind,
                    hold=delivery.channel in self._holds,
                )
            case _:
                await self._offload.run(deliveries.record_refused, self._database, delivery, reason, kind)

    @contextlib.asynccontextmanager
    async def _keeping(self, delivery: Delivery) -> AsyncIterator[None]:
        """Keep the lease for as long as the call takes: a slow relay is no dead sender."""

        async def keep() -> None:
            while True:
                await asyncio.sleep(RENEW_EVERY_S)
                with contextlib.suppress(DatabaseUnavailable):  # the next renewal may still come in time
                    await self._offload.run(deliveries.renew, self._database, delivery)

        keeping = asyncio.create_task(keep())
        try:
            yield
        finally:
            keeping.cancel()

    def _progress(self, delivery: Delivery) -> Progress:
        async def taken(part: int, number: str) -> None:
            await self._offload.run(deliveries.record_part, self._database, delivery, part, number)

        return taken

    async def _postpone(
        self, delivery: Delivery, reason: str, kind: str, after: timedelta | None, *, counts: bool
    ) -> None:
        retries = self._config(delivery.channel).retries
        await self._offload.run(
            deliveries.record_postponed,
            self._database,
            delivery,
            reason,
            kind,
            after=after,
            counts=counts,
            most=deliveries.MOST_ATTEMPTS if retries is None else retries + 1,
        )

    async def _sweep(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            with contextlib.suppress(DatabaseUnavailable):  # the next sweep finds the same rows
                swept = await self._offload.run(deliveries.sweep, self._database)
                if swept:
                    log.warning("deliveries_swept", count=swept)
            await asyncio.sleep(SWEEP_EVERY_S)

    async def _drive(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                await self._offload.run(broadcasts.drive, self._database)
            except DatabaseUnavailable:
                log.warning("broadcasts_wait", reason="the database is away")  # the next step goes on
            except Exception as problem:
                log.exception("broadcasts_not_driven", error=str(problem))
            await asyncio.sleep(DRIVE_EVERY_S)

    async def _report(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            begun = time.monotonic()
            try:
                told = await self._offload.run(self._say_and_watch)
            except DatabaseUnavailable:  # silence in the health table is read as such
                await self._outages.gone(f"it has not answered for {time.monotonic() - begun:.0f} s")
            else:
                if told:
                    log.warning("health_announced", systems=told)
            await asyncio.sleep(REPORT_EVERY_S)

    def _config(self, channel: str) -> ChannelConfig:
        return self._configs.get(channel, _AS_IT_COMES)

    def _enabled(self, channels: Collection[str]) -> list[str]:
        """Those that no admin switched off."""
        return [name for name in channels if self._config(name).enabled]

    def _read_configs(self) -> None:
        """What admins set for channels; a change holds within ten seconds."""
        with self._database.for_platform() as uow:
            found = uow.preferences.channel_configs()
        for name in self._channels:
            config = found.get(name, _AS_IT_COMES)
            self._rates.cap(f"{CAPPED}{name}", config if config.per_minute is not None else None)
        self._configs = found

    def _say_and_watch(self) -> list[str]:
        """Say that this sender is there, and tell of who is not: of the scheduler, above all."""
        self._outages.answered(self._database.for_platform())
        self._read_configs()
        with self._database.for_platform() as uow:
            begun = time.monotonic()
            uow.health.round_trip()
            write(uow, "database", None, [Outcome.of(time.monotonic() - begun)])
            write(uow, "notification", None, [Outcome.of()])
            uow.commit()
        return self._watcher.look(self._database.for_platform())

    def _beside(self, stop: asyncio.Event) -> tuple[Coroutine[Any, Any, None], ...]:
        return self._sweep(stop), self._drive(stop), self._report(stop), self._health.watch(stop), self._wake_on(stop)

    async def _wake_on(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._listener.wake()
