"""What is said about one's own account: settings, language, privacy, export, erasing."""

from collections.abc import Sequence
from datetime import datetime
from html import escape

from bot.replies import preferences
from bot.replies.reply import Reply, in_pairs
from domain.destinations import Destination
from domain.locales import LOCALES, format_number, t, tn
from domain.users import User
from services.exports import Export
from services.preferences import Wishes

WORD = "DELETE"
"""What confirms, beside the e-mail address; the same in every language."""


def back() -> tuple[str, str]:
    """The button that leads to the settings card."""
    return t("‹ Settings"), "st:"


def settings(user: User, wishes: Wishes, destinations: Sequence[Destination], now: datetime) -> Reply:
    """How the person is treated, on one card."""
    language = LOCALES[user.locale] if user.locale in LOCALES else t("as your Telegram")
    places = ", ".join(escape(each.name) for each in destinations[:3]) or t("none linked")
    if len(destinations) > 3:
        places += ", …"
    lines = [
        f"<b>{t('Your settings')}</b>",
        t("Time zone: {zone}, now {time}", zone=escape(user.timezone), time=f"{now.astimezone(user.zone):%H:%M}"),
        t("Language: {language}", language=language),
        *preferences.in_short(wishes, now),
        t("Groups: {places}", places=places),
    ]
    buttons = [
        (t("Time zone"), "st:zone"),
        (t("Language"), "st:language"),
        (t("Notifications"), "st:notify"),
        (t("Quiet hours"), "st:quiet"),
        (t("Mute"), "st:mute"),
        (t("Digests"), "st:digest"),
        (t("Groups"), "st:groups"),
        (t("My data"), "st:privacy"),
    ]
    return Reply("\n".join(lines), in_pairs(buttons))


def under_settings(reply: Reply) -> Reply:
    """A screen that the settings led to, with the way back."""
    if any(data == "st:" for row in reply.buttons for _, data in row):
        return reply
    return Reply(reply.text, [*reply.buttons, [back()]])


# the language


def ask_language(chosen: str | None) -> Reply:
    """Every language by its own name."""
    names = [(("• " if tag == chosen else "") + name, f"la:{tag}") for tag, name in LOCALES.items()]
    auto = ("• " if chosen is None else "") + t("As my Telegram")
    return Reply(
        t("<b>Which language shall I speak?</b> Commands stay as they are. Typed: <code>/language de</code>."),
        [*in_pairs(names), [(auto, "la:auto")]],
    )


def language_set(tag: str | None) -> Reply:
    """Said in the new language already."""
    if tag is None:
        return Reply(t("✓ I speak the language of your Telegram, if I know it."), [[back()]])
    return Reply(t("✓ I speak {language} with you from now on.", language=LOCALES[tag]), [[back()]])


# privacy


def privacy(months: int, *, known: bool) -> Reply:
    """What is stored, how long, who sees it, and how to take it along or erase it."""
    lines = [
        f"<b>{t('What I keep of you')}</b>",
        t("• Your e-mail address, Telegram number and name, role, time zone, language and how you want to be told."),
        t("• Your jobs and the groups you linked. Deleted jobs stay until you erase the account."),
        tn(
            "• What was run and what came of it: {n} month.",
            "• What was run and what came of it: {n} months.",
            months,
        ),
        tn(
            "• Each command and button you send, without codes and passwords: {n} month.",
            "• Each command and button you send, without codes and passwords: {n} months.",
            months,
        ),
        t("• What I wrote to you and what you wrote by /feedback: until you erase the account."),
        t("• Forms you began and buttons you pressed: 4 days. What waits to be answered: a day at most."),
        t("• Addresses that somebody sent me and nobody proved: 7 days."),
        "",
        t(
            "<b>Who sees it.</b> You, and those who run this Openbell: admins see your address, role and commands in "
            "the chat, and what stands in the database and its backups. Nobody else here; nothing of it is sold or "
            "sent elsewhere, but for what you let me send: mails, groups, channels of yours. Prices are asked for "
            "without your name. Telegram and your mail "
            "provider keep what passes through them by rules of their own."
        ),
        "",
        t("<b>Take it along:</b> /export gives you all of it as one file."),
        t(
            "<b>Erase it:</b> /deleteme deletes the account and all of the above at once. The list of commands keeps "
            "when something was done, without who and what. Backups hold it until they are replaced."
        ),
    ]
    if not known:
        lines.append("")
        lines.append(
            t(
                "I don't know you yet: of you I keep the list of commands by your Telegram number, an address you sent "
                "me, and for a month the language you chose."
            )
        )
        return Reply("\n".join(lines))
    return Reply("\n".join(lines), [[(t("Export my data"), "c:export"), (t("Erase my account"), "c:deleteme")]])


# export


def exporting() -> str:
    """Over the chat, while the file is made."""
    return t("I'm gathering it…")


def exported(made: Export) -> str:
    """The caption of the file."""
    counts = made.counts
    parts = [
        tn("{n} job", "{n} jobs", counts["jobs"]),
        tn("{n} run", "{n} runs", counts["runs"]),
        tn("{n} message", "{n} messages", counts["messages"]),
        tn("{n} command", "{n} commands", counts["commands"]),
    ]
    text = t("All I know of you: {parts}. README.txt in it explains the rest.", parts=", ".join(parts))
    if made.cut:
        names = ", ".join(f"{each}.csv" for each in made.cut)
        text += "\n" + t("There was too much for one file, so {names} holds the newest rows only.", names=names)
    return text


# erasing


def ask_erase(user: User, form: int, jobs: int) -> Reply:
    """What would be gone, and how to confirm it."""
    ends = tn("Your {n} job ends.", "Your {n} jobs end.", jobs) if jobs else t("You have no jobs.")
    return Reply(
        t(
            "<b>Erase your account?</b> {ends} Your history, messages, settings and linked groups are deleted, and "
            "nobody can bring them back. What stands in this chat stays here; you can delete it in Telegram.\n\n"
            "Nothing is erased yet. To do it, type <code>{email}</code> or <code>{word}</code> within ten minutes. "
            "/cancel leaves everything as it is.",
            ends=ends,
            email=escape(user.email),
            word=WORD,
        ),
        [[(t("Export first"), "c:export"), (t("Keep my account"), f"dm:{form}:keep")]],
    )


def not_erased(user: User) -> Reply:
    """Something else was typed."""
    return Reply(
        t(
            "Nothing was erased: that is neither your address nor the word. Type <code>{email}</code> or "
            "<code>{word}</code> to erase your account, /cancel to keep it.",
            email=escape(user.email),
            word=WORD,
        )
    )


def kept() -> Reply:
    """The account stays."""
    return Reply(t("Your account stays. Nothing was changed."))


def erased(jobs: int) -> Reply:
    """The last thing that is said."""
    count = format_number(jobs)
    return Reply(
        t(
            "✓ <b>Your account is erased</b>, with your jobs ({count}), their history and your settings. I don't know "
            "you any more, and write to you no more. Should you want to begin anew: /start",
            count=count,
        )
    )
