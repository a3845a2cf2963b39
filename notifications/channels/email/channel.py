"""Mail: one message, one recipient, by the first relay that takes it."""

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from email.message import EmailMessage

import structlog
from jinja2 import TemplateError

from domain.messages import Category
from notifications.channels.channel import Progress, Receipt
from notifications.channels.email.caps import Caps
from notifications.channels.email.compose import Sender, compose, recipient
from notifications.channels.email.connections import Connections
from notifications.channels.email.errors import RELAY_RESTS, Elsewhere, RelayRests, TooLarge
from notifications.channels.email.letter import write
from notifications.channels.email.relay import parse_relays
from notifications.channels.email.session import Limits
from notifications.delivery import Delivery
from notifications.errors import ChannelFault, Postponed, Refused, SendError

log = structlog.get_logger(__name__)

PATIENT = Limits(answer_s=20, before_body_s=24)
"""Where no second relay waits for its turn; all in all a mail takes two and a half minutes at most."""
LINK_WITHIN_S = 3.0
ASK_LINK_AGAIN_S = 60.0


class EmailChannel:
    """Hands mail to the relay of SMTP_URL, or to the second one while the first does not take it."""

    name = "email"

    def __init__(
        self,
        smtp_url: str,
        mail_from: str,
        secret_key: str,
        bot_link: Callable[[], Awaitable[str]],
        *,
        limits: Limits | None = None,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        relays = parse_relays(smtp_url)
        limits = limits or (PATIENT if len(relays) == 1 else Limits())
        self._relays = [Connections(relay, limits, trust) for relay in relays]
        self._resting: dict[str, float] = {}
        self._sender = Sender(mail_from)
        self._secret_key = secret_key
        self._bot_link = bot_link
        self._no_link_until = 0.0

    @property
    def caps(self) -> Mapping[str, Caps]:
        """How much each relay takes, the first to be tried first."""
        return {each.relay.name: each.relay.caps for each in self._in_turn()}

    async def open(self) -> None:
        """Nothing to do: a connection is made when there is something to send."""

    async def close(self) -> None:
        """Say goodbye to the relays."""
        for relay in self._relays:
            await relay.close()

    async def check(self) -> None:
        """See that one relay would take mail."""
        first: SendError | None = None
        for relay in self._relays:
            try:
                await relay.check()
            except SendError as problem:
                self._rest(relay, problem)
                first = first or problem
            else:
                self._resting.pop(relay.relay.name, None)
                return
        if first is not None:
            raise first

    async def send(self, delivery: Delivery, progress: Progress) -> Receipt:
        """Hand one mail over; the relay's last words come back."""
        link = await self._link() if _leads_to_chat(delivery) else None
        try:
            receipt = await self._carry(delivery, self._written(delivery, link))
        except TooLarge:
            if not delivery.attachments:
                raise
            smaller = await self._carry(delivery, self._written(delivery, link, without_files=True))
            receipt = Receipt(smaller.provider_id, "; ".join(filter(None, ("sent without its files", smaller.note))))
        await progress(0, receipt.provider_id)
        return receipt

    def compose(self, delivery: Delivery, bot_link: str | None, *, without_files: bool = False) -> EmailMessage:
        """The mail as it is sent: text and HTML, the same Message-ID whenever it is repeated."""
        letter = write(delivery, self._secret_key, bot_link, without_files=without_files)
        return compose(delivery, letter, self._sender, self._secret_key)

    def _written(self, delivery: Delivery, link: str | None, *, without_files: bool = False) -> bytes:
        try:
            return self.compose(delivery, link, without_files=without_files).as_bytes()
        except (ValueError, KeyError, TemplateError) as problem:  # no later try mends what the message holds
            raise Refused(f"no mail can be made of it: {type(problem).__name__}: {problem}") from problem

    async def _carry(self, delivery: Delivery, mail: bytes) -> Receipt:
        address = recipient(delivery.address)
        first: SendError | None = None
        for relay in self._in_turn():
            try:
                said = await relay.send(self._sender.envelope, address, mail, delivery.attempts)
            except (ChannelFault, Elsewhere) as problem:  # definitely not sent, so that another may
                self._rest(relay, problem)
                first = first or problem
                continue
            self._resting.pop(relay.relay.name, None)
            return Receipt(said[:200] or "250", f"taken by {relay.relay.name}" if first else None)
        raise first or Postponed("no relay is set up")

    def _in_turn(self) -> list[Connections]:
        """The relays in the order of SMTP_URL, those that rest behind the others."""
        now = time.monotonic()
        return sorted(self._relays, key=lambda each: self._resting.get(each.relay.name, 0.0) > now)

    def _rest(self, relay: Connections, problem: SendError) -> None:
        if isinstance(problem, ChannelFault | RelayRests) and len(self._relays) > 1:
            self._resting[relay.relay.name] = time.monotonic() + RELAY_RESTS.total_seconds()
        log.warning("relay_failed", relay=relay.relay.name, kind=type(problem).__name__, reason=str(problem))

    async def _link(self) -> str | None:
        """Where the chat is; None while Telegram is away: the mail goes without it."""
        if time.monotonic() < self._no_link_until:
            return None
        try:
            async with asyncio.timeout(LINK_WITHIN_S):
                return await self._bot_link()
        except (SendError, TimeoutError):
            self._no_link_until = time.monotonic() + ASK_LINK_AGAIN_S
            return None


def _leads_to_chat(delivery: Delivery) -> bool:
    return delivery.category is Category.CODE or any(button.url is None for row in delivery.buttons for button in row)
