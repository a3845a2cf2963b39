"""HTML is read as Telegram reads it, refused in its words, and measured in UTF-16 units."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.entities import Entity, MarkupError, cleaned, formatted, utf16_len, with_found
from sandbox.html_markup import checked_url, escape, parse


def spans(source: str) -> list[tuple[str, int, int]]:
    text, entities = formatted(*parse(source))
    assert all(e.offset >= 0 and e.end <= utf16_len(text) for e in entities)
    return [(e.type, e.offset, e.length) for e in entities]


@pytest.mark.parametrize(
    ("source", "text", "expected"),
    [
        ("plain", "plain", []),
        ("<b>a</b><strong>b</strong>", "ab", [("bold", 0, 1), ("bold", 1, 1)]),
        ("<i>a</i><em>b</em>", "ab", [("italic", 0, 1), ("italic", 1, 1)]),
        ("<u>a</u><ins>b</ins>", "ab", [("underline", 0, 1), ("underline", 1, 1)]),
        ("<s>a</s><strike>b</strike><del>c</del>", "abc", [("strikethrough", n, 1) for n in range(3)]),
        ('<tg-spoiler>a</tg-spoiler><span class="tg-spoiler">b</span>', "ab", [("spoiler", 0, 1), ("spoiler", 1, 1)]),
        ("<code>a &lt; b</code>", "a < b", [("code", 0, 5)]),
        ("<blockquote>q</blockquote>", "q", [("blockquote", 0, 1)]),
        ("<blockquote expandable>q</blockquote>", "q", [("expandable_blockquote", 0, 1)]),
        ("<b>x<i>y</i></b>", "xy", [("bold", 0, 2), ("italic", 1, 1)]),
        ("<B>loud</B>", "loud", [("bold", 0, 4)]),
        ("<b>closed</>", "closed", [("bold", 0, 6)]),
        ("<b></b>nothing", "nothing", []),
        ("😀<b>x</b>", "😀x", [("bold", 2, 1)]),
        ("<b>👨‍👩‍👧</b>", "👨‍👩‍👧", [("bold", 0, 8)]),
        ("&lt;&gt;&amp;&quot;&#33;&#x1F600;", '<>&"!😀', []),
        ("&nbsp; &unknown; & &#0; &#1114112; &#xD800;", "&nbsp; &unknown; & &#0; &#1114112; &#xD800;", []),
        ("<pre>a\n b</pre>", "a\n b", [("pre", 0, 4)]),
    ],
)
def test_supported_markup_becomes_text_and_entities(
    source: str, text: str, expected: list[tuple[str, int, int]]
) -> None:
    assert parse(source)[0] == text
    assert spans(source) == expected


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("<b>x", 'Can\'t find end tag corresponding to start tag "b"'),
        ("<b><i>x</b>", 'Unmatched end tag at byte offset 7, expected "</i>", found "</b>"'),
        ("hello<foo>x</foo>", 'Unsupported start tag "foo" at byte offset 5'),
        ("é<foo>", 'Unsupported start tag "foo" at byte offset 2'),
        ("a < b", 'Unsupported start tag "" at byte offset 2'),
        ("1 <2 and", 'Unsupported start tag "2" at byte offset 2'),
        ("<script>x</script>", 'Unsupported start tag "script" at byte offset 0'),
        ("<br/>", 'Unsupported start tag "br/" at byte offset 0'),
        ("<!-- note -->", 'Unsupported start tag "!--" at byte offset 0'),
        ("x</b>", "Unexpected end tag at byte offset 1"),
        ("<b>x</b", "Unclosed end tag at byte offset 4"),
        ("x<b", "Unclosed start tag at byte offset 1"),
        ("<a href", "Unclosed start tag at byte offset 0"),
        ('<a href="x', "Unclosed start tag at byte offset 0"),
        ('<a ="x">y</a>', 'Empty attribute name in the tag "a" at byte offset 0'),
        ("<a href=a/b>y</a>", "Unexpected end of name token at byte offset 8"),
        ('<span class="big">x</span>', 'Tag "span" must have class "tg-spoiler" at byte offset 0'),
        ("<tg-time>x</tg-time>", 'Tag "tg-time" must have attribute "unix" at byte offset 0'),
    ],
)
def test_wrong_markup_is_refused_with_its_byte_offset(source: str, words: str) -> None:
    with pytest.raises(MarkupError) as refusal:
        parse(source)
    assert str(refusal.value) == words


@pytest.mark.parametrize(
    "source",
    [
        '<pre><code class="language-python">x = 1</code></pre>',
        '<code class="language-python"><pre>x = 1</pre></code>',
    ],
)
def test_code_in_pre_is_one_entity_with_its_language(source: str) -> None:
    (entity,) = parse(source)[1]
    assert entity.json() == {"type": "pre", "offset": 0, "length": 5, "language": "python"}


def test_a_time_carries_its_instant_and_format() -> None:
    (entity,) = parse('<tg-time unix="1647531900" format="wDT">soon</tg-time>')[1]
    assert entity.json() == {
        "type": "date_time", "offset": 0, "length": 4, "unix_time": 1647531900, "date_time_format": "wDT",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("href", "url"),
    [
        ("https://example.com", "https://example.com/"),
        ("example.com/a?b=1&amp;c=2", "http://example.com/a?b=1&c=2"),
        ("HTTP://Example.com/x", "http://Example.com/x"),
        ("http://127.0.0.1:8081/bot", "http://127.0.0.1:8081/bot"),
        ("tg://resolve?domain=x", "tg://resolve?domain=x"),
    ],
)
def test_a_link_keeps_its_address(href: str, url: str) -> None:
    (entity,) = parse(f'<a href="{href}">here</a>')[1]
    assert entity.json() == {"type": "text_link", "offset": 0, "length": 4, "url": url}


@pytest.mark.parametrize("href", ["", "javascript:alert(1)", "no host", "ftp://example.com/x", "http://"])
def test_a_link_to_nowhere_stays_plain_text(href: str) -> None:
    assert parse(f'<a href="{href}">here</a>') == ("here", [])
    assert checked_url(href) is None


def test_a_link_to_a_user_is_a_mention() -> None:
    (entity,) = parse('<a href="tg://user?id=77">Ada</a>')[1]
    assert (entity.type, entity.extra) == ("text_mention", {"user_id": 77})


def test_code_holds_no_other_formatting() -> None:
    assert spans("<b>one <code>two</code> three</b>") == [("bold", 0, 4), ("code", 4, 3), ("bold", 7, 6)]
    assert spans("<code>a<b>b</b>c</code>") == [("code", 0, 3)]


def test_blanks_around_a_text_are_trimmed_with_its_entities() -> None:
    text, entities = formatted(*parse(" \n x <b>y  </b> \n"))
    assert text == "x y"
    assert [entity.json() for entity in entities] == [{"type": "bold", "offset": 2, "length": 1}]


def test_entities_beyond_a_hundred_are_left_out() -> None:
    assert len(spans("<b>x</b> " * 150)) == 100


def test_control_characters_are_taken_out() -> None:
    assert cleaned("a\x00b\rc\td\u202ee\nf") == "a bc de\nf"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/start abc", [("bot_command", 0, 6)]),
        ("😀 /run@my_bot 7", [("bot_command", 3, 11)]),
        ("see https://example.com/x.", [("url", 4, 21)]),
        ("ada@example.com", [("email", 0, 15)]),
        ("hi @ada_l", [("mention", 3, 6)]),
        ("#gold", [("hashtag", 0, 5)]),
        ("1/2 and a/b", []),
        ("path/to /a/b", []),
        ("</b> and </script>", []),
    ],
)
def test_commands_links_and_addresses_are_found_in_plain_text(text: str, expected: list[tuple[str, int, int]]) -> None:
    assert [(e.type, e.offset, e.length) for e in with_found(text, [])] == expected


def test_nothing_is_found_inside_code_or_a_link() -> None:
    text, entities = parse('<code>/start</code> <a href="https://a.example/">https://b.example/</a>')
    assert [e.type for e in with_found(text, entities)] == ["code", "text_link"]


def test_escaped_html_stays_text_that_shows_the_tag() -> None:
    assert parse(escape("<b>&</b>")) == ("<b>&</b>", [])


@given(st.text(st.characters(codec="utf-8"), max_size=200))
def test_escaped_text_reads_back_as_itself(text: str) -> None:
    assert parse(escape(text)) == (text, [])


@given(st.text(alphabet="<>/&;=\"' abipre-tgspoilercodeé😀\n", max_size=120))
def test_any_input_is_read_or_refused_with_entities_inside_the_text(source: str) -> None:
    try:
        text, entities = formatted(*parse(source))
    except MarkupError:
        return
    assert all(e.offset >= 0 and e.length > 0 and e.end <= utf16_len(text) for e in entities)


@given(st.text(st.characters(codec="utf-8")))
def test_utf16_units_are_counted_as_the_codec_counts(text: str) -> None:
    assert utf16_len(text) == len(text.encode("utf-16-le")) // 2


def test_an_entity_ends_where_its_length_says() -> None:
    assert Entity("bold", 3, 4).end == 7
