"""Methods about chats, their members and files."""

from typing import Any

from sandbox.errors import ApiError, bad_request
from sandbox.messenger import Messenger
from sandbox.params import Params

CHAT_ACTIONS = {
    "typing", "upload_photo", "record_video", "upload_video", "record_voice", "upload_voice",
    "upload_document", "choose_sticker", "find_location", "record_video_note", "upload_video_note",
}  # fmt: skip


async def get_chat(messenger: Messenger, params: Params) -> dict[str, Any]:
    chat = messenger.chats.chat(messenger.chats.find(params.values.get("chat_id"))["id"])
    gifts = dict.fromkeys(
        ("unlimited_gifts", "limited_gifts", "unique_gifts", "premium_subscription", "gifts_from_channels"), False
    )
    return chat | {"accent_color_id": 0, "max_reaction_count": 11, "accepted_gift_types": gifts}


async def get_chat_member(messenger: Messenger, params: Params) -> dict[str, Any]:
    chat = messenger.chats.find(params.values.get("chat_id"))
    user_id = params.integer("user_id")
    status = messenger.chats.status(chat["id"], user_id)
    if user_id == messenger.bot_id:
        return {"user": messenger.bot_user(), "status": "member"}
    if status is None:
        raise bad_request("user not found")
    return _member(messenger, user_id, status)


def _member(messenger: Messenger, user_id: int, status: str) -> dict[str, Any]:
    base = {"user": messenger.chats.user(user_id), "status": status}
    if status == "creator":
        return base | {"is_anonymous": False}
    if status == "kicked":
        return base | {"until_date": 0}
    if status != "administrator":
        return base
    rights = ("can_manage_chat", "can_delete_messages", "can_manage_video_chats", "can_restrict_members",
              "can_promote_members", "can_change_info", "can_invite_users", "can_post_stories",
              "can_edit_stories", "can_delete_stories")  # fmt: skip
    return base | {"can_be_edited": False, "is_anonymous": False} | dict.fromkeys(rights, True)


async def get_chat_administrators(messenger: Messenger, params: Params) -> list[dict[str, Any]]:
    chat = messenger.chats.find(params.values.get("chat_id"))
    if chat["type"] == "private":
        raise bad_request("there are no administrators in the private chat")
    rows = messenger.chats.members(chat["id"])
    leading = [row for row in rows if row["status"] in {"creator", "administrator"}]
    return [_member(messenger, row["user_id"], row["status"]) for row in leading]


async def get_chat_member_count(messenger: Messenger, params: Params) -> int:
    chat = messenger.chats.find(params.values.get("chat_id"))
    return 2 if chat["type"] == "private" else len(messenger.chats.members(chat["id"])) + 1


async def send_chat_action(messenger: Messenger, params: Params) -> bool:
    chat = messenger.chats.reachable(params.values.get("chat_id"))
    action = params.text("action")
    if action not in CHAT_ACTIONS:
        raise bad_request("wrong parameter action in request")
    messenger.events.publish("action", chat_id=chat["id"], action=action)
    return True


async def get_file(messenger: Messenger, params: Params) -> dict[str, Any]:
    if not params.has("file_id"):
        raise bad_request("file_id not specified")
    file_id = params.text("file_id")
    try:
        row = messenger.files.find(file_id)
    except ApiError as error:
        raise bad_request("invalid file_id") from error
    return {
        "file_id": file_id,
        "file_unique_id": row["unique_id"],
        "file_size": row["size"],
        "file_path": row["path"],
    }


METHODS = {
    "get_chat": get_chat,
    "get_chat_member": get_chat_member,
    "get_chat_administrators": get_chat_administrators,
    "get_chat_member_count": get_chat_member_count,
    "send_chat_action": send_chat_action,
    "get_file": get_file,
}
