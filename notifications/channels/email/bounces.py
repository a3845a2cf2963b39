"""Mail that came back: the relay's report (RFC 3464) names ours by a signed Message-ID that nobody can make up."""

import hashlib
import hmac
import re
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage

from domain.errors import InvalidInput
from domain.ids import DeliveryId, MessageId

LARGEST = 10_000_000
_OURS = re.compile(r"<openbell\.(\d{1,18})\.(\d{1,18})\.([0-9a-f]{16})@")
_STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")
_GONE = re.compile(r"5\.1\.\d+|5\.2\.1")


@dataclass(frozen=True)
class Bounce:
    """What a report says of one mail of ours."""

    message_id: MessageId
    delivery_id: DeliveryId
    status: str
    """The enhanced status code, such as 5.1.1."""
    said: str

    @property
    def address_is_gone(self) -> bool:
        """Whether nothing will ever arrive there: no such mailbox, or one that is closed."""
        return _GONE.fullmatch(self.status) is not None


def message_id(secret_key: str, message: int, delivery: int, domain: str) -> str:
    """The Message-ID of a delivery, the same whenever it is repeated."""
    return f"<openbell.{message}.{delivery}.{_signature(secret_key, message, delivery)}@{domain}>"


def read(raw: bytes, secret_key: str) -> Bounce:
    """The report in `raw`; InvalidInput when it is none, is not about a mail of ours, or says that it still tries."""
    if len(raw) > LARGEST:
        raise InvalidInput(f"That is larger than {LARGEST // 1_000_000} MB, so it is no report about a mail.")
    mail = message_from_bytes(raw, policy=policy.default)
    status = next((part for part in mail.walk() if part.get_content_type() == "message/delivery-status"), None)
    if status is None or not isinstance(mail, EmailMessage):
        raise InvalidInput("That is no delivery report (RFC 3464). Pipe in the whole mail that came back.")
    fields = _fields(status)
    if fields.get("action", "failed").lower() != "failed":
        raise InvalidInput(f"The relay reports “{fields['action'][:20]}”: nothing has come back yet.")
    found = next((ours for ours in _OURS.finditer(raw.decode("latin-1")) if _is_signed(ours, secret_key)), None)
    if found is None:
        raise InvalidInput("That report is about no mail that Openbell sent: it names no Message-ID of ours.")
    code = _STATUS.search(fields.get("status", ""))
    said = " ".join(fields.get("diagnostic-code", "").split())[:300] or "no reason given"
    return Bounce(MessageId(int(found[1])), DeliveryId(int(found[2])), code[0] if code else "5.0.0", said)


def _fields(status: object) -> dict[str, str]:
    """The fields of the report's recipient; its first block is about the relay itself."""
    payload = status.get_payload() if hasattr(status, "get_payload") else []
    blocks = [block for block in payload if hasattr(block, "items")] if isinstance(payload, list) else []
    found: dict[str, str] = {}
    for block in blocks:
        found |= {name.lower(): str(value) for name, value in block.items()}
    return found


def _is_signed(ours: re.Match[str], secret_key: str) -> bool:
    return hmac.compare_digest(ours[3], _signature(secret_key, int(ours[1]), int(ours[2])))


def _signature(secret_key: str, message: int, delivery: int) -> str:
    said = f"openbell:mail:{message}:{delivery}".encode()
    return hmac.digest(secret_key.encode(), said, hashlib.sha256)[:8].hex()
