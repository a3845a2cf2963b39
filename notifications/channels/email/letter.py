"""What a mail says: from the templates of its kind, or made from the chat text where its kind has none."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from css_inline import CSSInliner

from domain import codes
from domain.messages import Attachment, Button, Category
from notifications.channels.email import markup
from notifications.channels.email.words import has, render, words
from notifications.deliveries import Delivery
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
    frame = {
        "words": words(delivery.locale),
        "kind": words(delivery.locale).get(str(delivery.category), ""),
        "repeat": delivery.possible_repeat,
        "ref": delivery.ref,
        "unsubscribe": delivery.unsubscribe,
        "left_out": without_files and bool(delivery.attachments),
    }
    files = () if without_files else delivery.attachments
    if delivery.template is not None and has(delivery.template):
        return _of_kind(delivery.template, delivery, {**frame, **_params(delivery, secret_key, chat_link)}, files)
    return _of_chat_text(delivery, frame, files, chat_link)


def _params(delivery: Delivery, secret_key: str, chat_link: str | None) -> Mapping[str, Any]:
    if delivery.category is not Category.CODE:
        return delivery.params
    code = codes.derive(secret_key, delivery.params["nonce"])  # known nowhere but here and in the mail
    return {"code": code.spaced, "link": f"{chat_link}?start={code.link_token}" if chat_link else None}


def _of_kind(template: str, delivery: Delivery, params: Mapping[str, Any], files: tuple[Attachment, ...]) -> Letter:
    locale = delivery.locale
    subject = _shortened(markup.one_line(delivery.subject or render(f"{template}.subject.txt", locale, params)))
    everything = {**params, "subject": subject}
    return Letter(
        subject,
        _tidy(render(f"{template}.txt", locale, everything)),
        _inliner.inline(render(f"{template}.html", locale, everything)),
        files=files,
    )


def _of_chat_text(
    delivery: Delivery, frame: Mapping[str, Any], files: tuple[Attachment, ...], chat_link: str | None
) -> Letter:
    text = markup.read(html_of(delivery))
    subject = _shortened(markup.one_line(delivery.subject or _subject(text.plain, delivery.category, frame["kind"])))
    pictures = _pictures(delivery, files, text, frame["words"])
    params = {
        **frame,
        "subject": subject,
        "heading": text.heading,
        "markup": text.html,
        "plain": text.plain,
        "pictures": pictures,
        "links": _links(delivery, chat_link, frame["words"]),
    }
    return Letter(
        subject,
        _tidy(render("message.txt", delivery.locale, params)),
        _inliner.inline(render("message.html", delivery.locale, params)),
        pictures,
        tuple(file for file in files if file.content_type not in SHOWN),
    )


def _subject(plain: str, category: Category, kind: str) -> str:
    """The first line without the signs before it, behind the word for what it is; that of a failure says it itself."""
    first = " ".join(plain.partition("\n")[0].split())
    start = next((place for place, sign in enumerate(first) if sign.isalnum()), 0)
    said = first[start:].rstrip(".")
    return f"{kind}: {said}" if kind and said and category is not Category.FAILURE else said or kind or "Openbell"


def _pictures(
    delivery: Delivery, files: tuple[Attachment, ...], text: markup.Text, said: Mapping[str, str]
) -> tuple[Picture, ...]:
    alt = _shortened(f"{said['chart']}: {' '.join(text.plain.split())}", _ALT_LIMIT)
    shown = (file for file in files if file.content_type in SHOWN)
    return tuple(Picture(f"{place}.{delivery.message_id}@openbell", alt, file) for place, file in enumerate(shown))


def _links(delivery: Delivery, chat_link: str | None, said: Mapping[str, str]) -> list[Button]:
    """Buttons that lead somewhere; for those that only the chat can answer, the way into the chat."""
    buttons = [button for row in delivery.buttons for button in row]
    links = [button for button in buttons if button.url and button.url.startswith(("https://", "http://"))]
    if len(links) < len(buttons) and chat_link:
        links.append(Button(said["open_chat"], url=chat_link))
    return links


def _tidy(text: str) -> str:
    return "\n".join(line.rstrip() if line != "-- " else line for line in text.strip().splitlines()) + "\n"


def _shortened(text: str, limit: int = _SUBJECT_LIMIT) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1].rstrip()}…"
