"""An HTTP server on a bound socket in the running event loop; it starts at once and stops soon."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from uvicorn import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from web.errors import AddressTaken

FINISH_WITHIN_S = 2.0
AT_ONCE = 200
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # read, not bound: where such a socket answers us


def bound(address: str) -> socket.socket:
    """A listening socket on HOST:PORT, or one sentence that says why there is none."""
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    sock = None
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(
            host, int(port), type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP, flags=socket.AI_PASSIVE
        )[0]
        sock = socket.socket(family, kind, protocol)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(where)
        sock.listen(128)
    except OSError as problem:
        if sock is not None:
            sock.close()
        raise AddressTaken(
            f"HTTP_ADDR is {address}, and nothing can listen there ({problem.strerror}); end what uses this port, "
            "or name another one, such as HTTP_ADDR=127.0.0.1:8090."
        ) from None
    sock.setblocking(False)
    return sock


def root_of(sock: socket.socket) -> str:
    """Where a client on this machine finds the server."""
    host, port = sock.getsockname()[:2]
    host = EVERYWHERE.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@asynccontextmanager
async def serving(app: Any, sock: socket.socket) -> AsyncIterator[None]:
    """Serve an ASGI application for the time of the block; requests under way have two seconds to end."""
    # uvicorn's own Server would take over the process's signals, which belong to the role
    config = Config(
        app,
        log_config=None,
        access_log=False,  # an address may hold somebody's link
        lifespan="off",
        server_header=False,
        proxy_headers=False,
        ws="none",
        limit_concurrency=AT_ONCE,
        timeout_keep_alive=5,
    )
    config.load()
    state = ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: H11Protocol(config, state, {}), sock=sock)
    try:
        yield
    finally:
        server.close()
        for connection in list(state.connections):
            connection.shutdown()
        if state.tasks:
            await asyncio.wait(list(state.tasks), timeout=FINISH_WITHIN_S)
        for task in list(state.tasks):
            task.cancel()
        for connection in list(state.connections):
            with contextlib.suppress(AttributeError):
                connection.transport.abort()
