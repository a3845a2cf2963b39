"""Where the time is in what a person wrote, and what is left to do then."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from domain.errors import InvalidInput
from domain.timing import Timing

MOST_WORDS = 80
Read = Callable[[str], Timing]

_COLUMN = re.compile(
    r"(?:[\d*/,\-#?@]|(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|sun|mon|tue|wed|thu|fri|sat)[a-z]*|[lhrw])+",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"\s*[\"'“”„«`](.*?)[\"'“”»`]\s*(.*)$", re.DOTALL)
_LEAD_IN = re.compile(r"(?:please\s+)?(?:(?:send|give|show|bring|get)\s+me|remind\s+me)\s+", re.IGNORECASE)
_MARKET_TIME = re.compile(r"@\s*(?:open|close)\s*\([^)]*\)(?:\s*[+-]\s*\d+\s*(?:m|min|h)?\b)?", re.IGNORECASE)
_RESTRICTION = re.compile(r"(?:on|during)\s+\S+(?:\s+\S+){0,2}?\s+(?:days|sessions|hours)\b", re.IGNORECASE)
_SUBJECT = frozenset({"remind", "report", "the", "a", "send", "draw", "chart"})


@dataclass(frozen=True)
class Request:
    """What was written, taken apart: the time as it was read, the words it stood in, and the other words."""

    timing: Timing
    line: str
    rest: str


class TimeNotRead(InvalidInput):
    """The time in what was written could not be read; `line` is where it was looked for, `rest` stood beside it."""

    def __init__(self, problem: InvalidInput, line: str, rest: str) -> None:
        super().__init__(str(problem))
        self.problem, self.line, self.rest = problem, line, rest


def take_apart(text: str, read: Read) -> Request:
    """Find the time at the start or at the end of `text`; TimeNotRead keeps the reader's own refusal."""
    said = " ".join(text.split())
    line, rest = _leading_line(said)
    if line is not None:
        try:
            return Request(read(line), line, rest)
        except InvalidInput as problem:
            raise TimeNotRead(problem, line, rest) from problem
    return _in_words(said, read)


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


def _in_words(said: str, read: Read) -> Request:
    lead = _LEAD_IN.match(said)
    plain = said[lead.end() :] if lead else said
    words = plain.split(" ")[:MOST_WORDS]
    reminding = "remind me " if lead and "remind" in lead[0].lower() else ""
    problem: InvalidInput | None = None
    for line, rest in _splits(words):
        try:
            return Request(read(line), line, f"{reminding}{rest}".strip())
        except InvalidInput:  # these words are no time by themselves: fewer of them may be
            continue
    line, rest = _likely(words)
    try:
        return Request(read(line), line, f"{reminding}{rest}".strip())
    except InvalidInput as refusal:
        problem = refusal
    raise TimeNotRead(problem, line, f"{reminding}{rest}".strip()) from problem


def _splits(words: list[str]) -> Iterator[tuple[str, str]]:
    """The longest beginnings first, then the longest endings."""
    for count in range(len(words), 0, -1):
        yield " ".join(words[:count]), " ".join(words[count:])
    for start in range(1, len(words)):
        yield " ".join(words[start:]), " ".join(words[:start])


def _likely(words: list[str]) -> tuple[str, str]:
    """Where a time was probably meant, for the refusal to speak of."""
    for number, word in enumerate(words):
        if number and word.lower() in _SUBJECT:
            return " ".join(words[:number]), " ".join(words[number:])
    return " ".join(words), ""
