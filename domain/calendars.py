"""Exchanges and their sessions: when a market opens and closes, and why it stays shut. The times are passed in."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from difflib import get_close_matches
from types import MappingProxyType
from zoneinfo import ZoneInfo

from domain.errors import InvalidInput, RetryLater
from domain.locales import mark, t

SATURDAY = 5
WEEKEND = mark("weekend")
HOLIDAY = mark("holiday")


@dataclass(frozen=True)
class Exchange:
    """A market place by its ISO 10383 code, with the name that people use and the zone its days are counted in."""

    code: str
    name: str
    timezone: str
    aliases: tuple[str, ...] = ()

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)


_ALL = (
    Exchange("XNYS", "NYSE", "America/New_York", ("new york", "new york stock exchange", "wall street")),
    Exchange("XNAS", "Nasdaq", "America/New_York", ()),
    Exchange("XTSE", "Toronto", "America/Toronto", ("tsx",)),
    Exchange("BVMF", "B3", "America/Sao_Paulo", ("bovespa", "sao paulo")),
    Exchange("XLON", "London", "Europe/London", ("lse", "london stock exchange")),
    Exchange("XETR", "Xetra", "Europe/Berlin", ()),
    Exchange("XFRA", "Frankfurt", "Europe/Berlin", ()),
    Exchange("XPAR", "Paris", "Europe/Paris", ("euronext paris",)),
    Exchange("XAMS", "Amsterdam", "Europe/Amsterdam", ("euronext amsterdam",)),
    Exchange("XMIL", "Milan", "Europe/Rome", ("borsa italiana",)),
    Exchange("XMAD", "Madrid", "Europe/Madrid", ()),
    Exchange("XSWX", "SIX", "Europe/Zurich", ("zurich", "swiss")),
    Exchange("XSTO", "Stockholm", "Europe/Stockholm", ()),
    Exchange("XTKS", "Tokyo", "Asia/Tokyo", ("tse", "jpx", "tokyo stock exchange")),
    Exchange("XHKG", "Hong Kong", "Asia/Hong_Kong", ("hkex", "sehk")),
    Exchange("XSHG", "Shanghai", "Asia/Shanghai", ("sse",)),
    Exchange("XKRX", "Korea", "Asia/Seoul", ("krx", "seoul")),
    Exchange("XBOM", "Bombay", "Asia/Kolkata", ("bse", "mumbai")),
    Exchange("XASX", "Sydney", "Australia/Sydney", ("asx", "australia")),
)
EXCHANGES: Mapping[str, Exchange] = MappingProxyType({exchange.code: exchange for exchange in _ALL})
"""The exchanges whose sessions are kept, by code."""
_NAMES = {
    spelling.lower(): exchange
    for exchange in _ALL
    for spelling in (exchange.code, exchange.name, *exchange.aliases)
}  # fmt: skip


class SessionsUnknown(RetryLater):
    """The sessions of an exchange are not known as far ahead as it takes; they are being fetched."""

    def __init__(self, exchange: str) -> None:
        name = EXCHANGES[exchange].name if exchange in EXCHANGES else exchange
        super().__init__(
            t(
                "I don't know the sessions of {name} ({code}) for that time yet. "
                "They are learned every day; right after an installation that takes a minute.",
                name=name,
                code=exchange,
            )
        )
        self.exchange = exchange


@dataclass(frozen=True)
class Session:
    """One trading day of an exchange: `day` is its own calendar day, both times are UTC."""

    exchange: str
    day: date
    opens_at: datetime
    closes_at: datetime
    early_close: bool = False
    note: str | None = None


class Sessions:
    """The sessions that are known, for questions about them; it does not change."""

    NONE: "Sessions"

    def __init__(
        self,
        by_exchange: Mapping[str, Sequence[Session]],
        holidays: Mapping[str, Mapping[date, str]] | None = None,
    ) -> None:
        self._by_exchange = {code: tuple(sorted(given, key=_day)) for code, given in by_exchange.items() if given}
        self._days = {code: [session.day for session in given] for code, given in self._by_exchange.items()}
        self._opens = {code: [session.opens_at for session in given] for code, given in self._by_exchange.items()}
        self._closes = {code: [session.closes_at for session in given] for code, given in self._by_exchange.items()}
        self._holidays = holidays or {}

    def knows(self, exchange: str) -> bool:
        return exchange in self._by_exchange

    def known_from(self, exchange: str) -> date | None:
        """The first session's day."""
        return self._days[exchange][0] if exchange in self._days else None

    def known_until(self, exchange: str) -> date | None:
        """The last session's day; nothing is known of the days after it."""
        return self._days[exchange][-1] if exchange in self._days else None

    def on(self, exchange: str, day: date) -> Session | None:
        """The session of that day of the exchange's own calendar; SessionsUnknown outside of what is known."""
        days = self._known(exchange)
        if not days[0] <= day <= days[-1]:
            raise SessionsUnknown(exchange)
        place = bisect_left(days, day)
        return self._by_exchange[exchange][place] if days[place] == day else None

    def after(self, exchange: str, instant: datetime) -> Iterator[Session]:
        """The sessions that open after `instant`, in order; SessionsUnknown before the first that is known."""
        return self._from(exchange, self._opens, instant)

    def closing_after(self, exchange: str, instant: datetime) -> Iterator[Session]:
        """The sessions that close after `instant`, in order; SessionsUnknown before the first that is known."""
        return self._from(exchange, self._closes, instant)

    def open_at(self, exchange: str, instant: datetime) -> bool:
        """Whether a session is going on: its opening belongs to it, its close does not. Pauses for lunch count in."""
        self._known(exchange)
        place = bisect_right(self._opens[exchange], instant) - 1
        if place < 0 or instant >= self._closes[exchange][-1]:
            raise SessionsUnknown(exchange)
        return instant < self._closes[exchange][place]

    def why_closed(self, exchange: str, day: date) -> str | None:
        """Why there is no session on that day: the holiday's name where it is known; None when there is one."""
        if self.on(exchange, day) is not None:
            return None
        named = self._holidays.get(exchange, {}).get(day)
        return named or (WEEKEND if day.weekday() >= SATURDAY else HOLIDAY)

    def _from(self, exchange: str, times: Mapping[str, list[datetime]], instant: datetime) -> Iterator[Session]:
        self._known(exchange)
        if instant < self._opens[exchange][0]:
            raise SessionsUnknown(exchange)
        return iter(self._by_exchange[exchange][bisect_right(times[exchange], instant) :])

    def _known(self, exchange: str) -> list[date]:
        if exchange not in self._days:
            raise SessionsUnknown(exchange)
        return self._days[exchange]


Sessions.NONE = Sessions({})


def exchange_named(text: str) -> Exchange:
    """The exchange by its code or a name that people use; InvalidInput names the nearest otherwise."""
    wanted = " ".join(text.lower().split())
    if wanted in _NAMES:
        return _NAMES[wanted]
    near = list(dict.fromkeys(_NAMES[name] for name in get_close_matches(wanted, _NAMES, n=3, cutoff=0.6)))
    offered = near or [EXCHANGES[code] for code in ("XNYS", "XNAS", "XLON", "XETR", "XTKS")]
    names = ", ".join(f"{exchange.name} ({exchange.code})" for exchange in offered)
    asked = text.strip()[:30]
    if near:
        raise InvalidInput(t("I don't know an exchange “{name}”. Nearest: {names}.", name=asked, names=names))
    raise InvalidInput(t("I don't know an exchange “{name}”. I know: {names}.", name=asked, names=names))


def _day(session: Session) -> date:
    return session.day
