"""The web's table of addresses, and what every answer has in common."""

from dataclasses import dataclass

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from db.offload import DatabaseUnavailable
from domain.errors import NotFound
from domain.locales import t
from domain.unsubscribe import PATH
from services.inbox import WEBHOOK
from web.health import Health
from web.languages import Spoken
from web.metrics import Metrics
from web.pages import SECURITY, page
from web.telegram import Webhook
from web.unsubscribe import Unsubscribe

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Parts:
    """What the door wired together."""

    health: Health
    metrics: Metrics
    unsubscribe: Unsubscribe
    webhook: Webhook | None = None
    """Where Telegram brings updates, if it does not wait to be asked."""


def build_application(parts: Parts) -> Starlette:
    """Everything that is answered."""
    webhook = [Route(WEBHOOK + "{path}", parts.webhook.take, methods=["POST"])] if parts.webhook is not None else []
    return Starlette(
        routes=[
            *webhook,
            Route("/", _home),
            Route("/healthz", parts.health.alive),
            Route("/readyz", parts.health.ready),
            Route("/metrics", parts.metrics.show),
            Route(PATH + "{token}", parts.unsubscribe.ask, methods=["GET"]),
            Route(PATH + "{token}", parts.unsubscribe.act, methods=["POST"]),
        ],
        middleware=[Middleware(SecurityHeaders), Middleware(Spoken)],
        exception_handlers={
            NotFound: _over,
            DatabaseUnavailable: _later,
            HTTPException: _refused,
            Exception: _broken,
        },
    )


class SecurityHeaders:
    """Adds to every answer what keeps a browser from doing anything unforeseen with it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._headers = [(name.lower().encode(), value.encode()) for name, value in SECURITY.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *self._headers]
            await send(message)

        await self._app(scope, receive, with_headers)


async def _home(_: Request) -> Response:
    return page(
        "message",
        title=t("Openbell is running"),
        text=t("The bot answers in Telegram. There is nothing to sign in to here."),
    )


async def _over(_: Request, __: Exception) -> Response:
    return page(
        "message",
        404,
        title=t("This link doesn’t work"),
        text=t(
            "It may be incomplete, or belong to an account that is gone. Nothing was changed. "
            "In the chat, /notify shows what you receive."
        ),
    )


async def _later(_: Request, __: Exception) -> Response:
    return page(
        "message",
        503,
        headers={"Retry-After": "60"},
        title=t("Not now"),
        text=t("The database isn’t answering, so nothing was changed. Please try again in a minute."),
    )


async def _refused(_: Request, problem: Exception) -> Response:
    status = problem.status_code if isinstance(problem, HTTPException) else 400
    if status == 404:
        return page("message", 404, title=t("There is nothing here"), text=t("Check the address."))
    detail = problem.detail if isinstance(problem, HTTPException) else ""
    headers = dict(problem.headers or {}) if isinstance(problem, HTTPException) else {}
    return page("message", status, headers=headers, title=t("That can’t be done"), text=f"{detail or status}.")


async def _broken(request: Request, problem: Exception) -> Response:
    log.error("request_failed", route=request.url.path.split("/")[1], exc_info=problem)
    said = t("It was written into the log. Please try again later.")
    return page("message", 500, title=t("Something broke"), text=said)
