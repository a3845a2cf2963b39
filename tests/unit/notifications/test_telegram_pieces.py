"""However a delivery is cut into calls, each of them keeps Telegram's limits, and none is lost or made twice."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from domain.messages import Attachment, Button
from notifications.channels.telegram.letters import MARK_ROOM, Kind, Letter, Piece, letter
from notifications.markup import units
from notifications.words import repeat_note
from sandbox.entities import MarkupError
from sandbox.html_markup import parse
from tests.fakes.delivery import delivery

WORDS = st.text(st.sampled_from("ab. \n&<>é😀"), max_size=12)
TEXTS = st.builds(
    lambda words, times, tag: f"<{tag}>{words}</{tag}>" * times if tag else words * times,
    WORDS,
    st.sampled_from([1, 30, 200, 1500]),
    st.sampled_from(["", "b", "code", "a href='https://example.com'"]),
).map(lambda text: text.replace("</a href='https://example.com'>", "</a>"))
FILES = st.lists(st.sampled_from(["image/png", "image/jpeg", "text/csv", "image/svg+xml"]), max_size=13).map(
    lambda kinds: tuple(Attachment(f"{n}.bin", kind, bytes(n)) for n, kind in enumerate(kinds))
)
BUTTONS = st.sampled_from([(), ((Button("Again", data="r"),),)])


def pieces(of: Letter, part: int = 0) -> list[Piece]:
    found = []
    while part < of.length:
        found.append(of.piece(part))
        part += found[-1].count
    assert part == of.length
    return found


def said(html: str) -> tuple[str, int]:
    """What Telegram would show, and of how many entities."""
    try:
        text, entities = parse(html)
    except MarkupError:
        return html, 0
    return text, len(entities)


@given(TEXTS, FILES, BUTTONS, st.booleans())
@example("", (Attachment("a", "image/png", b"1"),) * 2, ((Button("Again", data="r"),),), True)
@settings(max_examples=80, deadline=None)
def test_every_call_keeps_the_limits(text: str, files: tuple[Attachment, ...], buttons: object, albums: bool) -> None:
    whole = letter(delivery(text, attachments=files, buttons=buttons))
    whole = Letter(whole.files, whole.pages, whole.buttons, whole.captioned, albums)
    calls = pieces(whole)
    for each in calls:
        shown, entities = said(each.page.html if each.page else "")
        assert units(shown) <= (4096 if each.kind is Kind.TEXT else 1024) - MARK_ROOM
        assert entities <= 99
        assert bool(shown.strip()) == bool(each.page)
        if each.kind is Kind.ALBUM:
            assert 2 <= len(each.files) <= 10
            assert not each.buttons
            assert {file.content_type for file in each.files} <= {"image/png", "image/jpeg"}
        else:
            assert len(each.files) == (each.kind is not Kind.TEXT)
    assert [file for each in calls for file in each.files][: len(files)] == list(files)
    assert len(calls) <= len(files) + 5
    assert [bool(each.buttons) for each in calls] == [False] * (len(calls) - 1) + [bool(buttons)] * bool(calls)


@given(TEXTS, FILES, BUTTONS, st.integers(0, 20))
@settings(max_examples=50, deadline=None)
def test_what_is_continued_is_the_rest(text: str, files: tuple[Attachment, ...], buttons: object, part: int) -> None:
    whole = letter(delivery(text, attachments=files, buttons=buttons))
    again = letter(delivery(text, attachments=files, buttons=buttons, possible_repeat=True, part=part))
    assert whole == again
    rest = pieces(whole, part) if part < whole.length else []
    before = [file for each in pieces(whole) for file in each.files]
    assert [file for each in rest for file in each.files] == before[part:]


def test_the_mark_of_a_repeat_fits_into_its_room() -> None:
    mark = repeat_note(delivery(possible_repeat=True, ref="W" * 40))
    assert mark is not None
    assert units(mark) + 1 <= MARK_ROOM
