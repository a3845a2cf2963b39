"""The whole sandbox: Bot API, page and mail sink over one state, in process or as a command."""

import asyncio
import contextlib
import ipaddress
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware

from sandbox.access import LoopbackOnly
from sandbox.bot_api import BotApi
from sandbox.chat import ChatPage
from sandbox.connections import bound, serving
from sandbox.control import Control
from sandbox.errors import SandboxError
from sandbox.faults import Faults
from sandbox.inbox import Mail
from sandbox.mail_sink import MailFaults, taking_mail
from sandbox.mail_view import MailView
from sandbox.messenger import Messenger
from sandbox.person import Person
from sandbox.requests_log import RequestsLog
from sandbox.waiting import eventually
from sandbox.webhook import WebhookDelivery

ANY_PORT = "127.0.0.1:0"


@dataclass(frozen=True)
class Addresses:
    """Where a running sandbox listens."""

    http: str
    smtp: str

    @property
    def root(self) -> str:
        """The address of the page, and the root of the Bot API."""
        return f"http://{self.http}"

    @property
    def api_url(self) -> str:
        """python-telegram-bot's `base_url`."""
        return f"{self.root}/bot"

    @property
    def file_url(self) -> str:
        """python-telegram-bot's `base_file_url`."""
        return f"{self.root}/file/bot"

    @property
    def smtp_url(self) -> str:
        """The mail sink as a URL."""
        return f"smtp://{self.smtp}"


class Sandbox:
    """A Bot API server, a mail sink and a chat page whose state lies in one folder."""

    def __init__(
        self,
        data_dir: Path,
        token: str | None = None,
        *,
        bot_name: str = "sandbox_bot",
        person_name: str = "You",
        real_limits: bool = False,
        webhook_pause: float = 0.5,
    ) -> None:
        self.messenger = Messenger.open(
            data_dir, token=token, bot_name=bot_name, person_name=person_name, real_limits=real_limits
        )
        self.mail_faults = MailFaults()
        self._webhook_pause = webhook_pause

    @property
    def token(self) -> str:
        """The one token that is accepted."""
        return self.messenger.token

    @property
    def faults(self) -> Faults:
        """Planned failures of the Bot API."""
        return self.messenger.faults

    @property
    def requests(self) -> RequestsLog:
        """What the bot asked for."""
        return self.messenger.log

    @asynccontextmanager
    async def running(self, http: str = ANY_PORT, smtp: str = ANY_PORT) -> AsyncIterator[Addresses]:
        """Listen for the time of the block; afterwards this object is used up and its state is on disk."""
        with contextlib.closing(self.messenger):
            http_sock = bound(*loopback(http), "chat page")
            try:
                smtp_sock = bound(*loopback(smtp), "mail sink")
            except SandboxError:
                http_sock.close()
                raise
            addresses = Addresses(_name(http_sock.getsockname()), _name(smtp_sock.getsockname()))
            async with (
                serving(self._application(), http_sock),
                taking_mail(self.messenger.inbox, self.mail_faults, smtp_sock),
                _background(WebhookDelivery(self.messenger, self._webhook_pause)),
            ):
                yield addresses
                self.messenger.updates.close()
                self.messenger.events.close()

    def _application(self) -> Starlette:
        routes = [
            *BotApi(self.messenger).routes(),
            *Control(self.messenger).routes(),
            *MailView(self.messenger).routes(),
            *ChatPage(self.messenger).routes(),
        ]
        return Starlette(routes=routes, middleware=[Middleware(LoopbackOnly)])

    # --- people and mail, for tests ------------------------------------------------------------------------

    def person(self, first_name: str, *, last_name: str = "", language_code: str = "en") -> Person:
        """The person with a name, who comes into being when asked for the first time."""
        known = self.messenger.chats.find_person(first_name)
        if known is None:
            known = self.messenger.chats.add_person(first_name, last_name, language_code)
        return Person(self.messenger, known)

    def group(self, title: str, owner: Person, *members: Person) -> int:
        """A new group with the bot in it; gives its chat id."""
        return self.messenger.groups.add(title, owner.id, [member.id for member in members])

    def duplicate_updates(self, times: int = 1, *, same_id: bool = False) -> None:
        """Deliver the next updates twice: under a second id, as Telegram re-sends presses, or under the same."""
        self.messenger.updates.duplicates = times
        self.messenger.updates.duplicates_keep_id = same_id

    def inbox(self) -> list[Mail]:
        """Every mail that arrived, oldest first."""
        return self.messenger.inbox.all()

    async def wait_for_mail(self, recipient: str = "", timeout: float = 5.0, *, after: int = 0) -> Mail:
        """The first mail to a recipient whose id is above `after`."""
        return await eventually(
            self.messenger.events,
            lambda: next((m for m in self.inbox() if m.id > after and _is_for(m, recipient)), None),
            timeout,
            f"No mail for {recipient or 'anybody'} came.",
        )

    async def wait_until_bot_listens(self, timeout: float = 5.0) -> None:
        """Until a bot polls or has set a webhook."""
        await eventually(
            self.messenger.events, lambda: self.messenger.updates.online, timeout, "No bot asked for updates."
        )


def _is_for(mail: Mail, recipient: str) -> bool:
    return not recipient or recipient.lower() in (address.lower() for address in mail.recipients)


def _name(address: tuple[str, int]) -> str:
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def loopback(address: str) -> tuple[str, int]:
    """Host and port of a loopback address; refuses any other with a sentence."""
    host, _, port = address.rpartition(":")
    name = "127.0.0.1" if host == "localhost" else host.strip("[]")
    try:
        inside = ipaddress.ip_address(name).is_loopback
    except ValueError:
        inside = False
    if not inside:
        raise SandboxError(
            f"The sandbox listens on this computer only, not on {address!r}; give a loopback address "
            "such as 127.0.0.1:8081."
        )
    if not port.isdecimal() or int(port) > 65535:
        raise SandboxError(f"The address {address!r} has no usable port; write it like 127.0.0.1:8081.")
    return name, int(port)


@asynccontextmanager
async def _background(delivery: WebhookDelivery) -> AsyncIterator[None]:
    task = asyncio.create_task(delivery.run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
