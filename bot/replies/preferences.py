"""Replies about how a person wants to be told."""

from datetime import datetime
from html import escape

from bot.replies.reply import Buttons, Reply
from domain.locales import format_when, mark, t
from domain.preferences import ADJUSTABLE, ALL, DAILY_AT, Gather, Preference
from services.preferences import Wishes, held_back

NAMES = {
    "alert": mark("Alerts"),
    "fill": mark("Fills and trades"),
    "report": mark("Reports"),
    "reminder": mark("Reminders"),
    "failure": mark("Failures"),
    "broadcast": mark("Announcements"),
    "health": mark("Health"),
}
CHANNELS = {"telegram": mark("chat"), "email": mark("mail")}


def overview(wishes: Wishes, now: datetime) -> Reply:
    """Every category with its way, and what holds for all."""
    lines = [f"<b>{t('How I tell you')}</b>"]
    lines += [f"{t(NAMES[each.value])}: {_way(wishes, each.value)}" for each in ADJUSTABLE]
    lines += ["", t("Quiet hours: {hours}", hours=_quiet(wishes))]
    if (reason := held_back(wishes, now)) is not None:
        lines.append(t("Now: {reason}", reason=reason))
    lines += ["", t("Alerts, fills, health and codes are never held back.")]
    lines += [t("/quiet, /mute and /digest change the rest.")]
    rows: Buttons = [
        [(t(NAMES[each.value]), f"m:{each.value}") for each in pair]
        for pair in (ADJUSTABLE[:2], ADJUSTABLE[2:4], ADJUSTABLE[4:6], ADJUSTABLE[6:])
    ]
    return Reply("\n".join(lines), [*rows, _back()])


def in_short(wishes: Wishes, now: datetime) -> list[str]:
    """The lines of the settings card."""
    lines = [
        t("Reports: {way}", way=_way(wishes, "report")),
        t("Failures: {way}", way=_way(wishes, "failure")),
        t("Quiet hours: {hours}", hours=_quiet(wishes)),
    ]
    if (reason := held_back(wishes, now)) is not None:
        lines.append(t("Now: {reason}", reason=reason))
    return lines


def category(wishes: Wishes, name: str) -> Reply:
    """One category, with its choices as buttons."""
    ask = t("Which way shall they come? With two, the second takes over where the first refuses for good.")
    text = f"<b>{t(NAMES[name])}</b>: {_way(wishes, name)}\n\n{ask}"
    others = [channel for channel in sorted(wishes.addresses) if channel not in ("telegram", "email")]
    single: list[tuple[str, str]] = [(t("Chat"), f"m:{name}:telegram"), (t("Mail"), f"m:{name}:email")]
    single += [(channel.capitalize(), f"m:{name}:{channel}") for channel in others]
    pace = wishes.preferences.chosen.get(name, Preference()).gather
    rows: list[list[tuple[str, str]]] = [
        single,
        [(t("Chat, else mail"), f"m:{name}:telegram,email"), (t("Mail, else chat"), f"m:{name}:email,telegram")],
    ]
    if name in ("report", "reminder", "failure", "broadcast"):
        paces = [(Gather.OFF, t("At once")), (Gather.HOURLY, t("Each hour")), (Gather.DAILY, t("Each morning"))]
        rows.append([(("✓ " if pace is each else "") + label, f"m:{name}:{each.value}") for each, label in paces])
    rows.append([(t("None of them"), f"m:{name}:none"), (t("Back"), "m:all")])
    return Reply(text, rows)


def linked(channel: str, address: str, secret: str | None) -> Reply:
    """An address in another channel, and how its owner knows that a call is ours."""
    way, place = escape(channel), escape(address)
    lines = [t("I can reach you by {channel} at <code>{address}</code> now.", channel=way, address=place)]
    if secret is not None:
        lines.append(
            t(
                "Every call is signed as Standard Webhooks says. Check it with this secret, which I show you here and "
                "store nowhere:\n<code>{secret}</code>",
                secret=secret,
            )
        )
    lines.append(t("Choose what goes there: <code>/notify report {channel}</code>", channel=way))
    return Reply("\n\n".join(lines))


def quiet(wishes: Wishes) -> Reply:
    """The quiet hours, and how to change them."""
    text = t(
        "Quiet hours: {hours}.\nWhat is not urgent waits for their end; reminders come when you timed them.\n\n"
        "Write <code>/quiet 22:00-07:00</code>, or <code>/quiet off</code>.",
        hours=_quiet(wishes),
    )
    windows = [(window, f"m:quiet:{window}") for window in ("22:00-07:00", "23:00-06:00")]
    return Reply(text, [[*windows, (t("Off"), "m:quiet:off")], _back()])


def muted(wishes: Wishes, now: datetime) -> Reply:
    """Whether, and until when, the person is left alone."""
    until = (
        wishes.preferences.of(ADJUSTABLE[2]).muted_until or wishes.preferences.chosen.get(ALL, Preference()).muted_until
    )
    if until is not None and until > now:
        there = format_when(until, wishes.preferences.zone)
        text = t("Muted until {when}. Alerts, fills and health still come.", when=there)
        return Reply(text, [[(t("Not any more"), "m:mute:off")], _back()])
    text = t(
        "Not muted. <code>/mute 2h</code>, <code>/mute 1d</code> or <code>/mute until 18:00</code> "
        "holds back what is not urgent."
    )
    spans = [(t("1 hour"), "m:mute:1h"), (t("4 hours"), "m:mute:4h")]
    return Reply(text, [[*spans, (t("Until 8:00"), "m:mute:until 8:00")], _back()])


def digest(wishes: Wishes) -> Reply:
    """What is gathered, and how often."""
    shown = ("report", "reminder", "failure", "broadcast")
    lines = [f"<b>{t('Digests')}</b>"] + [f"{t(NAMES[name])}: {_pace(wishes, name)}" for name in shown]
    lines += [
        "",
        "<code>/digest report hourly</code>, <code>/digest failure daily 7:30</code>, <code>/digest report off</code>",
    ]
    return Reply(
        "\n".join(lines),
        [*([(t(NAMES[name]), f"m:{name}") for name in pair] for pair in (shown[:2], shown[2:])), _back()],
    )


def _back() -> list[tuple[str, str]]:
    """The row that leads to the settings card."""
    return [(t("‹ Settings"), "st:")]


def _way(wishes: Wishes, name: str) -> str:
    preferences = wishes.preferences
    own = preferences.chosen.get(name) or Preference()
    if own.opted_out:
        return t("none")
    kind = next(each for each in ADJUSTABLE if each.value == name)
    ways = [t(CHANNELS[channel]) if channel in CHANNELS else channel for channel in preferences.channels(kind)]
    said = ways[-1]
    for way in reversed(ways[:-1]):
        said = t("{first}, else {others}", first=way, others=said)
    own = preferences.of(kind)
    return said if own.gather is Gather.OFF else f"{said}, {_pace(wishes, name)}"


def _pace(wishes: Wishes, name: str) -> str:
    own = wishes.preferences.chosen.get(name) or wishes.preferences.chosen.get(ALL) or Preference()
    if own.gather is Gather.HOURLY:
        return t("gathered each hour")
    if own.gather is Gather.DAILY:
        return t("gathered each day at {time}", time=f"{own.gather_at or DAILY_AT:%H:%M}")
    return t("at once")


def _quiet(wishes: Wishes) -> str:
    common = wishes.preferences.chosen.get(ALL, Preference()).quiet
    if common is None:
        return t("none")
    begins, ends = f"{common.begins:%H:%M}", f"{common.ends:%H:%M}"
    return t("{begins} to {ends} ({zone})", begins=begins, ends=ends, zone=wishes.preferences.zone.key)
