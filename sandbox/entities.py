"""Formatting that lies over a text: UTF-16 offsets, trimming and the entities Telegram finds by itself."""

import re
from dataclasses import dataclass, field
from typing import Any

MAX_ENTITIES = 100
SPLITTABLE = frozenset({"bold", "italic", "underline", "strikethrough", "spoiler"})
SOLID = frozenset({"code", "pre"})
_DROPPED = re.compile("[\r\u2028-\u202e]")
_BLANKED = re.compile("[\x00-\x09\x0b-\x1f]")
_FOUND = re.compile(
    r"(?P<bot_command>(?<![\w/@<>])/[A-Za-z0-9_]{1,64}(?:@\w{3,32})?(?![\w/<>]))"
    r"|(?P<url>https?://[^\s<>\"]+[^\s<>\".,:;!?)\]'])"
    r"|(?P<email>(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+)"
    r"|(?P<mention>(?<![\w@/])@[A-Za-z]\w{2,31})"
    r"|(?P<hashtag>(?<![\w#])#\w*[^\W\d]\w*)"
)


class MarkupError(ValueError):
    """Telegram's words about a markup it cannot read."""


@dataclass
class Entity:
    """One span of formatting, counted in UTF-16 units."""

    type: str
    offset: int
    length: int
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def end(self) -> int:
        """The first unit after the span."""
        return self.offset + self.length

    def json(self) -> dict[str, Any]:
        """As the Bot API writes it."""
        return {"type": self.type, "offset": self.offset, "length": self.length} | self.extra


def utf16_len(text: str) -> int:
    """How many UTF-16 units a text has: what Telegram counts."""
    return len(text) + sum(character > "\uffff" for character in text)


def cleaned(text: str) -> str:
    """Without the characters that Telegram takes out, blanks for other control characters."""
    return _BLANKED.sub(" ", _DROPPED.sub("", text))


def formatted(text: str, entities: list[Entity]) -> tuple[str, list[Entity]]:
    """The text and entities as they are kept: trimmed, sorted, with nothing inside code."""
    tidy = text.rstrip()
    first = min((entity.offset for entity in entities), default=utf16_len(tidy))
    lead = 0
    while lead < len(tidy) and lead < first and tidy[lead] in " \n":
        lead += 1
    tidy, total = tidy[lead:], utf16_len(tidy) - lead
    moved = [Entity(e.type, e.offset - lead, e.length, e.extra) for e in entities]
    kept = [Entity(e.type, e.offset, min(e.end, total) - e.offset, e.extra) for e in moved]
    kept = _around_code([entity for entity in kept if entity.length > 0])
    kept.sort(key=lambda entity: (entity.offset, -entity.length))
    return tidy, kept[:MAX_ENTITIES]


def _around_code(entities: list[Entity]) -> list[Entity]:
    """Code and pre hold no other formatting: what crosses them is cut, what lies inside is dropped."""
    solid = [entity for entity in entities if entity.type in SOLID]
    result = list(solid)
    for entity in entities:
        if entity.type in SOLID:
            continue
        parts = [entity]
        for code in solid:
            if entity.type in SPLITTABLE or (code.offset <= entity.offset and entity.end <= code.end):
                parts = [piece for part in parts for piece in _without(part, code)]
        result += parts
    return result


def _without(part: Entity, code: Entity) -> list[Entity]:
    if part.end <= code.offset or code.end <= part.offset:
        return [part]
    before = Entity(part.type, part.offset, code.offset - part.offset, part.extra)
    after = Entity(part.type, code.end, part.end - code.end, part.extra)
    return [piece for piece in (before, after) if piece.length > 0]


def with_found(text: str, entities: list[Entity]) -> list[Entity]:
    """Adds commands, links, addresses, mentions and hashtags that the text holds by itself."""
    taken = [e for e in entities if e.type in SOLID or e.type in {"text_link", "date_time"}]
    found = []
    for match in _FOUND.finditer(text):
        offset = utf16_len(text[: match.start()])
        entity = Entity(str(match.lastgroup), offset, utf16_len(match.group()))
        if not any(e.offset < entity.end and entity.offset < e.end for e in taken):
            found.append(entity)
    both = sorted(entities + found, key=lambda entity: (entity.offset, -entity.length))
    return both[:MAX_ENTITIES]
