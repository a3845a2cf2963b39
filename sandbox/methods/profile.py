"""Methods about the bot itself: its names, descriptions, command lists and menu button."""

import json
import re
from typing import Any

from sandbox.entities import utf16_len
from sandbox.errors import bad_request
from sandbox.messenger import Messenger
from sandbox.params import Params

MAX_COMMANDS = 100
MAX_LENGTHS = {"name": 64, "description": 512, "short_description": 120}
PLAIN_SCOPES = {"default", "all_private_chats", "all_group_chats", "all_chat_administrators"}


async def get_me(messenger: Messenger, _params: Params) -> dict[str, Any]:
    abilities = {
        "can_join_groups": True,
        "can_read_all_group_messages": False,
        "supports_inline_queries": False,
        "can_connect_to_business": False,
        "has_main_web_app": False,
    }
    return messenger.bot_user() | abilities


async def log_out(_messenger: Messenger, _params: Params) -> bool:
    return True


def scope_key(messenger: Messenger, scope: Any) -> str:
    """A command scope as one word."""
    scope = scope or {"type": "default"}
    kind = scope.get("type") if isinstance(scope, dict) else None
    if kind in PLAIN_SCOPES:
        return str(kind)
    if kind not in {"chat", "chat_administrators", "chat_member"}:
        raise bad_request("can't parse BotCommandScope: Unsupported type specified")
    chat = messenger.chats.find(scope.get("chat_id"))
    member = f":{scope.get('user_id')}" if kind == "chat_member" else ""
    return f"{kind}:{chat['id']}{member}"


def _language(params: Params) -> str:
    language = params.text("language_code")
    if language and not re.fullmatch(r"[a-z]{2}", language):
        raise bad_request("LANG_CODE_INVALID")
    return language


def _command(given: Any) -> dict[str, str]:
    if not isinstance(given, dict) or not isinstance(given.get("command"), str):
        raise bad_request("can't parse BotCommand: Can't find field \"command\"")
    name = given["command"].removeprefix("/")
    description = str(given.get("description", "")).strip()
    if not re.fullmatch(r"[a-z0-9_]{1,32}", name):
        raise bad_request("BOT_COMMAND_INVALID")
    if not 1 <= len(description) <= 256:
        raise bad_request("BOT_COMMAND_DESCRIPTION_INVALID")
    return {"command": name, "description": description}


async def set_my_commands(messenger: Messenger, params: Params) -> bool:
    key, language = scope_key(messenger, params.json("scope")), _language(params)
    given = params.json("commands")
    if not isinstance(given, list):
        raise bad_request("can't parse commands JSON object")
    if len(given) > MAX_COMMANDS:
        raise bad_request("BOT_COMMANDS_TOO_MUCH")
    commands = [_command(one) for one in given]
    if commands:
        messenger.store.run("INSERT OR REPLACE INTO commands VALUES (?, ?, ?)", key, language, json.dumps(commands))
    else:
        messenger.store.run("DELETE FROM commands WHERE scope = ? AND language = ?", key, language)
    messenger.events.publish("commands")
    return True


async def get_my_commands(messenger: Messenger, params: Params) -> list[dict[str, str]]:
    return _listed(messenger, scope_key(messenger, params.json("scope")), _language(params)) or []


async def delete_my_commands(messenger: Messenger, params: Params) -> bool:
    key, language = scope_key(messenger, params.json("scope")), _language(params)
    messenger.store.run("DELETE FROM commands WHERE scope = ? AND language = ?", key, language)
    messenger.events.publish("commands")
    return True


def _listed(messenger: Messenger, scope: str, language: str) -> list[dict[str, str]] | None:
    row = messenger.store.row("SELECT body FROM commands WHERE scope = ? AND language = ?", scope, language)
    return json.loads(row["body"]) if row else None


def commands_for(messenger: Messenger, chat_id: int, user_id: int) -> list[dict[str, str]]:
    """The list that a person sees in a chat: the narrowest scope that has one, own language first."""
    language = messenger.chats.user(user_id).get("language_code", "")[:2]
    if chat_id > 0:
        scopes = [f"chat:{chat_id}", "all_private_chats", "default"]
    else:
        admin = messenger.chats.status(chat_id, user_id) in {"creator", "administrator"}
        scopes = [f"chat_member:{chat_id}:{user_id}"]
        scopes += [f"chat_administrators:{chat_id}"] if admin else []
        scopes += [f"chat:{chat_id}"]
        scopes += ["all_chat_administrators"] if admin else []
        scopes += ["all_group_chats", "default"]
    for scope in scopes:
        for tongue in (language, ""):
            found = _listed(messenger, scope, tongue)
            if found is not None:
                return found
    return []


def _set_text(messenger: Messenger, params: Params, kind: str) -> bool:
    text, language = params.text(kind).strip(), _language(params)
    if utf16_len(text) > MAX_LENGTHS[kind]:
        raise bad_request(f"{kind.upper()}_TOO_LONG")
    messenger.store.keep_fact(f"profile:{kind}:{language}", text)
    messenger.events.publish("bot", online=messenger.updates.online)
    return True


def _get_text(messenger: Messenger, params: Params, kind: str) -> dict[str, str]:
    language = _language(params)
    default = messenger.display_name() if kind == "name" else ""
    own = messenger.store.fact(f"profile:{kind}:{language}")
    return {kind: own or messenger.store.fact(f"profile:{kind}:") or default}


async def set_my_name(messenger: Messenger, params: Params) -> bool:
    return _set_text(messenger, params, "name")


async def set_my_description(messenger: Messenger, params: Params) -> bool:
    return _set_text(messenger, params, "description")


async def set_my_short_description(messenger: Messenger, params: Params) -> bool:
    return _set_text(messenger, params, "short_description")


async def get_my_name(messenger: Messenger, params: Params) -> dict[str, str]:
    return _get_text(messenger, params, "name")


async def get_my_description(messenger: Messenger, params: Params) -> dict[str, str]:
    return _get_text(messenger, params, "description")


async def get_my_short_description(messenger: Messenger, params: Params) -> dict[str, str]:
    return _get_text(messenger, params, "short_description")


async def set_chat_menu_button(messenger: Messenger, params: Params) -> bool:
    button = params.json("menu_button") or {"type": "default"}
    if not isinstance(button, dict) or button.get("type") not in {"default", "commands", "web_app"}:
        raise bad_request("can't parse menu button: Unsupported type specified")
    messenger.store.keep_fact(_menu_fact(messenger, params), button)
    return True


async def get_chat_menu_button(messenger: Messenger, params: Params) -> dict[str, Any]:
    own = messenger.store.fact(_menu_fact(messenger, params))
    found: dict[str, Any] = own or messenger.store.fact("menu_button:") or {"type": "commands"}
    return found


def _menu_fact(messenger: Messenger, params: Params) -> str:
    if not params.has("chat_id"):
        return "menu_button:"
    return f"menu_button:{messenger.chats.find(params.values['chat_id'])['id']}"


METHODS = {
    "get_me": get_me,
    "log_out": log_out,
    "close": log_out,
    "set_my_commands": set_my_commands,
    "get_my_commands": get_my_commands,
    "delete_my_commands": delete_my_commands,
    "set_my_name": set_my_name,
    "get_my_name": get_my_name,
    "set_my_description": set_my_description,
    "get_my_description": get_my_description,
    "set_my_short_description": set_my_short_description,
    "get_my_short_description": get_my_short_description,
    "set_chat_menu_button": set_chat_menu_button,
    "get_chat_menu_button": get_chat_menu_button,
}
