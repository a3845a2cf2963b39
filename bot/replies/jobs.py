"""What is said about jobs: their list, one's card with its buttons, what was done to one or to all."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from html import escape
from zoneinfo import ZoneInfo

from bot.replies.reply import Buttons, Reply, as_many_as_fit, due_lines, when
from bot.replies.runs import entry
from domain.job_filters import EVERYTHING, JobFilter, JobState
from domain.locales import mark, t, tn, zone_letters
from domain.schedules import Schedule
from domain.timing import Due
from services.agenda import Planned, first_run
from services.history import HistoryEntry
from services.pauses import AllChanged
from services.telling import clause, span

MOST_NAMED = 12
_STATES = {JobState.FAILED: mark("failed"), JobState.PAUSED: mark("paused"), JobState.DONE: mark("over")}
ENDS = {"tomorrow": mark("Until tomorrow 8:00"), "monday": mark("Until Monday 8:00")}
"""Ends that are offered for a pause."""
WAYS = {"telegram": mark("this chat"), "email": mark("mail")}


# the list


def jobs(
    page: Sequence[Planned],
    *,
    after: int,
    more: bool,
    wanted: JobFilter = EVERYTHING,
    owner: str = "",
    now: datetime,
    refreshed_in: ZoneInfo | None = None,
    in_group: bool = False,
) -> Reply:
    """A page of jobs, of the person who asks, of `owner`, or of what is told in a group; numbers lead to the cards."""
    again = wanted.words
    if not page and after == 0:
        return _no_jobs(wanted, owner, in_group=in_group)
    if not page:
        return Reply(t("There are no more jobs."), [[(t("From the start"), f"l:0:{again}")]])
    turn = [(t("‹ First"), f"l:0:{again}")] if after else []
    turn.append((t("Refresh"), f"l:{after}:{again}"))
    if more:
        turn.append((t("More ›"), f"l:{page[-1][0].id}:{again}"))
    lines = "\n".join(_line(schedule, due, now) for schedule, due in page)
    text = f"{_title(wanted, owner, in_group=in_group)}\n{lines}"
    if not in_group:
        text += f"\n\n{t('Tap a number for more.')}"
    if refreshed_in is not None:
        text += f"\n<i>{t('As of {clock}', clock=_as_of(now.astimezone(refreshed_in)))}</i>"
    if in_group:
        return Reply(text, [turn])
    show = f"qu:{{}}:show:job:{after}" if owner else "j:{}:show:0"
    numbers = [(str(schedule.id), show.format(schedule.id)) for schedule, _ in page]
    return Reply(text, [numbers, turn, *_narrower(wanted)])


def _title(wanted: JobFilter, owner: str, *, in_group: bool) -> str:
    if in_group:
        title = t("<b>Jobs that are told here</b>")
    elif owner:
        title = t("<b>Jobs of {owner}</b>", owner=escape(owner))
    else:
        title = t("<b>Your jobs</b>")
    only = [f"#{escape(wanted.tag)}"] if wanted.tag else []
    only += [t(_STATES[wanted.state])] if wanted.state is not None else []
    only += [f"“{escape(wanted.text)}”"] if wanted.text else []
    return f"{title}\n{t('Only: {what}', what=' · '.join(only))}" if only else title


def _narrower(wanted: JobFilter) -> Buttons:
    """Buttons that keep everything of the filter but the state."""
    kept = JobFilter(wanted.text, wanted.tag, None, wanted.owner)
    states = [(None, t("All")), *((state, t(label)) for state, label in _BUTTONS.items())]
    return [[
        (label, f"l:0:{JobFilter(kept.text, kept.tag, state, kept.owner).words}")
        for state, label in states if state is not wanted.state
    ]]  # fmt: skip


_BUTTONS = {JobState.FAILED: mark("Failed"), JobState.PAUSED: mark("Paused"), JobState.DONE: mark("Over")}


def _no_jobs(wanted: JobFilter, owner: str, *, in_group: bool) -> Reply:
    if in_group:
        return Reply(t("No job is told here. Who linked this place chooses it in a job of theirs: /edit, privately."))
    if not JobFilter(wanted.text, wanted.tag, wanted.state).is_empty:
        button = [(t("Show all"), f"l:0:{JobFilter(owner=wanted.owner).words}")]
        return Reply(t("No job is like that."), [button])
    if owner:
        return Reply(t("{owner} has no jobs.", owner=escape(owner)))
    return Reply(
        t(
            "You have no jobs yet. Say when and what, such as\n"
            "<code>/schedule every weekday at 8:30 the gold report</code>\n"
            "<code>/remind check margins every day at 9</code>"
        ),
        [[(t("Report now"), "r:")]],
    )


def _line(schedule: Schedule, due: Due | None, now: datetime) -> str:
    parts = [escape(schedule.words), _state(schedule, due, now)]
    failures = schedule.consecutive_failures
    if failures == 1:
        parts.append(t("✗ failed once"))
    elif failures:
        parts.append(tn("✗ failed {n} time in a row", "✗ failed {n} times in a row", failures))
    if schedule.tags:
        parts.append(tags(schedule))
    return f"\n<b>{schedule.id}</b> {escape(schedule.name)}\n    {' · '.join(parts)}"


def _state(schedule: Schedule, due: Due | None, now: datetime) -> str:
    if not schedule.enabled:
        return t("paused")
    if (until := schedule.held_until(now)) is not None:
        return t("paused until {when}", when=when(until, schedule.zone))
    if due is not None:
        return t("next {when}", when=when(due.at, schedule.zone))
    ends = schedule.timing.ends_at
    return t("over") if schedule.next_run_at is None and ends is not None and ends < now else t("nothing due")


def tags(schedule: Schedule) -> str:
    return " ".join(f"#{escape(tag)}" for tag in schedule.tags)


def which(page: Sequence[Planned], action: str, example: str) -> Reply:
    """The question which job a command is for; the first of them are buttons."""
    text = t("Which job? Send its number: {example}. /jobs lists them.", example=example)
    if not page:
        return Reply(text)
    lines = [f"<b>{schedule.id}</b> {escape(schedule.name)}" for schedule, _ in page]
    numbers = [(str(schedule.id), f"j:{schedule.id}:{action}:0") for schedule, _ in page]
    everything = {"pause": [(t("Pause all"), "pa:pause")], "resume": [(t("Resume all"), "pa:resume")]}
    return Reply("\n".join([text, "", *lines]), [numbers, [*everything.get(action, []), (t("My jobs"), "l:0")]])


# one job's card


def card(
    schedule: Schedule,
    due: Sequence[Due],
    recent: Sequence[HistoryEntry],
    nonce: str,
    *,
    now: datetime,
    place: str | None = None,
) -> Reply:
    """One job: when it is due, how it meets trouble, what was run, and buttons for all of it."""
    number = schedule.id
    rests = not schedule.enabled or schedule.held_until(now) is not None
    switch = (t("Resume"), f"j:{number}:resume:{nonce}") if rests else (t("Pause"), f"j:{number}:pause:{nonce}")
    skip = [(t("Skip the next"), f"j:{number}:skip:{nonce}")] if schedule.enabled and schedule.next_run_at else []
    return Reply(
        described(schedule, due, recent, now=now, place=place),
        [
            [(t("Run now"), f"j:{number}:run:{nonce}"), *skip, switch],
            [(t("If missed…"), f"o:{number}:missed"), (t("If still running…"), f"o:{number}:busy")],
            [(t("Days and spread…"), f"o:{number}:days"), (t("History"), f"h:{number}:0")],
            [(t("Edit…"), f"ed:{number}:0:open:{nonce}"), (t("Copy"), f"j:{number}:copy:{nonce}")],
            [(t("Delete"), f"j:{number}:delete:{nonce}")],
        ],
    )


def described(
    schedule: Schedule, due: Sequence[Due], recent: Sequence[HistoryEntry], *, now: datetime, place: str | None = None
) -> str:
    """All there is to know of a job."""
    lines = [
        f"<b>{schedule.id} · {escape(schedule.name)}</b>",
        f"{escape(schedule.words)} · {escape(schedule.timezone)}",
        f"<code>{escape(schedule.timing.expression)}</code>",
        *_where(schedule, place),
        *([tags(schedule)] if schedule.tags else []),
        "",
        *coming(schedule, due, now),
    ]
    if recent:
        lines += ["", t("Last runs:"), *(entry(each, schedule.zone, named=False) for each in recent)]
    return "\n".join(as_many_as_fit(lines))


def _where(schedule: Schedule, place: str | None) -> list[str]:
    """Where its results go, when that was chosen for this job."""
    places = [t(WAYS[channel]) if channel in WAYS else escape(channel) for channel in schedule.deliver_to or ()]
    if place is not None:
        places.append(escape(place))
    return [t("Results go to: {places}", places=", ".join(places))] if places else []


def coming(schedule: Schedule, due: Sequence[Due], now: datetime | None = None) -> list[str]:
    """What is due of a job, or why nothing is."""
    if not schedule.enabled and schedule.paused_reason:
        return [t("⏸ Paused, because {reason}: nothing is planned.", reason=escape(clause(schedule.paused_reason)))]
    if not schedule.enabled:
        return [t("⏸ Paused: nothing is planned.")]
    until = schedule.held_until(now) if now is not None else None
    held = [t("⏸ Paused until {when}.", when=when(until, schedule.zone))] if until is not None else []
    if not due:
        return [*held, t("Nothing is due any more.")]
    spread = span(timedelta(seconds=schedule.timing.jitter_s))
    title = t("Next, spread by up to {spread}:", spread=spread) if schedule.timing.jitter_s else t("Next:")
    return [*held, title, *due_lines(due, schedule.zone)]


def head(schedule: Schedule) -> str:
    """A job's number, name and plan."""
    return f"<b>{schedule.id} · {escape(schedule.name)}</b>\n{escape(schedule.words)}"


# what was done to a job


def paused(schedule: Schedule, due: Sequence[Due] = ()) -> Reply:
    number, name = schedule.id, escape(schedule.name)
    show = (t("Show it"), f"j:{number}:show:0")
    resume = (t("Resume"), f"j:{number}:resume:0")
    if schedule.paused_until is None:
        text = t("⏸ Job {number}, <b>{name}</b>, is paused. Nothing is planned until you resume it.",
                 number=number, name=name)  # fmt: skip
        ends = [(t(label), f"j:{number}:until-{end}:0") for end, label in ENDS.items()]
        return Reply(text, [[resume, show], ends])
    until = when(schedule.paused_until, schedule.zone)
    text = t("⏸ Job {number}, <b>{name}</b>, is paused until {until}, and then goes on by itself.",
             number=number, name=name, until=until)  # fmt: skip
    first = first_run(due)
    if first is None:
        return Reply(f"{text} {t('But nothing of it is due after that.')}", [[resume, show]])
    return Reply(f"{text} {t('The next run is {when}.', when=when(first.at, schedule.zone))}", [[resume, show]])


def resumed(schedule: Schedule, due: Sequence[Due]) -> Reply:
    text = t("▶ Job {number}, <b>{name}</b>, goes on.", number=schedule.id, name=escape(schedule.name))
    first = first_run(due)
    if first is not None:
        text = f"{text} {t('Next run {when}.', when=when(first.at, schedule.zone))}"
    return Reply(text, [[(t("Show it"), f"j:{schedule.id}:show:0")]])


def skipped(schedule: Schedule, left_out: Sequence[datetime], due: Sequence[Due]) -> Reply:
    name = escape(schedule.name)
    if len(left_out) == 1:
        only = when(left_out[0], schedule.zone)
        text = t("Left out: <b>{name}</b> does not run on {when}.", name=name, when=only)
    else:
        text = tn(
            "Left out: <b>{name}</b> does not run {n} time, from {first} to {last}.",
            "Left out: <b>{name}</b> does not run {n} times, from {first} to {last}.",
            len(left_out),
            name=name,
            first=when(left_out[0], schedule.zone),
            last=when(left_out[-1], schedule.zone),
        )
    first = first_run(due)
    if first is not None:
        text = f"{text} {t('The next is {when}.', when=when(first.at, schedule.zone))}"
    return Reply(text, [[(t("Show it"), f"j:{schedule.id}:show:0"), (t("My jobs"), "l:0")]])


def deleted(schedule: Schedule) -> Reply:
    text = t("Job {number}, <b>{name}</b>, is deleted. Its history stays.",
             number=schedule.id, name=escape(schedule.name))  # fmt: skip
    return Reply(text, [[(t("Undo (10 minutes)"), f"j:{schedule.id}:undo:0")]])


def restored(schedule: Schedule, due: Sequence[Due], now: datetime) -> Reply:
    rests = not schedule.enabled or schedule.held_until(now) is not None
    reply = paused(schedule, due) if rests else resumed(schedule, due)
    return Reply(f"{t('Job {number} is back.', number=schedule.id)}\n{reply.text}", reply.buttons)


def renamed(schedule: Schedule) -> Reply:
    text = t("Job {number} is called <b>{name}</b> now.", number=schedule.id, name=escape(schedule.name))
    return Reply(text, [[(t("Show it"), f"j:{schedule.id}:show:0")]])


def tagged(schedule: Schedule) -> Reply:
    """The tags of a job, each a button to the jobs that have it."""
    name = escape(schedule.name)
    show = (t("Show it"), f"j:{schedule.id}:show:0")
    if not schedule.tags:
        text = t("Job {number}, <b>{name}</b>, has no tags. Put some on it: {example}",
                 number=schedule.id, name=name, example=f"/tag {schedule.id} #gold #daily")  # fmt: skip
        return Reply(text, [[show]])
    text = t("Job {number}, <b>{name}</b>, has the tags {tags}.",
             number=schedule.id, name=name, tags=tags(schedule))  # fmt: skip
    text = f"{text}\n{t('Take one away with {example}', example=f'/tag {schedule.id} -#{escape(schedule.tags[0])}')}"
    return Reply(text, [[show], [(f"#{tag[:18]}", f"l:0:#{tag}") for tag in schedule.tags[:3]]])


def copied(schedule: Schedule, of: int) -> Reply:
    text = t(
        "Job {number}, <b>{name}</b>, is like job {of}. It is paused, so that nothing comes twice: "
        "change it with /edit {number}, then let it go on.",
        number=schedule.id,
        name=escape(schedule.name),
        of=of,
    )
    return Reply(text, [[(t("Resume"), f"j:{schedule.id}:resume:0"), (t("Show it"), f"j:{schedule.id}:show:0")]])


# what was done to all of them


def all_paused(done: AllChanged, zone: ZoneInfo) -> Reply:
    count = len(done.changed)
    if done.until is None:
        text = tn(
            "⏸ {n} job is paused. Nothing of it is planned until you resume it.",
            "⏸ {n} jobs are paused. Nothing of them is planned until you resume them.",
            count,
        )
    else:
        text = tn(
            "⏸ {n} job is paused until {when}, and then goes on by itself.",
            "⏸ {n} jobs are paused until {when}, and then go on by themselves.",
            count,
            when=when(done.until, zone),
        )
    return Reply("\n".join([text, *_names(done.changed)]), [_undo(done), [(t("My jobs"), "l:0")]])


def all_resumed(done: AllChanged) -> Reply:
    lines = [tn("▶ {n} job goes on.", "▶ {n} jobs go on.", len(done.changed)), *_names(done.changed)]
    if not done.changed:
        lines = [t("No job goes on, and nothing was changed.")]
    if done.left:
        lines += [
            "",
            t("These paused themselves, since they failed again and again. Look at them before you resume them:"),
            *_names(done.left),
        ]
    return Reply("\n".join(lines), [_undo(done), [(t("My jobs"), "l:0")]])


def all_put_back(done: AllChanged) -> Reply:
    text = tn("{n} job is as it was before.", "{n} jobs are as they were before.", len(done.changed))
    if not done.changed:
        text = t("All of them were changed since, so nothing was put back.")
    return Reply("\n".join([text, *_names(done.changed)]), [[(t("My jobs"), "l:0")]])


def _undo(done: AllChanged) -> list[tuple[str, str]]:
    return [(t("Undo (10 minutes)"), f"pa:{done.undo}:undo")] if done.undo is not None else []


def _names(schedules: Sequence[Schedule]) -> list[str]:
    names = [f"• {each.id} {escape(each.name)}" for each in schedules[:MOST_NAMED]]
    more = len(schedules) - MOST_NAMED
    return [*names, tn("… and {n} more", "… and {n} more", more)] if more > 0 else names


def _as_of(there: datetime) -> str:
    return f"{there:%H:%M:%S} {zone_letters(there)}"
