"""A process that asks for calls as fast as it can, from a line on its input to the next, and says what it was granted.

`python -m tests.integration.notifications.hammer URL RATE SENDERS CHATS`; every other question is of bulk.
"""

import asyncio
import itertools
import json
import sys
import time

import structlog

from notifications.pacing import Limits
from notifications.rates import CLOCK, TAKE, Rates, client_of

GRANTED = "test:granted"
LOGGED = TAKE.replace("return {0, 0", f'redis.call("rpush", "{GRANTED}", start)\nreturn {{0, 0')
AT_ONCE = 4


async def hammer(url: str, rate: float, senders: int, chats: int) -> None:
    client = client_of(url)
    rates = Rates(client, Limits(bot=rate, chat=1000, chat_burst=1000), lambda: senders)
    rates._take = client.register_script(CLOCK + LOGGED)
    granted: list[float] = []
    go_on, numbers = True, itertools.count()

    async def ask() -> None:
        while go_on:
            number = next(numbers)
            if await rates.take(chat=str(number % chats), bulk=number % 2 == 0) == 0.0:
                granted.append(time.monotonic())
            await asyncio.sleep(0.002)

    loop = asyncio.get_running_loop()
    print("ready", flush=True)
    await loop.run_in_executor(None, sys.stdin.readline)
    asking = [asyncio.create_task(ask()) for _ in range(AT_ONCE)]
    await loop.run_in_executor(None, sys.stdin.readline)
    go_on = False
    await asyncio.gather(*asking)
    await rates.close()
    print(json.dumps(granted), flush=True)


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    asyncio.run(hammer(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])))
