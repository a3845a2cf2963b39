"""Signed links by which a person opts out of a category of mail: nothing is stored, and nobody else can make one."""

import base64
import binascii
import hashlib
import hmac
import re
from dataclasses import dataclass

from domain.errors import InvalidInput
from domain.ids import UserId

PATH = "/u/"
LONGEST = 80
_MAC_BYTES = 15
_CATEGORY = re.compile(r"[a-z0-9_]{1,24}")
_TOKEN = re.compile(rf"[A-Za-z0-9_-]{{1,{LONGEST}}}")


@dataclass(frozen=True)
class OptOut:
    """Who opts out of what; links of an older `version` stop working when the person's version is raised."""

    user_id: UserId
    category: str
    version: int = 1


def token(secret_key: str, what: OptOut) -> str:
    """A short word for a URL that says this and is signed; the same each time."""
    if not _CATEGORY.fullmatch(what.category) or what.user_id < 1 or what.version < 0:
        raise InvalidInput(f"No opt-out link can be made of {what!r}: it needs a category in small letters and a user.")
    body = _number(what.user_id) + _number(what.version) + what.category.encode()
    return base64.urlsafe_b64encode(body + _mac(secret_key, body)).decode().rstrip("=")


def read(secret_key: str, text: str) -> OptOut | None:
    """What a token says, or None when it was not signed with this key."""
    if not _TOKEN.fullmatch(text):
        return None
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error:
        return None
    body, mac = raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]
    if not hmac.compare_digest(_mac(secret_key, body), mac):
        return None
    user_id, rest = _read_number(body)
    version, category = _read_number(rest)
    found = OptOut(UserId(user_id), category.decode(), version)
    return found if token(secret_key, found) == text else None  # one spelling each: spare bits of base64 don't count


def link(public_url: str, secret_key: str, what: OptOut) -> str:
    """The address for `List-Unsubscribe` and for the foot of a mail."""
    return f"{public_url.rstrip('/')}{PATH}{token(secret_key, what)}"


def _mac(secret_key: str, body: bytes) -> bytes:
    return hmac.digest(secret_key.encode(), b"openbell:unsubscribe:" + body, hashlib.sha256)[:_MAC_BYTES]


def _number(value: int) -> bytes:
    """Seven bits a byte, the lowest first; a set top bit says that more follow."""
    kept = bytearray()
    while value > 0x7F:
        kept.append(value & 0x7F | 0x80)
        value >>= 7
    kept.append(value)
    return bytes(kept)


def _read_number(raw: bytes) -> tuple[int, bytes]:
    value = 0
    for place, byte in enumerate(raw):
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return value, raw[place + 1 :]
    raise ValueError("the number does not end")
