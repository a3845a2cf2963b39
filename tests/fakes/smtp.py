"""A mail relay that follows a script, on the wire: it refuses, hangs and hangs up at any step."""

import asyncio
import contextlib
import ssl
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum


class Fault(Enum):
    """What happens in place of an answer."""

    HANG = "say nothing more"
    HANG_UP = "close the connection"


Turn = str | Fault
LARGEST = 30_000_000
DEFAULTS: dict[str, str] = {
    "greeting": "220 relay.test ready", "ehlo": "", "starttls": "220 go ahead", "auth": "235 2.7.0 welcome",
    "mail": "250 2.1.0 ok", "rcpt": "250 2.1.5 ok", "data": "354 go on", "body": "", "dot": "250 2.0.0 queued as 7",
    "noop": "250 ok", "rset": "250 ok", "quit": "221 bye",
}  # fmt: skip


@dataclass
class Taken:
    """A mail whose final dot has arrived."""

    sender: str
    recipient: str
    raw: bytes
    encrypted: bool


@dataclass
class ScriptedRelay:
    """Answers each step with the next turn of its script, and as a relay does when the script has none."""

    extensions: Sequence[str] = ("SIZE 20000000", "8BITMIME")
    certificate: ssl.SSLContext | None = None
    script: dict[str, list[Turn]] = field(default_factory=lambda: defaultdict(list))
    taken: list[Taken] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    connections: int = 0
    port: int = 0

    def turn(self, step: str, *turns: Turn) -> "ScriptedRelay":
        """What happens the next times that this step is reached."""
        self.script[step].extend(turns)
        return self

    def url(self, scheme: str = "smtp+plain", login: str = "", query: str = "") -> str:
        return f"{scheme}://{login}127.0.0.1:{self.port}{query}"

    @asynccontextmanager
    async def running(self, *, implicit_tls: bool = False) -> AsyncIterator["ScriptedRelay"]:
        """Listen on a free port for the time of the block."""
        talks: set[asyncio.Task[None]] = set()

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            talks.add(task)
            with contextlib.suppress(OSError, _Over, asyncio.IncompleteReadError, asyncio.CancelledError):
                await _Talk(self, reader, writer).run()
            writer.close()

        tls = self.certificate if implicit_tls else None
        server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=tls, limit=LARGEST)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for each in talks:
                each.cancel()
            await asyncio.gather(*talks, return_exceptions=True)


class _Over(Exception):
    """The script hung up."""


class _Talk:
    def __init__(self, relay: ScriptedRelay, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.relay, self.reader, self.writer = relay, reader, writer
        self.sender = self.recipient = ""

    async def run(self) -> None:
        self.relay.connections += 1
        await self.answer("greeting")
        while line := (await self.reader.readline()).decode().strip():
            self.relay.said.append(line)
            verb = line.split()[0].lower()
            if verb == "ehlo":
                lines = [*(f"250-{each}" for each in ("relay.test", *self.extensions)), "250 HELP"]
                await self.answer("ehlo", "\r\n".join(lines))
            elif verb == "starttls":
                await self.start_tls()
            elif verb == "data":
                await self.take()
            elif verb in DEFAULTS:
                self.sender = line[11:].split(">")[0] if verb == "mail" else self.sender
                self.recipient = line[8:].strip("<> ") if verb == "rcpt" else self.recipient
                await self.answer(verb)
            else:
                await self.write("502 5.5.1 unknown")

    @property
    def extensions(self) -> list[str]:
        return [each for each in self.relay.extensions if each != "STARTTLS" or not self.encrypted]

    @property
    def encrypted(self) -> bool:
        return self.writer.get_extra_info("sslcontext") is not None

    async def start_tls(self) -> None:
        if (await self.answer("starttls")).startswith("220"):
            assert self.relay.certificate is not None
            await self.writer.start_tls(self.relay.certificate)

    async def take(self) -> None:
        if not (await self.answer("data")).startswith("354"):
            return
        if turns := self.relay.script["body"]:
            await self.reader.readexactly(200)  # in the middle of the mail
            await self.play(turns.pop(0))
        raw = await self.reader.readuntil(b"\r\n.\r\n")
        mail = raw[:-3].replace(b"\r\n..", b"\r\n.")
        turns = self.relay.script["dot"]
        turn = turns.pop(0) if turns else DEFAULTS["dot"]
        if isinstance(turn, Fault) or turn.startswith("250"):  # it is taken, whether or not anybody hears of it
            self.relay.taken.append(Taken(self.sender, self.recipient, mail, self.encrypted))
        await self.play(turn)

    async def answer(self, step: str, usual: str | None = None) -> str:
        turns = self.relay.script[step]
        return await self.play(turns.pop(0) if turns else usual or DEFAULTS[step])

    async def play(self, turn: Turn) -> str:
        if turn is Fault.HANG:
            await asyncio.Event().wait()
        if turn is Fault.HANG_UP:
            self.writer.transport.abort()
            raise _Over
        assert isinstance(turn, str)
        await self.write(turn)
        return turn

    async def write(self, text: str) -> None:
        self.writer.write(f"{text}\r\n".encode())
        await self.writer.drain()
        if text.startswith("421"):
            raise _Over
