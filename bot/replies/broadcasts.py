"""What is said about broadcasts: the preview, the progress, the list."""

from collections.abc import Sequence
from html import escape
from zoneinfo import ZoneInfo

from bot.replies.reply import Buttons, Reply, in_pairs, when
from domain.broadcasts import CANARY, Broadcast, BroadcastStatus
from domain.locales import format_number, mark, t, tn
from domain.messages import Rows
from notifications.broadcasts import card
from notifications.words import plain
from services.broadcasts import Preview

LONGEST_BEGINNING = 60
STATES = {
    BroadcastStatus.CANARY: mark("the first go"),
    BroadcastStatus.RUNNING: mark("running"),
    BroadcastStatus.PAUSED: mark("paused"),
    BroadcastStatus.CANCELLED: mark("cancelled"),
    BroadcastStatus.DONE: mark("done"),
}
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
    goes = tn(
        "It goes to {whom}: <b>{n}</b> person.",
        "It goes to {whom}: <b>{n}</b> people.",
        count,
        whom=escape(shown.segment.words),
    )
    notes = [
        (audience.asleep, t("{count} in quiet hours or muted: they get it when those end", count=_n(audience.asleep))),
        (audience.opted_out, t("{count} opted out of announcements: they get nothing", count=_n(audience.opted_out))),
        (audience.blocked, t("{count} can't be reached: blocked me, or have no address", count=_n(audience.blocked))),
        (not count > CANARY, t("about {span} in all", span=shown.takes)),
        (count > CANARY, t("about {span} in all, the first {count} alone", span=shown.takes, count=CANARY)),
    ]
    lines = [f"<b>{t('That is how it will look.')}</b> {goes}", ""]
    lines += [f"• {note}" for holds, note in notes if holds]
    ask = t(
        "Nothing is sent yet. Type <code>{count}</code> or <code>SEND</code> to send it, /cancel to leave it.",
        count=count,
    )
    return Reply("\n".join([*lines, "", ask]))


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
        return Reply(t("There are no broadcasts yet. Example:\n<code>/broadcast The feed is down until 18:00.</code>"))
    lines = [_line(each, zone) for each in page]
    shown = [(f"#{each.id}", f"y:{each.id}:show") for each in page]
    turn = [[(t("Older ›"), f"y:{page[-1].id}:show:older")]] if more else []
    return Reply("\n\n".join([t("<b>Broadcasts</b>, newest first"), *lines]), [*in_pairs(shown), *turn])


def _line(each: Broadcast, zone: ZoneInfo) -> str:
    beginning = " ".join(plain(each.text).split())
    if len(beginning) > LONGEST_BEGINNING:
        beginning = f"{beginning[:LONGEST_BEGINNING]}…"
    counts = [t("{sent} of {total} delivered", sent=_n(each.sent), total=_n(each.total))]
    if each.failed:
        counts.append(t("{count} failed", count=_n(each.failed)))
    if each.uncertain:
        counts.append(t("{count} in doubt", count=_n(each.uncertain)))
    head = f"{MARKS[each.status]} <b>#{each.id}</b> {when(each.created, zone)}"
    return f"{head}\n{escape(beginning)}\n{', '.join(counts)} · {t(STATES[each.status])}"


def sent_again(count: int) -> str:
    return t("It goes once more to {count}, marked as a possible repeat.", count=_n(count))


def _n(number: int) -> str:
    return format_number(number)
