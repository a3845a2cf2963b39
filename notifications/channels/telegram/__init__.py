"""Telegram: text, or a picture with a caption, with buttons."""

import os
import ssl
from datetime import timedelta
from functools import cache
from typing import Any

import httpx
from telegram import Bot, InlineKeyboardButton, InlineKeyboardMarkup, InputFile, LinkPreviewOptions, Message
from telegram.constants import ParseMode
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Conflict,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
    TimedOut,
)
from telegram.request import HTTPXRequest

from domain.messages import CAPTION_LIMIT, Attachment, Rows
from notifications.channels.channel import Progress, Receipt
from notifications.deliveries import Delivery
from notifications.errors import AddressGone, ChannelFault, Postponed, Refused, SendError, Uncertain
from notifications.templating import render

os.environ.setdefault("PTB_TIMEDELTA", "1")  # retry_after as a timedelta, as the library's next version has it
REPEAT_MARK = "<i>(I may have sent this already.)</i>\n"
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_GONE = ("chat not found", "user not found", "peer_id_invalid", "have no rights to send", "not enough rights")


class TelegramChannel:
    """Sends by any Bot API server, with python-telegram-bot's own network code."""

    name = "telegram"

    def __init__(self, token: str, api_url: str, *, answer_within: float = 20.0) -> None:
        root = api_url.rstrip("/")
        self._username: str | None = None
        self._bot = Bot(
            token,
            base_url=f"{root}/bot",
            base_file_url=f"{root}/file/bot",
            request=request(
                connection_pool_size=8,
                connect_timeout=5,
                read_timeout=answer_within,
                write_timeout=20,
                pool_timeout=5,
                media_write_timeout=60,
            ),
        )

    async def open(self) -> None:
        """Open the connection pool; nothing is asked of the server yet."""
        await self._bot.request.initialize()

    async def send(self, delivery: Delivery, progress: Progress) -> Receipt:  # noqa: ARG002  # used once texts are split
        """Carry one delivery; the number of its last message comes back."""
        text = delivery.text
        if delivery.template is not None:
            text = render(f"{delivery.template}.telegram.html", delivery.params)
        if delivery.possible_repeat:
            text = REPEAT_MARK + text
        try:
            try:
                message = await self._carry(delivery, text, ParseMode.HTML)
            except BadRequest as problem:
                if "parse entities" not in str(problem).lower():
                    raise
                message = await self._carry(delivery, text, None)  # the text arrives plain rather than not at all
        except TelegramError as problem:
            raise classify(problem) from problem
        return Receipt(str(message.message_id))

    async def check(self) -> None:
        """Ask the server who we are."""
        try:
            await self._bot.get_me()
        except TelegramError as problem:
            raise classify(problem) from problem

    async def link(self, root: str) -> str:
        """Where a link to our bot begins, such as ``https://t.me/our_bot``; the server is asked once for the name."""
        if self._username is None:
            try:
                self._username = (await self._bot.get_me()).username
            except TelegramError as problem:
                raise classify(problem) from problem
        return f"{root.rstrip('/')}/{self._username}"

    async def close(self) -> None:
        await self._bot.request.shutdown()

    async def _carry(self, delivery: Delivery, text: str, parse_mode: str | None) -> Message:
        chat, markup = delivery.address, keyboard(delivery.buttons)
        if not delivery.attachments:
            return await self._say(chat, text, parse_mode, markup)
        *first, last = delivery.attachments
        for attachment in first:
            await self._show(chat, attachment, None, None, None)
        if len(text.encode("utf-16-le")) // 2 <= CAPTION_LIMIT:
            return await self._show(chat, last, text, parse_mode, markup)
        await self._show(chat, last, None, None, None)
        return await self._say(chat, text, parse_mode, markup)

    async def _say(self, chat: str, text: str, parse_mode: str | None, markup: Any) -> Message:
        preview = LinkPreviewOptions(is_disabled=True)
        return await self._bot.send_message(
            chat, text, parse_mode=parse_mode, reply_markup=markup, link_preview_options=preview
        )

    async def _show(
        self, chat: str, attachment: Attachment, text: str | None, parse_mode: str | None, markup: Any
    ) -> Message:
        file = InputFile(attachment.content, filename=attachment.filename)
        if attachment.content_type.startswith("image/"):
            return await self._bot.send_photo(chat, file, caption=text, parse_mode=parse_mode, reply_markup=markup)
        return await self._bot.send_document(chat, file, caption=text, parse_mode=parse_mode, reply_markup=markup)


@cache
def _tls() -> ssl.SSLContext:
    return httpx.create_ssl_context()


def request(**values: Any) -> HTTPXRequest:
    """python-telegram-bot's network code; all of this process share one TLS context, which is some megabytes large."""
    return HTTPXRequest(**values, httpx_kwargs={"verify": _tls()})


def keyboard(rows: Rows) -> InlineKeyboardMarkup | None:
    """The rows as Telegram's inline keyboard."""
    if not rows:
        return None
    return InlineKeyboardMarkup(
        [[InlineKeyboardButton(each.text, callback_data=each.data, url=each.url) for each in row] for row in rows]
    )


def classify(problem: TelegramError) -> SendError:
    """What a failure of python-telegram-bot means for a delivery: by class and cause, special cases first."""
    said = str(problem)
    match problem:
        case RetryAfter():
            wait = problem.retry_after
            wait = wait if isinstance(wait, timedelta) else timedelta(seconds=wait)
            return Postponed(said, wait + timedelta(seconds=0.2), counts=False)
        case Forbidden():
            return AddressGone(said)
        case InvalidToken() | Conflict():
            return ChannelFault("Telegram does not accept the bot's token.")
        case ChatMigrated():
            return Refused(f"the group moved to {problem.new_chat_id}")
        case BadRequest():
            return AddressGone(said) if any(sign in said.lower() for sign in _GONE) else Refused(said)
        case TimedOut() if isinstance(problem.__cause__, httpx.PoolTimeout):
            return Postponed("every connection was busy", timedelta(seconds=1), counts=False)
        case NetworkError() if isinstance(problem.__cause__, _NOT_SENT):
            return ChannelFault("Telegram can't be reached.")
        case TimedOut():
            return Uncertain("no answer came in time")
        case NetworkError():
            return _by_answer(said, problem.__cause__)
        case _:
            return Uncertain(said)


def _by_answer(said: str, cause: BaseException | None) -> SendError:
    if "Too Many Requests" in said:  # a 429 without the seconds to wait
        return Postponed(said, timedelta(seconds=30), counts=False)
    if "Request Entity Too Large" in said:
        return Refused(said)
    if cause is None:  # the server's own answer, as JSON: a definite no for now
        return Postponed(said)
    return Uncertain(said)  # cut off, or a proxy's page: it may have been taken
