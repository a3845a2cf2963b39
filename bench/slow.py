"""A way to a server that takes its time: `python -m bench.slow HOST:PORT SECONDS` says where it listens.

What the server answers leaves so many seconds later, in its order; what it is asked passes at once.
"""

import asyncio
import sys
from typing import cast


class Side(asyncio.Protocol):
    """One end of a connection; what it hears goes out at the other, later or at once."""

    def __init__(self, delay: float) -> None:
        self._delay = delay
        self._loop = asyncio.get_running_loop()
        self._early: list[bytes] = []
        self.transport: asyncio.Transport | None = None
        self.other: Side | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self.other is None:
            self._early.append(data)
        elif self._delay:
            self._loop.call_later(self._delay, self.other.send, data)
        else:
            self.other.send(data)

    def connection_lost(self, _: Exception | None) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.close()

    def send(self, data: bytes) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(data)

    def joined(self, other: "Side") -> None:
        """From here on the other end is there."""
        self.other = other
        for data in self._early:
            other.send(data)


class Caller(Side):
    """The end at which the bot calls."""

    def __init__(self, host: str, port: int, delay: float) -> None:
        super().__init__(0.0)
        self._way = (host, port, delay)
        self._joining: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._joining = asyncio.create_task(self._join())

    async def _join(self) -> None:
        host, port, delay = self._way
        _, server = await self._loop.create_connection(lambda: Side(delay), host, port)
        server.other = self
        self.joined(server)


async def main(address: str, delay: float) -> None:
    """Pass on until the process is ended."""
    host, _, port = address.rpartition(":")
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Caller(host, int(port), delay), "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], float(sys.argv[2])))
