"""Replies about how a person wants to be told."""

from datetime import datetime
from html import escape

from bot.replies.reply import Buttons, Reply
from domain.preferences import ADJUSTABLE, ALL, Gather, Preference
from services.preferences import Wishes, held_back

NAMES = {
    "alert": "Alerts",
    "fill": "Fills and trades",
    "report": "Reports",
    "reminder": "Reminders",
    "failure": "Failures",
    "broadcast": "Announcements",
    "health": "Health",
}
CHANNELS = {"telegram": "chat", "email": "mail"}


def overview(wishes: Wishes, now: datetime) -> Reply:
    """Every category with its way, and what holds for all."""
    lines = ["<b>How I tell you</b>"]
    lines += [f"{NAMES[each.value]}: {_way(wishes, each.value)}" for each in ADJUSTABLE]
    lines += ["", f"Quiet hours: {_quiet(wishes)}"]
    if (reason := held_back(wishes, now)) is not None:
        lines.append(f"Now: {reason}")
    lines += ["", "Alerts, fills, health and codes are never held back.", "/quiet, /mute and /digest change the rest."]
    rows: Buttons = [
        [(NAMES[each.value], f"m:{each.value}") for each in pair]
        for pair in (ADJUSTABLE[:2], ADJUSTABLE[2:4], ADJUSTABLE[4:6], ADJUSTABLE[6:])
    ]
    return Reply("\n".join(lines), rows)


def category(wishes: Wishes, name: str) -> Reply:
    """One category, with its choices as buttons."""
    text = (
        f"<b>{NAMES[name]}</b>: {_way(wishes, name)}\n\n"
        "Which way shall they come? With two, the second takes over where the first refuses for good."
    )
    others = [channel for channel in sorted(wishes.addresses) if channel not in ("telegram", "email")]
    single: list[tuple[str, str]] = [("Chat", f"m:{name}:telegram"), ("Mail", f"m:{name}:email")]
    single += [(channel.capitalize(), f"m:{name}:{channel}") for channel in others]
    pace = wishes.preferences.chosen.get(name, Preference()).gather
    rows: list[list[tuple[str, str]]] = [
        single,
        [("Chat, else mail", f"m:{name}:telegram,email"), ("Mail, else chat", f"m:{name}:email,telegram")],
    ]
    if name in ("report", "reminder", "failure", "broadcast"):
        paces = [(Gather.OFF, "At once"), (Gather.HOURLY, "Each hour"), (Gather.DAILY, "Each morning")]
        rows.append([(("✓ " if pace is each else "") + label, f"m:{name}:{each.value}") for each, label in paces])
    rows.append([("None of them", f"m:{name}:none"), ("Back", "m:all")])
    return Reply(text, rows)


def linked(channel: str, address: str, secret: str | None) -> Reply:
    """An address in another channel, and how its owner knows that a call is ours."""
    text = f"I can reach you by {escape(channel)} at <code>{escape(address)}</code> now."
    if secret is not None:
        text += (
            "\n\nEvery call is signed as Standard Webhooks says. Check it with this secret, which I show you here and "
            f"store nowhere:\n<code>{secret}</code>"
        )
    return Reply(text + f"\n\nChoose what goes there: <code>/notify report {escape(channel)}</code>")


def quiet(wishes: Wishes) -> Reply:
    """The quiet hours, and how to change them."""
    text = (
        f"Quiet hours: {_quiet(wishes)}.\n"
        "What is not urgent waits for their end; reminders come when you timed them.\n\n"
        "Write <code>/quiet 22:00-07:00</code>, or <code>/quiet off</code>."
    )
    return Reply(
        text, [[("22:00-07:00", "m:quiet:22:00-07:00"), ("23:00-06:00", "m:quiet:23:00-06:00"), ("Off", "m:quiet:off")]]
    )


def muted(wishes: Wishes, now: datetime) -> Reply:
    """Whether, and until when, the person is left alone."""
    until = (
        wishes.preferences.of(ADJUSTABLE[2]).muted_until or wishes.preferences.chosen.get(ALL, Preference()).muted_until
    )
    if until is not None and until > now:
        there = until.astimezone(wishes.preferences.zone)
        text = f"Muted until {there:%a %d %b %H:%M %Z}. Alerts, fills and health still come."
        return Reply(text, [[("Not any more", "m:mute:off")]])
    text = (
        "Not muted. <code>/mute 2h</code>, <code>/mute 1d</code> or <code>/mute until 18:00</code> "
        "holds back what is not urgent."
    )
    return Reply(
        text, [[("1 hour", "m:mute:1h"), ("4 hours", "m:mute:4h"), ("Until tomorrow 8:00", "m:mute:until 8:00")]]
    )


def digest(wishes: Wishes) -> Reply:
    """What is gathered, and how often."""
    shown = ("report", "reminder", "failure", "broadcast")
    lines = ["<b>Digests</b>"] + [f"{NAMES[name]}: {_pace(wishes, name)}" for name in shown]
    lines += [
        "",
        "<code>/digest report hourly</code>, <code>/digest failure daily 7:30</code>, <code>/digest report off</code>",
    ]
    return Reply(
        "\n".join(lines),
        [[(NAMES[name], f"m:{name}") for name in shown[:2]], [(NAMES[name], f"m:{name}") for name in shown[2:]]],
    )


def _way(wishes: Wishes, name: str) -> str:
    preferences = wishes.preferences
    own = preferences.chosen.get(name) or Preference()
    if own.opted_out:
        return "none"
    kind = next(each for each in ADJUSTABLE if each.value == name)
    ways = [CHANNELS.get(channel, channel) for channel in preferences.channels(kind)]
    pace = _pace(wishes, name)
    return ", else ".join(ways) + ("" if pace == "at once" else f", {pace}")


def _pace(wishes: Wishes, name: str) -> str:
    own = wishes.preferences.chosen.get(name) or wishes.preferences.chosen.get(ALL) or Preference()
    if own.gather is Gather.HOURLY:
        return "gathered each hour"
    if own.gather is Gather.DAILY:
        return (
            f"gathered each day at {own.gather_at or '08:00':%H:%M}" if own.gather_at else "gathered each day at 08:00"
        )
    return "at once"


def _quiet(wishes: Wishes) -> str:
    common = wishes.preferences.chosen.get(ALL, Preference()).quiet
    if common is None:
        return "none"
    return f"{common.begins:%H:%M} to {common.ends:%H:%M} ({wishes.preferences.zone.key})"
