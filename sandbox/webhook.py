"""Carries updates to the bot's webhook, in order, until it takes them."""

import asyncio
import http.client
import json
import logging
import time
from typing import Any
from urllib.parse import urlsplit

from sandbox.messenger import Messenger

log = logging.getLogger("sandbox.webhook")
ANSWER_TIME = 30.0
LONGEST_PAUSE = 30.0
IDLE_LOOK = 5.0


class WebhookDelivery:
    """One loop that delivers what waits, while a webhook is set."""

    def __init__(self, messenger: Messenger, first_pause: float = 0.5) -> None:
        self._messenger = messenger
        self._first_pause = first_pause

    async def run(self) -> None:
        """Deliver until cancelled; a failed delivery is tried again after a growing pause."""
        pause = self._first_pause
        while not self._messenger.updates.closed:
            self._messenger.updates.tell_presence()
            webhook = self._messenger.store.fact("webhook")
            waiting = self._messenger.updates.pending(1) if webhook else []
            if not waiting:
                pause = self._first_pause
                await self._messenger.updates.changed(IDLE_LOOK)
            elif await self._deliver(webhook, waiting[0]):
                pause = self._first_pause
            else:
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)

    async def _deliver(self, webhook: dict[str, Any], update: dict[str, Any]) -> bool:
        problem = await asyncio.to_thread(_posted, webhook["url"], webhook["secret"], json.dumps(update))
        if problem is None:
            if self._messenger.store.fact("webhook") == webhook:
                self._messenger.updates.confirm(update["update_id"] + 1)
            return True
        log.warning("webhook did not take update %s: %s", update["update_id"], problem)
        self._messenger.store.keep_fact("webhook_error", {"date": int(time.time()), "message": problem})
        return False


def _posted(url: str, secret: str, body: str) -> str | None:
    """What kept the webhook from taking the body; None when it took it."""
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=ANSWER_TIME)
    headers = {"Content-Type": "application/json"}
    if secret:
        headers["X-Telegram-Bot-Api-Secret-Token"] = secret
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request("POST", path, body.encode(), headers)
        answer = connection.getresponse()
        answer.read()
    except TimeoutError:
        return "Read timeout expired"
    except ConnectionRefusedError:
        return "Connection refused"
    except (OSError, http.client.HTTPException) as error:
        return f"Connection failed: {error}"
    finally:
        connection.close()
    if 200 <= answer.status < 300:
        return None
    return f"Wrong response from the webhook: {answer.status} {answer.reason}"
