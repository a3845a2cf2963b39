"""Methods that bring a new message into a chat."""

import json
import secrets
from typing import Any

from sandbox.errors import bad_request
from sandbox.keyboards import checked
from sandbox.messages import Message
from sandbox.messenger import Messenger
from sandbox.params import Params

MAX_TEXT = 4096
MAX_CAPTION = 1024
TEXT_TOO_LONG = "message is too long"
CAPTION_TOO_LONG = "message caption is too long"
WRONG_FILE = "wrong file identifier/HTTP URL specified"
COPIED = ("text", "entities", "caption", "caption_entities", "photo", "document", "has_media_spoiler")


def text_content(messenger: Messenger, params: Params) -> Message:
    """The checked text of a message."""
    if not params.text("text"):
        raise bad_request("message text is empty")
    text, entities = params.markup_text("text", "entities", MAX_TEXT, TEXT_TOO_LONG)
    if not text:
        raise bad_request("text must be non-empty")
    options = params.json("link_preview_options")
    if params.flag("disable_web_page_preview"):
        options = {"is_disabled": True}
    return {"text": text, "entities": mentions(messenger, entities), "link_preview_options": options}


def caption_content(messenger: Messenger, params: Params) -> Message:
    """The checked caption of a picture or document."""
    text, entities = params.markup_text("caption", "caption_entities", MAX_CAPTION, CAPTION_TOO_LONG)
    content: Message = {"caption": text, "caption_entities": mentions(messenger, entities)}
    if text and params.flag("show_caption_above_media"):
        content["show_caption_above_media"] = True
    return content


def mentions(messenger: Messenger, entities: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Mentions by id name the person; those of strangers are taken out, as Telegram does."""
    known = {row["id"] for row in messenger.chats.people()}
    kept = []
    for entity in entities:
        if "user_id" in entity:
            user_id = entity.pop("user_id")
            if user_id not in known:
                continue
            entity["user"] = messenger.chats.user(user_id)
        kept.append(entity)
    return kept


def media_content(messenger: Messenger, params: Params, kind: str, value: Any) -> Message:
    """A photo or document: an upload, an `attach://` reference or the id of an earlier file."""
    text = str(value or "")
    upload = params.files.get(text.removeprefix("attach://")) if text.startswith("attach://") else None
    upload = upload or params.files.get(kind if not text else "")
    if upload:
        return messenger.files.media(kind, messenger.files.keep(kind, upload))
    if not text:
        raise bad_request(f"there is no {kind} in the request")
    if text.startswith(("http://", "https://")):
        raise bad_request("failed to get HTTP URL content")
    return messenger.files.media(kind, text)


def deliver(messenger: Messenger, params: Params, content: Message) -> Message:
    """The content as a new message, with what all sending methods share."""
    chat = messenger.chats.reachable(params.values.get("chat_id"))
    markup = checked(params.json("reply_markup"))
    inline = markup if markup and "inline_keyboard" in markup else None
    thread = topic_of(messenger, params, chat)
    head: Message = thread | {"reply_to_message": _replied(messenger, params, chat["id"]), "reply_markup": inline}
    if params.flag("protect_content"):
        head["has_protected_content"] = True
    extra = {"silent": True} if params.flag("disable_notification") else {}
    message = messenger.messages.create(chat["id"], messenger.bot_user(), content | head, extra)
    if markup and not inline:
        messenger.chats.show_keyboard(chat["id"], message["message_id"], markup)
    return message


def topic_of(messenger: Messenger, params: Params, chat: Any) -> Message:
    """What puts a message into a topic; refuses one that is not there, and the General topic, which has no number."""
    if not params.has("message_thread_id"):
        return {}
    thread_id = params.integer("message_thread_id")
    if thread_id not in {row["thread_id"] for row in messenger.chats.topics(chat["id"])}:
        raise bad_request("message thread not found")
    return {"message_thread_id": thread_id, "is_topic_message": True}


def _replied(messenger: Messenger, params: Params, chat_id: int) -> Message | None:
    given = params.object("reply_parameters")
    message_id = Params(given).integer("message_id") or params.integer("reply_to_message_id")
    if not message_id and not given:
        return None
    quoted = messenger.messages.quoted(chat_id, message_id)
    lenient = given.get("allow_sending_without_reply") or params.flag("allow_sending_without_reply")
    if quoted is None and not lenient:
        raise bad_request("message to be replied not found")
    return quoted


async def send_message(messenger: Messenger, params: Params) -> Message:
    messenger.chats.find(params.values.get("chat_id"))
    return deliver(messenger, params, text_content(messenger, params))


async def send_photo(messenger: Messenger, params: Params) -> Message:
    return _send_media(messenger, params, "photo")


async def send_document(messenger: Messenger, params: Params) -> Message:
    return _send_media(messenger, params, "document")


def _send_media(messenger: Messenger, params: Params, kind: str) -> Message:
    messenger.chats.reachable(params.values.get("chat_id"))
    caption = caption_content(messenger, params)
    content = media_content(messenger, params, kind, params.values.get(kind)) | caption
    if kind == "photo" and params.flag("has_spoiler"):
        content["has_media_spoiler"] = True
    return deliver(messenger, params, content)


async def send_media_group(messenger: Messenger, params: Params) -> list[Message]:
    messenger.chats.reachable(params.values.get("chat_id"))
    items = params.json("media")
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise bad_request("can't parse media JSON object")
    if not 2 <= len(items) <= 10:
        words = "too much messages to send as an album" if len(items) > 10 else "group send failed"
        raise bad_request(words)
    kinds = {item.get("type") for item in items}
    if len(kinds) != 1 or not kinds <= {"photo", "document"}:
        raise bad_request("documents can't be mixed with other media types")
    contents = [input_media(messenger, params, item) for item in items]
    group = {"media_group_id": str(secrets.randbelow(10**17) + 10**16)}
    return [deliver(messenger, params, content | group) for content in contents]


def input_media(messenger: Messenger, params: Params, item: dict[str, Any]) -> Message:
    """One `InputMedia` object: its file and its caption."""
    kind = item.get("type")
    if kind not in {"photo", "document"}:
        raise bad_request(f'type "{kind}" of media is not supported by this server')
    inner = Params(item, params.files)
    content = media_content(messenger, inner, kind, item.get("media")) | caption_content(messenger, inner)
    return content | ({"has_media_spoiler": True} if inner.flag("has_spoiler") else {})


async def forward_message(messenger: Messenger, params: Params) -> Message:
    source = _source(messenger, params, "message to forward not found")
    origin = {"type": "user", "sender_user": source["from"], "date": source["date"]}
    content = {name: source[name] for name in COPIED if name in source} | {"forward_origin": origin}
    return deliver(messenger, params, content)


async def copy_message(messenger: Messenger, params: Params) -> dict[str, int]:
    source = _source(messenger, params, "message to copy not found")
    content = {name: source[name] for name in COPIED if name in source}
    if "caption" in params.values and "text" not in content:
        content |= caption_content(messenger, params)
    return {"message_id": deliver(messenger, params, content)["message_id"]}


def _source(messenger: Messenger, params: Params, missing: str) -> Message:
    chat = messenger.chats.find(params.values.get("from_chat_id"))
    body = messenger.messages.body(chat["id"], params.integer("message_id"))
    if body is None:
        raise bad_request(missing)
    copied: Message = json.loads(json.dumps(body))
    return copied


METHODS = {
    "send_message": send_message,
    "send_photo": send_photo,
    "send_document": send_document,
    "send_media_group": send_media_group,
    "forward_message": forward_message,
    "copy_message": copy_message,
}
