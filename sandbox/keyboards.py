"""Reply markup: checked as Telegram checks it."""

from typing import Any

from sandbox.errors import bad_request
from sandbox.html_markup import checked_url

MAX_BUTTONS = 100
ACTIONS = ("callback_data", "url", "copy_text", "web_app", "switch_inline_query",
           "switch_inline_query_current_chat", "login_url", "pay")  # fmt: skip
STYLES = {"danger", "success", "primary"}
Markup = dict[str, Any]


def checked(markup: Any) -> Markup | None:
    """The markup as a message keeps it, or None for none; refuses what Telegram refuses."""
    if not markup:
        return None
    if not isinstance(markup, dict):
        raise bad_request("object expected as reply markup")
    if "inline_keyboard" in markup:
        return _inline(markup["inline_keyboard"])
    if "keyboard" in markup:
        rows = [[_plain(button) for button in row] for row in _rows(markup["keyboard"])]
        return markup | {"keyboard": rows}
    if markup.get("remove_keyboard") or markup.get("force_reply"):
        return markup
    raise bad_request("can't parse reply keyboard markup JSON object")


def _rows(rows: Any) -> list[list[Any]]:
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise bad_request('field "keyboard" of the ReplyKeyboardMarkup must be an Array of Arrays')
    if sum(len(row) for row in rows) > MAX_BUTTONS:
        raise bad_request("reply markup is too long")
    return rows


def _inline(rows: Any) -> Markup | None:
    checked_rows = [[_button(button) for button in row] for row in _rows(rows)]
    checked_rows = [row for row in checked_rows if row]
    return {"inline_keyboard": checked_rows} if checked_rows else None


def _plain(button: Any) -> dict[str, Any]:
    known: dict[str, Any] = {"text": button} if isinstance(button, str) else button
    if not isinstance(known, dict) or not str(known.get("text", "")).strip():
        raise bad_request('can\'t parse keyboard button: Field "text" must be non-empty')
    return known


def _button(button: Any) -> dict[str, Any]:
    if not isinstance(button, dict):
        raise bad_request("can't parse inline keyboard button: InlineKeyboardButton must be an Object")
    if not str(button.get("text", "")).strip():
        raise bad_request("can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard")
    kept = {name: value for name, value in button.items() if value is not None}
    actions = [name for name in ACTIONS if name in kept]
    if not actions:
        raise bad_request("can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard")
    if "callback_data" in kept and not 1 <= len(str(kept["callback_data"]).encode()) <= 64:
        raise bad_request("BUTTON_DATA_INVALID")
    if "url" in kept:
        kept["url"] = _url(str(kept["url"]))
    if "copy_text" in kept and not 1 <= len(str((kept["copy_text"] or {}).get("text", ""))) <= 256:
        raise bad_request("BUTTON_COPY_TEXT_INVALID")
    if "style" in kept and kept["style"] not in STYLES:
        raise bad_request("can't parse inline keyboard button: Invalid button style specified")
    return kept


def _url(url: str) -> str:
    found = checked_url(url)
    if found is None:
        raise bad_request(f"inline keyboard button URL '{url}' is invalid: Wrong HTTP URL")
    return found
