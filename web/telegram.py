"""What Telegram brings through the webhook: checked, kept, and only then answered with yes."""

import hmac
import json
from typing import Any

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from db.engine import Database
from db.offload import Offload
from services.inbox import Brought, InboxService, Unreadable, webhook_path

log = structlog.get_logger(__name__)

SECRET = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105  # the name of a header
LARGEST = 1_048_576


class Webhook:
    """The address that Telegram calls. A yes means that the update is in the database; it is handled by the bot."""

    def __init__(self, database: Database, offload: Offload, secret_key: str, secret: str) -> None:
        self._database = database
        self._offload = offload
        self._path = webhook_path(secret_key)
        self._secret = secret

    async def take(self, request: Request) -> Response:
        """Keep one update. An update that came before is a yes as well, and is not handled twice."""
        if not hmac.compare_digest(request.path_params["path"].encode(), self._path.encode()):
            raise HTTPException(404)
        said = request.headers.get(SECRET, "")
        if not hmac.compare_digest(said.encode(), self._secret.encode()):
            log.warning("webhook_refused", why="secret", by=request.client.host if request.client else "?")
            raise HTTPException(403, "The secret token is not the one that was set")
        brought = _read(await _body(request))
        service = InboxService(self._database.for_platform())
        await self._offload.run(service.keep, [brought], tell=True)
        return Response(status_code=200)


def _read(body: bytes) -> Brought:
    try:
        return Brought.of(json.loads(body, parse_constant=_refuse))
    except (ValueError, RecursionError) as problem:
        why = str(problem) if isinstance(problem, Unreadable) else "it is not JSON"
        raise HTTPException(400, f"That is no update: {why}") from None


def _refuse(constant: str) -> Any:
    raise ValueError(constant)


async def _body(request: Request) -> bytes:
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > LARGEST:
            raise HTTPException(413, "The update is larger than a megabyte")
        parts.append(part)
    return b"".join(parts)
