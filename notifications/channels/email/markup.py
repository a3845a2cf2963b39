"""Telegram's HTML as a mail shows it: the same few tags, anything else is text."""

import re
from dataclasses import dataclass
from html import escape, unescape
from html.parser import HTMLParser

from markupsafe import Markup

_TAGS = {
    "b": "b", "strong": "b", "i": "i", "em": "i", "u": "u", "ins": "u", "s": "s", "strike": "s", "del": "s",
    "code": "code", "pre": "pre", "blockquote": "blockquote",
}  # fmt: skip
_SILENT = {"span", "tg-spoiler", "tg-emoji", "tg-time"}
_LINK = re.compile(r"(?:https?://|mailto:)[!-~]+", re.IGNORECASE)
_BESIDE_BLOCK = re.compile(r"<br>\n(<(?:pre|blockquote)>)|(</(?:pre|blockquote)>)<br>\n")
"""A block begins and ends a line by itself."""
_HEADING_LIMIT = 90


@dataclass(frozen=True)
class Text:
    """A chat text taken apart: its first line where that makes a heading, the rest as HTML, and all of it as text."""

    heading: str
    markup: Markup
    plain: str


def one_line(text: str) -> str:
    """The text without control characters, line ends and what a mail program would take for an encoded word."""
    kept = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(kept.replace("=?", "= ?").split())


def read(text: str) -> Text:
    """Take a chat text apart; whatever it holds, the HTML is well formed and holds nothing but known tags."""
    first, _, rest = text.strip().partition("\n")
    whole, opening = _Reader.of(text.strip()), _Reader.of(first)
    if opening.open_at_end or len(opening.plain) > _HEADING_LIMIT or not opening.plain:
        return Text("", Markup(whole.html), whole.plain)  # noqa: S704  # the reader escapes all but its own tags
    return Text(opening.plain.rstrip(":"), Markup(_Reader.of(rest.strip()).html), whole.plain)  # noqa: S704  # as above


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self._html: list[str] = []
        self._plain: list[str] = []
        self._open: list[tuple[str, str]] = []
        self._links: list[tuple[str, int]] = []
        self.open_at_end = False

    @classmethod
    def of(cls, text: str) -> "_Reader":
        reader = cls()
        reader.feed(text)
        reader.close()
        reader.open_at_end = bool(reader._open)
        while reader._open:
            reader.handle_endtag(reader._open[-1][0])
        return reader

    @property
    def html(self) -> str:
        return _BESIDE_BLOCK.sub(r"\1\2", "".join(self._html))

    @property
    def plain(self) -> str:
        return "".join(self._plain).strip()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "br":
            self._say("\n")
        elif tag == "a":
            self._begin_link(dict(attrs).get("href") or "")
        elif tag in _TAGS:
            written = _TAGS[tag]
            self._html.append(f"<{written}>")
            self._open.append((tag, f"</{written}>"))
        elif tag in _SILENT:
            self._open.append((tag, ""))
        else:
            self._say(self.get_starttag_text() or "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag != "br":
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in (name for name, _ in self._open):
            if tag not in _TAGS and tag not in _SILENT and tag != "a":
                self._say(f"</{tag}>")
            return
        while self._open:  # what was opened inside it ends with it
            name, closing = self._open.pop()
            self._html.append(closing)
            if name == "a":
                self._end_link()
            if name == tag:
                return

    def handle_data(self, data: str) -> None:
        self._say(data)

    def handle_entityref(self, name: str) -> None:
        self._say(unescape(f"&{name};"))

    def handle_charref(self, name: str) -> None:
        self._say(unescape(f"&#{name};"))

    def handle_comment(self, data: str) -> None:
        self._say(f"<!--{data}-->")

    def handle_decl(self, decl: str) -> None:
        self._say(f"<!{decl}>")

    def handle_pi(self, data: str) -> None:
        self._say(f"<?{data}>")

    def unknown_decl(self, data: str) -> None:
        self._say(f"<![{data}]>")

    def _say(self, text: str) -> None:
        text = "".join(c for c in text if c.isprintable() or c in "\n\t")
        self._plain.append(text)
        kept = escape(text)
        in_pre = any(name == "pre" for name, _ in self._open)
        self._html.append(kept if in_pre else kept.replace("\n", "<br>\n"))

    def _begin_link(self, url: str) -> None:
        if _LINK.fullmatch(url):
            self._html.append(f'<a href="{escape(url)}">')
            self._open.append(("a", "</a>"))
        else:  # a link into Telegram itself, which leads nowhere from a mail
            self._open.append(("a", ""))
            url = ""
        self._links.append((url, len(self._plain)))

    def _end_link(self) -> None:
        url, since = self._links.pop()
        if url and "".join(self._plain[since:]).strip() != url:
            self._plain.append(f" ({url})")
