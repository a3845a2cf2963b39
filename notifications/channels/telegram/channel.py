"""The channel: Telegram, or any other server that speaks its Bot API."""

from html import escape

from telegram import Bot

from domain.locales import speaking, t
from notifications.channels.channel import Progress, Receipt
from notifications.channels.telegram.carrier import Carrier, Pace, Place
from notifications.channels.telegram.letters import letter
from notifications.channels.telegram.reasons import classify
from notifications.channels.telegram.wire import AnswerRequest, Refusal, request
from notifications.delivery import Delivery
from notifications.errors import Refused, SendError
from notifications.markup import Page
from notifications.words import repeat_note


class TelegramChannel:
    """Sends text, pictures, files and albums, and changes what it sent."""

    name = "telegram"

    def __init__(
        self,
        token: str,
        api_url: str,
        *,
        connect_within: float = 5.0,
        write_within: float = 20.0,
        upload_within: float = 60.0,
        answer_within: float = 20.0,
        connection_within: float = 5.0,
        connections: int = 16,
        pace: Pace | None = None,
    ) -> None:
        root = api_url.rstrip("/")
        self._username: str | None = None
        self._pace = pace
        self._request = request(
            AnswerRequest,
            connection_pool_size=connections,
            connect_timeout=connect_within,
            read_timeout=answer_within,
            write_timeout=write_within,
            pool_timeout=connection_within,
            media_write_timeout=upload_within,
        )
        self._bot = Bot(
            token,
            base_url=f"{root}/bot",
            base_file_url=f"{root}/file/bot",
            request=self._request,
            get_updates_request=self._request,
        )

    async def open(self) -> None:
        """Open the connection pool; nothing is asked of the server yet."""
        await self._request.initialize()

    async def close(self) -> None:
        """Close the connections."""
        await self._request.shutdown()

    async def check(self) -> None:
        """Ask the server who we are."""
        try:
            await self._bot.get_me()
        except Exception as problem:
            raise classify(problem, token_refused=True) from problem

    async def link(self, root: str) -> str:
        """Where a link to our bot begins, such as ``https://t.me/our_bot``; the server is asked once for the name."""
        if self._username is None:
            try:
                self._username = (await self._bot.get_me()).username
            except Exception as problem:
                raise classify(problem, token_refused=True) from problem
        return f"{root.rstrip('/')}/{self._username}"

    async def send(self, delivery: Delivery, progress: Progress) -> Receipt:
        """Carry one delivery from its part `delivery.part` on; the number of its last message comes back."""
        carrier = Carrier(
            self._bot,
            Place.read(delivery.address),
            letter(delivery),
            _mark(delivery),
            delivery.silent,
            lambda problem, upload: self._classify(problem, delivery.address, upload),
            self._pace,
            outside=_outside(delivery) if delivery.to_group else None,
            replies_to=None if delivery.to_group else delivery.replies_to,
        )
        if not carrier.letter.length:
            raise Refused("there is nothing in it to send")
        if carrier.letter.is_one_text and delivery.edits is not None and delivery.edits.isdecimal():
            receipt = await carrier.edit(int(delivery.edits))
            if receipt is not None:
                return receipt
        return await carrier.carry(min(delivery.part, carrier.letter.length - 1), progress)

    async def _classify(self, problem: Exception, address: str, upload: int) -> SendError:
        refused = isinstance(problem, Refusal) and problem.status in {401, 404} and await self._token_refused()
        return classify(problem, address=address, upload=upload, token_refused=refused)

    async def _token_refused(self) -> bool:
        """Whether the server does not know us at all: one 401 or 404 alone may be of the method or of a proxy."""
        try:
            await self._bot.get_me()
        except Refusal as refusal:
            return refusal.status in {401, 404}
        except Exception:  # noqa: BLE001  # no answer says nothing about the token
            return False
        return False


def _outside(delivery: Delivery) -> Page:
    with speaking(delivery.locale):
        words = t("The topic this was for is closed or deleted.")
    return Page(f"<i>{escape(words, quote=False)}</i>", words)


def _mark(delivery: Delivery) -> Page | None:
    words = repeat_note(delivery)
    return Page(f"<i>{escape(words, quote=False)}</i>", words) if words else None
