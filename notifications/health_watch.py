"""Silence is an event: a system that is down, or says nothing any more, is told to the admins by a way that works."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta

from db.health import HealthRow
from db.unit_of_work import UnitOfWork
from domain.health import SELDOM, SILENT_AFTER, key_of, name_of
from domain.locales import mark, speaking, t, tn
from domain.messages import Category, Outgoing
from domain.users import Role
from notifications import outbox

WATCHED_FOR = timedelta(seconds=60)
"""How long one must have been watching before a silence counts: after a start of everything, everything is silent."""
HOLD = timedelta(seconds=60)
LONGEST_HOLD = timedelta(hours=1)
CALM_AFTER = timedelta(hours=2)

SYSTEMS = {
    "worker": (mark("The worker"), mark("Runs that are due wait and are not lost")),
    "scheduler": (
        mark("The scheduler"),
        mark("Nothing is planned; what is missed is caught up or recorded afterwards"),
    ),
    "valkey": (mark("The queue (Valkey)"), mark("Workers hear of runs up to a minute late; none is lost")),
    "database": (mark("The database"), mark("Nothing can be planned or sent; nothing that was saved is lost")),
    "telegram_bot": (mark("The bot"), mark("Commands are answered when it is back")),
    "notification": (mark("The sender of messages"), mark("Messages wait and are not lost")),
    "notification telegram": (mark("Telegram"), mark("Messages to chats wait and are not lost")),
    "api_service": (
        mark("Health and metrics over HTTP"),
        mark("Who watches from outside sees nothing; everything else goes on"),
    ),
    "web_ui": (mark("The web pages"), mark("Links in mails do not open; everything else goes on")),
    "market_data": (mark("The source of prices"), mark("Reports and alerts that need it fail and are tried again")),
    "notification email": (
        mark("The mail relay"),
        mark("Codes and other mail wait; nobody can prove an address until it is back"),
    ),
}


@dataclass
class Told:
    """What the admins know of one system; kept with its row."""

    down: bool = False
    since: str | None = None
    well_since: str | None = None
    recovered_at: str | None = None
    hold_s: float = field(default=HOLD.total_seconds())

    @classmethod
    def read(cls, row: HealthRow) -> "Told":
        try:
            return cls(**row.notes.get("told", {}))
        except TypeError:  # somebody else's words: what is known begins anew
            return cls()

    def falls(self, now: datetime) -> None:
        """It is down; soon after its last recovery the next one has to hold for twice as long."""
        soon = self.recovered_at is not None and now - datetime.fromisoformat(self.recovered_at) < CALM_AFTER
        self.hold_s = min(self.hold_s * 2, LONGEST_HOLD.total_seconds()) if soon else HOLD.total_seconds()
        self.down, self.since, self.well_since = True, now.isoformat(), None

    def holds(self, now: datetime) -> bool:
        """Whether it has been well for long enough to say so; called each time it is seen well."""
        if self.well_since is None:
            self.well_since = now.isoformat()
        return now - datetime.fromisoformat(self.well_since) >= timedelta(seconds=self.hold_s)

    def recovers(self, now: datetime) -> None:
        self.down, self.well_since, self.recovered_at = False, None, now.isoformat()


class Watcher:
    """Watches from when it is made; after a pause it begins anew, for what kept it quiet kept the others quiet too."""

    def __init__(self) -> None:
        self._since = self._looked_at = datetime.now(UTC)

    def look(self, uow: UnitOfWork) -> list[str]:
        """As `announce`."""
        now = datetime.now(UTC)
        if now - self._looked_at > SILENT_AFTER:  # the database was away, or the machine slept
            self._since = now
        self._looked_at = now
        return announce(uow, watching_since=self._since)


def announce(uow: UnitOfWork, *, watching_since: datetime) -> list[str]:
    """Tell the admins of outages at once and of recoveries once they have held; the systems that were told of.

    Any number of processes may watch: a row is one watcher's at a time, and what was told stands in it.
    """
    told = []
    with uow:
        now = uow.planning.database_now()
        silence_counts = datetime.now(UTC) - watching_since >= WATCHED_FOR
        rows = uow.health.watched()
        down = {_key(row) for row in rows if _fault(row, now, silence_counts=silence_counts) or Told.read(row).down}
        for row in rows:
            fault = _fault(row, now, silence_counts=silence_counts)
            known = Told.read(row)
            before = replace(known)
            if fault is not None and not known.down:
                known.falls(now)
                _tell(uow, row, "health_down", down, now)
                told.append(_key(row))
            elif fault is not None:
                known.well_since = None
            elif known.down and known.holds(now) and row.status == "HEALTHY":
                _tell(uow, row, "health_recovered", down - {_key(row)}, now, since=known.since or "")
                known.recovers(now)
                told.append(_key(row))
            if known != before:
                row.note("told", asdict(known))
        uow.commit()
    return told


def _fault(row: HealthRow, now: datetime, *, silence_counts: bool) -> str | None:
    silent = now - row.checked_at
    if silent > SILENT_AFTER and row.system not in SELDOM:
        minutes = max(round(silent.total_seconds() / 60), 1)
        if not silence_counts:
            return None
        return tn("it has said nothing for {n} minute", "it has said nothing for {n} minutes", minutes)
    if row.status == "DOWN":
        return row.error_message or t("it says that it is down")
    return None


def _tell(
    uow: UnitOfWork,
    row: HealthRow,
    template: str,
    down: Iterable[str],
    now: datetime,
    *,
    since: str = "",
) -> None:
    minutes = round((now - datetime.fromisoformat(since)).total_seconds() / 60) if since else 0
    for admin in uow.users.recipients(Role.ADMIN):
        with speaking(uow.preferences.locale_of(admin)):
            reason = _fault(row, now, silence_counts=True) or ""
            params = words(row.system, row.component, reason) | {"minutes": max(minutes, 1)}
        message = Outgoing(
            Category.HEALTH, admin, text="", template=template, params=params, channels=_working(set(down)),
            dedupe_key=f"health:{_key(row)}:{template}:{admin}:{now.timestamp():.0f}",
        )  # fmt: skip
        outbox.enqueue(uow, message, now)


def words(system: str, component: str | None, reason: str) -> dict[str, str]:
    """What the templates say of a system."""
    known = SYSTEMS.get(key_of(system, component)) or (None if system == "notification" else SYSTEMS.get(system))
    if known is None:
        name, consequence = name_of(system, component), t("Messages by this way wait and are not lost")
    else:
        name, consequence = t(known[0]), t(known[1])
    return {"name": name, "consequence": consequence, "reason": reason.rstrip(".")}


def _working(down: set[str]) -> tuple[str, ...]:
    """The channel for it: the chat, mail while Telegram or the bot is down, both when both seem to be."""
    chat = not down & {"notification telegram", "telegram_bot"}
    mail = "notification email" not in down
    return ("telegram",) if chat else ("email",) if mail else ("telegram", "email")


def _key(row: HealthRow) -> str:
    return key_of(row.system, row.component)
