"""Telegram's HTML: counted as Telegram counts, and cut so that nothing is lost, broken or shown in another way."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from notifications.markup import Marked, MarkupError, Page, read, units
from sandbox.entities import utf16_len
from sandbox.html_markup import parse

SIGNS = st.text(st.sampled_from('ab cd\n&<>"é😀🇩🇪👍🏽ﷺ.'), min_size=1, max_size=30)
OPENINGS = ("b", "i", "u", "s", "tg-spoiler", "code", "pre", "blockquote", 'a href="https://example.com/?a=1&amp;b=2"',
            'span class="tg-spoiler"', 'tg-time unix="1790000000"', "blockquote expandable")  # fmt: skip


def escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def tagged(opening: str, inner: str) -> str:
    return f"<{opening}>{inner}</{opening.split()[0]}>"


SOURCES = st.recursive(
    SIGNS.map(escaped),
    lambda inner: (
        st.lists(inner, min_size=1, max_size=4).map("".join) | st.builds(tagged, st.sampled_from(OPENINGS), inner)
    ),
    max_leaves=40,
)


def formats(page: str) -> tuple[str, list[frozenset[str]]]:
    """The text as the server reads it, and what lies over each of its UTF-16 units."""
    text, entities = parse(page)
    over: list[set[str]] = [set() for _ in range(utf16_len(text))]
    for entity in entities:
        for unit in range(entity.offset, entity.end):
            over[unit].add(f"{entity.type} {sorted(entity.extra.items())}")
    return text, [frozenset(each) for each in over]


def looks(over: list[frozenset[str]]) -> list[frozenset[str]]:
    """The same, but for code within a pre: it adds nothing to see, and where it begins a pre it is a part of that."""
    return [each - {"code []"} if any(one.startswith("pre ") for one in each) else each for each in over]


@given(SOURCES)
@settings(max_examples=150, deadline=None)
def test_it_is_read_as_the_server_reads_it(source: str) -> None:
    text, _ = parse(source)
    marked = read(source)
    assert marked.plain == text
    assert units(text) == utf16_len(text)
    assert formats(marked.page.html) == formats(source)


@given(SOURCES, st.integers(12, 60), st.integers(3, 8))
@example("<pre>&lt;<code>" + "&lt;" * 12 + "</code></pre>", 12, 3)
@settings(max_examples=200, deadline=None)
def test_pages_fit_lose_nothing_and_look_as_the_whole_does(source: str, room: int, entities: int) -> None:
    whole, over = formats(source)
    rest, at = whole, 0
    for page in read(source).pages(room, entities):
        text, page_over = formats(page.html)
        assert text == page.plain
        assert 0 < utf16_len(text) <= room
        begin = rest.index(text)
        assert not rest[:begin].strip(), "only blanks at a break are left out"
        at += utf16_len(rest[:begin])
        assert looks(page_over) == looks(over[at : at + utf16_len(text)])
        rest, at = rest[begin + len(text) :], at + utf16_len(text)
    assert not rest.strip()


def test_no_page_has_more_entities_than_telegram_keeps() -> None:
    pages = list(read("<b>x</b><i>y</i> " * 300).pages(4000, 100))
    assert [len(parse(page.html)[1]) for page in pages] == [100] * 6


@pytest.mark.parametrize(
    ("source", "room", "first"),
    [
        ("one two three\n\nfour five six", 24, "one two three"),
        ("one two three\nfour five six", 24, "one two three"),
        ("One two three. Four five six", 24, "One two three."),
        ("one two three four five six", 24, "one two three four five"),
        ("o" * 30, 24, "o" * 24),
        ("short\n" + "o" * 30, 24, "short\n" + "o" * 18),
    ],
    ids=["paragraph", "line", "sentence", "word", "hard", "not too early"],
)
def test_a_text_is_cut_where_a_reader_would(source: str, room: int, first: str) -> None:
    assert next(read(source).pages(room)).plain == first


@pytest.mark.parametrize("sign", ["😀", "👍🏽", "👨‍👩‍👧", "é", "🇩🇪", "1️⃣"])
def test_what_is_shown_as_one_sign_is_not_cut(sign: str) -> None:
    for lead in range(12):
        pages = [page.plain for page in read("x" * lead + sign * 20).pages(32)]
        assert all(page.removeprefix("x" * lead).replace(sign, "") == "" for page in pages)


def test_a_time_is_not_cut_in_two() -> None:
    source = "x" * 20 + '<tg-time unix="1790000000" format="wDT">20 November</tg-time> and more'
    first, second = read(source).pages(26)
    assert first.plain == "x" * 20
    assert second.html.startswith('<tg-time unix="1790000000" format="wDT">20 November</tg-time>')


def test_open_tags_are_closed_and_opened_again() -> None:
    source = '<blockquote expandable><b>one two <a href="https://example.com/?a&amp;b">three four</a></b></blockquote>'
    assert [page.html for page in read(source).pages(13)] == [
        '<blockquote expandable><b>one two <a href="https://example.com/?a&amp;b">three</a></b></blockquote>',
        '<blockquote expandable><b><a href="https://example.com/?a&amp;b">four</a></b></blockquote>',
    ]


def test_a_file_of_it_writes_out_where_links_lead() -> None:
    marked = read('See <a href="https://example.com/?a=1&amp;b=2">the <b>page</b></a> or <a href="x.com">x.com</a>.')
    assert marked.as_file == "See the page (https://example.com/?a=1&b=2) or x.com."


@pytest.mark.parametrize(
    "source", ["a <b>mistake", "a </b>", "<b><i>x</b></i>", "1 < 2", "<h1>x</h1>", "<b", '<a href="x>y</a>', "<>"]
)
def test_what_telegram_would_refuse_is_not_read(source: str) -> None:
    with pytest.raises(MarkupError):
        read(source)


@pytest.mark.parametrize(
    "source", ["a & b", "&nbsp;&#0;&ltx", "</", "a&lt b", "<b></b>x", "<i>a</>b", "&#x1F600;", "<B>x</b>"]
)
def test_what_telegram_lets_pass_is_read_alike(source: str) -> None:
    try:
        text, _ = parse(source)
    except ValueError:
        with pytest.raises(MarkupError):
            read(source)
    else:
        assert read(source).plain == text


def test_a_large_text_is_read_and_cut_quickly_enough() -> None:
    marked = read("<b>price</b> 12.5 &amp; rising\n" * 20_000)
    pages = marked.pages(4000, 99)
    assert [len(next(pages).plain) for _ in range(3)]


def test_a_page_of_plain_words_is_escaped() -> None:
    assert Marked("1 < 2 & 3").page == Page("1 &lt; 2 &amp; 3", "1 < 2 & 3")
