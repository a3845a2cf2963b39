"""An admin's view of the whole: audit, live settings, maintenance."""

from datetime import datetime

from telegram import Update

from bot import replies
from bot.commands.timing import read_instant
from bot.context import BotContext, nonce
from bot.errors import acknowledge
from bot.replies import Reply
from bot.replies import governing as words
from bot.replies.reply import PAGE
from domain.errors import InvalidInput
from domain.ids import parse_number
from domain.locales import t
from services.audits import AuditFilter, AuditsService, read_filter
from services.chat_settings import ChatSettingsService, Held
from services.telegram import Form, TelegramService

AUDIT_FORM = "audit"
_ON, _OFF = ("on", "an", "ein"), ("off", "aus", "end", "ende")
_UNTIL = ("until", "bis", "for", "für")


# the audit


async def audit(update: Update, context: BotContext) -> None:
    """Who did what: ``/audit ada@example.com /run 7d failed``."""
    wanted = read_filter(context.arguments, context.now, context.user.zone)
    await replies.send(update, await _audit_page(context, wanted, await _keep(context, wanted), None))


async def audit_pressed(update: Update, context: BotContext, what: str) -> None:
    """Older rows of a list, or its failures: ``FORM:BEFORE`` and perhaps ``:failed``; form 0 looks for everything."""
    number, before, only, *_ = (*what.split(":"), "", "")
    draft = 0 if number == "0" else parse_number(number, "list", "/audit")
    wanted = await _kept(context, draft)
    await acknowledge(update)
    if wanted is None:
        await replies.replace(update, words.audit_over())
        return
    if only == "failed":
        wanted = AuditFilter(wanted.who, wanted.command, wanted.since, True, wanted.reference)
        draft = await _keep(context, wanted)
    below = parse_number(before, "row", "/audit") if before not in ("", "0") else None
    await replies.replace(update, await _audit_page(context, wanted, draft, below))


async def _audit_page(context: BotContext, wanted: AuditFilter, draft: int, before: int | None) -> Reply:
    found = await context.run_as_platform(AuditsService.page, context.user, wanted, before=before, limit=PAGE + 1)
    shown = found[:PAGE]
    more = f"au:{draft}:{shown[-1].id}" if len(found) > PAGE else ""
    failed = "" if wanted.failed or wanted.reference else f"au:{draft}:0:failed"
    return words.audit(shown, context.user.zone, more=more, failed=failed)


async def _keep(context: BotContext, wanted: AuditFilter) -> int:
    """What a list looks for, kept for its buttons, which have no room for it; 0 for everything."""
    if wanted == AuditFilter():
        return 0
    data = {
        "who": wanted.who,
        "command": wanted.command,
        "since": wanted.since.isoformat() if wanted.since is not None else None,
        "failed": wanted.failed,
        "reference": wanted.reference,
    }
    return await context.run(TelegramService.begin, context.speaker, context.user.id, AUDIT_FORM, data, now=context.now)


async def _kept(context: BotContext, draft: int) -> AuditFilter | None:
    if draft == 0:
        return AuditFilter()
    form = await context.run(TelegramService.form, context.speaker, draft, now=context.now)
    if form is None or form.kind != AUDIT_FORM:
        return None
    since = form.data["since"]
    return AuditFilter(
        form.data["who"],
        form.data["command"],
        datetime.fromisoformat(since) if since else None,
        form.data["failed"],
        form.data["reference"],
    )


# settings


async def set_(update: Update, context: BotContext) -> None:
    """Show the settings, or one, or change it: ``/set access_mode invite``."""
    if not context.arguments:
        await replies.send(update, await _settings(context))
        return
    key, *value = context.arguments
    if not value:
        await replies.send(update, _card(context, await _one(context, key)))
        return
    held = await _set(context, key, " ".join(value))
    await replies.send(update, _card(context, held, changed=True))


async def set_pressed(update: Update, context: BotContext, what: str) -> None:
    """``KEY:show``, ``KEY:show:type``, ``KEY:set:VALUE:nonce``; ``all:show``; ``maintenance:off:nonce``."""
    key, action, more, *_ = (*what.split(":"), "", "")
    if key == "maintenance":
        await _end_maintenance(context)
        reply = words.maintenance_over()
    elif action == "set":
        reply = _card(context, await _set(context, key, more), changed=True)
    elif action == "show" and key == "all":
        reply = await _settings(context)
    elif action == "show" and more == "type":
        reply = await _ask(context, key)
    elif action == "show":
        reply = _card(context, await _one(context, key))
    else:
        raise InvalidInput(t("That button is from an older version. Send /set."))
    await acknowledge(update)
    await replies.replace(update, reply)


async def setting_typed(update: Update, context: BotContext, form: Form, text: str) -> None:
    """The value that was asked for."""
    held = await _set(context, form.data["key"], text)
    await context.run(TelegramService.end, context.speaker, form.kind, now=context.now)
    await replies.send(update, _card(context, held, changed=True))


async def _settings(context: BotContext) -> Reply:
    held = await context.run_as_platform(ChatSettingsService.all, context.user, context.parts.live.defaults)
    return words.settings(held)


async def _one(context: BotContext, key: str) -> Held:
    return await context.run_as_platform(ChatSettingsService.one, context.user, key, context.parts.live.defaults)


async def _set(context: BotContext, key: str, text: str) -> Held:
    held = await context.run_as_platform(
        ChatSettingsService.set, context.user, key, text, context.parts.live.defaults, now=context.now
    )
    await context.parts.live.refresh()
    return held


async def _ask(context: BotContext, key: str) -> Reply:
    held = await _one(context, key)
    data = {"key": held.setting.key}
    await context.run(TelegramService.begin, context.speaker, context.user.id, "ask_setting", data, now=context.now)
    return words.ask_setting(held)


def _card(context: BotContext, held: Held, *, changed: bool = False) -> Reply:
    return words.setting(held, context.user.zone, nonce(context), changed=changed)


# maintenance


async def maintenance(update: Update, context: BotContext) -> None:
    """Hold back all commands but an admin's: ``on until 18:00``, ``on``, ``off``; alone it says how it is."""
    action, rest = (context.arguments[0].lower() if context.arguments else ""), context.arguments[1:]
    until = context.parts.live.current.maintenance_until
    if action in _OFF and not rest:
        await _end_maintenance(context)
        await replies.send(update, words.maintenance_over())
        return
    if action in _ON:
        until = await _begin_maintenance(context, rest)
    elif action:
        raise InvalidInput(t("Say on or off. Examples: /maintenance on until 18:00, /maintenance on 2h"))
    shown = until if until is not None and until > context.now else None
    await replies.send(update, words.maintenance(shown, context.user.zone, nonce(context)))


async def _begin_maintenance(context: BotContext, rest: list[str]) -> datetime:
    said = rest[1:] if rest and rest[0].lower() in _UNTIL else rest
    until = read_instant(" ".join(said), context.user.timezone, context.now) if said else None
    begun = await context.run_as_platform(ChatSettingsService.maintain, context.user, until, now=context.now)
    await context.parts.live.refresh()
    return begun


async def _end_maintenance(context: BotContext) -> None:
    await context.run_as_platform(ChatSettingsService.end_maintenance, context.user, now=context.now)
    await context.parts.live.refresh()
