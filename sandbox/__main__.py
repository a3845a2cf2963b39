"""`python -m sandbox`: starts the sandbox until it is stopped."""

import argparse
import asyncio
import json
import logging
import os
import signal
import sys
from pathlib import Path

from sandbox.app import Addresses, Sandbox
from sandbox.errors import SandboxError

log = logging.getLogger("sandbox")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="sandbox", description=__doc__)
    parser.add_argument("--http", default="127.0.0.1:8081", help="Bot API and chat page (port 0: any)")
    parser.add_argument("--smtp", default="127.0.0.1:8025", help="mail sink (port 0: any)")
    parser.add_argument("--data", type=Path, required=True, help="folder of the state")
    parser.add_argument("--token", default=os.environ.get("SANDBOX_TOKEN"), help="default: one made and kept")
    parser.add_argument("--bot-name", default="sandbox_bot", help="the bot's username")
    parser.add_argument("--person-name", default="You", help="who is there at the first start")
    parser.add_argument("--port-file", type=Path, help="where to write the bound addresses as JSON")
    parser.add_argument("--real-limits", action="store_true", help="limit calls as the real Telegram does")
    parser.add_argument("--verbose", action="store_true", help="log every call")
    return parser.parse_args()


def _publish(addresses: Addresses, port_file: Path) -> None:
    text = json.dumps({"http": addresses.http, "smtp": addresses.smtp})
    fresh = port_file.with_name(f".{port_file.name}.{os.getpid()}")
    fresh.write_text(text + "\n")
    fresh.replace(port_file)


async def _run(arguments: argparse.Namespace) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    sandbox = Sandbox(
        arguments.data,
        arguments.token,
        bot_name=arguments.bot_name,
        person_name=arguments.person_name,
        real_limits=arguments.real_limits,
    )
    async with sandbox.running(arguments.http, arguments.smtp) as addresses:
        if not arguments.token:
            sys.stdout.write(f"token {sandbox.token}\n")
            sys.stdout.flush()
        log.info("chat and Bot API on %s, mail sink on %s", addresses.root, addresses.smtp)
        if arguments.port_file:
            await asyncio.to_thread(_publish, addresses, arguments.port_file)
        await stop.wait()
    log.info("stopped")


def main() -> int:
    """Run until SIGTERM or Ctrl-C; 1 and a sentence when that is not possible."""
    arguments = _arguments()
    level = logging.DEBUG if arguments.verbose else logging.INFO
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(name)s %(message)s")
    log.setLevel(level)
    try:
        asyncio.run(_run(arguments))
    except (SandboxError, OSError) as problem:
        sys.stderr.write(f"sandbox: {problem}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
