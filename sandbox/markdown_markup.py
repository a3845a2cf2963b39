"""Reads Telegram's MarkdownV2 as strictly as Telegram does."""

import re
from dataclasses import dataclass

from sandbox.entities import Entity, MarkupError, utf16_len
from sandbox.html_markup import checked_url

RESERVED = "_*[]()~`>#+-=|{}.!"
_ENDS = {
    "Bold": "*",
    "Italic": "_",
    "Underline": "__",
    "Strikethrough": "~",
    "Spoiler": "||",
    "Code": "`",
    "Pre": "```",
    "PreCode": "```",
    "TextUrl": "]",
    "CustomEmoji": "]",
}
_TYPES = {
    "Bold": "bold",
    "Italic": "italic",
    "Underline": "underline",
    "Strikethrough": "strikethrough",
    "Spoiler": "spoiler",
    "Code": "code",
    "Pre": "pre",
    "PreCode": "pre",
    "BlockQuote": "blockquote",
}
_LANGUAGE = re.compile(r"[^\s`]+(?=\s)")
_TIME = re.compile(r"tg://time\?unix=(-?\d{1,12})(?:&format=([\w]+))?")


def escape(text: str) -> str:
    """Plain text as MarkdownV2 that reads back as the same text."""
    return re.sub(r"([_*\[\]()~`>#+\-=|{}.!\\])", r"\\\1", text)


@dataclass
class _Open:
    name: str
    offset: int
    byte: int
    at: int
    language: str = ""


class _Reader:
    def __init__(self, source: str) -> None:
        self.source = source
        self.position = 0
        self.units = 0
        self.pieces: list[str] = []
        self.open: list[_Open] = []
        self.entities: list[Entity] = []
        self.quote: _Open | None = None

    def read(self) -> tuple[str, list[Entity]]:
        while self.position < len(self.source):
            self.step()
        if self.quote and not self.open:
            self.end_quote(expandable=False)
        if self.open:
            last = self.open[-1]
            raise MarkupError(f"Can't find end of {last.name} entity at byte offset {last.byte}")
        return "".join(self.pieces), self.entities

    def ahead(self, text: str) -> bool:
        return self.source.startswith(text, self.position)

    def byte(self, position: int | None = None) -> int:
        return len(self.source[: self.position if position is None else position].encode())

    def add(self, character: str) -> None:
        self.pieces.append(character)
        self.units += utf16_len(character)

    def top(self) -> str:
        return self.open[-1].name if self.open else ""

    def step(self) -> None:
        character = self.source[self.position]
        following = self.source[self.position + 1 : self.position + 2]
        if character == "\\" and following and 0 < ord(following) <= 126:
            self.add(following)
            self.position += 2
        elif self.top() in {"Code", "Pre", "PreCode"} and character != "`":
            self.add(character)
            self.position += 1
        elif self.starts_line() and (character == ">" or self.ahead("**>")):
            self.quote_line(character)
        elif character == "\n":
            self.new_line()
        elif character not in RESERVED:
            self.add(character)
            self.position += 1
        elif self.quote and not self.open and self.ends_expandable():
            self.position += 2
            self.end_quote(expandable=True)
        elif self.ends():
            self.end()
        else:
            self.begin(character)

    def starts_line(self) -> bool:
        return not self.pieces or self.pieces[-1].endswith("\n")

    def quote_line(self, character: str) -> None:
        if self.open:
            last = self.open[-1]
            raise MarkupError(f"Can't find end of {last.name} entity at byte offset {last.byte}")
        if self.quote is None:
            self.quote = _Open("BlockQuote", self.units, self.byte(), len(self.pieces))
        self.position += 1 if character == ">" else 3

    def new_line(self) -> None:
        ends_quote = self.quote and not self.source.startswith(">", self.position + 1)
        if ends_quote and not self.open:
            self.end_quote(expandable=False)
        self.add("\n")
        self.position += 1

    def ends_expandable(self) -> bool:
        rest = self.source[self.position + 2 : self.position + 3]
        return self.ahead("||") and rest in {"", "\n"}

    def end_quote(self, *, expandable: bool) -> None:
        if self.quote and self.units > self.quote.offset:
            kind = "expandable_blockquote" if expandable else "blockquote"
            self.entities.append(Entity(kind, self.quote.offset, self.units - self.quote.offset))
        self.quote = None

    def ends(self) -> bool:
        name = self.top()
        if not name:
            return False
        if name == "Italic":
            return self.ahead("_") and not self.ahead("__")
        return self.ahead(_ENDS[name])

    def begin(self, character: str) -> None:
        opened = _Open("", self.units, self.byte(), len(self.pieces))
        if self.ahead("```"):
            opened.name = "Pre"
            self.position += 3
            self.code_language(opened)
        else:
            opened.name, width = self.start(character)
            self.position += width
        self.open.append(opened)

    def start(self, character: str) -> tuple[str, int]:
        double = {"_": ("__", "Underline"), "|": ("||", "Spoiler"), "!": ("![", "CustomEmoji")}.get(character)
        if double and self.ahead(double[0]):
            return double[1], 2
        single = {"_": "Italic", "*": "Bold", "~": "Strikethrough", "[": "TextUrl", "`": "Code"}
        if character not in single:
            raise MarkupError(f"Character '{character}' is reserved and must be escaped with the preceding '\\'")
        return single[character], 1

    def code_language(self, opened: _Open) -> None:
        language = _LANGUAGE.match(self.source, self.position)
        if language:
            opened.name, opened.language = "PreCode", language.group()
            self.position = language.end()
        if self.ahead("\n"):
            self.position += 1

    def end(self) -> None:
        opened = self.open.pop()
        self.position += len(_ENDS[opened.name])
        entity = Entity(_TYPES.get(opened.name, ""), opened.offset, self.units - opened.offset)
        if opened.language:
            entity.extra["language"] = opened.language
        if opened.name == "TextUrl":
            entity.type = self.link(entity, opened)
        elif opened.name == "CustomEmoji":
            entity.type = self.special(entity)
        if entity.length and entity.type:
            self.entities.append(entity)

    def link(self, entity: Entity, opened: _Open) -> str:
        url = self.address() if self.ahead("(") else "".join(self.pieces[opened.at :])
        mention = re.fullmatch(r"tg://user\?id=(\d+)", url)
        if mention:
            entity.extra["user_id"] = int(mention[1])
            return "text_mention"
        entity.extra["url"] = checked_url(url)
        return "text_link" if entity.extra["url"] else ""

    def special(self, entity: Entity) -> str:
        if not self.ahead("("):
            raise MarkupError("Custom emoji entity must contain a tg://emoji URL")
        url = self.address()
        emoji = re.fullmatch(r"tg://emoji\?id=(\d+)", url)
        if emoji:
            entity.extra["custom_emoji_id"] = emoji[1]
            return "custom_emoji"
        moment = _TIME.fullmatch(url)
        if not moment:
            raise MarkupError("Custom emoji URL must have scheme tg")
        entity.extra["unix_time"] = int(moment[1])
        if moment[2]:
            entity.extra["date_time_format"] = moment[2]
        return "date_time"

    def address(self) -> str:
        begin = self.position + 1
        parts = []
        self.position = begin
        while self.position < len(self.source) and not self.ahead(")"):
            escaped = self.source[self.position + 1 : self.position + 2]
            if self.ahead("\\") and escaped and 0 < ord(escaped) <= 126:
                self.position += 1
            parts.append(self.source[self.position])
            self.position += 1
        if not self.ahead(")"):
            raise MarkupError(f"Can't find end of a URL at byte offset {self.byte(begin)}")
        self.position += 1
        return "".join(parts)


def parse(source: str) -> tuple[str, list[Entity]]:
    """The plain text and its entities; raises `MarkupError` with Telegram's words."""
    return _Reader(source).read()
