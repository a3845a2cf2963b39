"""What a delivery says: as its text or its template has it, in Telegram's HTML or plain."""

from jinja2 import TemplateError

from domain.locales import speaking, t
from notifications.delivery import Delivery
from notifications.errors import Refused
from notifications.markup import MarkupError, read
from notifications.templating import render


def html_of(delivery: Delivery) -> str:
    """The words of a delivery in Telegram's HTML, as its reader speaks; Refused when its template can't be filled."""
    if delivery.template is None:
        return _sendable(delivery.text)
    try:
        with speaking(delivery.locale):
            return _sendable(render(f"{delivery.template}.telegram.html", delivery.params))
    except (TemplateError, ArithmeticError, LookupError, TypeError, ValueError) as problem:
        raise Refused(f"nothing can be made of its template {delivery.template}: {problem!r}"[:300]) from problem


def plain_of(delivery: Delivery) -> str:
    """The same without any tags, the addresses of links written out."""
    return plain(html_of(delivery))


def plain(html: str) -> str:
    """A text in Telegram's HTML without its tags; one that Telegram could not read stays as it is."""
    try:
        return read(html).as_file
    except MarkupError:
        return html


def repeat_note(delivery: Delivery) -> str | None:
    """What stands before the words of a possible repeat; None when it is none."""
    if not delivery.possible_repeat:
        return None
    with speaking(delivery.locale):
        if delivery.ref:
            return t("(I may have sent this already. Ref {reference}.)", reference=delivery.ref[:12])
        return t("(I may have sent this already.)")


def _sendable(text: str) -> str:
    """Halves of characters can't leave the house: no encoding has them."""
    return text.encode("utf-8", "replace").decode("utf-8")
