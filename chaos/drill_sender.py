"""The product's sender at another pace, and with a shorter lease where asked: `python -m chaos.drill_sender 36 60`.

A shorter lease lets what a dead sender held lapse sooner; nothing else is different.
"""

import asyncio
import sys
from datetime import timedelta

from domain.messages import LEASE
from notifications import deliveries, sender
from notifications.__main__ import run
from notifications.pacing import Limits
from openbell import logs
from openbell.ready import announcer
from openbell.settings import load_settings


def shorten(lease: timedelta) -> None:
    """Let deliveries of this process be leased for so long, and look for lapsed ones as much more often."""
    if lease != LEASE:
        sender.SWEEP_EVERY_S *= lease / LEASE
        sender.RENEW_EVERY_S *= lease / LEASE
        deliveries.LEASE = lease  # type: ignore[attr-defined]  # the name under which its functions look it up


async def main(per_second: float) -> None:
    """Send until killed."""
    settings = load_settings()
    logs.configure("WARNING", role="sender")
    await run(settings, stop=asyncio.Event(), ready=announcer(), limits=Limits(bot=per_second))


if __name__ == "__main__":
    shorten(timedelta(seconds=float(sys.argv[2])))
    asyncio.run(main(float(sys.argv[1])))
