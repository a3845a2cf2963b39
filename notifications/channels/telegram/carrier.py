"""Carries one letter, part by part; what Telegram refuses goes in the next simpler way."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

from telegram import (
    Bot,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InputFile,
    InputMediaPhoto,
    LinkPreviewOptions,
    ReplyParameters,
)
from telegram.constants import ParseMode

from domain.messages import Rows
from notifications import markup
from notifications.channels.channel import Progress, Receipt
from notifications.channels.telegram.letters import CAPTION_ROOM, Kind, Letter, Piece
from notifications.channels.telegram.reasons import Reason, reason_of
from notifications.channels.telegram.wire import Refusal
from notifications.errors import AddressGone, Postponed, SendError, Uncertain
from notifications.markup import Page

Pace = Callable[[str, int], Awaitable[None]]
"""Awaited before calls beyond a delivery's first: the chat, and how many messages are about to go there."""
Classify = Callable[[Exception, int], Awaitable[SendError]]

GENERAL_TOPIC = 1
"""It has a number, and refuses messages that name it."""


@dataclass
class Place:
    """Where messages go: a chat, or a topic in it."""

    chat: str
    thread: int | None = None

    @classmethod
    def read(cls, address: str) -> "Place":
        """An address as ``CHAT`` or ``CHAT/THREAD``; AddressGone when it is neither."""
        chat, _, thread = address.partition("/")
        if not chat or not (not thread or thread.isdecimal()):
            raise AddressGone(f"“{address[:60]}” is no address of a chat")
        number = int(thread) if thread else None
        return cls(chat, None if number == GENERAL_TOPIC else number)


@dataclass
class Carrier:
    """One letter on its way to one place."""

    bot: Bot
    place: Place
    letter: Letter
    mark: Page | None
    silent: bool
    classify: Classify
    pace: Pace | None = None
    outside: Page | None = None
    """What is said before a letter that has to go to the group instead of its topic."""
    replies_to: int | None = None
    plain: bool = False
    notes: list[str] = field(default_factory=list)
    _calls: int = 0
    _left_topic: bool = False

    async def carry(self, part: int, progress: Progress) -> Receipt:
        """Send the parts from `part` on; each that is taken, but for the last, is told to `progress`."""
        last = ""
        while part < self.letter.length:
            last, part = await self._take(self.letter.piece(part))
            if part < self.letter.length:
                await progress(part - 1, last)
        return self.receipt(last)

    async def edit(self, number: int) -> Receipt | None:
        """Put the letter in place of an earlier message; None when that can't be done and it has to be sent anew."""
        page, keyboard = self.letter.pages[0], keyboard_of(self.letter.buttons)
        caption = False
        while True:
            await self._wait_for_turn(1)
            try:
                await self._rewrite(number, page, keyboard, caption=caption)
            except Refusal as refusal:
                reason = reason_of(refusal)
                if reason is Reason.UNCHANGED:
                    return self.receipt(str(number))
                if reason is Reason.MARKUP and not self.plain:
                    self._go_plain()
                elif reason is Reason.NO_TEXT and not caption and markup.units(page.plain) <= CAPTION_ROOM:
                    caption = True
                elif reason in {Reason.EARLIER, Reason.NO_TEXT, Reason.OTHER}:
                    self._note("sent as a new message: the earlier one can't be changed")
                    return None
                else:
                    raise await self.classify(refusal, 0) from refusal
            else:
                return self.receipt(str(number))

    def receipt(self, number: str) -> Receipt:
        """The provider's number with what was changed on the way."""
        return Receipt(number, "; ".join(self.notes) or None, self._left_topic)

    async def _take(self, piece: Piece) -> tuple[str, int]:
        """Get one piece through in whatever way Telegram takes it; its number, and the next part."""
        while True:
            await self._wait_for_turn(len(piece.files) if piece.kind is Kind.ALBUM else 1)
            try:
                number = await self._send(piece)
            except Refusal as refusal:
                piece = self._simpler(piece, refusal) or await self._given_up(refusal, piece)
            except Exception as problem:
                raise await self.classify(problem, piece.upload) from problem
            else:
                self.mark = None
                return number, piece.first + piece.count

    async def _wait_for_turn(self, messages: int) -> None:
        more = messages if self._calls else messages - 1
        self._calls += 1
        if self.pace is not None and more:
            await self.pace(self.place.chat, more)

    async def _given_up(self, refusal: Refusal, piece: Piece) -> Piece:
        raise await self.classify(refusal, piece.upload) from refusal

    def _simpler(self, piece: Piece, refusal: Refusal) -> Piece | None:
        """The piece in a way that Telegram may take after this refusal; None when there is none."""
        if refusal.status == 413:
            return self._smaller(piece)
        match reason_of(refusal):
            case None | Reason.CHAT:
                return None
            case Reason.THREAD | Reason.RIGHTS if self.place.thread is not None:
                self._leave_topic()
                return piece
            case Reason.RIGHTS if piece.files:
                return self._other_kind(piece)  # words may be allowed where pictures are not
            case Reason.RIGHTS | Reason.THREAD | Reason.BUTTONS:
                return None
            case Reason.MARKUP if not self.plain and piece.page is not None:
                self._go_plain()
                return piece
            case Reason.CAPTION_LENGTH if piece.files and piece.page is not None:
                self.letter = replace(self.letter, captioned=False)
                return piece.without_page()
            case Reason.TEXT_LENGTH if not piece.files:
                self._note("the text was sent as a file")
                return piece.as_file()
            case _:
                return self._other_kind(piece)

    def _smaller(self, piece: Piece) -> Piece | None:
        if piece.kind is Kind.ALBUM:
            return self._one_by_one(piece)
        return self._as_text(piece) if piece.files else None

    def _other_kind(self, piece: Piece) -> Piece | None:
        match piece.kind:
            case Kind.ALBUM:
                return self._one_by_one(piece)
            case Kind.PHOTO:
                self._note("a picture was sent as a file")
                return piece.as_document()
            case Kind.DOCUMENT:
                return self._as_text(piece)
            case Kind.TEXT:
                return None

    def _one_by_one(self, piece: Piece) -> Piece:
        self.letter = replace(self.letter, albums=False)
        self._note("the pictures were sent one by one")
        return self.letter.piece(piece.first)

    def _as_text(self, piece: Piece) -> Piece:
        self._note(f"{piece.files[0].filename} could not be sent")
        return piece.as_text()

    def _leave_topic(self) -> None:
        self.place, self._left_topic = replace(self.place, thread=None), True
        both = [each for each in (self.outside, self.mark) if each is not None]
        if both:
            self.mark = Page("\n".join(each.html for each in both), "\n".join(each.plain for each in both))
        self._note("sent outside the topic, which can't be written to")

    def _note(self, words: str) -> None:
        if words not in self.notes:
            self.notes.append(words)

    def _go_plain(self) -> None:
        self.plain = True
        self._note("sent as plain text")

    async def _send(self, piece: Piece) -> str:
        words = self._words(piece.page)
        shared = self._shared(piece)
        match piece.kind:
            case Kind.TEXT:
                options = LinkPreviewOptions(is_disabled=True)
                message = await self.bot.send_message(text=words or "", link_preview_options=options, **shared)
            case Kind.PHOTO:
                message = await self.bot.send_photo(photo=_upload(piece), caption=words, **shared)
            case Kind.DOCUMENT:
                message = await self.bot.send_document(document=_upload(piece), caption=words, **shared)
            case Kind.ALBUM:
                message = (await self.bot.send_media_group(media=self._album(piece, words), **shared))[-1]
        return str(message.message_id)

    def _shared(self, piece: Piece) -> dict[str, Any]:
        shared: dict[str, Any] = {
            "chat_id": self.place.chat,
            "message_thread_id": self.place.thread,
            "disable_notification": self.silent or piece.first > 0,  # one ring for one delivery
        }
        if self.replies_to is not None and piece.first == 0 and self.place.thread is None:
            shared["reply_parameters"] = ReplyParameters(self.replies_to, allow_sending_without_reply=True)
        if piece.kind is not Kind.ALBUM:
            shared |= {"parse_mode": self._parse_mode, "reply_markup": keyboard_of(piece.buttons)}
        return shared

    def _album(self, piece: Piece, words: str | None) -> list[InputMediaPhoto]:
        captions = [words, *[None] * (len(piece.files) - 1)]
        return [
            InputMediaPhoto(file.content, caption=caption, parse_mode=self._parse_mode, filename=file.filename)
            for file, caption in zip(piece.files, captions, strict=True)
        ]

    async def _rewrite(self, number: int, page: Page, keyboard: InlineKeyboardMarkup | None, *, caption: bool) -> None:
        shared: dict[str, Any] = {"chat_id": self.place.chat, "message_id": number, "reply_markup": keyboard}
        shared["parse_mode"] = self._parse_mode
        words = page.plain if self.plain else page.html
        try:
            if caption:
                await self.bot.edit_message_caption(caption=words, **shared)
            else:
                options = LinkPreviewOptions(is_disabled=True)
                await self.bot.edit_message_text(text=words, link_preview_options=options, **shared)
        except Refusal:
            raise
        except Exception as problem:
            raise _repeatable(await self.classify(problem, 0)) from problem

    def _words(self, page: Page | None) -> str | None:
        """The page's words as they go out, with the mark of a possible repeat before those of the first call."""
        both = [each for each in (self.mark, page) if each is not None]
        return "\n".join(each.plain if self.plain else each.html for each in both) or None

    @property
    def _parse_mode(self) -> str | None:
        return None if self.plain else ParseMode.HTML


def keyboard_of(rows: Rows) -> InlineKeyboardMarkup | None:
    """The rows as Telegram's inline keyboard."""
    if not rows:
        return None
    return InlineKeyboardMarkup(
        [[InlineKeyboardButton(each.text, callback_data=each.data, url=each.url) for each in row] for row in rows]
    )


def _upload(piece: Piece) -> InputFile:
    [file] = piece.files
    return InputFile(file.content, filename=file.filename)


def _repeatable(problem: SendError) -> SendError:
    """Of an edit nothing is in doubt: made twice it is the same."""
    return Postponed(str(problem)) if isinstance(problem, Uncertain) else problem
