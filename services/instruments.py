"""The instruments that people name: those that are offered, and the one that a few words mean."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from domain.errors import InvalidInput
from domain.locales import t
from market.feed import open_feed, resolve

_SMALL_WORDS = frozenset(
    ("a", "an", "the", "on", "of", "for", "me", "my", "please", "send", "draw", "show", "chart", "report", "with", "to",
     "der", "die", "das", "den", "dem", "ein", "eine", "einen", "über", "von", "für", "mir", "bitte", "schick", "sende",
     "zeig", "bericht", "mit", "zu")
)  # fmt: skip

_COMPOUND = re.compile(r"(?<=\w)-?(?:bericht|chart|report)$", re.IGNORECASE)
"""What German writes behind the name: Goldbericht, Gold-Chart."""


@dataclass(frozen=True)
class Instruments:
    """The prices of this Openbell: which source is asked first, and where imported files lie."""

    feed: str
    bars_dir: Path

    def known(self) -> list[tuple[str, str]]:
        """Every instrument that can be listed, with its name: the imported ones first."""
        return [
            (instrument.symbol, instrument.name)
            for feed in dict.fromkeys(("csv", self.feed))
            for instrument in open_feed(feed, bars_dir=self.bars_dir).instruments()
        ]

    def symbol(self, words: Sequence[str]) -> str:
        """The instrument that these words name, as a job keeps it; InvalidInput when they name none or several."""
        names = names_in(words)
        if len(names) > 1:
            raise InvalidInput(
                t("I read “{names}” as more than one instrument; one at a time, please.", names=" ".join(names)[:60])
            )
        if not names:
            raise InvalidInput(t("Name an instrument. Example: AAPL"))
        source, symbol = resolve(names[0], self.feed, self.bars_dir)
        return f"{source}:{symbol}" if ":" in names[0] else symbol


def names_in(words: Sequence[str]) -> list[str]:
    """The words that name something; small words do not, unless one in capitals stands alone."""
    names = [_COMPOUND.sub("", word.strip(",.;")) for word in words]
    return [word for word in names if word.lower() not in _SMALL_WORDS] or [word for word in names if word.isupper()]
