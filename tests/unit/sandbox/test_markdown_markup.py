"""MarkdownV2 is read as Telegram reads it and refused in its words."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.entities import MarkupError, formatted, utf16_len
from sandbox.markdown_markup import RESERVED, escape, parse


def spans(source: str) -> list[tuple[str, int, int]]:
    return [(e.type, e.offset, e.length) for e in formatted(*parse(source))[1]]


@pytest.mark.parametrize(
    ("source", "text", "expected"),
    [
        ("plain", "plain", []),
        ("*bold* _italic_", "bold italic", [("bold", 0, 4), ("italic", 5, 6)]),
        ("__under__ ~struck~ ||hidden||", "under struck hidden",
         [("underline", 0, 5), ("strikethrough", 6, 6), ("spoiler", 13, 6)]),
        ("*bold _italic_ bold*", "bold italic bold", [("bold", 0, 16), ("italic", 5, 6)]),
        ("`a * b`", "a * b", [("code", 0, 5)]),
        ("```\na_b\n```", "a_b\n", [("pre", 0, 3)]),
        (r"1\.5 \- 2\!", "1.5 - 2!", []),
        ("😀 *x*", "😀 x", [("bold", 3, 1)]),
        (">one\n>two\nthree", "one\ntwo\nthree", [("blockquote", 0, 7)]),
        (">*one*", "one", [("blockquote", 0, 3), ("bold", 0, 3)]),
        (">one\n>two||", "one\ntwo", [("expandable_blockquote", 0, 7)]),
        (r"a \> b", "a > b", []),
    ],
)  # fmt: skip
def test_supported_markup_becomes_text_and_entities(
    source: str, text: str, expected: list[tuple[str, int, int]]
) -> None:
    assert parse(source)[0] == text
    assert sorted(spans(source)) == sorted(expected)


@pytest.mark.parametrize("character", sorted(set(RESERVED) - set("_*[~`>|")))
def test_a_reserved_character_must_be_escaped(character: str) -> None:
    with pytest.raises(MarkupError) as refusal:
        parse(f"a{character}b")
    assert str(refusal.value) == f"Character '{character}' is reserved and must be escaped with the preceding '\\'"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("*x", "Can't find end of Bold entity at byte offset 0"),
        ("é _x", "Can't find end of Italic entity at byte offset 3"),
        ("__x_", "Can't find end of Italic entity at byte offset 3"),
        ("*a _b* c_", "Can't find end of Italic entity at byte offset 8"),
        ("||x|", "Character '|' is reserved and must be escaped with the preceding '\\'"),
        ("`x", "Can't find end of Code entity at byte offset 0"),
        ("```x", "Can't find end of Pre entity at byte offset 0"),
        ("[x](http://a.example", "Can't find end of a URL at byte offset 4"),
        ("[x", "Can't find end of TextUrl entity at byte offset 0"),
        ("![x]", "Custom emoji entity must contain a tg://emoji URL"),
        ("a>b", "Character '>' is reserved and must be escaped with the preceding '\\'"),
    ],
)
def test_wrong_markup_is_refused_in_telegrams_words(source: str, words: str) -> None:
    with pytest.raises(MarkupError) as refusal:
        parse(source)
    assert str(refusal.value) == words


def test_a_link_a_mention_and_a_time_carry_what_they_point_to() -> None:
    link = parse(r"[here](https://a.example/x_\)y)")[1][0]
    mention = parse("[Ada](tg://user?id=77)")[1][0]
    moment = parse("![soon](tg://time?unix=1647531900&format=wDT)")[1][0]
    assert (link.type, link.extra) == ("text_link", {"url": "https://a.example/x_)y"})
    assert (mention.type, mention.extra) == ("text_mention", {"user_id": 77})
    assert (moment.type, moment.extra) == ("date_time", {"unix_time": 1647531900, "date_time_format": "wDT"})


def test_a_block_of_code_keeps_its_language() -> None:
    (entity,) = parse("```python\nx = 1\n```")[1]
    assert (entity.type, entity.extra) == ("pre", {"language": "python"})


def test_a_hostile_address_is_read_in_linear_time() -> None:
    started = time.perf_counter()
    with pytest.raises(MarkupError):
        parse("[x](" + "\\a" * 2000)
    assert time.perf_counter() - started < 1


@given(st.text(st.characters(codec="utf-8"), max_size=200))
def test_escaped_text_reads_back_as_itself(text: str) -> None:
    assert parse(escape(text)) == (text, [])


@given(st.text(alphabet="_*[]()~`>|!\\ ab\né😀", max_size=80))
def test_any_input_is_read_or_refused_with_entities_inside_the_text(source: str) -> None:
    try:
        text, entities = formatted(*parse(source))
    except MarkupError:
        return
    assert all(e.offset >= 0 and e.length > 0 and e.end <= utf16_len(text) for e in entities)
