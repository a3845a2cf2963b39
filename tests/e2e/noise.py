"""Updates as a hostile or confused world makes them: any text, any button, any order, any place, any language."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from bot.app import ASKED, COMMANDS, PRESSES

NAMES = tuple(name for each in COMMANDS for name in (each.name, *each.aliases))
LETTERS = tuple(each.letter for each in PRESSES)
LOCALES = (None, "en", "de", "de-AT", "fr", "zh-hans", "xx", "")
BITS = (
    "1",
    "2",
    "3",
    "0",
    "-1",
    "7",
    "9223372036854775808",
    "1e3",
    "0x10",
    "1_0",
    "٣",
    "all",
    "off",
    "on",
    "until",
    "#gold",
    "#",
    "failed",
    "paused",
    "done",
    "@bob@example.com",
    "every weekday 8:30",
    "jeden Werktag um 8:30",
    "morgen um 9",
    "in 2h",
    "tomorrow 9:00",
    "8",
    "5/6",
    "* * * * *",
    "*/0 * * * *",
    "0 0 30 2 *",
    "@open(XNYS)-15m",
    "30 8 * * 1-5 GOLD",
    "GOLD",
    "csv:GOLD",
    "sim:GOLD",
    "<b>x</b>",
    "_*[",
    "&amp;",
    "=HYPERLINK(1)",
    "'; DROP TABLE x;--",
    "{0.__class__}",
    "%s",
    "../../etc/passwd",
    "\u202eabc",
    "👩‍👩‍👧‍👦" * 5,
    "Europe/Berlin",
    "EST",
    "+3",
    "zurich",
    "ada@nowhere",
    "mallory@example.com",
    "12345678",
    "1234 5678",
    "v_abcdefgh",
    "i_AAAAAAAAAAAAAAAAAAAAAA",
    "c_x",
    "j_1",
    "role:trader hello",
    "report mail",
    "22:00-07:00",
    "25:00",
    "de",
    "en",
    "trader",
    "admin",
    "access_mode invite",
    "commands_per_minute 1e9",
    "SEND",
    "DELETE",
    "test me",
    "Gold",
    '"Gold" report GOLD every weekday 8:30',
    "remind me to stretch every day at 9",
    "x" * 4000,
)

numbers = st.one_of(st.integers(-2, 12), st.integers(-(2**70), 2**70)).map(str)
bits = st.one_of(st.sampled_from(BITS), numbers, st.text(max_size=30))
arguments = st.lists(bits, max_size=3).map(" ".join)
commands = st.builds(
    lambda name, addressed, rest: f"/{name}{addressed} {rest}".strip()[:4096],
    st.sampled_from(NAMES),
    st.sampled_from(["", "", "", "@sandbox_bot", "@other_bot", "@SANDBOX_BOT"]),
    arguments,
)
texts = st.one_of(commands, commands, bits, st.text(min_size=1, max_size=80), arguments)
data = st.builds(
    lambda letter, rest: f"{letter}:{rest}".encode()[:64].decode("utf-8", "ignore"),
    st.sampled_from([*LETTERS, "", "zz", "J"]),
    st.one_of(
        st.lists(
            st.one_of(numbers, bits, st.sampled_from(["show", "run", "save", "undo", "yes", "next"])), max_size=3
        ).map(":".join),
        st.text(max_size=20),
    ),
)


@dataclass(frozen=True)
class Noise:
    """One update to be: by whom, where, what, and how it is dressed up."""

    speaker: int
    place: int
    kind: str
    text: str
    data: str
    which: int
    """Among the messages and buttons on screen, the one that is meant."""
    locale: str | None
    dress: str


noise = st.builds(
    Noise,
    speaker=st.integers(0, 7),
    place=st.sampled_from([0, 0, 0, 0, 1, 2]),
    kind=st.sampled_from(
        ["message"] * 6 + ["press", "press", "seen press", "seen press", "seen press"] + ["edited", "member", "file"]
    ),
    text=texts,
    data=data,
    which=st.integers(0, 400),
    locale=st.sampled_from(LOCALES),
    dress=st.sampled_from(["", "", "", "", "", "forwarded", "via", "anonymous", "channel", "old", "topic"]),
)

assert ASKED  # typed answers are texts; the forms that wait for them are begun by the commands above


def as_update(each: Noise, people: Sequence[dict[str, Any]], groups: Sequence[dict[str, Any]], seen: Any) -> Any:
    """The kind and body of the update, and the chat it is in; `seen` gives the messages of a chat with buttons."""
    who = dict(people[each.speaker % len(people)])
    who.pop("language_code", None)
    if each.locale is not None:
        who["language_code"] = each.locale
    chat = {"id": who["id"], "type": "private", "first_name": who["first_name"]}
    if each.place:
        chat = dict(groups[(each.place - 1) % len(groups)])
    at = int(time.time()) - (3600 if each.dress == "old" else 0)
    message: dict[str, Any] = {"message_id": 10_000 + each.which, "date": at, "chat": chat, "from": who}
    if each.kind in ("press", "seen press"):
        shown, pressed = seen(chat["id"], each.which) if each.kind == "seen press" else (None, each.data)
        body = shown or message | {"text": "…", "from": {"id": 4242, "is_bot": True, "first_name": "Bot"}}
        query = {
            "id": str(10**17 + each.which * 7 + at),
            "from": who,
            "chat_instance": "7",
            "data": pressed or each.data,
        }
        return "callback_query", query if each.dress == "channel" else query | {"message": body}, chat["id"]
    if each.kind == "member":
        bot = {"id": 4242, "is_bot": True, "first_name": "Bot", "username": "sandbox_bot"}
        new: dict[str, Any] = {"user": bot, "status": ("member", "kicked", "left")[each.which % 3]}
        new |= {"until_date": 0} if new["status"] == "kicked" else {}
        body = {"chat": chat, "from": who, "date": at, "old_chat_member": {"user": bot, "status": "member"}}
        return "my_chat_member", body | {"new_chat_member": new}, chat["id"]
    if each.kind == "file":
        flat: dict[str, Any] = {"is_animated": False, "is_video": False}
        message["sticker"] = flat | {
            "file_id": "x",
            "file_unique_id": "y",
            "type": "regular",
            "width": 9,
            "height": 9,
        }
    else:
        message |= {"text": each.text or " "}
        if each.text.startswith("/"):
            length = len(each.text.split()[0].encode("utf-16-le")) // 2
            message["entities"] = [{"type": "bot_command", "offset": 0, "length": length}]
    message |= _dressed(each.dress, who, chat, at)
    return (
        ("edited_message", message | {"edit_date": at}, chat["id"])
        if each.kind == "edited"
        else ("message", message, chat["id"])
    )


def _dressed(dress: str, who: dict[str, Any], chat: dict[str, Any], at: int) -> dict[str, Any]:
    if dress == "forwarded":
        return {"forward_origin": {"type": "user", "sender_user": who, "date": at}}
    if dress == "via":
        return {"via_bot": {"id": 99, "is_bot": True, "first_name": "Other", "username": "other_bot"}}
    if dress == "anonymous" and chat["type"] != "private":
        anonymous = {"id": 1087968824, "is_bot": True, "first_name": "Group", "username": "GroupAnonymousBot"}
        return {"from": anonymous, "sender_chat": chat}
    if dress == "topic" and chat["type"] != "private":
        return {"message_thread_id": 5, "is_topic_message": True}
    return {}
