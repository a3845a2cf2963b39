"""Conversations that read as they are spoken, played over the sandbox.

    Ada: /start
    bot: … What is your e-mail address? …
    Ada: ada@example.com
    bot: I sent a code to ada@example.com …
         [Send a new code] [Another address]
    mail to ada@example.com: … {code} …
    Ada: {code}
    Ada taps [Every weekday 08:30]
    bot edits: New job: GOLD report …

Every line of the bot is its next message in the chat of whoever spoke last, or (``edits``) the message whose button
was tapped, as it is now. ``…`` stands for any text; a name in braces keeps what stands there, or says it again. Rows of
buttons stand below, and are compared whole when they are written. ``Ada in Desk: …`` and ``Ada in Desk/Gold: …`` speak
in a group or a topic of it, ``bot in Desk: …`` is answered there. ``(…)`` is for whoever reads.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sandbox.errors import SandboxError
from sandbox.person import Person
from tests.e2e.house import House

WITHIN = 15.0
_SPOKEN = re.compile(r"(?P<who>[A-Z]\w*)(?: in (?P<place>[\w/ ]+?))?: (?P<text>.*)", re.DOTALL)
_TAPPED = re.compile(r"(?P<who>[A-Z]\w*)(?: in (?P<place>[\w/ ]+?))? taps \[(?P<label>.+)\]")
_BOT = re.compile(
    r"bot(?P<edits> edits)?(?: in (?P<place>[\w/ ]+?))?(?: to (?P<to>[A-Z]\w*))?: (?P<text>.*)", re.DOTALL
)
_MAIL = re.compile(r"mail to (?P<address>\S+): (?P<text>.*)", re.DOTALL)
_ALERT = re.compile(r"alert: (?P<text>.*)", re.DOTALL)
_ROW = re.compile(r"\s*(\[[^\]]+\]\s*)+")


@dataclass
class Line:
    """One thing that happens, with the rows of buttons below it."""

    number: int
    text: str
    rows: list[list[str]] = field(default_factory=list)


class Mismatch(AssertionError):
    """What was written did not happen."""


class Stage:
    """Plays transcripts in one house; whoever appears in them stays for the next one."""

    def __init__(self, house: House, **people: Person) -> None:
        self.house = house
        self.people = people
        self.groups: dict[str, int] = {}
        self.topics: dict[str, int] = {}
        self.kept: dict[str, str] = {}
        self._seen: dict[int, int] = {person.id: _newest(person, None) for person in people.values()}
        self._speaker: Person | None = next(iter(people.values()), None)
        self._pressed: Any = None
        self._touched: dict[int, dict[str, Any]] = {}

    async def play(self, script: str) -> None:
        """Let it happen, line by line; Mismatch names the line and what was said instead."""
        for line in lines_of(script):
            try:
                await self._one(line)
            except (Mismatch, AssertionError, SandboxError) as problem:
                raise Mismatch(f"line {line.number}, “{line.text}”: {problem}") from problem

    async def _one(self, line: Line) -> None:
        if (bot := _BOT.fullmatch(line.text)) is not None:
            await self._bot_says(bot, line)
        elif (mail := _MAIL.fullmatch(line.text)) is not None:
            await self._mail_comes(mail["address"], mail["text"])
        elif (alert := _ALERT.fullmatch(line.text)) is not None:
            answer = await self._pressed.answer()
            self._compare(alert["text"], str(answer.get("text") or ""))
        elif (tapped := _TAPPED.fullmatch(line.text)) is not None:
            await self._taps(tapped)
        elif (spoken := _SPOKEN.fullmatch(line.text)) is not None:
            person, chat, thread = self._who(spoken["who"], spoken["place"])
            sent = await person.send(self._filled(spoken["text"]), chat_id=chat, thread_id=thread)
            self._seen[chat or person.id] = max(self._seen.get(chat or person.id, 0), sent["message_id"])
        else:
            raise Mismatch("nobody can read that line")

    def _who(self, name: str, place: str | None) -> tuple[Person, int | None, int | None]:
        if name not in self.people:
            self.people[name] = self.house.person(name)
        self._speaker = self.people[name]
        chat, thread = self._place(place)
        return self._speaker, chat, thread

    def _place(self, place: str | None) -> tuple[int | None, int | None]:
        if place is None:
            return None, None
        group, _, topic = place.partition("/")
        return self.groups[group], self.topics[place] if topic else None

    async def _taps(self, tapped: "re.Match[str]") -> None:
        person, chat, _ = self._who(tapped["who"], tapped["place"])
        label = self._filled(tapped["label"])
        message, button = _button(person, chat, label)
        self._touched[chat or person.id] = message
        self._pressed = await person.press(button, message_id=message["message_id"], chat_id=chat)

    async def _bot_says(self, said: "re.Match[str]", line: Line) -> None:
        if said["to"] is not None:
            self._speaker = self.people[said["to"]]
        person = self._speaker
        if person is None:
            raise Mismatch("nobody has spoken yet")
        chat, thread = self._place(said["place"])
        place = chat or person.id
        if said["edits"]:
            number = self._touched[place]["message_id"]
            message = await self._awaited(person, chat, said["text"], line, lambda m: m["message_id"] == number, 0)
        else:
            message = await self._next(person, chat, said["text"], line)
            self._seen[place] = message["message_id"]
        if thread is not None and message.get("message_thread_id") != thread:
            raise Mismatch("it was not said in that topic")
        self._touched[place] = message

    async def _next(self, person: Person, chat: int | None, pattern: str, line: Line) -> dict[str, Any]:
        """The bot's next message: exactly the next one, in the end."""
        after = self._seen.get(chat or person.id, 0)
        first = await person.wait_for(lambda _m: True, WITHIN, after=after, chat_id=chat)
        number = first["message_id"]
        return await self._awaited(person, chat, pattern, line, lambda m: m["message_id"] == number, after)

    async def _awaited(
        self, person: Person, chat: int | None, pattern: str, line: Line, right: Any, after: int
    ) -> dict[str, Any]:
        """That message, once it reads as it should (a picture's caption and a form may still change)."""
        try:
            found = await person.wait_for(
                lambda m: right(m) and self._fits(pattern, _words(m)) and (not line.rows or _rows(m) == line.rows),
                WITHIN,
                after=after,
                chat_id=chat,
            )
        except SandboxError:
            last = next((m for m in reversed(person.replies(chat_id=chat)) if right(m)), None)
            said = "nothing" if last is None else f"“{_words(last)}” with {_rows(last)}"
            raise Mismatch(f"the bot said {said}") from None
        self._compare(pattern, _words(found))
        return found

    async def _mail_comes(self, address: str, pattern: str) -> None:
        mail = await self.house.sandbox.wait_for_mail(self._filled(address))
        self._compare(pattern, mail.text)

    def _filled(self, text: str) -> str:
        return re.sub(r"\{(\w+)\}", lambda found: self.kept.get(found[1], found[0]), text)

    def _fits(self, pattern: str, said: str) -> "re.Match[str] | None":
        return re.fullmatch(self._expression(pattern), _tidy(said), re.DOTALL)

    def _compare(self, pattern: str, said: str) -> None:
        found = self._fits(pattern, said)
        if found is None:
            raise Mismatch(f"it says “{said}”")
        self.kept |= {name: value.strip() for name, value in found.groupdict().items()}

    def _expression(self, pattern: str) -> str:
        """A pattern as a regular expression: … is anything, {name} a word that is kept or was."""
        parts = re.split(r"(\s*…\s*|\{\w+\})", _tidy(pattern))
        made = []
        for part in parts:
            if part.strip() == "…":
                made.append(".*")
            elif re.fullmatch(r"\{\w+\}", part):
                made.append(self._word(part[1:-1]))
            else:
                made.append(re.escape(part))
        return "".join(made)

    def _word(self, name: str) -> str:
        """A word that was kept; one to keep; or the eight digits of a code, which is a new one each time."""
        if name == "code":
            return r"(?P<code>\d{4} ?\d{4})"
        return re.escape(self.kept[name]) if name in self.kept else rf"(?P<{name}>\S+)"


def lines_of(script: str) -> Iterator[Line]:
    """What happens, in order; an indented line goes on with the one above it."""
    found: list[Line] = []
    for number, raw in enumerate(script.splitlines(), start=1):
        line = raw.rstrip()
        if not line.strip() or re.fullmatch(r"\s*\(.*\)", line):
            continue
        starts = any(each.fullmatch(line.strip()) for each in (_BOT, _MAIL, _ALERT, _TAPPED, _SPOKEN))
        if found and _ROW.fullmatch(line):
            found[-1].rows.append(re.findall(r"\[([^\]]+)\]", line))
        elif found and not starts:
            found[-1].text += "\n" + line.strip()
        else:
            found.append(Line(number, line.strip()))
    yield from found


def _button(person: Person, chat: int | None, label: str) -> tuple[dict[str, Any], str]:
    """The newest message with a button of that label (which may end in …), and what to press."""
    wanted = re.compile(re.escape(label).replace("…", ".*"))
    for message in reversed(person.replies(chat_id=chat)):
        for row in message.get("reply_markup", {}).get("inline_keyboard", []):
            for button in row:
                if "callback_data" in button and wanted.fullmatch(button["text"]):
                    return message, button["callback_data"]
    raise Mismatch(f"there is no button “{label}”, there are {person.buttons(chat_id=chat)}")


def _rows(message: dict[str, Any]) -> list[list[str]]:
    rows = message.get("reply_markup", {}).get("inline_keyboard", [])
    return [[button["text"] for button in row] for row in rows]


def _words(message: dict[str, Any]) -> str:
    return str(message.get("text") or message.get("caption") or "")


def _tidy(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def _newest(person: Person, chat: int | None) -> int:
    return max((message["message_id"] for message in person.messages(chat_id=chat)), default=0)
