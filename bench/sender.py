"""The product's sender with another ceiling: `python -m bench.sender RATE`."""

import asyncio
import sys

from notifications.__main__ import run
from notifications.pacing import Limits
from openbell import logs
from openbell.settings import load_settings


async def main(rate: float) -> None:
    """Send until killed."""
    settings = load_settings()
    logs.configure("WARNING", role="sender")
    limits = Limits(bot=rate)
    await run(settings, stop=asyncio.Event(), ready=lambda: print("sender_ready", flush=True), limits=limits)


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1])))
