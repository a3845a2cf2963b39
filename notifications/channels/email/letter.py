"""What a mail says: from the templates of its kind, or made from the chat text where its kind has none."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from css_inline import CSSInliner

from domain import codes
from domain.messages import Attachment, Button, Category
from notifications.channels.email import markup
from notifications.channels.email.words import has, render, words
from notifications.delivery import Delivery
from notifications.words import html_of

SHOWN = {"image/png", "image/jpeg", "image/gif"}
_SUBJECT_LIMIT = 120
_ALT_LIMIT = 300

_inliner = CSSInliner(load_remote_stylesheets=False, keep_at_rules=True)


@dataclass(frozen=True)
class Picture:
    """A picture that the HTML shows."""

    cid: str
    alt: str
    file: Attachment


@dataclass(frozen=True)
class Letter:
    """A mail's words and what travels with it."""

    subject: str
    text: str
    html: str
    pictures: tuple[Picture, ...] = ()
    files: tuple[Attachment, ...] = ()


def write(delivery: Delivery, secret_key: str, chat_link: str | None, *, without_files: bool = False) -> Letter:
    """The letter in the reader's language; `without_files` says in it that they were left out."""
    own = delivery.template if delivery.template is not None and has(delivery.template) else None
    text = None if own else markup.read(html_of(delivery))
    shown, files = _parted(() if without_files else delivery.attachments)
    said = words(delivery.locale)
    pictures = tuple(
        Picture(f"{place}.{delivery.message_id}@openbell", _alt(file, text, said), file)
        for place, file in enumerate(shown)
    )
    params: dict[str, Any] = {
        **(_params(delivery, secret_key, chat_link) if text is None else vars(text)),
        "words": said,
        "kind": said.get(str(delivery.category), ""),
        "repeat": delivery.possible_repeat,
        "ref": delivery.ref,
        "pictures": pictures,
        "links": _links(delivery, chat_link, said),
        "files_left_out": without_files and bool(delivery.attachments),
        "unsubscribe": delivery.unsubscribe,
    }
    params["subject"] = _subject(delivery, own, params)
    name = own or "message"
    plain = _tidy(render(f"{name}.txt", delivery.locale, params))
    html = _inliner.inline(render(f"{name}.html", delivery.locale, params))
    return Letter(params["subject"], plain, html, pictures, files)


def _params(delivery: Delivery, secret_key: str, chat_link: str | None) -> Mapping[str, Any]:
    if delivery.category is not Category.CODE:
        return delivery.params
    code = codes.derive(secret_key, delivery.params["nonce"])  # known nowhere but here and in the mail
    return {"code": code.spaced, "link": f"{chat_link}?start={code.link_token}" if chat_link else None}


def _parted(files: Sequence[Attachment]) -> tuple[tuple[Attachment, ...], tuple[Attachment, ...]]:
    """Those that the HTML shows, and those that are only attached."""
    return (
        tuple(file for file in files if file.content_type in SHOWN),
        tuple(file for file in files if file.content_type not in SHOWN),
    )


def _subject(delivery: Delivery, own: str | None, params: Mapping[str, Any]) -> str:
    """What was given; what its kind's template says; else the first line, behind the word for what it is."""
    if delivery.subject is not None:
        found = delivery.subject
    elif own is not None:
        found = render(f"{own}.subject.txt", delivery.locale, params)
    else:
        first = markup.one_line(params["plain"].partition("\n")[0])
        said = first[next((place for place, sign in enumerate(first) if sign.isalnum()), 0) :].rstrip(".:")
        named = params["kind"] and delivery.category is not Category.FAILURE  # a failure says so itself
        found = f"{params['kind']}: {said}" if named and said else said or params["kind"]
    return _shortened(markup.one_line(found)) or "Openbell"


def _alt(file: Attachment, text: markup.Text | None, said: Mapping[str, str]) -> str:
    """The picture in words: the numbers that it draws, or at least its name."""
    what = " ".join(text.plain.split()) if text is not None else file.filename.rpartition(".")[0] or file.filename
    return _shortened(f"{said['chart']}: {what}", _ALT_LIMIT)


def _links(delivery: Delivery, chat_link: str | None, said: Mapping[str, str]) -> list[Button]:
    """Buttons that lead somewhere; for those that only the chat can answer, the way into the chat."""
    buttons = [button for row in delivery.buttons for button in row]
    links = [button for button in buttons if button.url and button.url.startswith(("https://", "http://"))]
    if len(links) < len(buttons) and chat_link:
        links.append(Button(said["open_chat"], url=chat_link))
    return links


def _tidy(text: str) -> str:
    lines = [line if line == "-- " else line.rstrip() for line in text.strip().splitlines()]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)) + "\n"


def _shortened(text: str, limit: int = _SUBJECT_LIMIT) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1].rstrip()}…"
