"""A web server that misbehaves on the wire, as scripted: it hangs, drops, or answers whatever bytes it is told.

It knows nothing of any protocol above HTTP; `bot_api.FakeBotApi` and the tests of the webhook say what is in the bytes.
"""

import asyncio
import contextlib
import json
import socket
import ssl
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any, Literal
from urllib.parse import parse_qsl, urlsplit

REASONS = {200: "OK", 302: "Found", 400: "Bad Request", 502: "Bad Gateway"}


@dataclass(frozen=True)
class Request:
    """What a client sent."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def form(self) -> dict[str, str]:
        """The fields of a form, in either of its two ways to travel."""
        kind = self.headers.get("content-type", "")
        if not kind.startswith("multipart/"):
            return dict(parse_qsl(self.body.decode(), keep_blank_values=True))
        return {name: content.decode() for name, file, content in self._parts(kind) if file is None}

    @property
    def files(self) -> dict[str, tuple[str, bytes]]:
        """The files of a form: name of the field, then name and content of the file."""
        kind = self.headers.get("content-type", "")
        return {name: (file, content) for name, file, content in self._parts(kind) if file is not None}

    def _parts(self, kind: str) -> list[tuple[str, str | None, bytes]]:
        if not kind.startswith("multipart/"):
            return []
        mail = BytesParser(policy=HTTP).parsebytes(f"Content-Type: {kind}\r\n\r\n".encode() + self.body)
        found = []
        for part in mail.iter_parts():
            name = part.get_param("name", header="content-disposition")
            found.append((str(name), part.get_filename(), bytes(part.get_payload(decode=True) or b"")))
        return found


@dataclass(frozen=True)
class Answer:
    """What goes over the wire, and how it breaks off."""

    raw: bytes = b""
    then: Literal["keep", "close", "reset", "hang"] = "keep"
    unread: bool = False
    """The request's body is left in the socket, so that a large one can't be written."""
    slowly: float = 0.0
    """Seconds between one byte and the next."""


HANG = Answer(then="hang")
CLOSE = Answer(then="close")
RESET = Answer(then="reset")
UNREAD = Answer(then="hang", unread=True)


def page(status: int, text: str = "<html>nothing here</html>", kind: str = "text/html", **headers: str) -> Answer:
    """An ordinary answer with that body."""
    return Answer(raw(status, text.encode(), kind, **headers))


def cut(status: int, text: str) -> Answer:
    """An answer that breaks off in the middle of its body."""
    whole = raw(status, text.encode(), "application/json")
    return Answer(whole[: -len(text) // 2], "reset")


def raw(status: int, body: bytes, kind: str, **headers: str) -> bytes:
    """The bytes of a whole answer."""
    lines = {"Content-Type": kind, "Content-Length": str(len(body))} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {status} {REASONS.get(status, 'Whatever')}\r\n{head}\r\n".encode() + body


Handler = Callable[[Request], Answer]


@dataclass
class FakeServer:
    """Answers with what was planned, in order, and then as its handler says."""

    handler: Handler
    requests: list[Request] = field(default_factory=list)
    planned: deque[Answer] = field(default_factory=deque)
    port: int = 0
    connections: int = 0
    certificate: ssl.SSLContext | None = None
    _tasks: set["asyncio.Task[None]"] = field(default_factory=set)

    @contextlib.asynccontextmanager
    async def running(self, host: str = "127.0.0.1") -> AsyncIterator["FakeServer"]:
        """Listen until the end of the block; whatever hangs is let go then."""
        listener = socket.create_server((host, self.port))
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.port = listener.getsockname()[1]
        server = await asyncio.start_server(self._serve, sock=listener, ssl=self.certificate)
        try:
            yield self
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await server.wait_closed()

    def plan(self, *answers: Answer) -> None:
        """Answer the next calls so."""
        self.planned.extend(answers)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        self.connections += 1
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                while await self._exchange(reader, writer):
                    pass
        except asyncio.CancelledError:
            pass
        finally:
            writer.transport.abort()
            self._tasks.discard(task)

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _ = head[0].split(" ", 2)
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        known = self.next_planned(target)
        if known is not None and known.unread:
            reader._transport.pause_reading()  # type: ignore[attr-defined]  # asyncio has no public way to stop reading
            await asyncio.Event().wait()
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        request = Request(method, target, headers, body)
        self.requests.append(request)
        return await self._answer(known or self.handler(request), writer)

    def next_planned(self, target: str) -> Answer | None:  # a subclass looks at the target
        """The planned answer for a call, used up by it."""
        return self.planned.popleft() if self.planned else None

    async def _answer(self, answer: Answer, writer: asyncio.StreamWriter) -> bool:
        step = 1 if answer.slowly else max(len(answer.raw), 1)
        for at in range(0, len(answer.raw), step):
            writer.write(answer.raw[at : at + step])
            await writer.drain()
            await asyncio.sleep(answer.slowly)
        if answer.then == "hang":
            await asyncio.Event().wait()
        if answer.then == "close":
            writer.close()
        return answer.then == "keep"


@contextlib.contextmanager
def closed_port() -> Any:
    """A port at which nobody listens, kept from others for the while."""
    holder = socket.socket()
    try:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]
    finally:
        holder.close()


@contextlib.contextmanager
def full_port() -> Any:
    """A port whose queue is full: connecting to it takes for ever."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]
