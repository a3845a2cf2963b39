"""A Bot API that takes every message, remembers it, and only some while later says so: `python -m chaos.drill_post`.

Whoever is killed in that while had its message accepted and does not know it.
"""

import asyncio
import json
import random
import sys
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import uvicorn

ANSWERS_AFTER_S = (0.03, 0.11)
ME = {"id": 4242, "is_bot": True, "first_name": "Drill", "username": "drill_bot"}


class Post:
    """An ASGI application: `sendMessage` and `getMe`, `/count` and `/taken` for what was accepted."""

    def __init__(self, seed: int) -> None:
        self.taken: list[tuple[str, str]] = []
        """Chat and text; the place in this list, counted from 1, is the message's number."""
        self._chance = random.Random(f"answers {seed}")  # noqa: S311  # to be repeated

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body = await _whole(receive)
        if body is None:
            return
        status, answer = await self._answer(scope["path"].rsplit("/", 1)[-1].lower(), body)
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(answer).encode()})

    async def _answer(self, method: str, body: bytes) -> tuple[int, Any]:
        match method:
            case "count":
                return 200, len(self.taken)
            case "taken":
                return 200, self.taken
            case "getme":
                return 200, {"ok": True, "result": ME}
            case "sendmessage":
                return 200, {"ok": True, "result": await self._take(_read(body))}
        return 404, {"ok": False, "error_code": 404, "description": "Not Found"}

    async def _take(self, given: dict[str, Any]) -> dict[str, Any]:
        chat, text = str(given["chat_id"]), str(given["text"])
        self.taken.append((chat, text))
        number = len(self.taken)
        await asyncio.sleep(self._chance.uniform(*ANSWERS_AFTER_S))
        return {"message_id": number, "date": 0, "chat": {"id": int(chat), "type": "private"}, "text": text}


async def _whole(receive: Any) -> bytes | None:
    """The body; None when its sender was gone before all of it came."""
    body = b""
    while True:
        part = await receive()
        if part["type"] != "http.request":
            return None
        body += bytes(part.get("body", b""))
        if not part.get("more_body"):
            return body


def _read(body: bytes) -> dict[str, Any]:
    text = body.decode()
    found: dict[str, Any] = json.loads(text) if text.startswith("{") else dict(parse_qsl(text))
    return found


class _Server(uvicorn.Server):
    def __init__(self, post: Post, told: Path) -> None:
        super().__init__(uvicorn.Config(post, host="127.0.0.1", port=0, log_level="warning", access_log=False))
        self._told = told

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        beside = self._told.with_suffix(".new")
        beside.write_text(str(self.servers[0].sockets[0].getsockname()[1]), encoding="ascii")
        beside.rename(self._told)


if __name__ == "__main__":
    _Server(Post(int(sys.argv[1])), Path(sys.argv[2])).run()
