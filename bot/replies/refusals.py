"""What is said when something can't be done, is not known, or comes too late."""

from collections.abc import Sequence
from datetime import timedelta
from html import escape

from bot.replies.reply import Buttons, Reply
from domain.locales import any_of, t, tn


def refused(text: str, buttons: Buttons = ()) -> Reply:
    return Reply(escape(text[:1500]), buttons)


def broken(reference: str, *, acted: bool) -> Reply:
    """A fault of ours; whatever began to change something may have changed it."""
    if acted:
        return Reply(
            t(
                "Something broke on my side, and I can't say what was changed. Look before you repeat it, and tell "
                "your admin this code: <b>{reference}</b>",
                reference=reference,
            )
        )
    return Reply(
        t(
            "Something broke on my side; nothing was changed. Try again, and if it stays, tell your admin this code: "
            "<b>{reference}</b>",
            reference=reference,
        )
    )


def unavailable(text: str, reference: str) -> Reply:
    """Something that we need does not answer; the code leads an admin to what it was."""
    return Reply(f"{escape(text[:1500])} · {reference}")


def unknown_command(near: Sequence[str]) -> Reply:
    """The same whether there is no such command or it is for others."""
    if not near:
        return Reply(t("I don't know that command. /help lists what I understand."), [[(t("Help"), "hp:")]])
    names = any_of([f"/{name}" for name in near])
    said = t("I don't know that command. Did you mean {names}?", names=names)
    return Reply(said, [[(f"/{name}", f"c:{name}") for name in near]])


def stale(age: timedelta, draft_id: int, text: str) -> Reply:
    minutes = int(age.total_seconds() // 60)
    return Reply(
        tn(
            "You sent <code>{text}</code> {n} minute ago, while I was away. I did nothing yet. Shall I?",
            "You sent <code>{text}</code> {n} minutes ago, while I was away. I did nothing yet. Shall I?",
            minutes,
            text=escape(text[:80]),
        ),
        [[(t("Yes, now"), f"a:{draft_id}:yes"), (t("No"), f"a:{draft_id}:no")]],
    )


def interrupted(text: str) -> Reply:
    return Reply(
        t(
            "I was stopped in the middle of <code>{text}</code>. It may have happened: look at /history or /jobs "
            "before you send it again.",
            text=escape(text[:80]),
        )
    )
