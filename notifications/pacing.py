"""How fast we may call a provider: limits, and the ledger that decides in one process when Valkey is gone.

The ledger and the scripts of `notifications.rates` decide alike, step for step; a test holds them to each other.
Every instant is a whole number of microseconds, every pace is rounded up: never faster than the limit.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Protocol

SECOND = 1_000_000
BESIDE_OTHERS = 10 * SECOND
"""For how long after anything else bulk keeps to its share."""
BULK_EVERY = SECOND
"""Bulk that waits gets the next call when it has had none for so long, whatever else waits."""
AHEAD = 20_000
"""How long before its moment a call may be granted; whoever asks a little late so loses nothing of the rate."""
GRACE = AHEAD
"""How late somebody may come back and still find the moment kept that was meant."""
SLOW_FOR = 60 * SECOND
FLOOD_WITHIN, FLOOD_CHATS = 10 * SECOND, 3
RECOVER_EVERY = 10 * SECOND
SLICES = 60
"""A minute or a day is counted in so many slices, and one more: what counts is never less than the whole of it."""
MOST_CHATS = 20_000


@dataclass(frozen=True)
class Limits:
    """What Telegram may be asked: calls a second, and what a private chat and a group take."""

    bot: float = 25.0
    chat: float = 1.0
    chat_burst: int = 3
    group_per_minute: float = 18
    group_burst: int = 2
    bulk_share: float = 0.8
    bulk_alone: float = 1.0
    bot_burst: int = 1
    bulk_burst: int = 2

    def of(self, chat: str) -> tuple[int, int]:
        """Microseconds between two calls into a chat, and how many may come at once."""
        if chat.startswith(("-", "@")):
            return pace(self.group_per_minute / 60), self.group_burst
        return pace(self.chat), self.chat_burst

    def shared_by(self, senders: int) -> "Limits":
        """What is left for one of so many that cannot speak with each other."""
        if senders <= 1:
            return self
        return replace(
            self,
            bot=self.bot / senders,
            chat=self.chat / senders,
            chat_burst=max(self.chat_burst // senders, 1),
            group_per_minute=self.group_per_minute / senders,
            group_burst=max(self.group_burst // senders, 1),
        )


REAL = Limits()
"""For Telegram itself, with a distance to what it publishes: 30 a second, 20 a minute in a group."""
UNHURRIED = Limits(bot=1000, chat=100, chat_burst=100, group_per_minute=6000, group_burst=100)
"""For a server of our own that limits nobody, such as the sandbox."""


class Caps(Protocol):
    """Mails that a relay takes in a minute and in a day; None: as many as there are."""

    @property
    def per_minute(self) -> int | None: ...
    @property
    def per_day(self) -> int | None: ...


@dataclass(frozen=True)
class Decision:
    """Microseconds to wait before asking again; 0 for a yes, to a call that leaves after `ahead`.

    `shared` when everybody waits for the same, and not this chat alone.
    """

    wait: int
    shared: bool = False
    ahead: int = 0


def pace(per_second: float) -> int:
    """Microseconds between two calls, rounded up."""
    return math.ceil(SECOND / per_second)


def windows(caps: Caps, bulk_share: float, *, bulk: bool) -> Iterator[tuple[str, int, int]]:
    """The relay's windows: a name, the length of a slice, and the cap, of which bulk leaves a part to the others."""
    for name, length, cap in (("minute", 60, caps.per_minute), ("day", 86_400, caps.per_day)):
        if cap is not None:
            yield name, length * SECOND // SLICES, max(int(cap * bulk_share), 1) if bulk else cap


@dataclass
class _Chat:
    next: int = 0
    parked: int = 0
    slow: int = 0

    def idle(self, now: int) -> bool:
        return max(self.next, self.parked, self.slow) <= now


@dataclass
class Ledger:
    """What was granted so far; every question brings the instant at which it is asked."""

    bot: int = 0
    bulk: int = 0
    bulk_at: int = 0
    bulk_until: int = 0
    other_at: int = 0
    other_until: int = 0
    cut: float | None = None
    cut_at: int = 0
    chats: dict[str, _Chat] = field(default_factory=dict)
    floods: dict[str, int] = field(default_factory=dict)
    sent: dict[str, dict[int, int]] = field(default_factory=dict)

    def take(self, now: int, limits: Limits, chat: str | None, *, bulk: bool, cost: int = 1) -> Decision:
        """A call now, charged to everything it touches; or how long to wait, and nothing is charged."""
        decision, kept = self._look(now, limits, chat, bulk=bulk, cost=cost)
        if decision.wait == 0:
            self._charge(now, now + decision.ahead, limits, chat, bulk=bulk, cost=cost)
        elif kept:
            self._wait_in_line(now, now + decision.wait + AHEAD + GRACE, bulk=bulk)
        return decision

    def look(self, now: int, limits: Limits, chat: str | None, *, bulk: bool, cost: int = 1) -> Decision:
        """What `take` would say."""
        return self._look(now, limits, chat, bulk=bulk, cost=cost)[0]

    def note(self, now: int, limits: Limits, chat: str | None, *, bulk: bool, cost: int = 1) -> None:
        """Charge a call that was granted at a faster pace than `limits`: what is ahead of them is not added up."""
        self._charge(now, now, limits, chat, bulk=bulk, cost=cost)
        self.bot = min(self.bot, now + max(limits.bot_burst, cost) * self._period(now, limits))
        self.bulk = min(self.bulk, now + max(limits.bulk_burst, cost) * self._bulk_period(now, limits))
        if chat is not None:
            period, burst = limits.of(chat)
            self.chats[chat].next = min(self.chats[chat].next, now + max(burst, cost) * period)

    def others_speak(self, now: int) -> None:
        """Something that is not bulk is about: bulk keeps to its share."""
        self.other_at = now

    def park(self, now: int, limits: Limits, chat: str, duration: int, *, flood: bool) -> bool:
        """No call into a chat before this is over, then half as many for a minute; True when the bot slows down."""
        held = self._chat(now, chat)
        held.parked = max(held.parked, now + duration)
        held.slow = max(held.slow, held.parked + SLOW_FOR)
        return flood and self._flooded(now, limits, chat)

    def parked(self, now: int, chat: str) -> int:
        """Microseconds for which a chat is parked still."""
        return max(self.chats[chat].parked - now, 0) if chat in self.chats else 0

    def all_parked(self, now: int) -> list[tuple[str, int]]:
        """The chats that are parked still, and for how long."""
        return [(chat, held.parked - now) for chat, held in self.chats.items() if held.parked > now]

    def take_mail(self, now: int, relay: str, caps: Caps, bulk_share: float, *, bulk: bool) -> Decision:
        """A mail now, counted in the relay's minute and day; or how long to wait, and nothing is counted."""
        found = [
            (self._window(now, relay, name, size), size, cap)
            for name, size, cap in windows(caps, bulk_share, bulk=bulk)
        ]
        wait = max((_room_in(window, now, size, cap) for window, size, cap in found), default=0)
        if wait == 0:
            for window, size, _ in found:
                window[now // size] = window.get(now // size, 0) + 1
        return Decision(wait, wait > 0)

    def note_mail(self, now: int, relay: str, caps: Caps) -> None:
        """Count a mail that somebody else has granted."""
        for name, size, _ in windows(caps, 1.0, bulk=False):
            window = self._window(now, relay, name, size)
            window[now // size] = window.get(now // size, 0) + 1

    def rate(self, now: int, limits: Limits) -> float:
        """The bot's calls a second: the limit, or less after a flood, one more every ten seconds."""
        if self.cut is None:
            return limits.bot
        return min(limits.bot, self.cut + (now - self.cut_at) // RECOVER_EVERY)

    def _period(self, now: int, limits: Limits) -> int:
        return pace(self.rate(now, limits))

    def _bulk_period(self, now: int, limits: Limits) -> int:
        beside_others = now - self.other_at < BESIDE_OTHERS
        return pace(self.rate(now, limits) * (limits.bulk_share if beside_others else limits.bulk_alone))

    def _turn(self, now: int, *, bulk: bool) -> int:
        """From when on the next free moment is not kept for the others."""
        bulk_is_due = now - self.bulk_at >= BULK_EVERY
        if bulk:
            return 0 if bulk_is_due else self.other_until
        return self.bulk_until if bulk_is_due else 0

    def _wait_in_line(self, now: int, until: int, *, bulk: bool) -> None:
        if bulk:
            self.bulk_until = until
        else:
            self.other_at, self.other_until = now, until

    def _chat_start(self, now: int, limits: Limits, chat: str | None, cost: int) -> int:
        if chat is None or chat not in self.chats:
            return 0
        held = self.chats[chat]
        period, burst = limits.of(chat)
        free = held.next - (_room(burst, cost, period) if held.slow <= now else 0)
        return max(free, held.parked)

    def _look(self, now: int, limits: Limits, chat: str | None, *, bulk: bool, cost: int) -> tuple[Decision, bool]:
        """The decision, and whether the next free moment is kept for whoever has to come back."""
        bot_start = max(self.bot - _room(limits.bot_burst, cost, self._period(now, limits)), self._turn(now, bulk=bulk))
        room = _room(limits.bulk_burst, cost, self._bulk_period(now, limits))
        shared = max(bot_start, self.bulk - room if bulk else 0)
        start = max(shared, self._chat_start(now, limits, chat, cost), now)
        if start > now + AHEAD:
            return Decision(start - AHEAD - now, start == shared), start == bot_start
        return Decision(0, ahead=start - now), False

    def _charge(self, now: int, start: int, limits: Limits, chat: str | None, *, bulk: bool, cost: int) -> None:
        self.bot = max(self.bot, start) + cost * self._period(now, limits)
        if bulk:
            self.bulk = max(self.bulk, start) + cost * self._bulk_period(now, limits)
            self.bulk_at = start
        else:
            self.other_at, self.other_until = start, 0
        if chat is not None:
            held = self._chat(now, chat)
            period, _ = limits.of(chat)
            held.next = max(held.next, start) + cost * period * (2 if held.slow > now else 1)

    def _flooded(self, now: int, limits: Limits, chat: str) -> bool:
        self.floods[chat] = now
        self.floods = {each: at for each, at in self.floods.items() if now - at < FLOOD_WITHIN}
        if len(self.floods) < FLOOD_CHATS:
            return False
        self.cut, self.cut_at = max(self.rate(now, limits) / 2, 1.0), now
        self.floods.clear()
        return True

    def _chat(self, now: int, chat: str) -> _Chat:
        if chat not in self.chats and len(self.chats) >= MOST_CHATS:
            self.chats = {name: held for name, held in self.chats.items() if not held.idle(now)}
        return self.chats.setdefault(chat, _Chat())

    def _window(self, now: int, relay: str, name: str, size: int) -> dict[int, int]:
        window = self.sent.setdefault(f"{relay}:{name}", {})
        for past in [each for each in window if each < now // size - SLICES]:
            del window[past]
        return window


def _room(burst: int, cost: int, period: int) -> int:
    """How far ahead of its pace a key may be; what costs more than the burst needs all of it."""
    return (burst - min(cost, burst)) * period


def _room_in(window: dict[int, int], now: int, size: int, cap: int) -> int:
    """Microseconds until one more fits under the cap."""
    over = sum(window.values()) + 1 - cap
    for each in sorted(window):
        if over <= 0:
            break
        over -= window[each]
        if over <= 0:
            return (each + SLICES + 1) * size - now
    return 0
