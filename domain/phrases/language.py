"""What a language brings to read phrases in it: its words, its rules, and a few words to ask with."""

from collections.abc import Callable
from dataclasses import dataclass

from domain.phrases.said import Said
from domain.phrases.tokens import Cursor, Tokens

Rule = Callable[[Cursor, Said], bool]


@dataclass(frozen=True)
class Language:
    """The grammar of one language."""

    code: str
    tokens: Tokens
    rules: tuple[Rule, ...]
    """Each reads one part of a phrase, in whatever order the parts stand."""
    where: tuple[Rule, ...]
    """Those of them that may follow a cron line."""
    vocabulary: tuple[str, ...]
    """The words that a misspelt one may have been."""
    at: str
    """What stands before a time of day: "at"."""
    within: str
    """What stands before a place: "in"."""
