"""What people read is in the catalogues, whole and right in every language; nothing is said past them."""

import ast
import gettext
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from string import Formatter

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po

from domain import locales
from notifications import markup
from scripts import catalogues

ROOT = catalogues.ROOT
TRANSLATED = sorted(set(locales.LOCALES) - {locales.DEFAULT})
LONGEST_BUTTON = 20
"""Characters that a phone shows of one of three buttons in a row."""
LONGEST = 4096
TAG = re.compile(r"</?[a-z][a-z-]*(?:\s[^<>]*)?>")
CODE = re.compile(r"<code>.*?</code>|<pre>.*?</pre>", re.DOTALL)
WORDS = re.compile(r"[A-Za-z]{2,}[,:]? [a-z]{2,}")
"""Two words that follow each other: somebody is spoken to."""
BUTTON_DATA = re.compile(r"[a-z]{1,2}:")
FOR_TELEGRAM = {"not modified", "remind me ", "remind me {}", "blocked by the person"}
"""Words that are compared with or kept, not said."""
SAYS = {"t", "tn", "mark", "_"}
FOR_MACHINES = {"compile", "run", "parse_number", "one_number", "warning", "info", "error", "exception", "debug"}
"""What takes strings that nobody reads."""
ON_THE_COMMAND_LINE = (
    *("schedule_files", "messages", "importing", "csv", "unsubscribe", "restoring", "dumps", "enqueue"),
    *("relay", "bounces", "caps", "compose", "targets", "destinations", "kind", "outbox"),
)
"""Modules whose refusals are read in a shell, where English is spoken."""


@cache
def catalogue(locale: str) -> Catalog:
    with catalogues.path_of(locale).open("rb") as file:
        return read_po(file, locale)


@cache
def collected() -> dict[catalogues.Msgid, set[str]]:
    return catalogues.collected()


def messages(locale: str) -> Iterator[tuple[Message, list[tuple[str, str]]]]:
    """Each message with its (text, translation), both numbers of a plural; those that are translated."""
    for message in catalogue(locale):
        if not message.id:
            continue
        one, many = (message.id, message.id) if isinstance(message.id, str) else message.id[:2]
        said = [message.string] if isinstance(message.string, str) else list(message.string or ())
        texts = [one, *[many] * (len(said) - 1)]
        yield message, [(text, each) for text, each in zip(texts, said, strict=True) if each]


def placeholders(text: str) -> Counter[str]:
    return Counter(name for _, name, _, _ in Formatter().parse(text) if name is not None)


@pytest.mark.parametrize("locale", locales.LOCALES)
def test_a_catalogue_holds_what_the_sources_say(locale: str) -> None:
    current = catalogues.updated(locale, collected())
    assert catalogues.path_of(locale).read_bytes() == catalogues.as_po(current), "run: make catalogues"


@pytest.mark.parametrize("locale", locales.LOCALES)
def test_a_catalogue_is_compiled(locale: str) -> None:
    current = catalogues.updated(locale, collected())
    assert catalogues.path_of(locale, "mo").read_bytes() == catalogues.as_mo(current), "run: make catalogues"
    assert isinstance(gettext.translation(locales.DOMAIN, str(locales.CATALOGUES), [locale]), gettext.GNUTranslations)


@pytest.mark.parametrize("locale", TRANSLATED)
def test_every_text_is_translated(locale: str) -> None:
    assert not catalogues.untranslated(catalogue(locale))


@pytest.mark.parametrize("locale", TRANSLATED)
def test_a_translation_has_the_placeholders_of_its_text(locale: str) -> None:
    wrong = []
    for message, said in messages(locale):
        for text, translation in said:
            needed, given = placeholders(text), placeholders(translation)
            if isinstance(message.id, tuple | list):  # the singular may be "one job"
                needed.pop("n", None)
                given.pop("n", None)
            if set(needed) != set(given):
                wrong.append((text, translation))
    assert not wrong


@pytest.mark.parametrize("locale", TRANSLATED)
def test_a_translation_has_the_tags_of_its_text_and_telegram_reads_it(locale: str) -> None:
    wrong = []
    for _, said in messages(locale):
        for text, translation in said:
            if Counter(TAG.findall(text)) != Counter(TAG.findall(translation)):
                wrong.append((text, translation))
            if TAG.search(text):
                markup.read(text)
                markup.read(translation)
    assert not wrong


@pytest.mark.parametrize("locale", TRANSLATED)
def test_a_translation_keeps_commands_and_lines(locale: str) -> None:
    command = re.compile(r"(?<![\w>])/[a-z]+")
    wrong = [
        (text, translation)
        for _, said in messages(locale)
        for text, translation in said
        if set(command.findall(text)) != set(command.findall(translation))
        or text.endswith("\n") != translation.endswith("\n")
        or text[:1].isspace() != translation[:1].isspace()
    ]
    assert not wrong


@pytest.mark.parametrize("locale", locales.LOCALES)
def test_every_text_fits_into_a_message(locale: str) -> None:
    for _, said in messages(locale):
        assert all(markup.units(each) <= LONGEST for pair in said for each in pair)


@pytest.mark.parametrize("locale", TRANSLATED)
def test_every_number_has_its_form(locale: str) -> None:
    for message, said in messages(locale):
        if not isinstance(message.id, str):
            assert len(said) == catalogue(locale).num_plurals


@pytest.mark.parametrize("locale", locales.LOCALES)
def test_buttons_are_short_enough_for_a_phone(locale: str) -> None:
    labels, long = button_texts(), []
    assert len(labels) > 60
    for message, said in messages(locale):
        first = message.id if isinstance(message.id, str) else message.id[0]
        shown = [text for _, text in said] or [first]
        long += [each for each in shown if first in labels and len(re.sub(r"\{\w+\}", "7", each)) > LONGEST_BUTTON]
    assert not long


def button_texts() -> set[str]:
    """The texts that buttons bear: first of a pair with a button's data, or of a Button."""
    found: set[str] = set()
    for path in catalogues.sources():
        for node in ast.walk(ast.parse(path.read_bytes())):
            label: ast.expr | None = None
            if isinstance(node, ast.Tuple) and len(node.elts) == 2 and BUTTON_DATA.match(_beginning(node.elts[1])):
                label = node.elts[0]
            elif isinstance(node, ast.Call) and _called(node) in ("Button", "InlineKeyboardButton") and node.args:
                label = node.args[0]
            if label is not None:
                found |= {text for call in ast.walk(label) if (text := _said(call))}
    return found


def test_the_bot_says_nothing_past_the_catalogues() -> None:
    loose = []
    for path in sorted([*(ROOT / "bot" / "commands").rglob("*.py"), *(ROOT / "bot" / "replies").rglob("*.py")]):
        for node in unsaid(ast.parse(path.read_bytes())):
            text = CODE.sub("", _text(node))
            if WORDS.search(TAG.sub("", text)) and not text.startswith("/") and text not in FOR_TELEGRAM:
                loose.append(f"{path.relative_to(ROOT)}:{node.lineno}: {text[:80]}")
    assert not loose


def test_refusals_are_said_in_every_language() -> None:
    trees = {path: ast.parse(path.read_bytes()) for path in catalogues.sources()}
    errors = catalogues.error_classes(trees.values()) | catalogues.SHOWN
    loose = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {_text(argument)[:80]}"
        for path, tree in trees.items()
        if not path.stem.startswith(ON_THE_COMMAND_LINE)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and _called(node) in errors
        for argument in node.args[:1]
        if WORDS.search(_text(argument))
    ]
    assert not loose


def unsaid(tree: ast.AST) -> Iterator[ast.expr]:
    """The strings of a module that are neither documentation nor said by way of the catalogues."""
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
            continue  # a docstring
        if isinstance(child, ast.Call) and _called(child) in SAYS | FOR_MACHINES:
            for value in child.keywords:  # what is filled in may hold words again
                yield from unsaid(value) if _called(child) in SAYS else ()
            continue
        if isinstance(child, ast.keyword) and child.arg == "example":
            continue  # commands stay as they are in every language
        if isinstance(child, ast.Constant | ast.JoinedStr) and _text(child):
            yield child
        if not isinstance(child, ast.Constant):
            yield from unsaid(child)


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    return ""


def _beginning(node: ast.expr) -> str:
    return _text(node)


def _called(node: ast.Call) -> str:
    return node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")


def _said(node: ast.AST) -> str:
    is_said = isinstance(node, ast.Call) and _called(node) in SAYS and node.args
    return _text(node.args[0]) if is_said and isinstance(node, ast.Call) else ""


def test_a_language_is_chosen_by_its_tag_its_base_or_english() -> None:
    assert [locales.known(tag) for tag in ("de-AT", "DE", "en-GB", "fr", None, "")] == [
        "de",
        "de",
        "en",
        "en",
        "en",
        "en",
    ]


def test_numbers_and_days_are_written_as_the_language_does() -> None:
    with locales.speaking("de"):
        assert locales.number_marks("2,431.50") == "2.431,50"
        assert locales.format_number(1234567) == "1.234.567"
    assert locales.format_number(1234567) == "1,234,567"


def test_sources_are_found() -> None:
    assert len(collected()) > 500
    assert all(not Path(name).is_absolute() for names in collected().values() for name in names)
