"""Methods that change or take back a message, and answers to presses."""

from typing import Any

from sandbox.entities import utf16_len
from sandbox.errors import bad_request
from sandbox.keyboards import checked
from sandbox.messages import CONTENT, Message
from sandbox.messenger import Messenger
from sandbox.methods.sending import caption_content, input_media, text_content
from sandbox.params import Params

MAX_ANSWER = 200
MAX_DELETED = 100


def _target(messenger: Messenger, params: Params) -> Message:
    if params.has("inline_message_id"):
        raise bad_request("message to edit not found")
    chat = messenger.chats.reachable(params.values.get("chat_id"))
    return messenger.messages.editable(chat["id"], params.integer("message_id"))


def _inline_markup(params: Params) -> dict[str, Any] | None:
    markup = checked(params.json("reply_markup"))
    if markup and "inline_keyboard" not in markup:
        raise bad_request("inline keyboard expected")
    return markup


async def edit_message_text(messenger: Messenger, params: Params) -> Message:
    content = text_content(messenger, params)
    old = _target(messenger, params)
    if "text" not in old:
        raise bad_request("there is no text in the message to edit")
    return messenger.messages.replace(old, content, _inline_markup(params))


async def edit_message_caption(messenger: Messenger, params: Params) -> Message:
    content = caption_content(messenger, params)
    old = _target(messenger, params)
    if "text" in old:
        raise bad_request("there is no caption in the message to edit")
    media = {name: old[name] for name in ("photo", "document", "has_media_spoiler") if name in old}
    return messenger.messages.replace(old, media | content, _inline_markup(params))


async def edit_message_media(messenger: Messenger, params: Params) -> Message:
    old = _target(messenger, params)
    item = params.json("media")
    if not isinstance(item, dict):
        raise bad_request("can't parse media JSON object")
    return messenger.messages.replace(old, input_media(messenger, params, item), _inline_markup(params))


async def edit_message_reply_markup(messenger: Messenger, params: Params) -> Message:
    old = _target(messenger, params)
    content = {name: old[name] for name in CONTENT if name in old}
    return messenger.messages.replace(old, content, _inline_markup(params))


async def delete_message(messenger: Messenger, params: Params) -> bool:
    chat = messenger.chats.find(params.values.get("chat_id"))
    messenger.messages.delete(chat["id"], params.integer("message_id"))
    return True


async def delete_messages(messenger: Messenger, params: Params) -> bool:
    chat = messenger.chats.find(params.values.get("chat_id"))
    ids = params.json("message_ids")
    if not isinstance(ids, list) or not 1 <= len(ids) <= MAX_DELETED:
        raise bad_request("message identifiers are not specified")
    if not all(isinstance(message_id, int) for message_id in ids):
        raise bad_request("can't parse message identifiers")
    for message_id in ids:
        if messenger.messages.body(chat["id"], message_id):
            messenger.messages.delete(chat["id"], message_id)
    return True


async def answer_callback_query(messenger: Messenger, params: Params) -> bool:
    text = params.text("text")
    if utf16_len(text) > MAX_ANSWER:
        raise bad_request("MESSAGE_TOO_LONG")
    answer = {"text": text, "show_alert": params.flag("show_alert"), "url": params.text("url")}
    messenger.presses.answer(params.text("callback_query_id"), answer)
    return True


async def set_message_reaction(messenger: Messenger, params: Params) -> bool:
    chat = messenger.chats.reachable(params.values.get("chat_id"))
    message_id = params.integer("message_id")
    given = params.json("reaction") or []
    if not isinstance(given, list) or len(given) > 1:
        raise bad_request("REACTIONS_TOO_MANY")
    if not all(isinstance(one, dict) and one.get("type") == "emoji" for one in given):
        raise bad_request("REACTION_INVALID")
    if messenger.messages.body(chat["id"], message_id) is None:
        raise bad_request("message to react not found")
    messenger.messages.react(chat["id"], message_id, [str(one.get("emoji", "")) for one in given])
    return True


METHODS = {
    "edit_message_text": edit_message_text,
    "edit_message_caption": edit_message_caption,
    "edit_message_media": edit_message_media,
    "edit_message_reply_markup": edit_message_reply_markup,
    "delete_message": delete_message,
    "delete_messages": delete_messages,
    "answer_callback_query": answer_callback_query,
    "set_message_reaction": set_message_reaction,
}
