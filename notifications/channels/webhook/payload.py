"""What a webhook carries, and its signature, as Standard Webhooks has them."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from standardwebhooks import Webhook

from notifications.delivery import Delivery
from notifications.words import html_of, plain

TYPE = "openbell.message"


def signing_secret(secret_key: str, url: str) -> str:
    """The secret that the owner of this URL checks signatures with; made from ours, so that it is stored nowhere."""
    return "whsec_" + base64.b64encode(
        hmac.digest(secret_key.encode(), f"openbell:webhook:{url.strip()}".encode(), hashlib.sha256)
    ).decode("ascii")


def number(delivery: Delivery) -> str:
    """The `webhook-id`: the same whenever the delivery is repeated, so that a receiver knows it again."""
    return f"msg_{delivery.message_id}_{delivery.id}"


def body(delivery: Delivery) -> bytes:
    """The JSON of a delivery; the same bytes whenever it is repeated but for the mark of a repeat."""
    html = html_of(delivery)
    return json.dumps(
        {"type": TYPE, "timestamp": delivery.queued_at.isoformat(), "data": _data(delivery, html)},
        ensure_ascii=False,
        separators=(",", ":"),
    ).encode("utf-8", "replace")


def headers(delivery: Delivery, content: bytes, secret: str, now: datetime) -> Mapping[str, str]:
    """The three headers of Standard Webhooks, and what the content is."""
    return {
        "webhook-id": number(delivery),
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign(number(delivery), now, content.decode()),
        "content-type": "application/json",
        "user-agent": "Openbell",
    }


def _data(delivery: Delivery, html: str) -> dict[str, Any]:
    return {
        "id": delivery.message_id,
        "category": str(delivery.category),
        "subject": delivery.subject,
        "text": plain(html),
        "html": html,
        "links": [{"text": each.text, "url": each.url} for row in delivery.buttons for each in row if each.url],
        "files": [
            {"name": file.filename, "type": file.content_type, "bytes": len(file.content)}
            for file in delivery.attachments
        ],
        "possible_repeat": delivery.possible_repeat,
        "ref": delivery.ref or None,
        "expires_at": delivery.expires_at.isoformat(),
    }
