"""What /help says: the everyday commands, five groups behind buttons, and one command on one screen."""

from collections.abc import Sequence
from html import escape

from bot.context import Command
from bot.replies.reply import Reply, in_pairs
from domain.locales import mark, t

GROUPS = {
    "jobs": mark("Jobs"),
    "runs": mark("Runs and results"),
    "tell": mark("How I tell you"),
    "account": mark("You and Openbell"),
    "admin": mark("Administration"),
}
"""The parts of the help, in their order, and what their buttons say."""


def overview(mine: Sequence[Command], *, verified: bool) -> Reply:
    """The commands of every day, and a button for each group."""
    intro = (
        t("I run your jobs on time and bring the results here.")
        if verified
        else t("Send /start: I'll ask for your e-mail address, and then run your jobs on time.")
    )
    listed = [each for each in mine if each.menu] if verified else list(mine)
    lines = "\n".join(_line(each) for each in listed)
    below = [t("There is more behind the buttons, and /help add explains one command.")] if verified else []
    groups = _groups(mine) if verified else []
    return Reply("\n\n".join([f"<b>Openbell</b>\n{intro}", lines, *below]), groups)


def group(mine: Sequence[Command], name: str) -> Reply:
    """All commands of one group that this person may use."""
    lines = [_line(each) for each in mine if each.group == name]
    return Reply(f"<b>{t(GROUPS[name])}</b>\n\n" + "\n".join(lines), [*_groups(mine, name), [(t("Back"), "hp:")]])


def command(found: Command) -> Reply:
    """One command: what it does, two examples, its other names."""
    lines = [f"<b>/{found.name}</b>  {escape(t(found.help))}", "", t("Examples:"), f"<code>/{found.name}</code>"]
    if found.example and found.example != f"/{found.name}":
        lines.append(f"<code>{escape(found.example)}</code>")
    if found.aliases:
        lines += ["", t("Shorter: {names}", names=", ".join(f"/{alias}" for alias in found.aliases))]
    return Reply("\n".join(lines), [[(t(GROUPS[found.group]), f"hp:{found.group}"), (t("All help"), "hp:")]])


def unknown(name: str, near: Sequence[str]) -> Reply:
    """Nothing is called that, and what might be meant."""
    text = t("I don't know /{name}. /help lists what I understand.", name=escape(name[:32]))
    return Reply(text, [[(f"/{each}", f"hp:{each}") for each in near]])


def _line(each: Command) -> str:
    return f"/{each.name} – {escape(t(each.help))}"


def _groups(mine: Sequence[Command], shown: str = "") -> list[Sequence[tuple[str, str]]]:
    present = {each.group for each in mine}
    return in_pairs([(t(title), f"hp:{name}") for name, title in GROUPS.items() if name in present and name != shown])
