"""Reads Telegram's HTML as strictly as Telegram does, with the same words and byte offsets in refusals."""

import re
from dataclasses import dataclass
from html import escape as _html_escape

from sandbox.entities import Entity, MarkupError, utf16_len

TYPES = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "tg-spoiler": "spoiler",
    "span": "spoiler",
    "a": "text_link",
    "code": "code",
    "pre": "pre",
    "blockquote": "blockquote",
    "tg-emoji": "custom_emoji",
    "tg-time": "date_time",
}
NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
# Telegram takes an entity also without its semicolon.
_REFERENCE = re.compile(r"&(?:#(?P<decimal>[0-9]{1,8})|#x(?P<hex>[0-9a-fA-F]{1,8})|(?P<name>[a-zA-Z]+));?")
_SPECIAL = re.compile(r"[<&]")
_NAME = re.compile(r"[^\s>]*")
_ATTRIBUTE = re.compile(r"[^\s=>]*")
_TOKEN = re.compile(r"[A-Za-z0-9.-]*")
_SPACE = re.compile(r"\s*")


def escape(text: str) -> str:
    """Plain text as HTML that reads back as the same text."""
    return _html_escape(text, quote=False)


@dataclass
class _Open:
    tag: str
    argument: dict[str, str]
    offset: int
    at: int


class _Reader:
    """One pass over a marked-up text."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.position = 0
        self.units = 0
        self.pieces: list[str] = []
        self.open: list[_Open] = []
        self.entities: list[Entity] = []

    def read(self) -> tuple[str, list[Entity]]:
        while self.position < len(self.source):
            special = _SPECIAL.search(self.source, self.position)
            end = special.start() if special else len(self.source)
            self.add(self.source[self.position : end])
            self.position = end
            if special and special.group() == "&":
                self.reference()
            elif special and self.source.startswith("</", end):
                self.end_tag()
            elif special:
                self.start_tag()
        if self.open:
            raise MarkupError(f'Can\'t find end tag corresponding to start tag "{self.open[-1].tag}"')
        return "".join(self.pieces), self.entities

    def add(self, text: str) -> None:
        self.pieces.append(text)
        self.units += utf16_len(text)

    def bytes_before(self, position: int) -> int:
        return len(self.source[:position].encode())

    def reference(self) -> None:
        character, self.position = _decoded(self.source, self.position)
        self.add(character)

    def skip(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self.source, self.position)
        found = match.group() if match else ""
        self.position += len(found)
        return found

    def here(self) -> str:
        return self.source[self.position : self.position + 1]

    def start_tag(self) -> None:
        begin = self.position
        at = self.bytes_before(begin)
        self.position += 1
        tag = self.skip(_NAME).lower()
        if not self.here():
            raise MarkupError(f"Unclosed start tag at byte offset {at}")
        if tag not in TYPES:
            raise MarkupError(f'Unsupported start tag "{tag}" at byte offset {at}')
        attributes = self.attributes(tag, at)
        self.position += 1
        if tag == "span" and attributes.get("class") != "tg-spoiler":
            raise MarkupError(f'Tag "span" must have class "tg-spoiler" at byte offset {at}')
        if tag == "tg-emoji" and not attributes.get("emoji-id", "").isdigit():
            raise MarkupError("Invalid custom emoji identifier specified")
        if tag == "tg-time" and not re.fullmatch(r"-?\d{1,12}", attributes.get("unix", "")):
            raise MarkupError(f'Tag "tg-time" must have attribute "unix" at byte offset {at}')
        self.open.append(_Open(tag, attributes, self.units, len(self.pieces)))

    def attributes(self, tag: str, at: int) -> dict[str, str]:
        found: dict[str, str] = {}
        while True:
            self.skip(_SPACE)
            if self.here() == ">":
                return found
            if not self.here():
                raise MarkupError(f"Unclosed start tag at byte offset {at}")
            name = self.skip(_ATTRIBUTE).lower()
            if not name:
                raise MarkupError(f'Empty attribute name in the tag "{tag}" at byte offset {at}')
            self.skip(_SPACE)
            found[name] = self.value(at) if self.here() == "=" else ""

    def value(self, at: int) -> str:
        self.position += 1
        self.skip(_SPACE)
        quote = self.here()
        if quote not in {'"', "'"}:
            return self.bare_value(at)
        self.position += 1
        parts = []
        while self.here() not in {quote, ""}:
            if self.here() == "&":
                part, self.position = _decoded(self.source, self.position)
            else:
                part = self.here()
                self.position += 1
            parts.append(part)
        self.position += 1
        if self.position >= len(self.source):
            raise MarkupError(f"Unclosed start tag at byte offset {at}")
        return "".join(parts)

    def bare_value(self, at: int) -> str:
        begin = self.bytes_before(self.position)
        value = self.skip(_TOKEN).lower()
        if not self.here():
            raise MarkupError(f"Unclosed start tag at byte offset {at}")
        if self.here() != ">" and not self.here().isspace():
            raise MarkupError(f"Unexpected end of name token at byte offset {begin}")
        return value

    def end_tag(self) -> None:
        at = self.bytes_before(self.position)
        if not self.open:
            raise MarkupError(f"Unexpected end tag at byte offset {at}")
        self.position += 2
        name = self.skip(_NAME).lower()
        self.skip(_SPACE)
        if self.here() != ">":
            raise MarkupError(f"Unclosed end tag at byte offset {at}")
        self.position += 1
        opened = self.open.pop()
        if name and name != opened.tag:
            raise MarkupError(f'Unmatched end tag at byte offset {at}, expected "</{opened.tag}>", found "</{name}>"')
        if self.units > opened.offset:
            self.close(opened)

    def close(self, opened: _Open) -> None:
        kind, argument = TYPES[opened.tag], opened.argument
        entity = Entity(kind, opened.offset, self.units - opened.offset)
        if kind == "text_link":
            url = argument.get("href") or "".join(self.pieces[opened.at :])
            if not _link(entity, url):
                return
        elif kind == "custom_emoji":
            entity.extra["custom_emoji_id"] = argument["emoji-id"]
        elif kind == "date_time":
            entity.extra["unix_time"] = int(argument["unix"])
            if argument.get("format"):
                entity.extra["date_time_format"] = argument["format"]
        elif kind == "blockquote" and "expandable" in argument:
            entity.type = "expandable_blockquote"
        elif kind in {"pre", "code"} and self.merged_code(entity, argument):
            return
        self.entities.append(entity)

    def merged_code(self, entity: Entity, argument: dict[str, str]) -> bool:
        """Pre around code with a language is one entity, whichever of the two stands outside."""
        language = argument.get("class", "")
        if entity.type == "code" and language.startswith("language-"):
            entity.extra["language"] = language.removeprefix("language-")
        inner = self.entities[-1] if self.entities else None
        same = inner and (inner.offset, inner.length) == (entity.offset, entity.length)
        if inner and same and {inner.type, entity.type} == {"pre", "code"}:
            inner.type = "pre"
            inner.extra |= entity.extra
            return True
        return False


def _decoded(source: str, position: int) -> tuple[str, int]:
    match = _REFERENCE.match(source, position)
    if not match:
        return "&", position + 1
    if match["name"]:
        character = NAMED.get(match["name"])
    else:
        code = int(match["decimal"]) if match["decimal"] else int(match["hex"], 16)
        character = chr(code) if 0 < code < 0x10FFFF and not 0xD800 <= code < 0xE000 else None
    return (character, match.end()) if character else ("&", position + 1)


def _link(entity: Entity, url: str) -> bool:
    """Makes the entity a link or a mention; says whether the address can be one."""
    mention = re.fullmatch(r"tg://user/?\?id=(\d+)", url)
    if mention:
        entity.type = "text_mention"
        entity.extra["user_id"] = int(mention[1])
        return True
    checked = checked_url(url)
    entity.extra["url"] = checked
    return checked is not None


def checked_url(url: str) -> str | None:
    """The address as Telegram keeps it, or None when it is not one."""
    url = url.strip()
    if re.match(r"(?:tg|ton|tonsite|mailto|tel):", url, re.IGNORECASE):
        return url
    match = re.fullmatch(r"(?:(https?)://)?([^\s/?#]+)([/?#]\S*)?", url, re.IGNORECASE)
    if not match or not _plausible_host(match[2]):
        return None
    return f"{(match[1] or 'http').lower()}://{match[2]}{match[3] or '/'}"


def _plausible_host(host: str) -> bool:
    name = re.sub(r":\d{1,5}$", "", host.rsplit("@", 1)[-1])
    return bool(re.fullmatch(r"[\w.-]+\.[\w-]{2,}|\d+(?:\.\d+){3}|localhost|\[[0-9a-fA-F:]+\]", name))


def parse(source: str) -> tuple[str, list[Entity]]:
    """The plain text and its entities; raises `MarkupError` with Telegram's words."""
    return _Reader(source).read()
