"""The language of a page: what the reader's browser asks for, of those that we speak."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from domain.locales import DEFAULT, set_locale, speaks

MOST_ASKED = 20


class Spoken:
    """Lets every answer be in the reader's language; each request has a journey of its own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            set_locale(asked_for(Headers(scope=scope).get("accept-language", "")))
        await self._app(scope, receive, send)


def asked_for(header: str) -> str:
    """The first language of ours by the weights of an Accept-Language header, else English."""
    weighted = [_weighted(part) for part in header.split(",")[:MOST_ASKED]]
    wanted = [tag for weight, tag in sorted(weighted, key=lambda each: -each[0]) if weight > 0]
    return next((tag for tag in wanted if speaks(tag)), DEFAULT)


def _weighted(part: str) -> tuple[float, str]:
    tag, _, weight = part.strip().partition(";q=")
    try:
        return (float(weight) if weight else 1.0), tag.strip()
    except ValueError:
        return 0.0, tag
