"""Where the time is in what a person wrote, and what is left to do then."""

import re
from dataclasses import dataclass
from datetime import datetime

from domain.cron import CronRefused
from domain.errors import InvalidInput
from domain.locales import t
from domain.phrases import PhraseRefused, is_understood, split_phrase
from domain.timing import Timing, parse_timing, read_instant, timing_of

__all__ = ["Request", "TimeNotRead", "read_instant", "suggestions_of", "take_apart"]

MOST_WORDS = 40
LONGEST = 1000
_COLUMN = re.compile(  # never looks back: a word of a thousand months is read once
    r"(?:[\d*/,\-#?@]|(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|sun|mon|tue|wed|thu|fri|sat)[a-z]*+|[lhrw])++",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"\s*[\"'“”„«`](.*?)[\"'“”»`]\s*(.*)$", re.DOTALL)
_LEAD_IN = re.compile(
    r"(?:(?:please|bitte)\s+)?(?:(?:send|give|show|bring|get)\s+me"
    r"|(?:send|schick|zeig)e?\s+mir|gib\s+mir"
    r"|(?P<reminding>remind\s+me|erinner[en]?\s+mich))(?:\s+bitte)?[\s,:]+",
    re.IGNORECASE,
)
_OF = re.compile(r"(?:daran,?(?:\s+dass)?|an)\s+", re.IGNORECASE)
"""What German says before the thing that one is reminded of."""
_MARKET_TIME = re.compile(r"@\s*(?:open|close)\s*\([^)]*\)(?:\s*[+-]\s*\d+\s*(?:m|min|h)?\b)?", re.IGNORECASE)
_RESTRICTION = re.compile(
    r"(?:on|during)\s+\S+(?:\s+\S+){0,2}?\s+(?:days|sessions|hours)\b"
    r"|(?:an|während|waehrend)\s+(?:der\s+)?\S+?(?:-|\s)(?:Handelstagen|Handelszeit(?:en)?)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Request:
    """What was written, taken apart: the time as it was read, and the other words."""

    timing: Timing
    rest: str


class TimeNotRead(InvalidInput):
    """The time in what was written could not be read; `line` is where it was looked for, `rest` stood beside it."""

    def __init__(self, problem: InvalidInput, line: str, rest: str) -> None:
        super().__init__(str(problem))
        self.problem, self.line, self.rest = problem, line, rest


def take_apart(text: str, timezone: str, now: datetime) -> Request:
    """Find the time in `text`: a cron line it begins with, or words anywhere; TimeNotRead keeps the refusal."""
    said = " ".join(text.split())
    if len(said) > LONGEST:
        too_long = InvalidInput(
            t("That is too long to read a time out of it: {count} characters at most.", count=LONGEST)
        )
        raise TimeNotRead(too_long, "", "")
    line, rest = _leading_line(said)
    if line is None:
        return _in_words(said, timezone, now)
    try:
        return Request(parse_timing(line, timezone=timezone, now=now), rest)
    except InvalidInput as problem:
        raise TimeNotRead(problem, line, rest) from problem


def suggestions_of(problem: Exception) -> tuple[str, ...]:
    """What a refusal says may have been meant."""
    if isinstance(problem, PhraseRefused):
        return problem.suggestions
    return (problem.suggestion,) if isinstance(problem, CronRefused) and problem.suggestion else ()


def _leading_line(said: str) -> tuple[str | None, str]:
    """The quoted text, cron line or market time that `said` begins with, and what follows it."""
    if quoted := _QUOTED.match(said):
        return quoted[1], quoted[2]
    if market := _MARKET_TIME.match(said):
        return market[0], said[market.end() :].strip()
    words = said.split(" ")
    if words[0].startswith("@"):
        return words[0], " ".join(words[1:])
    columns = next((n for n, word in enumerate(words) if not _COLUMN.fullmatch(word)), len(words))
    numbers = any("*" in word for word in words[:columns]) or columns >= 4 or columns == len(words)
    if not (columns and numbers and re.match(r"[\d*]", said)):
        return None, said
    line, rest = " ".join(words[:columns]), " ".join(words[columns:])
    if restriction := _RESTRICTION.match(rest):
        return f"{line} {restriction[0]}", rest[restriction.end() :].strip()
    return line, rest


def _in_words(said: str, timezone: str, now: datetime) -> Request:
    lead = _LEAD_IN.match(said)
    plain = said[lead.end() :] if lead else said
    if lead and lead["reminding"]:
        plain = _OF.sub("", plain, count=1) if _OF.match(plain) else plain
    reminding = bool(lead and lead["reminding"])
    try:
        phrase, rest = split_phrase(plain)
        return Request(timing_of(phrase, timezone, now), _wish(rest, reminding=reminding))
    except PhraseRefused as problem:
        raise TimeNotRead(problem, plain, _wish(_beside(plain), reminding=reminding)) from problem


def _wish(rest: str, *, reminding: bool) -> str:
    """What is to be done, in whatever language a reminder was asked for: ``remind me …``."""
    late = _LEAD_IN.match(rest)
    if late and late["reminding"] and "mich" in late[0].lower():
        rest, reminding = rest[late.end() :], True
    return f"remind me {_OF.sub('', rest, count=1) if _OF.match(rest) else rest}".strip() if reminding else rest


def _beside(said: str) -> str:
    """The words beside the longest beginning or ending that is understood but for what is missing in it."""
    words = said.split(" ")[:MOST_WORDS]
    for count in range(len(words) - 1, 0, -1):
        if is_understood(" ".join(words[:count])):
            return " ".join(words[count:])
        if is_understood(" ".join(words[-count:])):
            return " ".join(words[:-count])
    return ""
