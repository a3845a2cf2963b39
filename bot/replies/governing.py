"""What an admin is told of the audit, the live settings and maintenance."""

from collections.abc import Sequence
from datetime import datetime
from html import escape
from zoneinfo import ZoneInfo

from bot.replies.reply import Reply, in_pairs
from domain.chat_settings import FOREVER, shown_value
from domain.locales import format_number, format_when, t
from services.audits import Entry
from services.chat_settings import Held

LONGEST_SAID = 60
LONGEST_ERROR = 90


# the audit


def audit(entries: Sequence[Entry], zone: ZoneInfo, *, more: str = "", failed: str = "") -> Reply:
    """A page of it; `more` is what its button to the older ones says, `failed` that to the failures."""
    if not entries:
        return Reply(t("Nothing of that kind is in the audit. /audit alone shows the newest."))
    lines = [f"<b>{t('Who did what, the newest first')}</b>"]
    lines += [_entry(each, zone) for each in entries]
    row = []
    if failed:
        row.append((t("Failures only"), failed))
    if more:
        row.append((t("Older"), more))
    return Reply("\n\n".join(lines), [row])


def audit_over() -> Reply:
    """The list of a button that is too old."""
    return Reply(t("That list has expired. Send /audit for a fresh one."))


def _entry(entry: Entry, zone: ZoneInfo) -> str:
    took = t("{n} ms", n=format_number(entry.took_ms)) if entry.took_ms is not None else "–"
    head = f"{format_when(entry.at, zone)} · {escape(_tidy(entry.who, LONGEST_SAID))}"
    said = _tidy(entry.said or entry.command, LONGEST_SAID)
    if said.split(" ")[0].split("@")[0].lower() != entry.command and entry.said:
        said = f"{entry.command}: {said}"
    lines = [head, f"<code>{escape(said)}</code>", f"{'✓' if entry.success else '✗'} {took}"]
    if entry.error:
        lines[-1] += f" · {escape(_tidy(entry.error, LONGEST_ERROR))}"
    if entry.reference:
        lines[-1] += f" · <b>{escape(entry.reference)}</b>"
    return "\n".join(lines)


def _tidy(text: str, longest: int) -> str:
    """One line that nothing in it can turn around or push apart."""
    kept = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return kept if len(kept) <= longest else kept[: longest - 1] + "…"


# settings


def settings(held: Sequence[Held]) -> Reply:
    """All of them with their values, each with a button."""
    lines = [f"<b>{t('Settings of this Openbell')}</b>", t("A change holds everywhere within two seconds."), ""]
    lines += [_line(each) for each in held]
    buttons = [(t(each.setting.title), f"se:{each.setting.key}:show") for each in held]
    return Reply("\n".join(lines), in_pairs(buttons))


def setting(held: Held, zone: ZoneInfo, nonce: str, *, changed: bool = False) -> Reply:
    """One setting, with its values as buttons."""
    key = held.setting.key
    lines = [("✓ " if changed else "") + _line(held), "", t(held.setting.help)]
    if held.changed_at is not None:
        lines.append(
            t("Set by {who}, {when}.", who=escape(held.changed_by or "–"), when=format_when(held.changed_at, zone))
        )
    lines.append(t("Or type it: <code>/set {key} {example}</code>", key=key, example=escape(held.setting.example)))
    now = held.setting.kind.write(held.value)
    values = [(("• " if each == now else "") + each, f"se:{key}:set:{each}:{nonce}") for each in _choices(held)]
    last = [(t("Another value…"), f"se:{key}:show:type")] if not _all_there_are(held) else []
    if held.is_changed:
        last.append((t("As it comes"), f"se:{key}:set:default:{nonce}"))
    return Reply("\n".join(lines), [values, last, [(t("All settings"), "se:all:show")]])


def ask_setting(held: Held) -> Reply:
    """What to type."""
    return Reply(
        t(
            "Write the value for <b>{key}</b> as your next message, such as <code>{example}</code>. {help}\n"
            "/cancel leaves it as it is.",
            key=held.setting.key,
            example=escape(held.setting.example),
            help=t(held.setting.help),
        )
    )


def _line(held: Held) -> str:
    name, value = t(held.setting.title), escape(shown_value(held.setting.key, held.value))
    return f"{name} (<code>{held.setting.key}</code>): <b>{value}</b>"


def _choices(held: Held) -> tuple[str, ...]:
    return held.setting.kind.choices


def _all_there_are(held: Held) -> bool:
    return not any(each.isdigit() or each[:1].isdigit() for each in _choices(held))


# maintenance


def maintenance(until: datetime | None, zone: ZoneInfo, nonce: str) -> Reply:
    """Whether everybody is served."""
    if until is None:
        return Reply(
            t(
                "Everybody is served. <code>/maintenance on until 18:00</code>, <code>/maintenance on 2h</code> or "
                "<code>/maintenance on</code> holds back all commands but an admin's."
            )
        )
    if until >= FOREVER:
        first = t("<b>Maintenance</b> until an admin ends it.")
    else:
        first = t("<b>Maintenance</b> until {when}.", when=format_when(until, zone))
    rest = t(
        "Everybody but admins is told so, and changes nothing. Scheduled jobs go on, and so do their results. "
        "/maintenance off ends it."
    )
    return Reply(f"{first} {rest}", [[(t("End it now"), f"se:maintenance:off:{nonce}")]])


def maintenance_over() -> Reply:
    """Everybody is served again."""
    return Reply(t("✓ Maintenance is over, everybody is served again."))
