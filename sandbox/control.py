"""Switches for tests in another process: planned failures, duplicates and the recorded calls."""

from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.errors import SandboxError
from sandbox.messenger import Messenger
from sandbox.requests_log import KEPT


@dataclass(frozen=True)
class Control:
    """Loopback-only endpoints under /control."""

    messenger: Messenger

    def routes(self) -> list[Route]:
        """The paths below /control."""
        return [
            Route("/control/faults", self.faults, methods=["GET", "POST", "DELETE"]),
            Route("/control/requests", self.requests, methods=["GET", "DELETE"]),
        ]

    async def faults(self, request: Request) -> Response:
        """GET lists, POST adds ({"kind", "method", "chat_id", "times", "retry_after"}), DELETE clears."""
        if request.method == "DELETE":
            self.messenger.faults.clear()
        if request.method == "POST":
            try:
                self._plan(dict(await request.json()))
            except (SandboxError, TypeError, ValueError) as problem:
                return JSONResponse({"error": str(problem)}, 400)
        return JSONResponse({"faults": self.messenger.faults.listed()})

    def _plan(self, wish: dict[str, Any]) -> None:
        if wish.get("kind") == "duplicate_update":
            self.messenger.updates.duplicates = int(wish.get("times", 1))
            self.messenger.updates.duplicates_keep_id = bool(wish.get("same_id"))
            return
        self.messenger.faults.add(**wish)

    async def requests(self, request: Request) -> Response:
        """The recorded calls of the Bot API, oldest first."""
        if request.method == "DELETE":
            self.messenger.log.clear()
        wanted = request.query_params.get("limit", "")
        limit = int(wanted) if wanted.isdecimal() else KEPT
        return JSONResponse({"requests": self.messenger.log.listed(limit)})
