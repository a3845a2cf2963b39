"""What is said about broadcasts: the preview, the progress, the list."""

from collections.abc import Sequence
from html import escape
from zoneinfo import ZoneInfo

from bot.replies.reply import Buttons, Reply, in_pairs, when
from domain.broadcasts import CANARY, Broadcast, BroadcastStatus
from domain.messages import Rows
from notifications.broadcasts import card
from notifications.words import plain
from services.broadcasts import Preview

LONGEST_BEGINNING = 60
MARKS = {
    BroadcastStatus.CANARY: "▶",
    BroadcastStatus.RUNNING: "▶",
    BroadcastStatus.PAUSED: "❚❚",
    BroadcastStatus.CANCELLED: "■",
    BroadcastStatus.DONE: "✓",
}


def preview(shown: Preview) -> Reply:
    """What sending the text above would mean, and how to confirm it."""
    audience = shown.audience
    count = audience.reachable
    people = f"<b>{count:,}</b> {'person' if count == 1 else 'people'}"
    lines = [f"<b>That is how it will look.</b> It goes to {escape(shown.segment.words)}: {people}.", ""]
    notes = (
        (audience.asleep, "{} in quiet hours or muted: they get it when those end"),
        (audience.opted_out, "{} opted out of announcements: they get nothing"),
        (audience.blocked, "{} can't be reached: blocked me, or have no address"),
    )
    lines += [f"• {words.format(f'{number:,}')}" for number, words in notes if number]
    first = f", the first {CANARY} alone" if count > CANARY else ""
    lines += [
        f"• about {shown.takes} in all{first}",
        "",
        f"Nothing is sent yet. Type <code>{count}</code> or <code>SEND</code> to send it, /cancel to leave it.",
    ]
    return Reply("\n".join(lines))


def progress(found: Broadcast) -> Reply:
    """How a broadcast stands, with its buttons."""
    text, rows = card(found)
    return Reply(text, buttons_of(rows))


def buttons_of(rows: Rows) -> Buttons:
    """Buttons of a message, as a reply has them."""
    return [[(button.text, button.data) for button in row if button.data is not None] for row in rows]


def listed(page: Sequence[Broadcast], zone: ZoneInfo, *, more: bool) -> Reply:
    """A page of broadcasts, newest first; each number leads to its card."""
    if not page:
        return Reply("There are no broadcasts yet. Example:\n<code>/broadcast The feed is down until 18:00.</code>")
    lines = [_line(each, zone) for each in page]
    shown = [(f"#{each.id}", f"y:{each.id}:show") for each in page]
    turn = [[("Older ›", f"y:{page[-1].id}:show:older")]] if more else []
    return Reply("<b>Broadcasts</b>, newest first\n\n" + "\n\n".join(lines), [*in_pairs(shown), *turn])


def _line(each: Broadcast, zone: ZoneInfo) -> str:
    beginning = " ".join(plain(each.text).split())
    if len(beginning) > LONGEST_BEGINNING:
        beginning = f"{beginning[:LONGEST_BEGINNING]}…"
    trouble = [f"{count:,} {word}" for count, word in ((each.failed, "failed"), (each.uncertain, "in doubt")) if count]
    counts = ", ".join([f"{each.sent:,} of {each.total:,} delivered", *trouble])
    state = "the first go" if each.status is BroadcastStatus.CANARY else str(each.status)
    return f"{MARKS[each.status]} <b>#{each.id}</b> {when(each.created, zone)}\n{escape(beginning)}\n{counts} · {state}"


def sent_again(count: int) -> str:
    return f"It goes once more to {count:,}, marked as a possible repeat."
