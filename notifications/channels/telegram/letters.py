"""A delivery as Telegram can carry it: files first, then pages of text; the last file may carry the only page.

Files and pages are numbered through, so that a letter of which some parts were taken is continued with the next.
"""

from dataclasses import dataclass, replace
from enum import Enum
from itertools import islice, takewhile

from domain.locales import speaking, t
from domain.messages import CAPTION_LIMIT, TEXT_LIMIT, Attachment, Rows
from notifications import markup
from notifications.delivery import Delivery
from notifications.markup import MOST_ENTITIES, MarkupError, Page
from notifications.words import html_of, plain

MARK_ROOM = 64
"""Kept free in every page, so that a letter has the same parts with the mark of a possible repeat as without."""
TEXT_ROOM = TEXT_LIMIT - MARK_ROOM
CAPTION_ROOM = CAPTION_LIMIT - MARK_ROOM
ENTITIES = MOST_ENTITIES - 1
MOST_PAGES = 5
ALBUM = 10
LARGEST_PHOTO = 10_000_000
_PHOTOS = frozenset({"image/jpeg", "image/png", "image/webp"})


class Kind(Enum):
    """Which of Telegram's methods carries a part."""

    TEXT = "text"
    PHOTO = "photo"
    DOCUMENT = "document"
    ALBUM = "album"


@dataclass(frozen=True)
class Piece:
    """One call: the parts from `first` on, `count` of them."""

    kind: Kind
    first: int
    count: int
    files: tuple[Attachment, ...] = ()
    page: Page | None = None
    buttons: Rows = ()

    @property
    def upload(self) -> int:
        """How many bytes of files it carries."""
        return sum(len(file.content) for file in self.files)

    def without_page(self) -> "Piece":
        """The files alone; the page follows as a part of its own."""
        return replace(self, page=None, buttons=(), count=self.count - 1)

    def as_document(self) -> "Piece":
        """The same with its picture as a file."""
        return replace(self, kind=Kind.DOCUMENT)

    def as_text(self) -> "Piece":
        """The same with words in place of its file."""
        [file] = self.files
        line = t("({name}, {size}, could not be sent.)", name=file.filename, size=_size(len(file.content)))
        return replace(self, kind=Kind.TEXT, files=(), page=with_line(self.page, line))

    def as_file(self) -> "Piece":
        """The same with its text in a file."""
        text = self.page.plain if self.page else ""
        return replace(self, kind=Kind.DOCUMENT, files=(text_file(text),), page=None)


@dataclass(frozen=True)
class Letter:
    """All parts of a delivery."""

    files: tuple[Attachment, ...]
    pages: tuple[Page, ...]
    buttons: Rows
    captioned: bool
    albums: bool = True

    @property
    def length(self) -> int:
        """How many parts there are."""
        return len(self.files) + len(self.pages)

    @property
    def is_one_text(self) -> bool:
        """Whether it is nothing but one page, so that it can stand in place of another one."""
        return not self.files and len(self.pages) == 1

    def piece(self, first: int) -> Piece:
        """The call that carries the part `first`, and with it as many of the next ones as one call can."""
        if first >= len(self.files):
            page = self.pages[first - len(self.files)]
            return Piece(Kind.TEXT, first, 1, page=page, buttons=self._buttons(first + 1))
        album = tuple(islice(takewhile(is_photo, self._for_albums()[first:]), ALBUM))
        if len(album) > 1:
            return self._with_page(Piece(Kind.ALBUM, first, len(album), album), captioned=not self.buttons)
        kind = Kind.PHOTO if is_photo(self.files[first]) else Kind.DOCUMENT
        return self._with_page(Piece(kind, first, 1, (self.files[first],)), captioned=True)

    def _for_albums(self) -> tuple[Attachment, ...]:
        """The files that may share a call: not the one that has to carry the buttons, which an album can't."""
        if not self.albums:
            return ()
        return self.files[:-1] if self.buttons and not self.pages else self.files

    def _with_page(self, piece: Piece, *, captioned: bool) -> Piece:
        after = piece.first + piece.count
        if captioned and self.captioned and after == len(self.files):
            piece, after = replace(piece, page=self.pages[0], count=piece.count + 1), after + 1
        return replace(piece, buttons=self._buttons(after))

    def _buttons(self, after: int) -> Rows:
        return self.buttons if after == self.length else ()


def letter(delivery: Delivery) -> Letter:
    """The parts of a delivery, the same whenever it is asked."""
    text = html_of(delivery)
    pages = _pages(text, TEXT_ROOM)
    files = delivery.attachments
    if len(pages) > MOST_PAGES:
        begin = next(iter(_pages(text, CAPTION_ROOM - 64, most=0)))
        files = (*files, text_file(plain(text)))
        with speaking(delivery.locale):
            pages = [with_line(begin, t("… All of it is in the file."))]
    caption = bool(files) and len(pages) == 1 and markup.units(pages[0].plain) <= CAPTION_ROOM
    return Letter(files, tuple(pages), delivery.buttons, captioned=caption)


def is_photo(file: Attachment) -> bool:
    """Whether Telegram would show the file as a picture."""
    return file.content_type in _PHOTOS and len(file.content) <= LARGEST_PHOTO


def text_file(text: str) -> Attachment:
    """A text as a file."""
    return Attachment("message.txt", "text/plain", text.encode("utf-8", "replace"))


def with_line(page: Page | None, line: str) -> Page:
    """The page with one more line of plain words."""
    added = markup.Marked(line).page
    return Page(f"{page.html}\n{added.html}", f"{page.plain}\n{line}") if page and page.plain.strip() else added


def _pages(source: str, room: int, most: int = MOST_PAGES) -> list[Page]:
    """The text's pages; one more than `most` stands for any number more."""
    try:
        marked = markup.read(source)
    except MarkupError:
        if markup.units(source) <= room:
            return [Page(source, source)]  # the server may know more tags than we do
        marked = markup.Marked(source)
    return list(islice(marked.pages(room, ENTITIES), most + 1))


def _size(length: int) -> str:
    return f"{length / 1_000_000:.1f} MB" if length >= 100_000 else f"{max(length / 1000, 0.1):.1f} kB"
