"""What is said about feedback: thanks, the inbox, one card."""

from collections.abc import Sequence
from html import escape
from zoneinfo import ZoneInfo

from bot.replies.reply import Reply
from domain.locales import format_when, mark, t
from services.feedbacks import Feedback

LONGEST_BEGINNING = 90
_STATES = {"open": mark("open"), "answered": mark("answered"), "closed": mark("closed")}


def ask() -> Reply:
    """What to write."""
    return Reply(
        t("What would you like to tell those who run this Openbell? Write it as your next message. /cancel leaves it.")
    )


def thanks(number: int) -> Reply:
    """It is kept, and the answer comes here."""
    return Reply(t("✓ Thank you. The admins have it as number {number}; their answer comes here.", number=number))


def inbox(found: Sequence[Feedback], zone: ZoneInfo, *, more: bool, everything: bool) -> Reply:
    """A page of what people wrote."""
    kind = "all" if everything else "open"
    if not found:
        if everything:
            return Reply(t("Nobody has written yet."))
        return Reply(t("Nothing waits for an answer."), [[(t("Answered, too"), "fb:0:show:all")]])
    head = t("What people wrote, the newest first") if everything else t("What waits for an answer")
    lines = [f"<b>{head}</b>"]
    for each in found:
        state = "" if each.status == "open" else f" · {t(_STATES[each.status])}"
        lines.append(
            f"<b>{each.id}</b> · {format_when(each.created_at, zone)} · {escape(each.email)}{state}\n"
            f"{escape(_beginning(each.text))}"
        )
    numbers = [(str(each.id), f"fb:{each.id}:show") for each in found]
    turn = [(t("Older"), f"fb:{found[-1].id}:show:{kind}")] if more else []
    if not everything:
        turn.append((t("Answered, too"), "fb:0:show:all"))
    return Reply("\n\n".join(lines), [numbers, turn])


def card(found: Feedback, zone: ZoneInfo) -> Reply:
    """One of them, with what can be done."""
    who = f"{escape(found.name)} ({escape(found.email)})" if found.name else escape(found.email)
    head = t(
        "<b>Feedback {number}</b> from {who}, {when}:",
        number=found.id,
        who=who,
        when=format_when(found.created_at, zone),
    )
    lines = [head, escape(found.text)]
    if found.status == "answered":
        when = format_when(found.answered_at, zone) if found.answered_at is not None else "–"
        lines += ["", t("<b>Answered</b> by {who}, {when}:", who=escape(found.answered_by or "–"), when=when)]
        lines.append(escape(found.answer or ""))
        return Reply("\n".join(lines), [[_back()]])
    if found.status == "closed":
        lines += ["", t("Closed without an answer.")]
        return Reply("\n".join(lines), [[(t("Answer"), f"fb:{found.id}:show:answer"), _back()]])
    buttons = [(t("Answer"), f"fb:{found.id}:show:answer"), (t("Close"), f"fb:{found.id}:close")]
    return Reply("\n".join(lines), [buttons, [_back()]])


def ask_answer(found: Feedback) -> Reply:
    """What to type."""
    return Reply(
        t(
            "Write your answer to {who} (feedback {number}) as your next message. It goes into their chat. "
            "/cancel leaves it.",
            who=escape(found.email),
            number=found.id,
        )
    )


def answered(found: Feedback) -> Reply:
    """The answer is on its way."""
    return Reply(
        t("✓ Your answer to feedback {number} is on its way to {who}.", number=found.id, who=escape(found.email))
    )


def _back() -> tuple[str, str]:
    return t("What waits"), "fb:0:show:open"


def _beginning(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_BEGINNING else line[: LONGEST_BEGINNING - 1] + "…"
