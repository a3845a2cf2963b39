"""A Bot API that takes every message after 30 ms and remembers when: `python -m bench.post`."""

import asyncio
import json
import time
from typing import Any

import uvicorn

ANSWERS_AFTER_S = 0.03
ME = {"id": 4242, "is_bot": True, "first_name": "Bench", "username": "bench_bot"}


class Post:
    """An ASGI application: `sendMessage`, `getMe`, and `/taken` for what came."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, str, float]] = []

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body = b""
        while True:
            part = await receive()
            body += part.get("body", b"")
            if not part.get("more_body"):
                break
        answer = await self._answer(scope["path"].rsplit("/", 1)[-1], body)
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(answer).encode()})

    async def _answer(self, method: str, body: bytes) -> Any:
        if method == "taken":
            return self.taken
        if method.lower() == "getme":
            return {"ok": True, "result": ME}
        given = _read(body)
        self.taken.append((str(given.get("chat_id")), str(given.get("text", "")), time.time()))
        await asyncio.sleep(ANSWERS_AFTER_S)
        chat = {"id": int(given.get("chat_id") or 0), "type": "private", "first_name": "x"}
        number = len(self.taken)
        message = {"message_id": number, "date": int(time.time()), "chat": chat, "text": given.get("text", "")}
        return {"ok": True, "result": message}


def _read(body: bytes) -> dict[str, Any]:
    from urllib.parse import parse_qsl

    text = body.decode("utf-8", "replace")
    return dict(parse_qsl(text)) if not text.startswith("{") else json.loads(text)


class _Server(uvicorn.Server):
    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        port = self.servers[0].sockets[0].getsockname()[1]
        print(f"post_ready {port} ", flush=True)


if __name__ == "__main__":
    _Server(uvicorn.Config(Post(), host="127.0.0.1", port=0, log_level="warning", access_log=False)).run()
