"""The parameters of a Bot API call, however they were sent: query, form, multipart or JSON."""

import json
from collections.abc import Callable
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request

from sandbox import html_markup, markdown_markup
from sandbox.entities import Entity, MarkupError, cleaned, formatted, utf16_len, with_found
from sandbox.errors import bad_request
from sandbox.files import Upload

PARSERS: dict[str, Callable[[str], tuple[str, list[Entity]]]] = {
    "html": html_markup.parse,
    "markdownv2": markdown_markup.parse,
}
MAX_PART = 8 * 1024 * 1024


class Params:
    """Named values with the types that methods ask for."""

    def __init__(self, values: dict[str, Any], files: dict[str, Upload] | None = None) -> None:
        self.values = values
        self.files = files or {}

    @classmethod
    async def read(cls, request: Request) -> "Params":
        """Everything that a request carries."""
        values: dict[str, Any] = dict(request.query_params)
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind == "application/json":
            values |= await _json_body(request)
            return cls(values)
        if kind not in {"application/x-www-form-urlencoded", "multipart/form-data"}:
            return cls(values)
        files = {}
        async with request.form(max_part_size=MAX_PART) as form:
            for name, part in form.multi_items():
                if isinstance(part, UploadFile):
                    content = await part.read()
                    files[name] = Upload(part.filename or name, content, part.content_type or "")
                else:
                    values[name] = part
        return cls(values, files)

    def has(self, name: str) -> bool:
        """Whether the parameter was given with a value."""
        return self.values.get(name) not in (None, "")

    def text(self, name: str, default: str = "") -> str:
        """A string."""
        value = self.values.get(name)
        return default if value is None else str(value)

    def integer(self, name: str, default: int = 0) -> int:
        """A whole number; anything else counts as not given."""
        try:
            return int(self.values.get(name, default))
        except (TypeError, ValueError):
            return default

    def number(self, name: str, default: float = 0.0) -> float:
        """A number; anything else counts as not given."""
        try:
            return float(self.values.get(name, default))
        except (TypeError, ValueError):
            return default

    def flag(self, name: str) -> bool:
        """A yes or no."""
        return str(self.values.get(name, "")).lower() in {"true", "1", "yes"}

    def json(self, name: str) -> Any:
        """A structured value, also when it was sent as a string of JSON; None when not given."""
        value = self.values.get(name)
        if not isinstance(value, str):
            return value
        if not value:
            return None
        try:
            return json.loads(value)
        except ValueError:
            raise bad_request(f"can't parse {name.replace('_', ' ')} JSON object") from None

    def object(self, name: str) -> dict[str, Any]:
        """A structured value that has fields; empty when not given."""
        found = self.json(name) or {}
        if not isinstance(found, dict):
            raise bad_request(f"can't parse {name.replace('_', ' ')} JSON object")
        return found

    def markup_text(self, name: str, entities_name: str, limit: int, too_long: str) -> tuple[str, list[Any]]:
        """A text with its entities: parsed, trimmed and measured as Telegram does."""
        source = cleaned(self.text(name))
        mode = self.text("parse_mode").lower()
        if mode and mode not in PARSERS:
            raise bad_request("unsupported parse_mode")
        try:
            plain, entities = PARSERS[mode](source) if mode else (source, self._entities(entities_name))
        except MarkupError as refusal:
            raise bad_request(f"can't parse entities: {refusal}") from None
        plain, entities = formatted(plain, entities)
        if utf16_len(plain) > limit:
            raise bad_request(too_long)
        return plain, [entity.json() for entity in with_found(plain, entities)]

    def _entities(self, name: str) -> list[Entity]:
        given = self.json(name) or []
        try:
            return [
                Entity(
                    str(one["type"]),
                    int(one["offset"]),
                    int(one["length"]),
                    {key: one[key] for key in one.keys() - {"type", "offset", "length"}},
                )
                for one in given
                # Telegram finds these by itself and does not take them from a bot.
                if one["type"] not in {"bot_command", "url", "email", "mention", "hashtag"}
            ]
        except (KeyError, TypeError, ValueError):
            raise bad_request("can't parse MessageEntity") from None


async def _json_body(request: Request) -> dict[str, Any]:
    body = await request.body()
    if not body.strip():
        return {}
    try:
        values = json.loads(body)
    except ValueError:
        values = None
    if not isinstance(values, dict):
        raise bad_request("can't parse request JSON object")
    return values
