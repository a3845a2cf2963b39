"""The inbox for the page: lists, one mail, its HTML in a cage of its own, attachments."""

import base64
import re
from dataclasses import dataclass
from email.message import EmailMessage
from html import escape
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from sandbox.errors import SandboxError
from sandbox.inbox import Mail
from sandbox.messenger import Messenger

CAGE = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; font-src data:; form-action 'none'; "
    "base-uri 'none'; sandbox allow-popups allow-popups-to-escape-sandbox "
    "allow-top-navigation-by-user-activation"
)
# The page may be open under another loopback name, or a new port, than the link was written with.
BOT_HOST = r"(?:t\.me|(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?)"
LINK = re.compile(r"https?://[^\s<>\"']+")


@dataclass(frozen=True)
class MailView:
    """What the page asks about mails."""

    messenger: Messenger

    def routes(self) -> list[Route]:
        """The paths below /api/inbox."""
        return [
            Route("/api/inbox", self.listed, methods=["GET", "DELETE"]),
            Route("/api/inbox/{id:int}", self.one),
            Route("/api/inbox/{id:int}/html", self.html),
            Route("/api/inbox/{id:int}/raw", self.raw),
            Route("/api/inbox/{id:int}/attachments/{number:int}", self.attachment),
        ]

    async def listed(self, request: Request) -> Response:
        """The newest mails first."""
        if request.method == "DELETE":
            self.messenger.inbox.clear()
        return JSONResponse({"mails": self.messenger.inbox.listed()})

    async def one(self, request: Request) -> Response:
        """One mail with its parts described; reading it marks it as read."""
        mail = self._mail(request)
        if mail is None:
            return JSONResponse({"error": "This mail is no longer here."}, 404)
        self.messenger.inbox.mark_read(mail.id)
        return JSONResponse(_described(mail))

    async def html(self, request: Request) -> Response:
        """The HTML part, without scripts, requests or forms."""
        mail = self._mail(request)
        if mail is None:
            return HTMLResponse("", 404)
        page = _Rewriter(mail, request.headers.get("host", ""), self.messenger.bot_name).page()
        headers = {"content-security-policy": CAGE, "x-content-type-options": "nosniff"}
        return HTMLResponse(page, headers=headers | {"referrer-policy": "no-referrer"})

    async def raw(self, request: Request) -> Response:
        """The mail as it arrived."""
        mail = self._mail(request)
        return _download(mail.message.as_bytes(), f"mail-{mail.id}.eml") if mail else Response(status_code=404)

    async def attachment(self, request: Request) -> Response:
        """One attachment, always as a download."""
        mail = self._mail(request)
        number = request.path_params["number"]
        if mail is None or number >= len(mail.attachments):
            return Response(status_code=404)
        part = mail.attachments[number]
        return _download(_bytes(part), part.get_filename() or f"attachment-{number}")

    def _mail(self, request: Request) -> Mail | None:
        try:
            return self.messenger.inbox.get(request.path_params["id"])
        except SandboxError:
            return None


def _described(mail: Mail) -> dict[str, Any]:
    files = [
        {"number": n, "name": p.get_filename() or f"attachment-{n}", "type": p.get_content_type(),
         "size": len(_bytes(p))}
        for n, p in enumerate(mail.attachments)
    ]  # fmt: skip
    return {
        "id": mail.id,
        "received_at": mail.received_at,
        "sender": mail.sender,
        "from": str(mail.message.get("From", mail.sender)),
        "to": str(mail.message.get("To", ", ".join(mail.recipients))),
        "recipients": mail.recipients,
        "subject": mail.subject,
        "text": mail.text,
        "has_html": bool(mail.html),
        "headers": mail.headers,
        "attachments": files,
    }


def _bytes(part: EmailMessage) -> bytes:
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def _download(content: bytes, name: str) -> Response:
    disposition = f"attachment; filename*=UTF-8''{quote(name, safe='')}"
    headers = {"content-disposition": disposition, "x-content-type-options": "nosniff"}
    return Response(content, media_type="application/octet-stream", headers=headers)


class _Rewriter(HTMLParser):
    """Gives pictures of the mail as data, and every link a safe target."""

    def __init__(self, mail: Mail, host: str, bot_name: str) -> None:
        super().__init__(convert_charrefs=False)
        self._mail = mail
        self._host = host
        self._bot_name = bot_name
        self._out: list[str] = []

    def page(self) -> str:
        self.feed(self._mail.html or _as_html(self._mail.text))
        self.close()
        return '<meta charset="utf-8"><meta name="color-scheme" content="light">' + "".join(self._out)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            attrs = self._link(attrs)
        elif tag == "img":
            attrs = [(name, self._picture(value) if name == "src" else value) for name, value in attrs]
        elif tag in {"base", "meta"}:
            return
        else:
            self._out.append(self.get_starttag_text() or "")
            return
        written = "".join(f' {name}="{escape(value or "")}"' for name, value in attrs)
        self._out.append(f"<{tag}{written}>")

    def _link(self, attrs: list[tuple[str, str | None]]) -> list[tuple[str, str | None]]:
        url = own_link(dict(attrs).get("href") or "", self._host, self._bot_name)
        inside = url.startswith((f"http://{self._host}/", "/"))
        rest = [(name, value) for name, value in attrs if name not in {"href", "target", "rel"}]
        target: list[tuple[str, str | None]] = [("target", "_top" if inside else "_blank")]
        return [*rest, ("href", url), *target, ("rel", "noopener noreferrer")]

    def _picture(self, source: str | None) -> str | None:
        if not (source or "").startswith("cid:"):
            return source
        part = self._mail.inline().get((source or "")[4:])
        if part is None:
            return ""
        return f"data:{part.get_content_type()};base64,{base64.b64encode(_bytes(part)).decode()}"

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        self._out.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        self._out.append(data)

    def handle_entityref(self, name: str) -> None:
        self._out.append(f"&{name};")

    def handle_charref(self, name: str) -> None:
        self._out.append(f"&#{name};")

    def handle_comment(self, data: str) -> None:
        """Comments are left out."""

    def handle_decl(self, decl: str) -> None:
        self._out.append(f"<!{decl}>")


def own_link(url: str, host: str, bot_name: str) -> str:
    """The bot's address, at t.me or on this computer, as the sandbox's own; any other as it is."""
    match = re.fullmatch(rf"https?://{BOT_HOST}/{re.escape(bot_name)}(\?.*)?", url, re.IGNORECASE)
    return f"http://{host}/{bot_name}{match[1] or ''}" if match else url


def _as_html(text: str) -> str:
    linked = LINK.sub(lambda match: f'<a href="{match[0]}">{match[0]}</a>', escape(text, quote=False))
    return f'<pre style="white-space:pre-wrap;font:15px/1.5 system-ui,sans-serif;margin:0">{linked}</pre>'
