"""Verification codes that stand nowhere: derived from a secret key and a random nonce, kept as a keyed hash.

Tokens of links (an invitation, the way of an account to a real bot) are random, and kept as a keyed hash alone.

Whoever reads the database sees the nonce and the hash, and can compute neither the code nor the link without the key;
the sender, which has the key, derives the code again at the moment of sending.
"""

import base64
import hashlib
import hmac
import re
import secrets
import unicodedata
from dataclasses import dataclass
from datetime import timedelta

LIVES = timedelta(minutes=10)
ATTEMPTS_PER_CODE = 5
ATTEMPTS_PER_DAY = 10
BETWEEN_SENDS = timedelta(seconds=60)
SENDS_PER_HOUR = 3
DIGITS = 8
LINK_PREFIX = "v_"
INVITE_PREFIX = "i_"
CONNECT_PREFIX = "c_"
LINKS_LIVE = timedelta(hours=48)
TOKEN_BYTES = 16
_TOKEN = re.compile(r"[A-Za-z0-9_-]{22}")


@dataclass(frozen=True)
class Code:
    """A code and its one-tap link token, both computed from `nonce`."""

    digits: str
    link_token: str

    @property
    def spaced(self) -> str:
        """The digits as a person reads them: two groups of four."""
        return f"{self.digits[:4]} {self.digits[4:]}"


def new_nonce() -> str:
    """A fresh 128-bit random nonce, in hexadecimal."""
    return secrets.token_hex(16)


def derive(secret_key: str, nonce: str) -> Code:
    """The code that belongs to `nonce`; the same every time, for those who hold the key."""
    number = int.from_bytes(_keyed(secret_key, "digits", nonce), "big") % 10**DIGITS
    token = base64.urlsafe_b64encode(_keyed(secret_key, "link", nonce)[:24]).decode()
    return Code(f"{number:0{DIGITS}}", f"{LINK_PREFIX}{token}")


def new_token(prefix: str) -> str:
    """A fresh 128-bit random token for a link, with the prefix that says what the link is for."""
    return prefix + secrets.token_urlsafe(TOKEN_BYTES)


def is_token(text: str, prefix: str) -> bool:
    """Whether `text` has the form of a token of that prefix, to the letter."""
    return text.startswith(prefix) and _TOKEN.fullmatch(text[len(prefix) :]) is not None


def keyed_hash(secret_key: str, code: str, purpose: str) -> str:
    """What is stored of a code or a link token."""
    return _keyed(secret_key, f"hash:{purpose}", code).hex()


def matches(secret_key: str, code: str, purpose: str, stored: str) -> bool:
    """Whether `code` is the one behind `stored`, compared in constant time."""
    return hmac.compare_digest(keyed_hash(secret_key, code, purpose), stored)


def read_digits(text: str) -> str | None:
    """The eight digits in what a person typed (blanks, dashes and other scripts' digits are fine), or None."""
    kept = [c for c in unicodedata.normalize("NFKC", text) if not (c.isspace() or c in "-–—.")]
    if len(kept) != DIGITS or not all(c.isdecimal() for c in kept):
        return None
    return "".join(str(unicodedata.decimal(c)) for c in kept)


def _keyed(secret_key: str, purpose: str, text: str) -> bytes:
    return hmac.digest(secret_key.encode(), f"openbell:{purpose}:{text}".encode(), hashlib.sha256)
