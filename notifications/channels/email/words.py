"""Mail in the reader's language: a folder of templates and words for each, English behind them all."""

import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

FALLBACK = "en"
_FOLDER = Path(__file__).parents[2] / "templates" / "mail"
_LOCALE = re.compile(r"[a-z]{2,3}(?:-[a-z0-9]{2,8})*")

_templates = Environment(
    loader=FileSystemLoader(_FOLDER),
    autoescape=select_autoescape(enabled_extensions=("html",)),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def chain(locale: str) -> tuple[str, ...]:
    """The languages to look in, nearest first: ``de-AT`` is looked for in de-at, de and en."""
    name = locale.replace("_", "-").lower()
    if not _LOCALE.fullmatch(name):
        return (FALLBACK,)
    parts = name.split("-")
    found = ["-".join(parts[:length]) for length in range(len(parts), 0, -1)]
    return tuple(dict.fromkeys([*found, FALLBACK]))


@cache
def words(locale: str) -> Mapping[str, str]:
    """The single words and sentences of a language; what it lacks is taken from the next of its chain."""
    found: dict[str, str] = {}
    for each in reversed(chain(locale)):
        path = _FOLDER / each / "words.json"
        if path.is_file():
            found |= json.loads(path.read_text(encoding="utf-8"))
    return found


def has(template: str) -> bool:
    """Whether a kind of message has a mail of its own; otherwise one is made from its chat text."""
    return (_FOLDER / FALLBACK / f"{template}.html").is_file()


def render(name: str, locale: str, params: Mapping[str, Any]) -> str:
    """A file of the nearest language that has it, or the one that all share; a missing parameter raises."""
    names = [f"{each}/{name}" for each in chain(locale)]
    return _templates.select_template([*names, name]).render(params)
