"""Which jobs a list shows, in the words a person asks for them with."""

from dataclasses import dataclass
from enum import StrEnum

from domain.errors import InvalidInput
from domain.locales import t
from domain.tags import read_tag

LONGEST_BYTES = 40
"""A button that turns a page keeps the filter's words, and holds 64 bytes."""


class JobState(StrEnum):
    """How a job stands, for a list of those that stand so."""

    FAILED = "failed"
    """Its last run failed."""
    PAUSED = "paused"
    DONE = "done"
    """It was to run once, or until a day, and that is over."""


_STATES = {
    **{state.value: state for state in JobState},
    "over": JobState.DONE,
    "fehlgeschlagen": JobState.FAILED,
    "pausiert": JobState.PAUSED,
    "erledigt": JobState.DONE,
    "vorbei": JobState.DONE,
}


@dataclass(frozen=True)
class JobFilter:
    """What a list of jobs is narrowed to; all of it holds at once."""

    text: str = ""
    tag: str = ""
    state: JobState | None = None
    owner: str = ""
    """Whose jobs, as an admin named them: a number, an address, or a part of one. Empty: one's own."""

    @property
    def is_empty(self) -> bool:
        return self == JobFilter()

    @property
    def words(self) -> str:
        """The words that `parse_filter` reads it from."""
        parts = (f"@{self.owner}" * bool(self.owner), f"#{self.tag}" * bool(self.tag), self.state or "", self.text)
        return " ".join(part for part in parts if part)


EVERYTHING = JobFilter()


def parse_filter(words: str) -> JobFilter:
    """``#gold``, ``failed``, ``paused``, ``done``, ``@ada``; whatever else is said is looked for in the names."""
    state: JobState | None = None
    tag, owner = "", ""
    text: list[str] = []
    for word in words.split():
        if word.startswith("#") and len(word) > 1 and not tag:
            tag = read_tag(word)
        elif word.startswith("@") and len(word) > 1 and not owner:
            owner = word[1:].lower()
        elif state is None and word.lower() in _STATES:
            state = _STATES[word.lower()]
        else:
            text.append(word)
    found = JobFilter(" ".join(text), tag, state, owner)
    if len(found.words.encode("utf-8", "replace")) > LONGEST_BYTES:
        raise InvalidInput(t("That is more than I can look for at once. Name a tag, or a part of the job's name."))
    return found
