"""The command menus that Telegram shows, by role, place and language; decoration, not authorisation.

Telegram shows the narrowest list that there is, in the person's language first: a person's own list takes the place of
the one for strangers, it does not add to it. Every call is made only when the list changed, and its failure never
matters.
"""

import hashlib
from collections.abc import Sequence

import structlog
from telegram import (
    Bot,
    BotCommand,
    BotCommandScope,
    BotCommandScopeAllChatAdministrators,
    BotCommandScopeAllGroupChats,
    BotCommandScopeAllPrivateChats,
    BotCommandScopeChat,
    BotCommandScopeChatAdministrators,
)
from telegram.error import TelegramError

from bot.context import BotContext, Command, Parts
from domain.locales import DEFAULT, LOCALES, speaking, t
from domain.users import Role
from services.telegram import TelegramService

log = structlog.get_logger(__name__)

IN_GROUPS = ("help", "jobs", "next", "status", "whoami")
FOR_GROUP_ADMINS = ("link", "unlink")
LONGEST_HELP = 256


async def show_to(context: BotContext, chat_id: int) -> None:
    """Let the menu of the chat of who speaks list what they may do, in their language."""
    await _set(context.bot, context.parts, BotCommandScopeChat(chat_id), str(chat_id), _everyday(context.commands))


async def show_role(context: BotContext, chat_id: int, role: Role, locale: str | None) -> None:
    """Let the menu of somebody else's chat list what their role may do, in their language."""
    listed = [each for each in context.tables.listed if each.is_for(role)]
    with speaking(locale):
        await _set(context.bot, context.parts, BotCommandScopeChat(chat_id), str(chat_id), _everyday(listed))


async def hide_from(context: BotContext, chat_id: int) -> None:
    """Let somebody's chat show what strangers see: they are suspended, or gone."""
    await _delete(context.bot, context.parts, BotCommandScopeChat(chat_id), str(chat_id))


async def show_in_group(context: BotContext, chat_id: int, *, acting: bool) -> None:
    """Let a group's menu list what can be done where acting is allowed, or what every group's lists."""
    parts, bot, listed = context.parts, context.bot, context.tables.listed
    more = [each.name for each in listed if each.in_groups]
    for scope, key, names in (
        (BotCommandScopeChat(chat_id), f"{chat_id}", (*IN_GROUPS, *more)),
        (BotCommandScopeChatAdministrators(chat_id), f"{chat_id}:admins", (*IN_GROUPS, *more, *FOR_GROUP_ADMINS)),
    ):
        if acting:
            await _set_in_all_languages(bot, parts, scope, key, _named(listed, names))
        else:
            for locale in LOCALES:
                await _delete(bot, parts, scope, _key(key, locale), _code(locale))


async def show_to_strangers(bot: Bot, parts: Parts, commands: Sequence[Command]) -> None:
    """Let every chat's menu list what whoever is there may do: strangers, groups, and the admins of groups."""
    strangers = [each for each in commands if each.is_for(None)]
    groups, admins = _named(commands, IN_GROUPS), _named(commands, (*IN_GROUPS, *FOR_GROUP_ADMINS))
    await _set_in_all_languages(bot, parts, BotCommandScopeAllPrivateChats(), "strangers", strangers)
    await _set_in_all_languages(bot, parts, BotCommandScopeAllGroupChats(), "groups", groups)
    await _set_in_all_languages(bot, parts, BotCommandScopeAllChatAdministrators(), "group_admins", admins)


def _everyday(commands: Sequence[Command]) -> list[Command]:
    """What a person's menu lists: the everyday commands, and an admin's behind them."""
    return [each for each in commands if each.menu or each.group == "admin"]


def _named(commands: Sequence[Command], names: Sequence[str]) -> list[Command]:
    known = {each.name: each for each in commands}
    return [known[name] for name in names]


async def _set_in_all_languages(
    bot: Bot, parts: Parts, scope: BotCommandScope, key: str, commands: Sequence[Command]
) -> None:
    for locale in LOCALES:
        with speaking(locale):
            await _set(bot, parts, scope, _key(key, locale), commands, _code(locale))


def _key(key: str, locale: str) -> str:
    return key if locale == DEFAULT else f"{key}:{locale}"


def _code(locale: str) -> str | None:
    """Telegram's code of the list for a language; the default one is for everybody else."""
    return None if locale == DEFAULT else locale


async def _set(
    bot: Bot, parts: Parts, scope: BotCommandScope, key: str, commands: Sequence[Command], code: str | None = None
) -> None:
    listed = [BotCommand(each.name, t(each.help)[:LONGEST_HELP]) for each in commands]
    fingerprint = hashlib.sha256(repr([(each.command, each.description) for each in listed]).encode()).hexdigest()
    service = TelegramService(parts.database.for_platform())
    if await parts.offload.run(service.menu_is, key, fingerprint):
        return
    try:
        await bot.set_my_commands(listed, scope=scope, language_code=code)
    except TelegramError as problem:  # the menu is decoration: without it every command still works
        log.warning("menu_not_set", scope=key, error=str(problem))
        return
    await _remember(parts, key, fingerprint)


async def _delete(bot: Bot, parts: Parts, scope: BotCommandScope, key: str, code: str | None = None) -> None:
    service = TelegramService(parts.database.for_platform())
    if await parts.offload.run(service.menu_is, key, ""):
        return
    try:
        await bot.delete_my_commands(scope=scope, language_code=code)
    except TelegramError as problem:  # it shows what is refused anyway
        log.warning("menu_not_deleted", scope=key, error=str(problem))
        return
    await _remember(parts, key, "")


async def _remember(parts: Parts, key: str, fingerprint: str) -> None:
    service = TelegramService(parts.database.for_platform())
    await parts.offload.run(service.menu_was_set, key, fingerprint)
