"""Where prices come from: the Feed protocol, the feeds by name, and which one a symbol means."""

from collections.abc import Callable, Sequence
from datetime import datetime
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Protocol

import structlog

from domain.errors import InvalidInput
from domain.locales import t
from market.bars import Bars, Timeframe
from market.errors import UnknownFeed, UnknownSymbol
from market.instruments import Instrument, nearest, parse_symbol

PLUG_INS = "openbell.feeds"
MOST_BARS = 5_000

_BUILT_IN = {
    "csv": "market.feeds.csv:CsvFeed",
    "sim": "market.feeds.sim:SimFeed",
    "yahoo": "market.feeds.yahoo:YahooFeed",
}
_log = structlog.get_logger()


class Feed(Protocol):
    """A source of bars. Opening one and listing its instruments is cheap; asking for bars may not be."""

    @property
    def name(self) -> str:
        """The name people write before the colon, as in `csv:GOLD`."""

    def instruments(self) -> Sequence[Instrument]:
        """What the feed knows, by symbol; empty if it cannot say."""

    def bars(self, symbol: str, timeframe: Timeframe | None, *, count: int, now: datetime) -> Bars:
        """Up to `count` newest bars as of `now`, at least one; no timeframe: the feed's own.

        Raises UnknownSymbol (with the nearest names), NotEnoughBars or FeedUnavailable.
        """


FeedFactory = Callable[[Path], Feed]


def _plug_ins() -> dict[str, EntryPoint]:
    found = {entry.name: entry for entry in entry_points(group=PLUG_INS)}
    return {name: entry for name, entry in found.items() if name not in _BUILT_IN}


def feed_names() -> tuple[str, ...]:
    """Every feed's name, ours first; plug-ins are named without being loaded."""
    return (*_BUILT_IN, *sorted(_plug_ins()))


def broken_feeds(bars_dir: Path) -> dict[str, str]:
    """The plug-ins that do not open, each with its reason; each is also logged."""
    broken: dict[str, str] = {}
    for name in _plug_ins():
        try:
            open_feed(name, bars_dir=bars_dir)
        except UnknownFeed as problem:
            broken[name] = str(problem)
    return broken


def open_feed(name: str, *, bars_dir: Path) -> Feed:
    """The feed of that name, imported only now; UnknownFeed if there is none or it is broken."""
    if name in _BUILT_IN:
        module, _, attribute = _BUILT_IN[name].partition(":")
        factory: FeedFactory = getattr(import_module(module), attribute)
        return factory(bars_dir)
    plug_in = _plug_ins().get(name)
    if plug_in is None:
        raise UnknownFeed(
            t("There is no price source named {name}; there are {known}.", name=name, known=", ".join(feed_names()))
        )
    try:
        opened: Feed = plug_in.load()(bars_dir)
    except Exception as problem:  # foreign code may fail in any way
        _log.warning("feed_plug_in_failed", feed=name, plug_in=plug_in.value, reason=repr(problem))
        raise UnknownFeed(
            t(
                "The price source {name} ({plug_in}) does not open: {problem}. Mend or remove the plug-in.",
                name=name,
                plug_in=plug_in.value,
                problem=repr(problem),
            )
        ) from problem
    return opened


def resolve(text: str, default_feed: str, bars_dir: Path) -> tuple[str, str]:
    """The feed and symbol a person means: `csv:GOLD` names both, else an imported file wins, else the default.

    Raises InvalidInput for what cannot be a symbol, UnknownFeed, and UnknownSymbol where the feed can list its own.
    """
    head, colon, tail = text.strip().partition(":")
    symbol = parse_symbol(tail if colon else head)
    if colon:
        feed = head.strip().lower()
        if feed not in feed_names():
            raise InvalidInput(
                t(
                    "There is no price source named {name}; there are {known}.",
                    name=_shown(head),
                    known=", ".join(feed_names()),
                )
            )
    else:
        feed = "csv" if _has(symbol, open_feed("csv", bars_dir=bars_dir).instruments()) else default_feed
    known = open_feed(feed, bars_dir=bars_dir).instruments()
    if known and not _has(symbol, known):
        raise UnknownSymbol(symbol, feed, nearest(symbol, known))
    return feed, symbol


def _has(symbol: str, instruments: Sequence[Instrument]) -> bool:
    return any(instrument.symbol == symbol for instrument in instruments)


def _shown(text: str) -> str:
    return "“" + "".join(sign for sign in text[:20] if sign.isprintable()) + "”"
