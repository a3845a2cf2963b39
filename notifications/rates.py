"""One pace for everybody who calls a provider, kept in Valkey; each keeps to its part of it while Valkey is gone.

GCRA: a key holds the instant from which on it is as if nothing had been sent. A script looks at all keys a call
touches, charges all of them or none, and says how long to wait, by the server's clock. `notifications.pacing` is the
same in Python.
"""

import asyncio
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import redis.asyncio as redis
import structlog
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from notifications.pacing import (
    AHEAD,
    BESIDE_OTHERS,
    BULK_EVERY,
    FLOOD_CHATS,
    FLOOD_WITHIN,
    GRACE,
    REAL,
    RECOVER_EVERY,
    SECOND,
    SLICES,
    SLOW_FOR,
    Caps,
    Decision,
    Ledger,
    Limits,
    windows,
)

log = structlog.get_logger(__name__)

PREFIX = "openbell:rate:"
TELEGRAM = "telegram"
ANSWER_WITHIN_S = 0.5
LOOK_AGAIN_S = 1.0
"""How long after a fault Valkey is tried again."""
OVERLAP_S = 3.0
"""For how long after its return everybody keeps to their part too: the others notice it a little later."""
CONNECTIONS = 4

CLOCK = """
local time = redis.call("time")
local now = time[1] * 1000000 + time[2]
"""

_COMMON = f"""
local function held(key, ...)
    local values = redis.call("hmget", key, ...)
    for i = 1, #values do
        values[i] = tonumber(values[i] or 0)
    end
    return values
end

local function keep(key, lasts, ...)
    redis.call("hset", key, ...)
    local milliseconds = math.ceil(lasts / 1000) + 1000
    if redis.call("pttl", key) < milliseconds then
        redis.call("pexpire", key, milliseconds)
    end
end

local function rate_of(limit, cut, cut_at)
    if cut == 0 then
        return limit
    end
    return math.min(limit, cut + math.floor((now - cut_at) / {RECOVER_EVERY}))
end
"""

# KEYS: the bot, the chat (absent: a call that goes into none). ARGV: 1 for bulk, cost, then bot, bot burst, bulk
# share, bulk alone, bulk burst, then the chat's microseconds and burst. Gives the wait, 1 when it is everybody's, and
# how long before its moment a call is granted.
TAKE = (
    _COMMON
    + f"""
local bulk, cost = ARGV[1] == "1", tonumber(ARGV[2])
local limit, bot_burst, bulk_burst = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[7])
local bot, bulk_next, bulk_at, bulk_until, other_at, other_until, cut, cut_at = unpack(held(KEYS[1],
    "bot", "bulk", "bulk_at", "bulk_until", "other_at", "other_until", "cut", "cut_at"))

local function room(burst, period)
    return (burst - math.min(cost, burst)) * period
end

local rate = rate_of(limit, cut, cut_at)
local share = tonumber(now - other_at < {BESIDE_OTHERS} and ARGV[5] or ARGV[6])
local period, bulk_period = math.ceil({SECOND} / rate), math.ceil({SECOND} / (rate * share))

local due = now - bulk_at >= {BULK_EVERY}
local turn = bulk and (due and 0 or other_until) or not bulk and (due and bulk_until or 0)
local bot_start = math.max(bot - room(bot_burst, period), turn)
local shared = math.max(bot_start, bulk and bulk_next - room(bulk_burst, bulk_period) or 0)
local start = shared

local chat, parked, slow, chat_period = 0, 0, 0, 0
if KEYS[2] then
    chat, parked, slow = unpack(held(KEYS[2], "next", "parked", "slow"))
    chat_period = tonumber(ARGV[8])
    start = math.max(start, parked, chat - (slow <= now and room(tonumber(ARGV[9]), chat_period) or 0))
end

start = math.max(start, now)
if start > now + {AHEAD} then
    if start == bot_start and bulk then
        keep(KEYS[1], start - now, "bulk_until", start + {GRACE})
    elseif start == bot_start then
        keep(KEYS[1], {BESIDE_OTHERS}, "other_at", now, "other_until", start + {GRACE})
    end
    return {{start - {AHEAD} - now, start == shared and 1 or 0, 0}}
end

bot = math.max(bot, start) + cost * period
if bulk then
    bulk_next = math.max(bulk_next, start) + cost * bulk_period
    keep(KEYS[1], math.max(bot, bulk_next) - now, "bot", bot, "bulk", bulk_next, "bulk_at", start)
else
    keep(KEYS[1], math.max(bot - now, {BESIDE_OTHERS}), "bot", bot, "other_at", start, "other_until", 0)
end
if KEYS[2] then
    chat = math.max(chat, start) + cost * chat_period * (slow > now and 2 or 1)
    keep(KEYS[2], chat - now, "next", chat)
end
return {{0, 0, start - now}}
"""
)

# KEYS: the bot, the chat, the chats that were flooded lately. ARGV: the chat, microseconds, the bot's limit, and 1
# when Telegram said it was too much. Gives the bot's new rate when it slows down by this.
PARK = (
    _COMMON
    + f"""
local parked, slow = unpack(held(KEYS[2], "parked", "slow"))
parked = math.max(parked, now + tonumber(ARGV[2]))
slow = math.max(slow, parked + {SLOW_FOR})
keep(KEYS[2], slow - now, "parked", parked, "slow", slow)
if ARGV[4] ~= "1" then
    return "0"
end
redis.call("zadd", KEYS[3], now, ARGV[1])
redis.call("zremrangebyscore", KEYS[3], "-inf", now - {FLOOD_WITHIN})
redis.call("pexpire", KEYS[3], {FLOOD_WITHIN // 1000})
if redis.call("zcard", KEYS[3]) < {FLOOD_CHATS} then
    return "0"
end
redis.call("del", KEYS[3])
local limit = tonumber(ARGV[3])
local before = rate_of(limit, unpack(held(KEYS[1], "cut", "cut_at")))
local cut = math.max(before / 2, 1)
keep(KEYS[1], (limit - cut + 1) * {RECOVER_EVERY}, "cut", string.format("%.17g", cut), "cut_at", now)
return string.format("%.17g", cut)
"""
)

# KEYS: windows. ARGV: for each of them the microseconds of a slice, and the cap. Gives the wait.
MAIL = (
    _COMMON
    + f"""
local wait = 0
for i, key in ipairs(KEYS) do
    local size, cap = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
    local slices, over, oldest = {{}}, 1 - cap, math.floor(now / size) - {SLICES}
    local found = redis.call("hgetall", key)
    for j = 1, #found, 2 do
        local slice = tonumber(found[j])
        if slice < oldest then
            redis.call("hdel", key, found[j])
        else
            slices[#slices + 1] = {{slice, tonumber(found[j + 1])}}
            over = over + tonumber(found[j + 1])
        end
    end
    table.sort(slices, function(one, other) return one[1] < other[1] end)
    for _, slice in ipairs(slices) do
        if over <= 0 then
            break
        end
        over = over - slice[2]
        if over <= 0 then
            wait = math.max(wait, (slice[1] + {SLICES + 1}) * size - now)
        end
    end
end
if wait == 0 then
    for i, key in ipairs(KEYS) do
        local size = tonumber(ARGV[2 * i - 1])
        redis.call("hincrby", key, math.floor(now / size), 1)
        redis.call("pexpire", key, math.ceil(size * {SLICES + 1} / 1000) + 1000)
    end
end
return wait
"""
)

SPEAK = (
    _COMMON
    + f"""
keep(KEYS[1], {BESIDE_OTHERS}, "other_at", now)
"""
)


def client_of(redis_url: str) -> redis.Redis:
    """A client for `Rates`: nothing is connected before it is used, and no answer is waited for long."""
    pool = redis.BlockingConnectionPool.from_url(
        redis_url,
        max_connections=CONNECTIONS,
        timeout=ANSWER_WITHIN_S,
        socket_timeout=ANSWER_WITHIN_S,
        socket_connect_timeout=ANSWER_WITHIN_S,
        retry=Retry(NoBackoff(), 1),  # a connection that the server cut is made anew at once
    )
    return redis.Redis.from_pool(pool)


@dataclass(frozen=True)
class _Part:
    """One sender's part of a relay's caps."""

    per_minute: int | None
    per_day: int | None

    @classmethod
    def of(cls, caps: Caps, senders: int) -> "_Part":
        return cls(*(None if cap is None else max(cap // senders, 1) for cap in (caps.per_minute, caps.per_day)))


class Rates:
    """Whether a call may leave now. All who share a Valkey share one pace; without it each keeps to its part."""

    def __init__(
        self,
        client: redis.Redis | None,
        limits: Limits = REAL,
        senders: Callable[[], int] = lambda: 1,
        mail: Mapping[str, Caps] | None = None,
    ) -> None:
        self._client = client
        self._limits = limits
        self._senders = senders
        self._mail = dict(mail or {})
        self._ledger = Ledger()
        self._lines: dict[tuple[str, bool], asyncio.Lock] = {}
        self._gone_until = 0.0
        self._back_at: float | None = None
        if client is not None:
            self._take, self._park, self._mailed, self._speak = (
                client.register_script(CLOCK + each) for each in (TAKE, PARK, MAIL, SPEAK)
            )

    @property
    def shared(self) -> bool:
        """Whether the pace is everybody's, by Valkey, and not only this process's part of it."""
        return self._client is not None and self._gone_until == 0.0

    def cap(self, kind: str, caps: Caps | None) -> None:
        """Keep calls of this kind to other caps from now on; None: to none."""
        if caps is None:
            self._mail.pop(kind, None)
        else:
            self._mail[kind] = caps

    async def take(self, *, chat: str | None, bulk: bool, kind: str = TELEGRAM, cost: int = 1) -> float:
        """0.0: the call may leave now and is charged. Else seconds until it is worth asking again, nothing is charged.

        A yes may come some milliseconds late, at the moment that is this call's.

        `chat` is an address; a topic counts as its chat. `kind` is "telegram", or "email:RELAY" with the relay's caps.
        """
        return await _when_it_is_time(await self._decide(chat, bulk=bulk, kind=kind, cost=cost))

    async def acquire(
        self, *, chat: str | None, bulk: bool, within: float, kind: str = TELEGRAM, cost: int = 1
    ) -> float:
        """Like `take`, but waiting for up to `within` seconds; those of one process stand in line.

        A wait that would be longer is not begun: its seconds come back.
        """
        deadline = time.monotonic() + within
        while True:
            decision = await self._ask_in_line(chat, deadline, bulk=bulk, kind=kind, cost=cost)
            wait = await _when_it_is_time(decision)
            if wait == 0.0 or time.monotonic() + wait > deadline:
                return wait
            await asyncio.sleep(wait)

    async def park(self, chat: str, seconds: float) -> None:
        """No call into a chat before this is over, whoever asks; for a minute after it half as many."""
        await self._hold(chat, seconds, flood=False)

    async def flooded(self, chat: str, seconds: float = 0.0) -> None:
        """Telegram answered 429: the chat is parked; three chats within ten seconds halve the bot's rate.

        The rate recovers by one call a second every ten seconds.
        """
        await self._hold(chat, seconds, flood=True)

    async def urgent_seen(self) -> None:
        """Something that is not bulk is about to be sent: for ten seconds bulk keeps to its share."""
        self._ledger.others_speak(_now())
        if self._client is not None and self._tries_valkey():
            await self._asked(self._speak, [f"{PREFIX}{TELEGRAM}"], [])

    async def close(self) -> None:
        """Let go of the connections."""
        if self._client is not None:
            await self._client.aclose()

    async def _ask_in_line(self, chat: str | None, deadline: float, *, bulk: bool, kind: str, cost: int) -> Decision:
        """Ask once this caller is first in line; whoever waits for everybody's pace keeps its place meanwhile."""
        line = self._lines.setdefault((kind, bulk), asyncio.Lock())
        try:
            async with asyncio.timeout(deadline - time.monotonic()):
                await line.acquire()
        except TimeoutError:
            return Decision(math.ceil(SECOND / self._limits.bot), shared=True)
        try:
            while True:
                decision = await self._decide(chat, bulk=bulk, kind=kind, cost=cost)
                late = time.monotonic() + _seconds(decision.wait) > deadline
                if decision.wait == 0 or not decision.shared or late:
                    return decision
                await asyncio.sleep(_seconds(decision.wait))
        finally:
            line.release()

    async def _decide(self, chat: str | None, *, bulk: bool, kind: str, cost: int) -> Decision:
        if kind != TELEGRAM:
            return await self._decide_mail(kind, bulk=bulk)
        chat = _without_topic(chat)
        now = _now()
        if chat is not None and (parked := self._ledger.parked(now, chat)):
            return Decision(parked)
        part = self._limits.shared_by(self._senders())
        if not self._tries_valkey():
            return self._ledger.take(now, part, chat, bulk=bulk, cost=cost)
        if self._overlaps() and (own := self._ledger.look(now, part, chat, bulk=bulk, cost=cost)).wait:
            return own
        keys = [f"{PREFIX}{TELEGRAM}"] + ([f"{PREFIX}{TELEGRAM}:{chat}"] if chat else [])
        answer = await self._asked(self._take, keys, _arguments(self._limits, chat, bulk=bulk, cost=cost))
        if answer is None:
            return self._ledger.take(_now(), part, chat, bulk=bulk, cost=cost)
        decision = Decision(int(answer[0]), bool(answer[1]), int(answer[2]))
        if decision.wait == 0:
            self._ledger.note(_now() + decision.ahead, part, chat, bulk=bulk, cost=cost)
        return decision

    async def _decide_mail(self, kind: str, *, bulk: bool) -> Decision:
        caps = self._mail.get(kind)
        if caps is None:
            return Decision(0)
        share, part = self._limits.bulk_share, _Part.of(caps, self._senders())
        if not self._tries_valkey():
            return self._ledger.take_mail(_now(), kind, part, share, bulk=bulk)
        found = list(windows(caps, share, bulk=bulk))
        keys = [f"{PREFIX}{kind}:{name}" for name, _, _ in found]
        answer = await self._asked(self._mailed, keys, [each for _, *pair in found for each in pair])
        if answer is None:
            return self._ledger.take_mail(_now(), kind, part, share, bulk=bulk)
        if int(answer) == 0:
            self._ledger.note_mail(_now(), kind, caps)
        return Decision(int(answer), int(answer) > 0)

    async def _hold(self, chat: str, seconds: float, *, flood: bool) -> None:
        chat = _without_topic(chat) or chat
        duration = math.ceil(max(seconds, 0.0) * SECOND)
        self._ledger.park(_now(), self._limits.shared_by(self._senders()), chat, duration, flood=flood)
        if not self._tries_valkey():
            return
        slowed = await self._asked(self._park, *self._parking(chat, duration, flood=flood))
        if slowed is not None and float(slowed) > 0:
            log.warning("bot_slowed_down", per_second=float(slowed))

    def _parking(self, chat: str, duration: int, *, flood: bool) -> tuple[list[str], list[Any]]:
        bot = f"{PREFIX}{TELEGRAM}"
        return [bot, f"{bot}:{chat}", f"{PREFIX}floods"], [chat, duration, self._limits.bot, int(flood)]

    def _tries_valkey(self) -> bool:
        """Whether to ask Valkey: always while it answers, and now and then while it does not."""
        now = time.monotonic()
        if self._client is None or now < self._gone_until:
            return False
        if self._gone_until:
            self._gone_until = now + LOOK_AGAIN_S  # one tries, the others go on meanwhile
        return True

    async def _asked(self, script: Any, keys: list[str], arguments: list[Any]) -> Any:
        """A script's answer; None while Valkey does not answer."""
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                answer = await script(keys, arguments)
        except (RedisError, OSError) as problem:
            if self.shared:
                log.warning("rates_kept_alone", error=str(problem) or type(problem).__name__)
            self._gone_until, self._back_at = time.monotonic() + LOOK_AGAIN_S, None
            return None
        if not self.shared:
            self._gone_until, self._back_at = 0.0, time.monotonic()
            log.info("rates_shared_again")
            await self._tell_what_is_parked()
        return answer

    async def _tell_what_is_parked(self) -> None:
        """What this process was told meanwhile holds for everybody from now on."""
        for chat, duration in self._ledger.all_parked(_now()):
            await self._asked(self._park, *self._parking(chat, duration, flood=False))

    def _overlaps(self) -> bool:
        if self._back_at is not None and time.monotonic() - self._back_at > OVERLAP_S:
            self._back_at = None
        return self._back_at is not None


def _arguments(limits: Limits, chat: str | None, *, bulk: bool, cost: int) -> list[Any]:
    found: list[Any] = [int(bulk), cost, limits.bot, limits.bot_burst]
    found += [limits.bulk_share, limits.bulk_alone, limits.bulk_burst]
    return found + (list(limits.of(chat)) if chat else [])


def _without_topic(chat: str | None) -> str | None:
    return chat.partition("/")[0] if chat else None


async def _when_it_is_time(decision: Decision) -> float:
    """The wait of a no; 0.0 of a yes, at the moment that was granted."""
    if decision.ahead:
        await asyncio.sleep(_seconds(decision.ahead))
    return _seconds(decision.wait)


def _now() -> int:
    return time.monotonic_ns() // 1000


def _seconds(microseconds: int) -> float:
    return microseconds / SECOND
