"""Opting out by the link in a mail: looking changes nothing, pressing does, as does a mail program's own button."""

from urllib.parse import parse_qs

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from db.engine import Database
from db.offload import Offload
from domain import unsubscribe
from domain.locales import mark, t
from domain.messages import Category
from domain.unsubscribe import OptOut
from services.unsubscribe import LinkOver, UnsubscribeService, category_of
from web.pages import page

LONGEST_BODY = 2_000
KINDS = {
    Category.ALERT: mark("alerts"),
    Category.FILL: mark("fills"),
    Category.REPORT: mark("reports"),
    Category.REMINDER: mark("reminders"),
    Category.FAILURE: mark("notices about failed jobs"),
    Category.BROADCAST: mark("announcements"),
    Category.HEALTH: mark("notices about this installation’s health"),
}


class Unsubscribe:
    """The page behind the link."""

    def __init__(self, database: Database, offload: Offload, secret_key: str) -> None:
        self._database = database
        self._offload = offload
        self._secret_key = secret_key

    async def ask(self, request: Request) -> Response:
        """Ask whether it is meant; mail programs and scanners follow links, so nothing is changed by it."""
        return page("unsubscribe", kind=t(KINDS[category_of(self._read(request))]))

    async def act(self, request: Request) -> Response:
        """Do it, for a one-click request (RFC 8058) as for our own form; only `again=1` means back in."""
        what = self._read(request)
        kind = t(KINDS[category_of(what)])
        again = parse_qs(await _body(request)).get(b"again") == [b"1"]
        service = UnsubscribeService(self._database.for_platform())
        await self._offload.run(service.opt, what, out=not again)
        return page("unsubscribed", kind=kind, again=again)

    def _read(self, request: Request) -> OptOut:
        found = unsubscribe.read(self._secret_key, request.path_params["token"])
        if found is None:
            raise LinkOver
        return found


async def _body(request: Request) -> bytes:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > LONGEST_BODY:
            raise HTTPException(413, "The request is too long")
    return body
