"""Tags: short words to find a job by."""

import re
import unicodedata
from collections.abc import Sequence

from domain.errors import InvalidInput
from domain.locales import t

MOST_TAGS = 10
LONGEST_TAG = 24
LONGEST_BYTES = 32
"""A button that keeps a filter holds 64 bytes."""
_TAG = re.compile(r"\w(?:[\w-]*\w)?")


def read_tag(word: str) -> str:
    """A tag as it is kept, without its #; InvalidInput says what one may be."""
    tag = unicodedata.normalize("NFKC", word).strip().removeprefix("#").lower()
    fits = len(tag) <= LONGEST_TAG and len(tag.encode("utf-8", "replace")) <= LONGEST_BYTES
    if not (fits and _TAG.fullmatch(tag)):
        raise InvalidInput(
            t(
                "“{word}” can't be a tag. A tag has letters, digits and dashes, {most} at most, such as #gold.",
                word=word[:40],
                most=LONGEST_TAG,
            )
        )
    return tag


def changed_tags(present: tuple[str, ...], words: Sequence[str]) -> tuple[str, ...]:
    """The tags of a job after ``#gold`` put one on it and ``-#gold`` took one away."""
    tags = list(present)
    for word in words:
        away = word.startswith(("-", "−", "–"))
        tag = read_tag(word[1:] if away else word)
        if away and tag in tags:
            tags.remove(tag)
        elif not away and tag not in tags:
            tags.append(tag)
    if len(tags) > MOST_TAGS:
        raise InvalidInput(
            t(
                "That would be {count} tags, {most} is the most. Take one away with -#tag.",
                count=len(tags),
                most=MOST_TAGS,
            )
        )
    return tuple(tags)
