"""Keeps other sites out: no foreign host name (DNS rebinding), no posts and reads from another origin."""

import ipaddress
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

GUARDED = ("/api/", "/control/")


class LoopbackOnly:
    """Refuses requests that another site could have caused."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it with a sentence."""
        if scope["type"] == "http":
            problem = _problem(scope["path"], scope["method"], Headers(scope=scope))
            if problem:
                await JSONResponse({"error": problem}, 403)(scope, receive, send)
                return
        await self.app(scope, receive, send)


def _problem(path: str, method: str, headers: Headers) -> str | None:
    host = headers.get("host", "")
    if not _is_loopback(host):
        return "The sandbox answers to loopback addresses only, not to another host name."
    if not path.startswith(GUARDED):
        return None
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != host:
        return "Another site may not use the sandbox: the request's Origin is not the sandbox's own."
    if headers.get("sec-fetch-site", "none") not in {"same-origin", "none"}:
        return "Another site may not use the sandbox."
    simple = headers.get("content-type", "").partition(";")[0].strip().lower()
    if method == "POST" and simple not in {"application/json", "application/octet-stream"}:
        return "Send JSON: a form of another site could not be told from the page's own."
    return None


def _is_loopback(host: str) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
