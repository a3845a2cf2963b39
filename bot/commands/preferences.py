"""How a person wants to be told: /notify, /quiet, /mute, /digest, and their buttons."""

import re
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from telegram import Update

from bot import replies
from bot.context import BotContext
from bot.errors import acknowledge
from bot.replies import Reply
from bot.replies import preferences as words
from domain.cron import first_valid
from domain.errors import InvalidInput, NotAllowed
from domain.locales import t
from domain.preferences import ADJUSTABLE, ALL, Gather
from domain.users import Role
from notifications.channels import kinds
from notifications.channels.webhook.payload import signing_secret
from services.preferences import PreferencesService

_CLOCK = re.compile(r"(\d{1,2})(?::(\d{2}))?")
_SPAN = re.compile(r"(\d{1,3})\s*(m|min|h|d)")
_UNTIL = re.compile(r"(?:until|bis) (.+)")
_UNITS = {"m": timedelta(minutes=1), "min": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
LINK_EXAMPLE = "/notify link webhook https://hooks.example.com/openbell"
_NAMES = {each.value for each in ADJUSTABLE}
_WAYS = {"chat": "telegram", "mail": "email"}
_OFF = ("off", "aus")


async def notify(update: Update, context: BotContext) -> None:
    """Show how each category comes, or change one: ``/notify report mail``."""
    if not context.arguments:
        wishes = await context.run(PreferencesService.get, context.user)
        await replies.send(update, words.overview(wishes, context.now))
        return
    if context.arguments[0].lower() == "link":
        await replies.send(update, await _link(context, context.arguments[1:]))
        return
    name, *ways = [word.strip(",").lower() for word in context.arguments]
    name = name.removesuffix("s") if name.removesuffix("s") in _NAMES else name
    if not ways:
        raise InvalidInput(t("Say a category and its way: /notify report mail, or /notify failure chat, mail"))
    await replies.send(update, await _choose(context, name, ",".join(ways)))


async def quiet(update: Update, context: BotContext) -> None:
    """Show or set the quiet hours: ``/quiet 22:00-07:00``."""
    await replies.send(update, await _quiet(context, " ".join(context.arguments)))


async def mute(update: Update, context: BotContext) -> None:
    """Leave the person alone for a while: ``/mute 2h``."""
    await replies.send(update, await _mute(context, " ".join(context.arguments)))


async def digest(update: Update, context: BotContext) -> None:
    """Show or change what is gathered: ``/digest report hourly``."""
    if not context.arguments:
        await replies.send(update, words.digest(await context.run(PreferencesService.get, context.user)))
        return
    name, *rest = [word.lower() for word in context.arguments]
    if name in [each.value for each in Gather]:
        name, rest = "report", [name, *rest]
    name = name.removesuffix("s") if name.removesuffix("s") in _NAMES else name
    if not rest or rest[0] not in [each.value for each in Gather]:
        raise InvalidInput(
            t("Say hourly, daily or off: /digest report hourly, /digest failure daily 7:30, /digest report off")
        )
    at = read_clock(rest[1]) if len(rest) > 1 else None
    wishes = await context.run(PreferencesService.gather, context.user, name, Gather(rest[0]), at)
    await replies.send(update, words.digest(wishes))


async def pressed(update: Update, context: BotContext, what: str) -> None:
    """A button of these: ``all``, ``CATEGORY``, ``CATEGORY:WAY``, ``quiet:…``, ``mute:…``."""
    name, _, chosen = what.partition(":")
    if name == "all":
        wishes = await context.run(PreferencesService.get, context.user)
        reply = words.overview(wishes, context.now)
    elif name == "quiet":
        reply = await _quiet(context, chosen)
    elif name == "mute":
        reply = await _mute(context, chosen)
    elif chosen:
        reply = await _choose(context, name, chosen)
    else:
        if name not in _NAMES:
            raise InvalidInput(t("That button is from an older version. /notify shows the present ones."))
        reply = words.category(await context.run(PreferencesService.get, context.user), name)
    await acknowledge(update)
    await replies.replace(update, reply)


async def _link(context: BotContext, given: list[str]) -> Reply:
    known = sorted(set(kinds.kinds()) - {"telegram", "email"})
    if len(given) != 2:
        raise InvalidInput(
            t("Say a channel ({names}) and your address there: {example}", names=", ".join(known), example=LINK_EXAMPLE)
        )
    channel, address = given[0].lower(), given[1]
    if channel in ("telegram", "email"):
        raise InvalidInput(t("I reach you here and at your e-mail address already."))
    if not context.user.role.includes(Role.TRADER):
        raise NotAllowed(t("Other channels are for people with the role trader. Ask an admin for it."))
    kept = kinds.kind_of(channel).check_address(address)
    await context.run_as_platform(PreferencesService.link, context.user, channel, kept)
    secret = signing_secret(context.parts.secret_key, kept) if channel == "webhook" else None
    return words.linked(channel, kept, secret)


async def _choose(context: BotContext, name: str, chosen: str) -> Reply:
    if chosen in ("none", "off"):
        wishes = await context.run(PreferencesService.leave, context.user, name)
    elif chosen in [each.value for each in Gather]:
        wishes = await context.run(PreferencesService.gather, context.user, name, Gather(chosen), None)
    else:
        ways = tuple(_WAYS.get(way, way) for way in chosen.split(",") if way)
        wishes = await context.run(PreferencesService.use, context.user, ALL if name == "all" else name, ways)
    return words.category(wishes, name) if name in _NAMES else words.overview(wishes, context.now)


async def _quiet(context: BotContext, text: str) -> Reply:
    if not text:
        return words.quiet(await context.run(PreferencesService.get, context.user))
    if text.lower() in _OFF:
        return words.quiet(await context.run(PreferencesService.be_quiet, context.user, None, None))
    begins, dash, ends = (
        part.strip() for part in text.replace("–", "-").replace(" to ", "-").replace(" bis ", "-").partition("-")
    )
    if not dash:
        raise InvalidInput(t("Say from when until when: /quiet 22:00-07:00. /quiet off ends them."))
    wishes = await context.run(PreferencesService.be_quiet, context.user, read_clock(begins), read_clock(ends))
    return words.quiet(wishes)


async def _mute(context: BotContext, text: str) -> Reply:
    if not text:
        return words.muted(await context.run(PreferencesService.get, context.user), context.now)
    until = None if text.lower() in _OFF else read_until(text, context.now, context.user.zone)
    wishes = await context.run(PreferencesService.mute, context.user, until, now=context.now)
    return words.muted(wishes, context.now)


def read_clock(text: str) -> time:
    """A time of day as a person writes it: 7, 7:30, 22:00."""
    read = _CLOCK.fullmatch(text.strip())
    if read is None or int(read[1]) > 23 or int(read[2] or 0) > 59:
        raise InvalidInput(t("“{text}” is no time of day. Write it as 7:30 or 22:00.", text=text[:20]))
    return time(int(read[1]), int(read[2] or 0))


def read_until(text: str, now: datetime, zone: ZoneInfo) -> datetime:
    """An end as a person says it: 2h, 1d, until 18:00 (today, or tomorrow when that is over)."""
    said = " ".join(text.lower().removeprefix("for ").split())
    if (span := _SPAN.fullmatch(said)) is not None:
        return now + int(span[1]) * _UNITS[span[2]]
    named = _UNTIL.fullmatch(said)
    if named is None:
        raise InvalidInput(
            t(
                "“{text}” is no time that I understand. Examples: /mute 2h, /mute until 18:00, /mute off",
                text=text[:30],
            )
        )
    at = read_clock(named[1])
    here = now.astimezone(zone)
    day = here.date() if here.time() < at else here.date() + timedelta(days=1)
    return first_valid(datetime.combine(day, at), zone)
