"""The HTTP side of the Bot API: tokens, methods, refusals, files and planned failures."""

import json
import logging
import re
import secrets
import time
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from sandbox.connections import cut
from sandbox.errors import ApiError
from sandbox.faults import Fault
from sandbox.messenger import Messenger
from sandbox.methods import METHODS
from sandbox.params import Params
from sandbox.requests_log import Call

log = logging.getLogger("sandbox.bot_api")
GATEWAY_PAGE = (
    "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n"
    "<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n</body>\r\n</html>\r\n"
)
NOT_FOUND = ApiError(404, "Not Found")


class NoAnswer(Response):
    """Never answers: waits until the client gives up, or cuts the connection at once."""

    def __init__(self, *, at_once: bool) -> None:
        super().__init__()
        self._at_once = at_once

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 (ASGI's signature)
        if self._at_once:
            cut(scope)
        message = await receive()
        while message["type"] != "http.disconnect":
            message = await receive()


class Escaped(JSONResponse):
    """JSON as Telegram writes it: in ASCII, so that half a character passes too."""

    def render(self, content: Any) -> bytes:
        return json.dumps(content, separators=(",", ":")).encode("ascii")


@dataclass(frozen=True)
class BotApi:
    """Answers a bot's calls from a messenger."""

    messenger: Messenger

    def routes(self) -> list[Route]:
        """Where a client library looks for the API and for files."""
        return [
            Route("/file/bot{token}/{path:path}", self.file, methods=["GET"]),
            Route("/bot{token}/{method}", self.call, methods=["GET", "POST"]),
        ]

    async def call(self, request: Request) -> Response:
        """One call: its answer, refusal or planned failure, written down."""
        method = request.path_params["method"]
        started = time.perf_counter()
        params, fault = Params({}), None
        try:
            self._check_token(request)
            params = await Params.read(request)
            fault = self.messenger.faults.take(method, params.text("chat_id"))
            response = await self._answer(method, params, fault)
        except ApiError as refusal:
            response = JSONResponse(refusal.body(), refusal.code)
            self._refused(method, refusal)
        self._write_down(method, params, response, fault, time.perf_counter() - started)
        return response

    async def _answer(self, method: str, params: Params, fault: Fault | None) -> Response:
        before = _planned(fault)
        if before is not None:
            return before
        response = await self._carry_out(method, params)
        if fault and fault.kind in {"timeout_after", "dropped_after"}:
            return NoAnswer(at_once=fault.kind == "dropped_after")
        return response

    async def _carry_out(self, method: str, params: Params) -> Response:
        handler = METHODS.get(method.lower())
        if handler is None:
            log.warning("unknown method %s", method)
            raise ApiError(404, "Not Found: method not found")
        if self.messenger.limits:
            cost = len(params.json("media") or []) if method.lower() == "sendmediagroup" else 1
            self.messenger.limits.check(method, params.text("chat_id"), cost)
        return Escaped({"ok": True, "result": await handler(self.messenger, params)})

    def _check_token(self, request: Request) -> None:
        given = request.path_params["token"]
        if not re.fullmatch(r"\d{1,20}:[\w-]{1,100}", given):
            raise NOT_FOUND
        if not secrets.compare_digest(given.encode(), self.messenger.token.encode()):
            raise ApiError(401, "Unauthorized")

    def _refused(self, method: str, refusal: ApiError) -> None:
        log.info("%s refused: %s %s", method, refusal.code, refusal.description)

    def _write_down(self, method: str, params: Params, response: Response, fault: Fault | None, seconds: float) -> None:
        quiet = method.lower() == "getupdates" and response.status_code == 200 and not fault
        if not quiet:
            log.debug("%s answered %s in %.1f ms", method, response.status_code, seconds * 1000)
        unanswered = isinstance(response, NoAnswer)
        self.messenger.log.add(
            Call(
                method=method,
                params=self.messenger.log.shortened(params.values),
                files={name: len(upload.content) for name, upload in params.files.items()},
                code=0 if unanswered else response.status_code,
                description=_description(response),
                at=self.messenger.log.now(),
                seconds=seconds,
                fault=fault.kind if fault else None,
            )
        )

    async def file(self, request: Request) -> Response:
        """The content of a file that getFile named."""
        try:
            self._check_token(request)
        except ApiError as refusal:
            return JSONResponse(refusal.body(), refusal.code)
        row = self.messenger.files.at(request.path_params["path"])
        if row is None:
            return JSONResponse(NOT_FOUND.body(), NOT_FOUND.code)
        return FileResponse(self.messenger.files.folder / row["path"], media_type="application/octet-stream")


def _planned(fault: Fault | None) -> Response | None:
    """The answer of a failure that happens before anything is carried out."""
    if fault is None:
        return None
    if fault.kind == "throttled":
        words = f"Too Many Requests: retry after {fault.retry_after}"
        raise ApiError(429, words, retry_after=fault.retry_after)
    if fault.kind == "throttled_bare":
        raise ApiError(429, "Too Many Requests")
    if fault.kind == "blocked":
        raise ApiError(403, "Forbidden: bot was blocked by the user")
    if fault.kind == "error":
        raise ApiError(500, "Internal Server Error")
    if fault.kind == "bad_gateway":
        return HTMLResponse(GATEWAY_PAGE, 502)
    if fault.kind in {"timeout_before", "dropped_before"}:
        return NoAnswer(at_once=fault.kind == "dropped_before")
    return None


def _description(response: Response) -> str:
    if response.status_code < 400 or not isinstance(response, JSONResponse):
        return ""
    body: Any = response.body
    match = re.search(rb'"description":"((?:[^"\\]|\\.)*)"', bytes(body))
    return match[1].decode() if match else ""
