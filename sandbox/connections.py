"""An HTTP server on a bound socket, in the running event loop, that starts and stops at once."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from uvicorn import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from sandbox.errors import SandboxError

_TRANSPORTS: dict[tuple[Any, Any], asyncio.Transport] = {}


class Protocol(H11Protocol):
    """Remembers its transport, so that a planned failure can cut the connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        _TRANSPORTS[self.client, self.server] = transport

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        _TRANSPORTS.pop((self.client, self.server), None)


def cut(scope: Any) -> None:
    """Drop the connection of a request without an answer."""
    transport = _TRANSPORTS.get((scope["client"], scope["server"]))
    if transport:
        transport.abort()


def bound(host: str, port: int, what: str) -> socket.socket:
    """A listening socket, or one sentence that says why there is none."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle's delay off only where the protocol is named; with it every answer would wait 40 ms
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
        sock.listen(128)
    except OSError as error:
        sock.close()
        raise SandboxError(
            f"The {what} cannot listen on {host}:{port} ({error.strerror}); "
            "stop what uses this port or choose another one, 0 for any that is free."
        ) from None
    sock.setblocking(False)
    return sock


@asynccontextmanager
async def serving(app: Any, sock: socket.socket) -> AsyncIterator[None]:
    """Serve an ASGI application for the time of the block."""
    # uvicorn's own Server installs signal handlers and waits for open connections; long polls would hold it.
    config = Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        proxy_headers=False,
        ws="none",
    )
    config.load()
    state = ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Protocol(config, state, {}), sock=sock)
    try:
        yield
    finally:
        server.close()
        for connection in list(state.connections):
            if isinstance(connection, Protocol):
                connection.transport.abort()
        for task in list(state.tasks):
            task.cancel()
        await asyncio.gather(*state.tasks, return_exceptions=True)
