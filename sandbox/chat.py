"""The page's own API: people, chats, what a person does, and a stream of everything that happens."""

import hashlib
import json
import mimetypes
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from sandbox.errors import ApiError, SandboxError
from sandbox.files import MAX_FILE_BYTES, Upload
from sandbox.messenger import Messenger
from sandbox.methods.profile import commands_for

STATIC = Path(__file__).parent / "static"
POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "cache-control": "no-cache",
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
}
PAGE_SIZE = 200
Action = Callable[[int, dict[str, Any]], Any]


class ChatNumber(Convertor[int]):
    """The number of a chat in a path; those of groups are below zero."""

    regex = "-?[0-9]{1,16}"

    def convert(self, value: str) -> int:
        return int(value)

    def to_string(self, value: int) -> str:
        return str(value)


register_url_convertor("chat", ChatNumber())


@dataclass(frozen=True)
class ChatPage:
    """Serves the page and carries out what it asks for."""

    messenger: Messenger

    def routes(self) -> list[Route]:
        """The page, its assets and /api; the bot's own link comes last since it is a bare name."""
        return [
            Route("/", self.page),
            Route("/inbox", self.page),
            Route("/static/{name}", self.asset),
            Route("/api/state", self.state),
            Route("/api/events", self.events),
            Route("/api/people", self._doing(self.add_person), methods=["POST"]),
            Route("/api/groups", self._doing(self.add_group), methods=["POST"]),
            Route("/api/chats/{id:chat}/messages", self.messages),
            Route("/api/chats/{id:chat}/commands", self.commands),
            Route("/api/chats/{id:chat}/send", self._doing(self.send), methods=["POST"]),
            Route("/api/chats/{id:chat}/press", self._doing(self.press), methods=["POST"]),
            Route("/api/chats/{id:chat}/edit", self._doing(self.edit), methods=["POST"]),
            Route("/api/chats/{id:chat}/delete", self._doing(self.delete), methods=["POST"]),
            Route("/api/chats/{id:chat}/block", self._doing(self.block), methods=["POST"]),
            Route("/api/chats/{id:chat}/read", self._doing(self.read), methods=["POST"]),
            Route("/api/chats/{id:chat}/upload", self.upload, methods=["POST"]),
            Route("/api/files/{file_id}", self.file),
            Route("/{name}", self.bot_link),
        ]

    # --- the page itself -----------------------------------------------------------------------------------

    async def page(self, request: Request) -> Response:
        """The chat page."""
        return _asset(request, "index.html")

    async def asset(self, request: Request) -> Response:
        """A style sheet, script or picture of the page."""
        return _asset(request, request.path_params["name"])

    async def bot_link(self, request: Request) -> Response:
        """`/NAME?start=PAYLOAD`: the page, which offers to start with the payload."""
        if request.path_params["name"].lower() != self.messenger.bot_name.lower():
            return JSONResponse({"error": "There is nothing here; the chat is at /."}, 404)
        return _asset(request, "index.html")

    # --- reading -------------------------------------------------------------------------------------------

    async def state(self, _request: Request) -> Response:
        """Everything the page shows first."""
        people = [self._person(row) for row in self.messenger.chats.people()]
        groups = [self._group(row) for row in self.messenger.chats.groups()]
        short = self.messenger.store.fact("profile:short_description:", "")
        description = self.messenger.store.fact("profile:description:", "")
        bot = {
            "name": self.messenger.display_name(),
            "username": self.messenger.bot_name,
            "online": self.messenger.updates.online,
            "short_description": short,
            "description": description,
        }
        mails = self.messenger.inbox.listed()
        state = {
            "people": people,
            "groups": groups,
            "bot": bot,
            "mails": mails,
            "last_event": self.messenger.events.last_id,
        }
        return JSONResponse(state, headers={"cache-control": "no-store"})

    def _person(self, row: Any) -> dict[str, Any]:
        last = self.messenger.messages.page(row["id"], limit=1)
        return {
            "id": row["id"],
            "first_name": row["first_name"],
            "last_name": row["last_name"],
            "language_code": row["language_code"],
            "started": bool(row["started"]),
            "blocked": bool(row["blocked"]),
            "unread": self.messenger.messages.unread(row["id"]),
            "last": last[0] if last else None,
            "keyboard": self.messenger.chats.keyboard(row["id"]),
            "waiting": self.messenger.updates.waiting_in(row["id"]),
        }

    def _group(self, row: Any) -> dict[str, Any]:
        chats = self.messenger.chats
        there = [each for each in chats.members(row["id"]) if each["status"] not in ("left", "kicked")]
        members = [{"id": each["user_id"], "status": each["status"]} for each in there]
        topics = [{"id": each["thread_id"], "name": each["name"]} for each in chats.topics(row["id"])]
        shown = {"first_name": row["title"], "last_name": "", "started": True, "blocked": False, "keyboard": None}
        return self._person(row) | shown | {"type": row["type"], "members": members, "topics": topics}

    async def messages(self, request: Request) -> Response:
        """The newest messages before a number."""
        before = request.query_params.get("before")
        found = self.messenger.messages.page(
            request.path_params["id"], int(before) if before and before.isdecimal() else None, PAGE_SIZE
        )
        body = {"messages": found, "more": len(found) == PAGE_SIZE}
        return JSONResponse(body, headers={"cache-control": "no-store"})

    async def commands(self, request: Request) -> Response:
        """The command menu that a person sees in a chat: `as` names them where the chat is a group."""
        chat = request.path_params["id"]
        try:
            person = _speaker(chat, dict(request.query_params))
            return JSONResponse({"commands": commands_for(self.messenger, chat, person)})
        except (SandboxError, KeyError, ValueError) as problem:
            return JSONResponse({"error": str(problem)}, 404)

    async def file(self, request: Request) -> Response:
        """A picture or document of a message."""
        try:
            row = self.messenger.files.find(request.path_params["file_id"])
        except ApiError as problem:
            return JSONResponse({"error": problem.description}, 404)
        path = self.messenger.files.folder / row["path"]
        headers = {"x-content-type-options": "nosniff", "content-security-policy": "sandbox; default-src 'none'"}
        headers["cache-control"] = "private, max-age=31536000, immutable"
        if row["kind"] == "photo":
            return FileResponse(path, headers=headers, media_type=row["mime_type"])
        return FileResponse(path, headers=headers, media_type="application/octet-stream", filename=row["name"])

    async def events(self, request: Request) -> Response:
        """Server-sent events; a reconnecting page names the last one it saw."""
        seen = request.headers.get("last-event-id") or request.query_params.get("after", "")
        after = int(seen) if seen.isdecimal() else self.messenger.events.last_id
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(self._stream(after), media_type="text/event-stream", headers=headers)

    async def _stream(self, after: int) -> AsyncIterator[str]:
        yield "retry: 1000\n: hello\n\n"
        async for event in self.messenger.events.follow(after):
            if event is None:
                yield ": still here\n\n"
            else:
                data = json.dumps({"kind": event.kind, **event.body})
                yield f"id: {event.id}\ndata: {data}\n\n"

    # --- doing ---------------------------------------------------------------------------------------------

    def _doing(self, action: Action) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            try:
                wish = dict(await request.json())
                return JSONResponse({"done": action(request.path_params.get("id", 0), wish)})
            except (SandboxError, ApiError) as problem:
                return JSONResponse({"error": str(problem)}, 400)
            except (KeyError, TypeError, ValueError) as problem:
                return JSONResponse({"error": f"A value is missing or of the wrong kind: {problem}"}, 400)

        return endpoint

    def add_person(self, _id: int, wish: dict[str, Any]) -> Any:
        """Somebody new."""
        names = (str(wish["first_name"]), str(wish.get("last_name", "")), str(wish.get("language_code", "en")))
        return self._person(self.messenger.chats.person(self.messenger.chats.add_person(*names)))

    def add_group(self, _id: int, wish: dict[str, Any]) -> Any:
        """A group of everybody here and the bot, made by one of them, with topics if any are named."""
        owner, members = int(wish["as"]), [row["id"] for row in self.messenger.chats.people()]
        group = self.messenger.groups.add(str(wish["title"]), owner, members)
        for name in str(wish.get("topics", "")).split(","):
            if name.strip():
                self.messenger.groups.topic(group, owner, name)
        return self._group(self.messenger.chats.find(group))

    def send(self, chat: int, wish: dict[str, Any]) -> Any:
        """A text; into a group it is said `as` a member, perhaps into a topic."""
        reply_to = int(wish["reply_to"]) if wish.get("reply_to") else None
        thread = int(wish["thread_id"]) if wish.get("thread_id") else None
        speaker = _speaker(chat, wish)
        return self.messenger.actions.send(
            speaker, str(wish["text"]), chat_id=chat, reply_to=reply_to, thread_id=thread
        )

    def press(self, chat: int, wish: dict[str, Any]) -> Any:
        """A button under a message."""
        speaker = _speaker(chat, wish)
        return self.messenger.actions.press(speaker, chat, int(wish["message_id"]), str(wish["data"]))

    def edit(self, chat: int, wish: dict[str, Any]) -> Any:
        """A new wording of an own text."""
        speaker = _speaker(chat, wish)
        return self.messenger.actions.edit(speaker, int(wish["message_id"]), str(wish["text"]), chat_id=chat)

    def delete(self, chat: int, wish: dict[str, Any]) -> Any:
        """A message taken back."""
        self.messenger.actions.delete(_speaker(chat, wish), int(wish["message_id"]), chat_id=chat)
        return True

    def block(self, person: int, wish: dict[str, Any]) -> Any:
        """Stop or restart the bot."""
        self.messenger.actions.block(person, bool(wish["blocked"]))
        return True

    def read(self, person: int, wish: dict[str, Any]) -> Any:
        """Everything up to a message was looked at."""
        self.messenger.actions.read(person, int(wish["message_id"]))
        return True

    async def upload(self, request: Request) -> Response:
        """A file from the person: its content is the body, its name and caption are in the query."""
        query = request.query_params
        size = request.headers.get("content-length", "0")
        if not size.isdecimal() or int(size) > MAX_FILE_BYTES:
            return JSONResponse({"error": "A file may have 50 MB at most."}, 413)
        upload = Upload(query.get("name", "file"), await request.body(), query.get("type", ""))
        try:
            message = self.messenger.actions.send_file(
                request.path_params["id"], upload, caption=query.get("caption", ""), photo=query.get("photo") == "1"
            )
        except (SandboxError, ApiError) as problem:
            return JSONResponse({"error": str(problem)}, 400)
        return JSONResponse({"done": message})


def _speaker(chat: int, wish: dict[str, Any]) -> int:
    """Who acts: the person whose private chat it is, or the member of the group who is named."""
    return chat if chat > 0 else int(wish["as"])


def _asset(request: Request, name: str) -> Response:
    path = STATIC / name
    if path.parent != STATIC or not path.is_file():
        return Response(status_code=404)
    content = path.read_bytes()
    tag = f'"{hashlib.sha256(content).hexdigest()[:20]}"'
    headers = HEADERS | {"etag": tag}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return Response(content, media_type=kind, headers=headers)
