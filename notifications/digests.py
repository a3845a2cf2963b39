"""A digest says what it holds: one line for each message it gathers, and their pictures."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from html import unescape

from db.messages import AttachmentRow, MessageRow
from domain.locales import speaking
from domain.messages import Attachment
from notifications.delivery import Delivery
from notifications.outbox import read_buttons
from notifications.templating import render

MOST_LINES = 40
MOST_FILES = 10
LONGEST_LINE = 90
_TAG = re.compile(r"<[^>]*>")


def fill(delivery: Delivery, gathered: Sequence[MessageRow], files: Mapping[int, Sequence[AttachmentRow]]) -> Delivery:
    """The digest with what it gathers; one that gathers a single message is that message."""
    pictures = [_attachment(file) for message in gathered for file in files.get(message.id, ())]
    if len(gathered) == 1:
        only = gathered[0]
        return replace(
            delivery,
            text=only.payload["text"],
            template=only.template,
            params=only.payload["params"],
            buttons=read_buttons(only.payload["buttons"]),
            subject=only.subject,
            attachments=tuple(pictures),
        )
    with speaking(delivery.locale):
        lines = [{"at": message.created_at.isoformat(), "line": headline(message)} for message in gathered[:MOST_LINES]]
    more = max(len(gathered) - MOST_LINES, 0)
    params = {"count": len(gathered), "lines": lines, "more": more, "left_out": max(len(pictures) - MOST_FILES, 0)}
    return replace(delivery, params=params, attachments=tuple(pictures[:MOST_FILES]))


def headline(message: MessageRow) -> str:
    """The first line of what a message says, without markup."""
    text: str = message.payload["text"]
    if message.template is not None:
        text = render(f"{message.template}.telegram.html", message.payload["params"])
    first = next((line for line in text.splitlines() if line.strip()), "")
    line = " ".join(unescape(_TAG.sub("", first)).split())
    return line if len(line) <= LONGEST_LINE else f"{line[: LONGEST_LINE - 1]}…"


def _attachment(file: AttachmentRow) -> Attachment:
    return Attachment(file.filename, file.content_type, file.content)
