"""What goes to a Bot API server, and what its answers are worth: a yes, a refusal in its own JSON, or a doubt."""

import json
import os
import ssl
from collections.abc import Mapping
from functools import cache
from typing import Any

import httpx
from telegram.error import TelegramError
from telegram.request import HTTPXRequest

os.environ.setdefault("PTB_TIMEDELTA", "1")  # retry_after as a timedelta, as the library's next version has it

_ALSO_OF_PROXIES = {413: "it is too large", 429: "too many requests"}
"""Said by whatever stands before the server as well, and always instead of taking the call."""


class Refusal(TelegramError):
    """A definite no: the server's own JSON said so."""

    def __init__(self, status: int, body: Mapping[str, Any]) -> None:
        super().__init__(str(body.get("description") or _ALSO_OF_PROXIES.get(status) or f"status {status}")[:300])
        self.status = status
        parameters = body.get("parameters")
        self._parameters = parameters if isinstance(parameters, dict) else {}

    @property
    def retry_after(self) -> int | None:
        return _whole(self._parameters.get("retry_after"))

    @property
    def migrate_to_chat_id(self) -> int | None:
        return _whole(self._parameters.get("migrate_to_chat_id"))


class Unreadable(TelegramError):
    """An answer that no Bot API server gives: a proxy's page, or a piece of one."""

    def __init__(self, status: int) -> None:
        super().__init__(f"an unreadable answer with status {status}")
        self.status = status


class AnswerRequest(HTTPXRequest):
    """python-telegram-bot's network code, raising Refusal and Unreadable where its own errors forget the status."""

    async def do_request(self, *args: Any, **values: Any) -> tuple[int, bytes]:
        """The status and body of a yes."""
        status, content = await super().do_request(*args, **values)
        body = _json(content)
        if body is None and status in _ALSO_OF_PROXIES:
            raise Refusal(status, {})
        if body is None:
            raise Unreadable(status)
        if body.get("ok") is True and "result" in body and 200 <= status <= 299:
            return status, content
        if body.get("ok") is False:
            raise Refusal(_whole(body.get("error_code")) or status, body)
        raise Unreadable(status)


def request(kind: type[HTTPXRequest] = HTTPXRequest, **values: Any) -> HTTPXRequest:
    """python-telegram-bot's network code; all of this process share one TLS context, which is some megabytes large."""
    return kind(**values, httpx_kwargs={"verify": _tls()})


@cache
def _tls() -> ssl.SSLContext:
    return httpx.create_ssl_context()


def _json(content: bytes) -> dict[str, Any] | None:
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):  # not text, not JSON, or JSON made to hurt
        return None
    return body if isinstance(body, dict) else None


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
