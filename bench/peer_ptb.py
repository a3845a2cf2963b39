"""The same work by python-telegram-bot's own limiter: `python -m bench.peer_ptb API RATE BULK SECONDS`."""

import asyncio
import sys
import time

from telegram.ext import AIORateLimiter, ExtBot
from telegram.request import HTTPXRequest

EVERY_S = 0.25
FIRST_URGENT = 900_000


async def main(api: str, rate: float, bulk: int, seconds: float) -> None:
    """A broadcast handed over at once, and an urgent message every quarter of a second beside it."""
    limiter = AIORateLimiter(overall_max_rate=rate, overall_time_period=1)
    pool = HTTPXRequest(connection_pool_size=64, pool_timeout=600)
    bot: ExtBot[int] = ExtBot("4242:bench", base_url=f"{api}/bot", request=pool, rate_limiter=limiter)
    await bot.request.initialize()
    print("peer_ready", flush=True)
    tasks = [asyncio.create_task(bot.send_message(1000 + number, "bulk")) for number in range(bulk)]
    until = time.monotonic() + seconds
    number = 0
    while time.monotonic() < until:
        tasks.append(asyncio.create_task(bot.send_message(FIRST_URGENT + number, f"urgent {time.time()}")))
        number += 1
        await asyncio.sleep(EVERY_S)
    print("peer_done", flush=True)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])))
