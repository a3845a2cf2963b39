"""A reply, the ways to give it, and the instants in it."""

from collections.abc import Sequence
from datetime import datetime
from html import escape
from itertools import pairwise
from zoneinfo import ZoneInfo

from telegram import InlineKeyboardButton, InlineKeyboardMarkup, LinkPreviewOptions, Message, Update
from telegram.constants import ParseMode
from telegram.error import BadRequest

from domain.locales import format_when, t
from domain.timing import Due

Buttons = Sequence[Sequence[tuple[str, str]]]
PAGE = 6
LONGEST = 3800
"""Below Telegram's 4,096 characters."""


class Reply:
    """A text and its buttons, ready to be said or to take the place of an earlier one."""

    def __init__(self, text: str, buttons: Buttons = ()) -> None:
        self.text = text
        self.buttons = buttons

    @property
    def keyboard(self) -> InlineKeyboardMarkup | None:
        rows = [[_button(label, data) for label, data in row] for row in self.buttons if row]
        return InlineKeyboardMarkup(rows) if rows else None


def _button(label: str, data: str) -> InlineKeyboardButton:
    """A button that answers us with `data`, or opens it where it is a link."""
    if data.startswith(("https://", "http://")):
        return InlineKeyboardButton(label, url=data)
    return InlineKeyboardButton(label, callback_data=data)


async def send(update: Update, reply: Reply) -> Message | None:
    """Answer in the chat the update came from."""
    if update.effective_message is None:
        return None
    return await update.effective_message.reply_text(
        reply.text,
        parse_mode=ParseMode.HTML,
        reply_markup=reply.keyboard,
        link_preview_options=LinkPreviewOptions(is_disabled=True),
        allow_sending_without_reply=True,  # in a group it quotes the question, which may be gone by now
    )


async def replace(update: Update, reply: Reply) -> None:
    """Put the reply where the pressed button was; where that can't be edited (a picture, too old), say it below."""
    query = update.callback_query
    message = query.message if query is not None else None
    if not isinstance(message, Message) or message.text is None:
        await send(update, reply)
        return
    try:
        await message.edit_text(
            reply.text,
            parse_mode=ParseMode.HTML,
            reply_markup=reply.keyboard,
            link_preview_options=LinkPreviewOptions(is_disabled=True),
        )
    except BadRequest as problem:
        if "not modified" in str(problem):
            return
        await send(update, reply)


def when(instant: datetime, zone: ZoneInfo) -> str:
    """An instant on the wall of that zone, with its abbreviation: ``Mon 23 Nov 08:30 CET``."""
    return format_when(instant, zone)


def due_lines(due: Sequence[Due], zone: ZoneInfo) -> list[str]:
    """Due times one a line; what a calendar leaves out is struck out and says why, what the clocks do is marked."""
    shown = [each for each in due if worth_naming(each)]
    lines = [due_line(each, zone) for each in shown]
    for number, (earlier, later) in enumerate(pairwise(shown), start=1):
        turned = earlier.at.astimezone(zone).utcoffset() != later.at.astimezone(zone).utcoffset()
        if turned and later.mark is None:
            lines[number] += f" <i>({t('the clocks change before it')})</i>"
    return lines


def worth_naming(due: Due) -> bool:
    """Whether to show it: nobody expects a market day on a weekend."""
    return not due.on_weekend


def due_line(due: Due, zone: ZoneInfo) -> str:
    shown = when(due.at, zone)
    if due.left_out is not None:
        return f"• <s>{shown}</s> {escape(due.left_out)}"
    return f"• {shown}" + (f" <i>({escape(due.mark)})</i>" if due.mark else "")


def as_many_as_fit(lines: Sequence[str]) -> list[str]:
    """The first of these lines, as many as one message holds with a few words below them."""
    room, kept = LONGEST, []
    for line in lines:
        room -= len(line) + 1
        if room < 0:
            break
        kept.append(line)
    return kept


def in_pairs(buttons: Sequence[tuple[str, str]]) -> list[Sequence[tuple[str, str]]]:
    """Buttons two in a row."""
    return [buttons[n : n + 2] for n in range(0, len(buttons), 2)]
