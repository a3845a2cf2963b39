"""The one connection to a relay that is kept, and when it is given up."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiosmtplib import errors

from notifications.channels.email.errors import Step, classify
from notifications.channels.email.relay import Relay
from notifications.channels.email.session import Limits, Session
from notifications.errors import SendError


class Connections:
    """Hands mails to one relay over a kept connection, one at a time; any error throws the connection away.

    A mail that would have to wait, because the relay is slow with another, gets a connection of its own.
    """

    def __init__(self, relay: Relay, limits: Limits, trust: ssl.SSLContext | None = None) -> None:
        self.relay = relay
        self._limits = limits
        self._trust = trust
        self._lock = asyncio.Lock()
        self._kept: Session | None = None
        self._expiry: asyncio.TimerHandle | None = None

    async def send(self, sender: str, recipient: str, mail: bytes, attempts: int = 0) -> str:
        """Hand one mail over; the relay's last words come back. Raises a SendError otherwise."""
        async with self._turn() as ours:
            kept = self._take() if ours else None
            if kept is not None:
                try:
                    async with self._using(kept, attempts, keep=True):
                        return await self._hand_over(kept, sender, recipient, mail)
                except SendError:
                    if kept.step > Step.MAIL:
                        raise
                    # the relay had closed it meanwhile, and says so at the first command: nothing was sent
            session = Session(self.relay, self._limits, self._trust)
            async with self._using(session, attempts, keep=ours):
                return await self._hand_over(session, sender, recipient, mail)

    async def check(self) -> None:
        """See that the relay would take mail, over the kept connection or a new one; a mail in progress is proof."""
        if self._lock.locked():
            return
        async with self._turn() as ours:
            kept = self._take() if ours else None
            if kept is not None and await self._answers(kept):
                return
            session = Session(self.relay, self._limits, self._trust)
            async with self._using(session, keep=ours), asyncio.timeout(self._limits.before_body_s):
                await session.open()

    async def close(self) -> None:
        """Say goodbye."""
        kept = self._take()
        if kept is not None:
            await kept.leave()

    async def _answers(self, kept: Session) -> bool:
        try:
            async with self._using(kept, keep=True):
                await kept.ask()
        except SendError:  # it had been closed meanwhile; a new one tells how the relay is
            return False
        return True

    async def _hand_over(self, session: Session, sender: str, recipient: str, mail: bytes) -> str:
        async with asyncio.timeout(self._limits.before_body_s):
            if not session.is_open:
                await session.open()
            await session.offer(sender, recipient, len(mail))
        return await session.deliver(mail)

    @asynccontextmanager
    async def _using(self, session: Session, attempts: int = 0, *, keep: bool) -> AsyncIterator[None]:
        well = False
        try:
            yield
            well = True
        except (errors.SMTPException, OSError, ValueError) as problem:
            raise classify(problem, session.step, attempts) from problem
        finally:
            if not well:
                session.close()
            elif keep and session.mails < self._limits.mails and session.age_s < self._limits.age_s:
                self._keep(session)
            else:
                await session.leave()

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[bool]:
        """Whether the kept connection is ours; not when somebody else has been using it for too long."""
        try:
            async with asyncio.timeout(self._limits.busy_s):
                await self._lock.acquire()
        except TimeoutError:
            yield False
            return
        try:
            yield True
        finally:
            self._lock.release()

    def _keep(self, session: Session) -> None:
        self._kept = session
        self._expiry = asyncio.get_running_loop().call_later(self._limits.idle_s, self._expire)

    def _take(self) -> Session | None:
        """The kept connection, if it still is one; whoever takes it keeps it again or hangs up."""
        kept, self._kept = self._kept, None
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
        if kept is not None and not kept.is_open:
            kept.close()
            return None
        return kept

    def _expire(self) -> None:
        kept = self._take()
        if kept is not None:
            kept.close()
