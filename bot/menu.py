"""The command menu that Telegram shows, for strangers and for those we know; decoration, not authorisation."""

import hashlib
from collections.abc import Sequence

import structlog
from telegram import Bot, BotCommand, BotCommandScope, BotCommandScopeAllPrivateChats, BotCommandScopeChat
from telegram.error import TelegramError

from bot.context import BotContext, Command, Parts
from services.telegram import TelegramService

log = structlog.get_logger(__name__)


async def show_to(context: BotContext, chat_id: int) -> None:
    """Let this chat's menu list what its person may do."""
    await _set(context.bot, context.parts, BotCommandScopeChat(chat_id), str(chat_id), context.commands)


async def show_to_strangers(bot: Bot, parts: Parts, commands: Sequence[Command]) -> None:
    """Let every private chat's menu list what a stranger may do."""
    listed = [command for command in commands if command.is_for(None)]
    await _set(bot, parts, BotCommandScopeAllPrivateChats(), "strangers", listed)


async def _set(bot: Bot, parts: Parts, scope: BotCommandScope, key: str, commands: Sequence[Command]) -> None:
    listed = [BotCommand(command.name, command.help) for command in commands]
    fingerprint = hashlib.sha256(repr([(each.command, each.description) for each in listed]).encode()).hexdigest()
    service = TelegramService(parts.database.for_platform())
    if await parts.offload.run(service.menu_is, key, fingerprint):
        return
    try:
        await bot.set_my_commands(listed, scope=scope)
    except TelegramError as problem:  # the menu is decoration: without it every command still works
        log.warning("menu_not_set", scope=key, error=str(problem))
        return
    service = TelegramService(parts.database.for_platform())
    await parts.offload.run(service.menu_was_set, key, fingerprint)
