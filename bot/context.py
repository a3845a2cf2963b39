"""What a handler is given: who speaks, the parts of the house, and the one crossing to a thread."""

import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from telegram import Bot, Update
from telegram.ext import Application, CallbackContext

from bot.audit import AuditTrail
from bot.live import LiveSettings
from db.engine import Database
from db.offload import Offload
from db.unit_of_work import UnitOfWork
from domain.errors import NotVerified
from domain.locales import set_locale, speaks
from domain.users import Role, User
from services.telegram import Audit, Form

if TYPE_CHECKING:
    from bot.journey import Tables

P = ParamSpec("P")
T = TypeVar("T")
Service = TypeVar("Service")


class Recent:
    """Who spoke a moment ago: what changes nothing need not ask the database again who that is.

    Only verified people are remembered, for three seconds, so that a new right holds at once and a lost one soon;
    whatever changes something asks afresh.
    """

    LIVES_S = 3.0
    MOST = 10_000

    def __init__(self) -> None:
        self._seen: dict[int, tuple[float, User]] = {}

    def get(self, telegram_user_id: int) -> User | None:
        until, user = self._seen.get(telegram_user_id, (0.0, None))
        return user if time.monotonic() < until else None

    def put(self, telegram_user_id: int, user: User) -> None:
        if len(self._seen) >= self.MOST:
            self._seen.clear()
        self._seen[telegram_user_id] = (time.monotonic() + self.LIVES_S, user)

    def forget(self, telegram_user_id: int) -> None:
        """Ask again who that is: their rights have changed."""
        self._seen.pop(telegram_user_id, None)


@dataclass(frozen=True)
class Parts:
    """What the bot's door wired together."""

    database: Database
    offload: Offload
    secret_key: str
    sandbox: bool
    market_feed: str
    bars_dir: Path
    trail: AuditTrail
    live: LiveSettings
    history_months: int = 12
    """How long runs and the audit of commands are kept."""
    link_url: str = "https://t.me"
    """Where a link to the bot begins."""
    recent: Recent = field(default_factory=Recent)
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))


class BotContext(CallbackContext[Bot, dict[Any, Any], dict[Any, Any], dict[Any, Any]]):
    """One update on its way through the bot."""

    def __init__(
        self,
        application: "Application[Any, Any, Any, Any, Any, Any]",
        chat_id: int | None = None,
        user_id: int | None = None,
    ) -> None:
        super().__init__(application, chat_id, user_id)
        self._user: User | None = None
        self._speaker: int | None = None
        self.client_locale: str | None = None
        """The language of the speaker's Telegram; where we don't speak it, the one to begin with."""
        self.entry: Audit | None = None
        self.acted = False
        self.arguments: list[str] = []

    @classmethod
    def from_update(cls, update: object, application: "Application[Any, Any, Any, Any, Any, Any]") -> "BotContext":
        context = super().from_update(update, application)
        if isinstance(update, Update) and update.effective_user is not None:
            context._speaker = update.effective_user.id
            told = update.effective_user.language_code
            context.client_locale = told if speaks(told) else context.parts.live.current.default_language
        return context

    @property
    def speaker(self) -> int:
        """The Telegram user id of whoever speaks."""
        if self._speaker is None:
            raise NotVerified
        return self._speaker

    @property
    def parts(self) -> Parts:
        parts: Parts = self.application.bot_data["parts"]
        return parts

    @property
    def now(self) -> datetime:
        return self.parts.clock()

    @property
    def known(self) -> User | None:
        """The verified person who speaks, or None for a stranger."""
        return self._user

    @property
    def user(self) -> User:
        """The verified person who speaks; NotVerified for a stranger."""
        if self._user is None:
            raise NotVerified
        return self._user

    @property
    def tables(self) -> "Tables":
        """Every command, button and question there is."""
        tables: Tables = self.application.bot_data["tables"]
        return tables

    @property
    def commands(self) -> list["Command"]:
        """The commands that the person who speaks may use."""
        return list(self.tables.usable(self.known.role if self.known is not None else None))

    def may_use(self, command: "Command") -> bool:
        """Whether the person who speaks may use it."""
        return self.tables.is_usable(command, self.known.role if self.known is not None else None)

    def speaks(self, user: User | None) -> None:
        """From here on this person speaks."""
        self._user = user
        if user is None:
            self.parts.recent.forget(self.speaker)
            return
        set_locale(user.locale or self.client_locale)
        self.parts.recent.put(self.speaker, user)
        if self.entry is not None:
            self.entry.user_id, self.entry.user_email = user.id, user.email

    def forgets(self) -> None:
        """Nobody known speaks from here on: the account is gone, and the audit of this update names nobody."""
        self._user = None
        self.parts.recent.forget(self.speaker)
        if self.entry is not None:
            self.entry.user_id = self.entry.user_email = self.entry.chat_id = None
            self.entry.telegram_user_id, self.entry.full_message = 0, ""

    async def run(self, method: Callable[Concatenate[Service, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do a service's work in a thread, as the person who speaks: it sees and changes only what is theirs."""
        return await self._cross(self.parts.database.for_user(self.user.id), method, *args, **kwargs)

    async def run_as_platform(
        self, method: Callable[Concatenate[Service, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Do a service's work in a thread, as the platform: identifying, verifying, auditing."""
        return await self._cross(self.parts.database.for_platform(), method, *args, **kwargs)

    async def _cross(self, uow: UnitOfWork, method: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        service: Any = method.__globals__[method.__qualname__.partition(".")[0]](uow)  # the class it was written in
        return await self.parts.offload.run(method, service, *args, **kwargs)


def nonce(context: BotContext) -> str:
    """What makes a message's buttons its own: pressed twice they act once, on a fresh message they act again."""
    return format(int(context.now.timestamp() * 1000), "x")


Handle = Callable[[Update, BotContext], Coroutine[Any, Any, None]]
HandlePress = Callable[[Update, BotContext, str], Coroutine[Any, Any, None]]


@dataclass(frozen=True)
class Command:
    """A command: who may use it (None: everybody), and whether it changes anything."""

    name: str
    help: str
    """In English; `t` says it in the language of whoever reads."""
    role: Role | None
    handle: Handle
    group: str
    """The part of /help it stands in: jobs, runs, tell, account or admin."""
    acts: bool = False
    example: str = ""
    aliases: tuple[str, ...] = ()
    menu: bool = False
    """Whether it is one of the everyday commands that Telegram's menu lists."""
    anywhere: bool = False
    """Whether it answers in a group too, with what everybody there may read."""
    in_groups: bool = False
    """Whether it acts in a linked group too, on a job that is told there, where an admin allowed acting."""

    def is_for(self, role: Role | None) -> bool:
        return self.role is None or (role is not None and role.includes(self.role))


@dataclass(frozen=True)
class Press:
    """A kind of button, by the letter its data begins with."""

    letter: str
    role: Role | None
    handle: HandlePress
    acts: bool = False
    looks: str = ""
    """The action behind the number that changes nothing, and may be repeated."""
    anywhere: bool = False
    """Whether who asked may press it in a group too: it turns the pages of an answer."""

    def acts_on(self, what: str) -> bool:
        """Whether this press changes anything, and so is carried out once."""
        return self.acts and not (self.looks and what.split(":")[1:2] == [self.looks])


@dataclass(frozen=True)
class Asked:
    """A question that a typed text answers, by the kind of the form that is open."""

    kind: str
    answered: Callable[[Update, BotContext, Form, str], Coroutine[Any, Any, None]]
