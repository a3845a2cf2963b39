"""What is said of groups and topics, and in them."""

from collections.abc import Sequence
from html import escape
from zoneinfo import ZoneInfo

from bot.replies.reply import PAGE, Reply, in_pairs
from domain.destinations import Destination, State
from domain.locales import format_when, t, tn
from domain.schedules import Schedule
from domain.timing import Due
from services.destinations import Linked

_MARKS = {State.ACTIVE: "●", State.DEGRADED: "◐", State.DISABLED: "○"}


def privately(link: str, *, known: bool) -> Reply:
    """In a group: a button that opens the private chat, and nothing of what was asked."""
    button = [[(t("Write to me"), link)]]
    if known:
        return Reply(t("Others read here. Write that to me privately."), button)
    return Reply(t("I don't know you yet. Write to me privately, and I'll ask for your e-mail address."), button)


def hello() -> Reply:
    """The first words in a group."""
    return Reply(
        t(
            "Hello. I'm a scheduler: I can bring the results of jobs into this group. A group admin whom I know sends "
            "/link here, or in a topic. I read commands only, nothing that is said between you."
        )
    )


def linked(destination: Destination) -> Reply:
    """In the group: that it is linked now."""
    name = f"<b>{escape(destination.name)}</b>"
    return Reply(
        t(
            "🔔 {name} is linked. You can choose it now as the place for the results of your jobs: /add asks for it, "
            "/edit changes it. What fails is told to you alone.\n/unlink ends it.",
            name=name,
        )
    )


def unlinked(ended: Sequence[Linked]) -> Reply:
    """That nothing is sent there any more."""
    if not ended:
        return Reply(t("This place is not linked, so nothing was changed. /link links it."))
    jobs = sum(each.jobs for each in ended)
    name = f"<b>{escape(ended[0].destination.name)}</b>"
    if not jobs:
        return Reply(t("{name} is not linked any more. No job was told there.", name=name))
    return Reply(
        tn(
            "{name} is not linked any more. The results of {n} job go to its owner instead.",
            "{name} is not linked any more. The results of {n} jobs go to their owners instead.",
            jobs,
            name=name,
        )
    )


def status(jobs: int, first: tuple[Schedule, Due] | None, health: Reply, zone: ZoneInfo) -> Reply:
    """In a group: what is told there, and whether everything works."""
    lines = [tn("{n} job is told here.", "{n} jobs are told here.", jobs) if jobs else t("No job is told here.")]
    if first is not None:
        schedule, due = first
        lines.append(t("Next: {name}, {when}", name=escape(schedule.name), when=format_when(due.at, zone)))
    return Reply("\n".join([*lines, "", health.text]))


def card(shown: Sequence[Linked], add_link: str, *, after: int = 0) -> Reply:
    """What is linked, a page behind the one with the number `after`, and a button that adds us to a group."""
    add = [(t("Add me to a group"), add_link)]
    behind = [each for each in shown if each.destination.id > after]
    page, more = behind[:PAGE], len(behind) > PAGE
    if not shown:
        return Reply(
            t(
                "<b>Groups</b>\nNone is linked yet. Add me to a group, then send /link in it, or in one of its topics: "
                "you have to be an admin of that group. Results of your jobs can go there then."
            ),
            [add],
        )
    lines = [_line(each, number) for number, each in enumerate(page, start=1)]
    numbers = [(str(number), f"gr:{each.destination.id}:show") for number, each in enumerate(page, start=1)]
    turn = [(t("‹ First"), "gr:0:show")] if after else []
    turn += [(t("More ›"), f"gr:{page[-1].destination.id}:show:after")] if more else []
    return Reply(t("<b>Groups</b>") + "\n" + "\n".join(lines), [numbers, turn, add])


def one(shown: Linked, nonce: str, *, admin: bool, acting_allowed: bool) -> Reply:
    """One destination with what can be done to it."""
    destination = shown.destination
    number = destination.id
    lines = [f"<b>{escape(destination.name)}</b>", _state(destination)]
    lines.append(tn("{n} job is told there.", "{n} jobs are told there.", shown.jobs))
    lines.append(_acting(destination, acting_allowed=acting_allowed))
    if shown.owner:
        lines.append(t("Linked by {email}.", email=escape(shown.owner)))
    buttons = [(t("Send a test"), f"gr:{number}:test:{nonce}")] if destination.usable else []
    buttons.append((t("Unlink"), f"gr:{number}:unlink:{nonce}"))
    if admin:
        switch = ("off", t("Stop acting there")) if destination.acting else ("on", t("Allow acting"))
        buttons.append((switch[1], f"gr:{number}:{switch[0]}:{nonce}"))
    return Reply("\n".join(lines), [*in_pairs(buttons), [(t("‹ All groups"), "gr:0:show")]])


def tested(destination: Destination) -> str:
    """That a line is on its way; a note, without markup."""
    return t("On its way to {name}.", name=destination.name)


def _line(each: Linked, number: int) -> str:
    jobs = tn("{n} job", "{n} jobs", each.jobs)
    owner = f" · {escape(each.owner)}" if each.owner else ""
    return f"{number}. {_MARKS[each.destination.state]} {escape(each.destination.name)} · {jobs}{owner}"


def _state(destination: Destination) -> str:
    if destination.state is State.ACTIVE or destination.reason is None:
        return t("● I can write there.")
    if destination.state is State.DEGRADED:
        return f"◐ {destination.reason.words}"
    return t("○ Nothing can be sent there. {why} Results come to their owner instead.", why=destination.reason.words)


def _acting(destination: Destination, *, acting_allowed: bool) -> str:
    if not destination.acting:
        return t("Nobody can act there: commands that change something are for private chats.")
    if not acting_allowed:
        return t("Acting is allowed there, but switched off for all groups: /set group_acting on")
    return t("Verified people can /run, /pause and /resume their own jobs that are told there.")
