"""What can be priced: instruments, their symbols, and the names nearest to a mistyped one."""

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from domain.errors import InvalidInput
from domain.locales import t

Kind = Literal["commodity", "currency", "crypto", "index", "share", "file"]

_SYMBOL = re.compile(r"[A-Z0-9^][A-Z0-9._^=-]{0,19}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Instrument:
    """Something with a price. `calendar` says in words when it trades."""

    symbol: str
    name: str
    kind: Kind
    currency: str | None
    decimals: int
    calendar: str


def parse_symbol(text: str) -> str:
    """The symbol a person wrote, in capitals; InvalidInput if it cannot be one."""
    symbol = text.strip().upper()
    if not _SYMBOL.fullmatch(symbol):
        shown = "".join(sign for sign in text[:20] if sign.isprintable())
        raise InvalidInput(
            t(
                "“{text}” can't be a symbol: write 1 to 20 letters, digits or . _ ^ = -, for example GOLD or BRK-B.",
                text=shown,
            )
        )
    return symbol


def nearest(symbol: str, instruments: Iterable[Instrument], *, count: int = 3) -> list[str]:
    """Up to `count` symbols that look or are named like this one, best first."""
    by_word: dict[str, str] = {}
    for instrument in instruments:
        for word in (instrument.symbol, *instrument.name.upper().split()):
            by_word.setdefault(word, instrument.symbol)
    words = [word for word in by_word if len(symbol) > 2 and word.startswith(symbol)]
    words += difflib.get_close_matches(symbol, by_word, n=3 * count, cutoff=0.6)
    return list(dict.fromkeys(by_word[word] for word in words))[:count]
