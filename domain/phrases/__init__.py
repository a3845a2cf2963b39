"""Words for a schedule's timing, in English and German: ``every weekday at 8:30``, ``30 Minuten vor NYSE-Eröffnung``.

A phrase is read word by word with the rules of a language, in any order, each part once; the language of the journey
is tried first. What is not understood is refused with the words that were not, and with phrases that are; nothing is
guessed. `domain.words` says the same things back.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches

from domain.locales import current, t
from domain.phrases import asked
from domain.phrases.assembly import Phrase, assemble, instant_of
from domain.phrases.english import ENGLISH
from domain.phrases.german import GERMAN
from domain.phrases.language import Language, Rule
from domain.phrases.moments import Moment
from domain.phrases.places import zone_or_refusal
from domain.phrases.said import PhraseRefused, Said, examples
from domain.phrases.tokens import Cursor
from domain.words_parts import clock_time

__all__ = [
    "Moment",
    "Phrase",
    "PhraseRefused",
    "is_understood",
    "read_moment",
    "read_phrase",
    "read_where",
    "split_phrase",
]

LONGEST = 200
LONGEST_SPLIT = 4096
_LANGUAGES = (ENGLISH, GERMAN)
_NO_DAY = ("now", "soon", "later", "jetzt", "bald", "spaeter", "gleich")


def read_phrase(text: str) -> Phrase:
    """The timing that `text` says, all of it; PhraseRefused names what it does not understand."""
    _check_length(text, LONGEST)
    refusals = []
    for reading in _readings(text):
        try:
            reading.read()
            if reading.cursor.ended:
                return reading.phrase()
            refusals.append(reading)
        except PhraseRefused as refused:
            refusals.append(reading.refused(refused))
    raise _best(refusals)


def read_moment(text: str) -> Phrase:
    """The one time that `text` says: ``Monday 8:00``, ``tomorrow``, ``2h``; midnight where a day has no time."""
    _check_length(text, LONGEST)
    refusals = []
    for reading in _readings(text, once=True):
        try:
            reading.read()
            if reading.cursor.ended and reading.cursor.tokens:
                return instant_of(reading.said)
            refusals.append(reading)
        except PhraseRefused as refused:
            refusals.append(reading.refused(refused))
    raise _best(refusals)


def read_where(text: str) -> Phrase:
    """What may stand behind a cron line: an exchange's days or hours, a time zone; its `expression` is empty."""
    unknown = text
    for reading in _readings(text[:LONGEST]):
        said = reading.read(reading.language.where)
        if reading.cursor.ended and not ((said.trading_days or said.hours_only) and said.calendar is None):
            return Phrase("", said.calendar, said.hours_only, said.timezone)
        unknown = min(reading.cursor.said(reading.cursor.at) or text, unknown, key=len)
    raise PhraseRefused(
        t("I read the cron line, but not “{words}” behind it.", words=unknown[:60]),
        unknown,
        ("during NYSE hours", "on NYSE days", "in New York"),
    )


def split_phrase(text: str) -> tuple[Phrase, str]:
    """The first phrase in a longer text, and the text without it; PhraseRefused when there is none."""
    _check_length(text, LONGEST_SPLIT)
    refusals = []
    for reading in _readings(text):
        try:
            return reading.split()
        except PhraseRefused as refused:
            refusals.append(reading.refused(refused))
    raise _best(refusals)


def is_understood(text: str) -> bool:
    """Whether `text` is a phrase but for what may be missing in it."""
    for reading in _readings(text[:LONGEST]):
        try:
            reading.read()
            if reading.cursor.ended and reading.phrase():
                return True
        except PhraseRefused as refused:
            if not refused.unknown:
                return True
    return False


def _check_length(text: str, longest: int) -> None:
    if len(text) > longest:
        raise PhraseRefused(
            t("That is too long to say when: {count} characters at most.", count=longest), suggestions=examples()[:1]
        )


def _readings(text: str, *, once: bool = False) -> "Iterator[_Reading]":
    """`text` as each language reads it, that of the journey first."""
    for language in sorted(_LANGUAGES, key=lambda each: each.code != current()):
        yield _Reading(language, Cursor(text, language.tokens), Said(once=once))


def _best(refusals: "list[_Reading]") -> PhraseRefused:
    """The refusal of the language that understood most of it."""
    found = [reading.refusal() for reading in refusals]
    return max(found, key=lambda each: each[0])[1]


@dataclass
class _Reading:
    """A text as one language reads it."""

    language: Language
    cursor: Cursor
    said: Said
    problem: PhraseRefused | None = field(default=None)

    def read(self, rules: tuple[Rule, ...] | None = None) -> Said:
        """Read parts from here on, as far as they are understood."""
        once = self.said.once
        self.said = said = Said(once=once)
        cursor, begun = self.cursor, False
        while not cursor.ended:
            mark = cursor.at
            if begun:
                cursor.take(",")
            if not any(self._take(rule) for rule in rules or self.language.rules):
                cursor.at = mark
                break
            begun = True
        return said

    def _take(self, rule: Rule) -> bool:
        start, had = self.cursor.at, self.said.moment
        if not rule(self.cursor, self.said):
            self.cursor.at = start
            return False
        if self.said.moment is not had:
            self.said.spoken = self.cursor.said(start, self.cursor.at)
        return True

    def phrase(self) -> Phrase:
        return assemble(self.said, f"{self.language.at} 09:00")

    def refused(self, problem: PhraseRefused) -> "_Reading":
        self.problem = problem
        return self

    def split(self) -> tuple[Phrase, str]:
        cursor = self.cursor
        begun, apart, reach = Said(), "", 0
        for start in range(len(cursor.tokens)):
            if start and cursor.tokens[start].text in (",", "(", ")"):
                continue
            cursor.at = start
            said = self.read()
            if said.is_complete:
                if begun.repeats and begun.has_days:
                    raise _said_apart(apart, cursor.said(start, cursor.at))
                return self.phrase(), self._without(start)
            if begun == Said():
                begun, apart, reach = said, cursor.said(start, cursor.at), cursor.at - start
        self.said, cursor.at = begun, reach
        if begun != Said():
            self.phrase()  # says what is missing
        raise self._nothing_said(cursor.text)[1]

    def _without(self, start: int) -> str:
        cursor = self.cursor
        before = cursor.text[: cursor.tokens[start].start]
        after = "" if cursor.ended else cursor.text[cursor.tokens[cursor.at].start :]
        return " ".join(part for part in (before.strip(" ,;:\n\t"), after.strip(" ,;:\n\t")) if part)

    def refusal(self) -> tuple[int, PhraseRefused]:
        """How many words were understood, and what is said about the others."""
        return (self.cursor.at, self.problem) if self.problem is not None else self._not_understood()

    def _not_understood(self) -> tuple[int, PhraseRefused]:
        cursor, start = self.cursor, self.cursor.at
        cursor.take(",", "and", "on", "und", "am", self.language.at)
        unknown = cursor.said(cursor.at if not cursor.ended else start)
        if (asked_hour := self._lone_hour(start)) is not None:
            return start + 1, asked_hour
        if start == 0:
            return self._nothing_said(unknown)
        if cursor.tokens[start].text == self.language.within and len(unknown.split()) < 5:
            try:
                zone_or_refusal(unknown.removeprefix(f"{self.language.within} "))  # says which places it may be
            except PhraseRefused as which:
                return start, which
        near = self._corrected()
        if near:
            refused = PhraseRefused(t("I don't understand “{words}” there.", words=unknown), unknown, near)
            return len(cursor.tokens), refused
        understood = cursor.said(0, start)
        return start, PhraseRefused(
            t("I understand “{understood}”, but not “{words}” behind it.", understood=understood, words=unknown),
            unknown,
            examples()[:2],
        )

    def _lone_hour(self, start: int) -> PhraseRefused | None:
        """The question of which half of the day "8" is in, where nothing else was not understood."""
        cursor, word = self.cursor, self.cursor.peek()
        last = cursor.at == len(cursor.tokens) - 1
        if self.said.has_clock or not last or not (word.isdecimal() and word.isascii() and int(word[:3]) < 24):
            return None
        before = cursor.said(0, start)
        hours = [int(word) % 12, int(word) % 12 + 12] if int(word) <= 12 else [int(word)]
        if self.said.doubtful and self.said.moment is not None:
            return asked.day_or_month(self.said.doubtful, self.said.moment, *(clock_time(hour, 0) for hour in hours))
        return asked.which_half_of_day(word, hours, before and f"{before} {self.language.at}", once=self.said.once)

    def _nothing_said(self, text: str) -> tuple[int, PhraseRefused]:
        shown = text.strip()[:60]
        word = next((token.text for token in self.cursor.tokens if token.text in _NO_DAY), "")
        if word:
            return 0, PhraseRefused(t("“{word}” is no time to plan. Say when.", word=word), word, examples()[:2])
        near = self._corrected()
        if near:
            refused = PhraseRefused(t("I don't understand “{words}” as a time.", words=shown), shown, near)
            return len(self.cursor.tokens), refused
        return 0, PhraseRefused(t("I see no time in “{words}” that I understand.", words=shown), shown, examples()[:2])

    def _corrected(self) -> tuple[str, ...]:
        """The phrase with its misspelt words set right, in our words, where that makes it plain."""
        if len(self.cursor.text) > LONGEST or self.said.once:
            return ()
        given = [token.text for token in self.cursor.tokens]
        words = [self._near(word) for word in given]
        if words == given:
            return ()
        again = _Reading(self.language, Cursor(" ".join(words), self.language.tokens), Said())
        try:
            again.read()
            return (again.phrase().words,) if again.cursor.ended and again.said.moment is None else ()
        except PhraseRefused:
            return ()

    def _near(self, word: str) -> str:
        near = get_close_matches(word, self.language.vocabulary, n=1, cutoff=0.75) if len(word) > 2 else []
        return near[0] if near else word


def _said_apart(first: str, second: str) -> PhraseRefused:
    return PhraseRefused(
        t(
            "I read “{first}” and, apart from it, “{second}”. Say when in one go, before or after everything else.",
            first=first,
            second=second,
        ),
        first,
        examples()[:1],
    )
