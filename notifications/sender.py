"""The sender's loop: claim by urgency, look again, write that we call, call, write what came of it."""

import asyncio
import contextlib
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

import structlog

from db.engine import Database
from db.listen import Listener
from db.offload import DatabaseUnavailable, Offload
from notifications import deliveries
from notifications.channels.channel import Channel, Progress
from notifications.deliveries import Delivery
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
from notifications.health_watch import announce

log = structlog.get_logger(__name__)

AT_ONCE = 4
POLL_S = 1.0
SWEEP_EVERY_S = 5.0
REPORT_EVERY_S = 10.0
CALL_WITHIN_S = 150.0
FAULT_PAUSE = timedelta(seconds=5)


class Sender:
    """Delivers what is queued; any number of senders may run, the claims keep them apart."""

    def __init__(
        self, database: Database, listener: Listener, channels: Mapping[str, Channel], offload: Offload
    ) -> None:
        self._database = database
        self._listener = listener
        self._channels = channels
        self._offload = offload
        self._owner = uuid.uuid4().hex
        self._faulty: dict[str, str] = {}
        self._since = datetime.now(UTC)

    async def run(self, stop: asyncio.Event, ready: Callable[[], None]) -> None:
        """Send until `stop`; what was begun is finished, what was not begun stays queued."""
        for channel in self._channels.values():
            await channel.open()
        beside = [asyncio.create_task(work) for work in (self._sweep(stop), self._report(stop), self._wake_on(stop))]
        ready()
        try:
            while not stop.is_set():
                if not await self._step():
                    await asyncio.to_thread(self._listener.wait, POLL_S)
        finally:
            for work in beside:
                work.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
            for channel in self._channels.values():
                await channel.close()

    async def _step(self) -> bool:
        """Send the next few; False when there was nothing to send."""
        try:
            claimed = await self._offload.run(
                deliveries.claim, self._database, self._owner, channels=list(self._channels), most=AT_ONCE, bulk=1
            )
        except DatabaseUnavailable as problem:
            log.warning("claim_failed", error=str(problem))
            return False
        except Exception as problem:
            log.exception("claim_failed", error=str(problem))
            return False
        await asyncio.gather(*(self._deliver(delivery) for delivery in claimed))
        return bool(claimed)

    async def _deliver(self, delivery: Delivery) -> None:
        with structlog.contextvars.bound_contextvars(**delivery.label):
            try:
                await self._attempt(delivery)
            except Exception as problem:
                # the lease lapses, and the sweep decides by called_at what that means
                log.exception("delivery_broke", error=str(problem))

    async def _attempt(self, delivery: Delivery) -> None:
        channel = self._channels.get(delivery.channel)
        if channel is None:
            await self._failed(delivery, Refused(f"no channel named {delivery.channel} is set up"))
            return
        if not await self._offload.run(deliveries.mark_called, self._database, delivery):
            log.warning("delivery_not_ours")
            return
        begun = time.monotonic()
        try:
            async with asyncio.timeout(CALL_WITHIN_S):
                receipt = await channel.send(delivery, self._progress(delivery))
        except TimeoutError:
            await self._failed(delivery, Uncertain("no answer came in time"))
        except SendError as problem:
            await self._failed(delivery, problem)
        else:
            took = timedelta(seconds=time.monotonic() - begun)
            self._faulty.pop(delivery.channel, None)
            sent = deliveries.Sent(receipt.provider_id, receipt.note, took)
            ours = await self._offload.run(deliveries.record_sent, self._database, delivery, sent)
            log.info("delivery_sent" if ours else "late_receipt_ignored", took_s=round(took.total_seconds(), 3))

    async def _failed(self, delivery: Delivery, problem: SendError) -> None:
        kind, reason = type(problem).__name__, str(problem)
        log.warning("delivery_failed", kind=kind, reason=reason)
        match problem:
            case Flooded():
                wait = problem.after or FAULT_PAUSE
                await self._offload.run(deliveries.record_flooded, self._database, delivery, reason, wait)
            case AddressMoved():
                await self._offload.run(deliveries.record_moved, self._database, delivery, reason, problem.new_address)
            case Postponed():
                await self._postpone(delivery, reason, kind, problem.after, counts=problem.counts)
            case ChannelFault():
                self._faulty[delivery.channel] = reason
                await self._postpone(delivery, reason, kind, FAULT_PAUSE, counts=False)
            case AddressGone():
                await self._offload.run(deliveries.record_address_gone, self._database, delivery, reason, kind)
            case Uncertain():
                await self._offload.run(deliveries.record_uncertain, self._database, delivery, reason, kind)
            case _:
                await self._offload.run(deliveries.record_refused, self._database, delivery, reason, kind)

    def _progress(self, delivery: Delivery) -> Progress:
        async def taken(part: int, number: str) -> None:
            await self._offload.run(deliveries.record_part, self._database, delivery, part, number)

        return taken

    async def _postpone(
        self, delivery: Delivery, reason: str, kind: str, after: timedelta | None, *, counts: bool
    ) -> None:
        await self._offload.run(
            deliveries.record_postponed, self._database, delivery, reason, kind, after=after, counts=counts
        )

    async def _sweep(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            with contextlib.suppress(DatabaseUnavailable):  # the next sweep finds the same rows
                swept = await self._offload.run(deliveries.sweep, self._database)
                if swept:
                    log.warning("deliveries_swept", count=swept)
            await asyncio.sleep(SWEEP_EVERY_S)

    async def _report(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            with contextlib.suppress(DatabaseUnavailable):  # silence in the health table is read as such
                await self._offload.run(deliveries.report, self._database, None, None)
                for name, channel in self._channels.items():
                    begun = time.monotonic()
                    error = await _check(channel)
                    took = int((time.monotonic() - begun) * 1000)
                    await self._offload.run(deliveries.report, self._database, name, error, took)
                told = await self._offload.run(self._announce)  # of the scheduler's silence, above all
                if told:
                    log.warning("health_announced", systems=told)
            await asyncio.sleep(REPORT_EVERY_S)

    def _announce(self) -> list[str]:
        return announce(self._database.for_platform(), watching_since=self._since)

    async def _wake_on(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._listener.wake()


async def _check(channel: Channel) -> str | None:
    try:
        async with asyncio.timeout(15):
            await channel.check()
    except TimeoutError:
        return "no answer within 15 s"
    except SendError as problem:
        return str(problem)
    return None
