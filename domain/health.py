"""How systems are: the words for it, which of them must beat, and when silence makes a word worthless."""

from datetime import timedelta
from enum import StrEnum

from domain.locales import mark, t


class Status(StrEnum):
    """UNKNOWN is never stored: it is what silence makes of the last word."""

    HEALTHY = "HEALTHY"
    DEGRADED = "DEGRADED"
    DOWN = "DOWN"
    UNKNOWN = "UNKNOWN"


ROLES = ("telegram_bot", "scheduler", "worker", "notification")
"""They say every ten seconds that they are there; without one of them this is no whole Openbell."""
NEEDED = (*ROLES, "database", "valkey")
BEATS = timedelta(seconds=10)
SILENT_AFTER = timedelta(seconds=45)
SELDOM = {"market_data": timedelta(hours=26)}
"""What speaks only when it is used; its silence is no outage."""

NAMES = {
    "worker": mark("Worker"),
    "scheduler": mark("Scheduler"),
    "valkey": mark("Queue (Valkey)"),
    "database": mark("Database"),
    "telegram_bot": mark("Bot"),
    "notification": mark("Sender of messages"),
    "notification telegram": mark("Telegram"),
    "notification email": mark("Mail relay"),
    "notification webhook": mark("Webhooks"),
    "notification apprise": mark("Other services (Apprise)"),
    "api_service": mark("Health over HTTP"),
    "web_ui": mark("Web pages"),
    "market_data": mark("Market data"),
    "trading_bot": mark("Trading bots"),
}


def key_of(system: str, component: str | None) -> str:
    return f"{system} {component}" if component else system


def name_of(system: str, component: str | None) -> str:
    """What people call it."""
    key = key_of(system, component)
    if key in NAMES:
        return t(NAMES[key])
    name = t(NAMES[system]) if system in NAMES else system
    return f"{name}: {component}" if component else name


def status_now(system: str, stored: str, age: timedelta) -> Status:
    """What the stored word is worth after so long a silence."""
    return Status.UNKNOWN if age > SELDOM.get(system, SILENT_AFTER) else Status(stored)


SLOW = {"notification telegram": 5.0, "notification email": 20.0, "database": 1.0, "valkey": 0.5, "web_ui": 2.0}
"""Seconds: a system whose p95 stays above is degraded."""
SLOW_OTHERS = 10.0


def slow_after(system: str, component: str | None) -> float:
    """The p95, in seconds, above which it counts as degraded."""
    return SLOW.get(key_of(system, component), SLOW_OTHERS)
