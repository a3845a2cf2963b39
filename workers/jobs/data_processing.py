"""Work on market data: learn when exchanges are open, or look over imported price files."""

from datetime import timedelta
from html import escape
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from domain.errors import GiveUp
from domain.locales import format_date, format_number, t, tn
from domain.locales import mark as _
from domain.messages import Category, Outgoing
from domain.runs import Outcome
from domain.schedules import JobType
from domain.users import Role
from market.bars import Bars
from market.feed import open_feed
from services.job_kinds import JobKind
from services.market import MarketService
from workers.context import JobContext

LISTED = 12


class Params(BaseModel):
    """Which work."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: Literal["sessions", "imports"] = Field(
        "sessions",
        title=_("Task"),
        description=_(
            "sessions: learn the coming sessions and holidays of all exchanges; "
            "imports: read every imported price file and tell what is wrong or old"
        ),
        json_schema_extra={"labels": {"sessions": _("sessions"), "imports": _("imports")}},
    )


def perform(context: JobContext, params: Params) -> Outcome:
    """Do the task, and report to its owner; the platform's own runs have nobody to report to."""
    return _learn_sessions(context) if params.task == "sessions" else _look_over_imports(context)


def _learn_sessions(context: JobContext) -> Outcome:
    from market.sessions import learn  # pandas and exchange_calendars, which only this task should pay for

    learned = learn(context.now.date(), context.check)
    if not learned.sessions:
        raise GiveUp(t("The library exchange_calendars knows no sessions at all. Install Openbell anew."))
    stored = MarketService(context.database.for_platform()).store_sessions(learned.sessions, learned.holidays)
    exchanges = len({session.exchange for session in learned.sessions})
    last = max(session.day for session in learned.sessions)
    result = {
        "task": "sessions",
        "exchanges": exchanges,
        "sessions": stored,
        "last": last.isoformat(),
        "short": learned.short,
    }
    lines = [
        t(
            "Learned {count} sessions of {exchanges} exchanges, the last on {day}.",
            count=format_number(stored),
            exchanges=exchanges,
            day=format_date(last),
        )
    ]
    lines += [f"⚠ {exchange}: {escape(why)}" for exchange, why in learned.short.items()]
    return Outcome(result, _report(context, lines))


def _look_over_imports(context: JobContext) -> Outcome:
    feed = open_feed("csv", bars_dir=context.bars_dir)
    symbols = [instrument.symbol for instrument in feed.instruments()]
    if not symbols:
        raise GiveUp(t("No price files are imported here. An admin imports some with: openbell import-bars FILE"))
    lines, faulty = [], 0
    for symbol in symbols:
        context.check()
        bars = feed.bars(symbol, None, count=1_000, now=context.now)
        faulty += bool(bars.left_out)
        lines.append(_line(bars, context))
    result = {"task": "imports", "files": len(symbols), "faulty": faulty}
    told = lines[:LISTED] + ([t("and {count} more", count=len(lines) - LISTED)] if len(lines) > LISTED else [])
    title = t("<b>Imported prices</b>: {count}, {faulty} with faults", count=len(symbols), faulty=faulty)
    return Outcome(result, _report(context, [title, *told]))


def _line(bars: Bars, context: JobContext) -> str:
    newest = bars.bars[-1].opened_at
    age = (context.now - newest).days
    said = tn(
        "{symbol}: newest {day} ({n} day old)",
        "{symbol}: newest {day} ({n} days old)",
        age,
        symbol=escape(bars.symbol),
        day=format_date(newest),
    )
    if not bars.left_out:
        return f"· {said}"
    return f"⚠ {said}, {tn('{n} row left out', '{n} rows left out', len(bars.left_out))}"


def _report(context: JobContext, lines: list[str]) -> tuple[Outgoing, ...]:
    if context.user_id is None:
        return ()
    return (Outgoing(Category.REPORT, context.user_id, text="\n".join(lines)),)


KIND = JobKind(
    name=JobType.DATA_PROCESSING,
    summary=_("work on market data: exchange sessions, imported price files"),
    params=Params,
    perform=perform,
    timeout=timedelta(minutes=10),
    retries=5,
    role=Role.TRADER,
    catch_up_window=timedelta(days=1),
    target="task",
    title=_("Market data"),
    naming=_("Market data: {target}"),
)
