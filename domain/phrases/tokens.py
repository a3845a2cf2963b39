"""A text as the words, numbers and clock times that a phrase is made of, and a cursor that reads them."""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

_ENGLISH = re.compile(
    r"""
      [0-9]{4}-[0-9]{2}-[0-9]{2}                                # a date
    | [0-9]{1,2}[:.h][0-9]{2}(?![0-9])                          # a clock time
    | :[0-9]{2}(?![0-9])                                        # a minute
    | [0-9]+(?:st|nd|rd|th)(?![a-z])                            # an ordinal
    | [0-9]+
    | [ap]\.\s?m\.?(?![a-z])
    | [^\W\d_]+(?:/[^\W\d]+(?:[-_/][^\W\d]+)*)+                 # a time zone
    | [^\W\d_]+(?:['’][^\W\d_]+)?
    | \S
    """,
    re.VERBOSE | re.IGNORECASE,
)
_GERMAN = re.compile(
    r"""
      [0-9]{4}-[0-9]{2}-[0-9]{2}                                # a date
    | [0-9]{1,2}\.\s?[0-9]{1,2}\.(?:\s?20[0-9]{2}(?![0-9]))?    # 24.12., 24.12.2026
    | [0-9]{1,2}[:.h][0-9]{2}(?![0-9])                          # a clock time
    | :[0-9]{2}(?![0-9])                                        # a minute
    | [0-9]{1,2}\.(?![0-9])                                     # an ordinal
    | [0-9]+
    | [^\W\d_]+(?:/[^\W\d]+(?:[-_/][^\W\d]+)*)+                 # a time zone
    | [^\W\d_]+
    | \S
    """,
    re.VERBOSE | re.IGNORECASE,
)

_NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_ORDINALS = (
    "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh", "twelfth", "thirteenth", "fourteenth", "fifteenth",
    "sixteenth", "seventeenth", "eighteenth", "nineteenth", "twentieth",
)  # fmt: skip
_AS_DIGITS = {
    **{word: str(number) for number, word in enumerate(_NUMBERS, 1)},
    **{word: f"{number}th" for number, word in enumerate(_ORDINALS, 6)},
    "fifteen": "15", "twenty": "20", "thirty": "30", "thirtieth": "30th",
}  # fmt: skip
_ZAHLEN = (
    "zwei", "drei", "vier", "fuenf", "sechs", "sieben", "acht", "neun", "zehn", "elf", "zwoelf", "dreizehn",
    "vierzehn", "fuenfzehn", "sechzehn", "siebzehn", "achtzehn", "neunzehn", "zwanzig",
)  # fmt: skip
_STEMS = {
    **{stem: n for n, stem in enumerate(
        ("erst", "zweit", "dritt", "viert", "fuenft", "sechst", "siebt", "acht", "neunt", "zehnt", "elft", "zwoelft",
         "dreizehnt", "vierzehnt", "fuenfzehnt"), 1)},
    "zwanzigst": 20, "dreissigst": 30,
}  # fmt: skip
_ALS_ZIFFERN = {
    **{word: str(number) for number, word in enumerate(_ZAHLEN, 2)},
    "dreissig": "30", "vierzig": "40", "fuenfundvierzig": "45", "neunzig": "90",
    **{f"{stem}{end}": f"{number}." for stem, number in _STEMS.items() for end in ("e", "en", "er", "es", "em")},
}  # fmt: skip
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})


@dataclass(frozen=True, slots=True)
class Token:
    """A word in small letters, a number in digits, and where it stands in the text."""

    text: str
    start: int
    end: int


Tokens = Callable[[str], list[Token]]


def english_tokens(text: str) -> list[Token]:
    """The words of an English text; "SIX" before "trading" is Zurich's exchange and no number."""
    found = list(_ENGLISH.finditer(text))
    words = [each[0].lower() for each in found]
    return [
        Token("six" if words[at : at + 2] == ["six", "trading"] else _plain(each[0]), *each.span())
        for at, each in enumerate(found)
    ]


def german_tokens(text: str) -> list[Token]:
    """The words of a German text, its umlauts as ae, oe, ue, ss."""
    return [Token(_schlicht(found[0]), *found.span()) for found in _GERMAN.finditer(text)]


def _plain(word: str) -> str:
    word = word.lower().replace("’", "'")
    return _AS_DIGITS.get(word, word)


def _schlicht(word: str) -> str:
    word = word.lower().translate(_UMLAUTS)
    return _ALS_ZIFFERN.get(word, word)


class Cursor:
    """A place among the tokens. A `take…` moves past what it found, or leaves the place as it was."""

    def __init__(self, text: str, tokens: Tokens = english_tokens) -> None:
        self.text = unicodedata.normalize("NFC", text)
        self.tokens = tokens(self.text)
        self.at = 0

    @property
    def ended(self) -> bool:
        return self.at >= len(self.tokens)

    def peek(self, ahead: int = 0) -> str:
        """The token `ahead` of here, empty behind the end."""
        place = self.at + ahead
        return self.tokens[place].text if 0 <= place < len(self.tokens) else ""

    def take(self, *words: str) -> str:
        """The token here if it is one of `words`, else nothing."""
        word = self.peek()
        if word and word in words:
            self.at += 1
            return word
        return ""

    def take_all(self, phrase: str) -> bool:
        """Whether exactly these words come, one after the other."""
        words = phrase.split(" ")
        if [self.peek(n) for n in range(len(words))] != words:
            return False
        self.at += len(words)
        return True

    def take_any(self, *phrases: str) -> bool:
        return any(self.take_all(phrase) for phrase in phrases)

    def take_number(self, most: int = 9999) -> int | None:
        word = self.peek()
        if not (word.isascii() and word.isdigit() and len(word) <= 4 and int(word) <= most):
            return None
        self.at += 1
        return int(word)

    def take_joint(self) -> bool:
        """What stands between two things of a list: a comma, "and", or both."""
        comma = self.take(",")
        return bool(self.take("and", "und", "&") or comma)

    def said(self, start: int, end: int | None = None) -> str:
        """The text from token `start` up to token `end`, as it was written."""
        chosen = self.tokens[start:end]
        return self.text[chosen[0].start : chosen[-1].end] if chosen else ""
