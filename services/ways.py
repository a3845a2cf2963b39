"""Where a job's results go: the ways that are offered, what a typed one means, and how it is said."""

from collections.abc import Mapping
from typing import Any

from db.unit_of_work import UnitOfWork
from domain.errors import InvalidInput
from domain.locales import mark as _
from domain.locales import t
from domain.users import User

AS_PREFERRED: Mapping[str, Any] = {"deliver_to": None, "destination_id": None}
_OWN = (
    (_("This chat"), _("this chat"), ("telegram",), ("here", "chat", "telegram", "hier")),
    (_("E-mail"), _("e-mail"), ("email",), ("mail", "email", "e-mail")),
    (_("Both"), _("this chat and e-mail"), ("telegram", "email"), ("both", "beides")),
)
"""The button, how it is said in a sentence, the channels, and what people type for it."""


def ways(uow: UnitOfWork, user: User) -> list[tuple[str, dict[str, Any]]]:
    """The ways that this person may choose, each with its label: their own, then the groups they linked."""
    own = [(t(label), _way(list(channels))) for label, _said, channels, _words in _OWN]
    linked = [row.view() for row in uow.destinations.linked(user.id)]
    return own + [(each.name[:40], _way(None, each.id)) for each in linked if each.usable]


def read_way(uow: UnitOfWork, user: User, text: str) -> dict[str, Any]:
    """The way that a person typed; InvalidInput lists those there are."""
    said = text.strip().casefold()
    for label, _in_a_sentence, channels, words in _OWN:
        if said in (t(label).casefold(), *words):
            return _way(list(channels))
    offered = ways(uow, user)
    for label, way in offered[len(_OWN) :]:
        if said and said in label.casefold():
            return way
    known = ", ".join(label for label, _way_there in offered)
    raise InvalidInput(t("I can't send it there. There are: {known}. /link in a group adds that group.", known=known))


def check_way(uow: UnitOfWork, user: User, way: Mapping[str, Any] | None) -> dict[str, Any]:
    """The columns of a schedule that keep a way; InvalidInput when its group is not this person's any more."""
    found = dict(way or AS_PREFERRED)
    number = found.get("destination_id")
    if number is not None and number not in {row.id for row in uow.destinations.linked(user.id)}:
        raise InvalidInput(t("That group is not linked any more, and nothing was saved. Choose where to send it anew."))
    return found


def is_preferred(way: Mapping[str, Any] | None) -> bool:
    """Whether a way is left to what the person prefers."""
    return way is None or (not way.get("deliver_to") and way.get("destination_id") is None)


def way_words(uow: UnitOfWork, user: User, way: Mapping[str, Any] | None) -> str:
    """A way, as people read it."""
    if way is None or is_preferred(way):
        return t("as you set in /notify")
    named = [t(said) for _label, said, channels, _words in _OWN if tuple(way.get("deliver_to") or ()) == channels]
    group = next((row.view().name for row in uow.destinations.linked(user.id) if row.id == way["destination_id"]), None)
    return ", ".join([*named, *([group] if group else [])]) or ", ".join(way.get("deliver_to") or ())


def _way(deliver_to: list[str] | None, destination_id: int | None = None) -> dict[str, Any]:
    return {"deliver_to": deliver_to, "destination_id": destination_id}
