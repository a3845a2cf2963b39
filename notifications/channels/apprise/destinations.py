"""The places that Apprise may be sent to: named in the settings, so that no URL with its secrets is stored or shown."""

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit

from domain.errors import InvalidInput

SCHEMAS = frozenset({
    "bark", "barks", "discord", "feishu", "flock", "gchat", "gotify", "gotifys", "guilded", "hassio",
    "hassios", "ifttt", "join", "lametric", "lark", "line", "mastodon", "mastodons", "matrix", "matrixs",
    "mmost", "mmosts", "msg91", "ncloud", "nclouds", "nctalk", "nctalks", "nexmo", "ntfy", "ntfys",
    "onesignal", "opsgenie", "pagerduty", "pbul", "pover", "prowl", "pushdeer", "pushdeers", "pushy",
    "rocket", "rockets", "revolt", "ryver", "signal", "signals", "signl4", "simplepush", "slack", "spush",
    "squadcast", "telnyx", "threema", "twilio", "twist", "viber", "vonage", "webex", "whatsapp", "workflow",
    "workflows", "wxteams", "zulip",
})  # fmt: skip
"""Services that carry a message to people. None opens files, runs programs, speaks to the desktop or posts freely."""

REFUSED = frozenset({"attach", "filename", "optional", "retry", "store", "template", "verify", "wait"})
"""What a URL may not ask for: files, repeats behind our back, no look at certificates."""

NAME = r"[a-z][a-z0-9_-]{0,31}"
_HELP = "Example: desk=slack://TokenA/TokenB/TokenC/#desk"


def parse(text: str) -> Mapping[str, str]:
    """``name=url`` words of APPRISE_URLS; InvalidInput names what is wrong without showing a URL."""
    found: dict[str, str] = {}
    for number, word in enumerate(text.split(), 1):
        name, equals, url = word.partition("=")
        if not equals or not re.fullmatch(NAME, name):
            raise InvalidInput(f"Word {number} of APPRISE_URLS is not a name in small letters, = and a URL. {_HELP}")
        if name in found:
            raise InvalidInput(f"APPRISE_URLS has “{name}” twice. {_HELP}")
        if fault := fault_of(url):
            raise InvalidInput(f"The URL of “{name}” in APPRISE_URLS {fault}. {_HELP}")
        found[name] = url
    return found


def fault_of(url: str) -> str | None:
    """Why a URL may not be used; None when it may."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "can't be read"
    if parts.scheme.lower() not in SCHEMAS:
        known = ", ".join(sorted(SCHEMAS))
        return f"begins with “{parts.scheme[:20]}”, which is not one of {known}"
    asked = {key.lower().strip("+-:") for key, _ in parse_qsl(parts.query, keep_blank_values=True)}
    if refused := sorted(asked & REFUSED):
        return f"asks for {' and '.join(refused)}, which is not taken here"
    return None
