"""Messages are written in Telegram's HTML: read here, counted as Telegram counts, cut into pages, made plain."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape, unescape

MOST_ENTITIES = 100
TAGS = frozenset(
    "b strong i em u ins s strike del tg-spoiler span a code pre blockquote tg-emoji tg-time".split()  # noqa: SIM905  # plainer than eighteen quotes
)
WHOLE = frozenset({"tg-emoji", "tg-time"})
"""Tags whose text stands for one thing: half of it would be shown as the whole."""

_SPECIAL = re.compile(r"[<&]")
_VALUE = r"\"[^\"]*\"|'[^']*'|[^\s\"'<>]+"
_START = re.compile(rf"<(?P<name>[a-zA-Z][a-zA-Z-]*)(?:\s+[^\s=<>\"']+(?:\s*=\s*(?:{_VALUE}))?)*\s*>")
_END = re.compile(r"</(?P<name>[a-zA-Z-]*)\s*>")
_HREF = re.compile(r"""\shref\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'<>]+))""", re.IGNORECASE)
_REFERENCE = re.compile(r"&(?:#(?P<decimal>[0-9]{1,8})|#x(?P<hex>[0-9a-fA-F]{1,8})|(?P<name>[a-zA-Z]+));?")
_NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
_JOINERS = frozenset({"\u200d", "\ufe0e", "\ufe0f", "\u20e3"})


class MarkupError(ValueError):
    """The text is not what Telegram's HTML can be."""


@dataclass(frozen=True)
class Page:
    """A piece of a text that fits into one message: with markup, and without."""

    html: str
    plain: str


@dataclass(frozen=True)
class Span:
    """A tag around the characters from `start` to `end` of the plain text."""

    name: str
    opening: str
    start: int
    end: int


@dataclass(frozen=True)
class Marked:
    """A text without its tags, and the tags beside it in the order in which they begin."""

    plain: str
    spans: tuple[Span, ...] = ()

    @property
    def page(self) -> Page:
        """All of it as one page."""
        return self._page(0, len(self.plain))

    @property
    def as_file(self) -> str:
        """All of it as plain text, with the addresses of links written out."""
        pieces, at = [], 0
        for span in sorted((span for span in self.spans if span.name == "a"), key=lambda span: span.end):
            address = _address(span.opening)
            if address and address != self.plain[span.start : span.end]:
                pieces += [self.plain[at : span.end], f" ({address})"]
                at = span.end
        return "".join([*pieces, self.plain[at:]])

    def pages(self, room: int, entities: int = MOST_ENTITIES) -> Iterator[Page]:
        """Pages of at most so many UTF-16 units and entities, cut where a reader would, none of them blank."""
        if len(self.spans) <= entities and units(self.plain) <= room:
            yield from [self.page] if self.plain.strip() else []
            return
        begin = 0
        while begin < len(self.plain):
            end = self._cut(begin, room, entities)
            if self.plain[begin:end].strip():
                yield self._page(begin, end)
            begin = self._after(end)

    def _cut(self, begin: int, room: int, entities: int) -> int:
        last = min(self._end_of_room(begin, room), self._end_of_entities(begin, entities))
        if last == len(self.plain):
            return last
        end = self._nice_end(begin, last)
        for span in self.spans:
            if span.name in WHOLE and begin < span.start < end < span.end:
                end = span.start
        return end

    def _end_of_room(self, begin: int, room: int) -> int:
        for index in range(begin, len(self.plain)):
            room -= 2 if self.plain[index] > "\uffff" else 1
            if room < 0:
                return max(index, begin + 1)
        return len(self.plain)

    def _end_of_entities(self, begin: int, entities: int) -> int:
        starts = [span.start for span in self.spans if span.end > begin]
        if len(starts) <= entities:
            return len(self.plain)
        return max(starts[entities], begin + 1)

    def _nice_end(self, begin: int, last: int) -> int:
        """After a paragraph, a line, a sentence or a word, if one ends in the second half; else between two signs."""
        middle = begin + (last - begin) // 2
        for sign in ("\n\n", "\n", ". ", " "):
            found = self.plain.rfind(sign, middle, last + 1)
            if found > begin:
                return found + (1 if sign == ". " else 0)
        for end in range(last, max(begin, last - 32), -1):
            if not _glued(self.plain[end - 1], self.plain[end]):
                return end
        return last

    def _after(self, end: int) -> int:
        """Where the next page begins: the break itself is on neither."""
        skipped = "\n" if self.plain[end : end + 1] == "\n" else " "
        while self.plain[end : end + 1] == skipped:
            end += 1
        return end

    def _page(self, begin: int, end: int) -> Page:
        return Page(self._html(begin, end), self.plain[begin:end])

    def _html(self, begin: int, end: int) -> str:
        pieces: list[str] = []
        opened: list[tuple[int, str]] = []
        at = begin

        def close_until(position: int) -> None:
            nonlocal at
            while opened and opened[-1][0] <= position:
                stop, name = opened.pop()
                pieces.extend((escape(self.plain[at:stop], quote=False), f"</{name}>"))
                at = stop

        for span in self.spans:
            start, stop = max(span.start, begin), min(span.end, end)
            if start < stop:
                close_until(start)
                pieces.extend((escape(self.plain[at:start], quote=False), span.opening))
                at = start
                opened.append((stop, span.name))
        close_until(end)
        return "".join([*pieces, escape(self.plain[at:end], quote=False)])


def units(text: str) -> int:
    """How many UTF-16 units a text has: what Telegram counts."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def read(source: str) -> Marked:
    """The text and its tags; MarkupError when Telegram would not read it either."""
    pieces: list[str] = []
    opened: list[tuple[int, str, str, int]] = []
    spans: list[Span | None] = []
    at = length = 0
    while at < len(source):
        special = _SPECIAL.search(source, at)
        stop = special.start() if special else len(source)
        piece = source[at:stop]
        if special is None or special.group() == "&":
            sign, stop = _decoded(source, stop) if special else ("", stop)
            pieces.append(piece + sign)
            length += len(piece) + len(sign)
            at = stop
            continue
        pieces.append(piece)
        length += len(piece)
        at = _tag(source, stop, length, opened, spans)
    if opened:
        raise MarkupError(f"<{opened[-1][1]}> is never closed")
    return Marked("".join(pieces), tuple(span for span in spans if span is not None and span.start < span.end))


def _tag(source: str, at: int, length: int, opened: list[tuple[int, str, str, int]], spans: list[Span | None]) -> int:
    """Take the tag that begins here; the place after it."""
    if begins := _START.match(source, at):
        name = begins["name"].lower()
        if name not in TAGS:
            raise MarkupError(f"<{name}> is not one of Telegram's tags")
        number = len(spans)
        spans.append(None)
        opened.append((number, name, begins.group(), length))
        return begins.end()
    ends = _END.match(source, at)
    if ends is None:
        raise MarkupError(f"the < at place {at} begins no tag")
    if not opened or ends["name"].lower() not in {"", opened[-1][1]}:
        raise MarkupError(f"</{ends['name']}> closes nothing")
    number, name, opening, start = opened.pop()
    spans[number] = Span(name, opening, start, length)
    return ends.end()


def _decoded(source: str, at: int) -> tuple[str, int]:
    match = _REFERENCE.match(source, at)
    if match is None:
        return "&", at + 1
    if match["name"]:
        sign = _NAMED.get(match["name"])
    else:
        code = int(match["decimal"]) if match["decimal"] else int(match["hex"], 16)
        sign = chr(code) if 0 < code < 0x10FFFF and not 0xD800 <= code < 0xE000 else None
    return (sign, match.end()) if sign else ("&", at + 1)


def _address(opening: str) -> str:
    match = _HREF.search(opening)
    return unescape(next(value for value in match.groups() if value is not None)) if match else ""


def _glued(before: str, after: str) -> bool:
    """Whether the two signs are shown as one."""
    return (
        unicodedata.combining(after) != 0
        or before == "\u200d"
        or after in _JOINERS
        or "\U0001f3fb" <= after <= "\U0001f3ff"
        or ("\U0001f1e6" <= before <= "\U0001f1ff" and "\U0001f1e6" <= after <= "\U0001f1ff")
    )
