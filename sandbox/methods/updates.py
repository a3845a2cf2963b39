"""Methods by which the bot gets its updates."""

import re
from typing import Any
from urllib.parse import urlsplit

from sandbox.errors import bad_request, conflict
from sandbox.messenger import Messenger
from sandbox.params import Params

MAX_WAIT = 50
LOOPBACK = {"localhost", "127.0.0.1", "::1"}


async def get_updates(messenger: Messenger, params: Params) -> list[dict[str, Any]]:
    if messenger.store.fact("webhook"):
        raise conflict(
            "can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
        )
    _allow(messenger, params)
    limit = min(max(params.integer("limit", 100), 1), 100)
    timeout = min(max(params.number("timeout"), 0), MAX_WAIT)
    return await messenger.updates.poll(params.integer("offset"), limit, timeout)


def _allow(messenger: Messenger, params: Params) -> None:
    allowed = params.json("allowed_updates")
    if allowed is not None and not isinstance(allowed, list):
        raise bad_request("can't parse allowed updates JSON array")
    messenger.updates.allow(allowed)


async def set_webhook(messenger: Messenger, params: Params) -> bool:
    url = params.text("url")
    if not url:
        return await delete_webhook(messenger, params)
    secret = params.text("secret_token")
    if not re.fullmatch(r"[A-Za-z0-9_-]{0,256}", secret):
        raise bad_request("secret token contains unallowed characters")
    _check_url(url)
    _allow(messenger, params)
    if params.flag("drop_pending_updates"):
        messenger.updates.drop()
    connections = params.integer("max_connections", 40)
    messenger.store.keep_fact("webhook", {"url": url, "secret": secret, "max_connections": connections})
    messenger.store.keep_fact("webhook_error", None)
    messenger.updates.wake()
    messenger.updates.tell_presence()
    return True


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        raise bad_request("bad webhook: invalid URL specified") from None
    if parts.scheme not in {"http", "https"} or not host:
        raise bad_request("bad webhook: invalid URL specified")
    if host not in LOOPBACK:
        # Nothing of the sandbox may leave this computer.
        raise bad_request("bad webhook: this server delivers to loopback addresses only")


async def delete_webhook(messenger: Messenger, params: Params) -> bool:
    messenger.store.keep_fact("webhook", None)
    if params.flag("drop_pending_updates"):
        messenger.updates.drop()
    messenger.updates.wake()
    messenger.updates.tell_presence()
    return True


async def get_webhook_info(messenger: Messenger, _params: Params) -> dict[str, Any]:
    webhook = messenger.store.fact("webhook") or {}
    info = {
        "url": webhook.get("url", ""),
        "has_custom_certificate": False,
        "pending_update_count": messenger.updates.count(),
    }
    if webhook:
        info["max_connections"] = webhook["max_connections"]
    allowed = messenger.store.fact("allowed_updates")
    if allowed:
        info["allowed_updates"] = allowed
    error = messenger.store.fact("webhook_error") if webhook else None
    if error:
        info |= {"last_error_date": error["date"], "last_error_message": error["message"]}
    return info


METHODS = {
    "get_updates": get_updates,
    "set_webhook": set_webhook,
    "delete_webhook": delete_webhook,
    "get_webhook_info": get_webhook_info,
}
