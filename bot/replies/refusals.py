"""What is said when something can't be done, is not known, or comes too late."""

from collections.abc import Sequence
from datetime import timedelta
from html import escape

from bot.replies.reply import Reply


def refused(text: str) -> Reply:
    return Reply(escape(text[:1500]))


def broken(reference: str) -> Reply:
    return Reply(f"Something broke on my side, and I can't say what was changed. Tell your admin <b>{reference}</b>.")


def unknown_command(near: Sequence[str]) -> Reply:
    if not near:
        return Reply("I don't know that command. /help lists what I understand.")
    return Reply(
        f"I don't know that command. Did you mean {' or '.join(f'/{name}' for name in near)}?",
        [[(f"/{name}", f"c:{name}") for name in near]],
    )


def stale(age: timedelta, draft_id: int, text: str) -> Reply:
    minutes = int(age.total_seconds() // 60)
    return Reply(
        f"You sent <code>{escape(text[:80])}</code> {minutes} minutes ago, while I was away. "
        "I did nothing yet. Shall I?",
        [[("Yes, now", f"a:{draft_id}:yes"), ("No", f"a:{draft_id}:no")]],
    )


def interrupted(text: str) -> Reply:
    return Reply(
        f"I was stopped in the middle of <code>{escape(text[:80])}</code>. It may have happened: look at /history or "
        "/jobs before you send it again."
    )
