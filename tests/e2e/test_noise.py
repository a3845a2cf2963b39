"""Twenty thousand updates of any kind: nothing breaks, nothing is refused, nobody sees what is another's."""

import asyncio
import json
import os
import traceback
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from structlog.testing import capture_logs

from bot.live import EVERY_S
from db.engine import Database
from tests.e2e.house import House, open_house, unhurried
from tests.e2e.noise import Noise, as_update, noise

UPDATES = int(os.environ.get("OPENBELL_NOISE", "20000"))
DRAWN, TOGETHER = 20, 240
ANSWERED_WITHIN = 60.0
HARMLESS = (
    "not modified", "query is too old", "message to edit not found", "message can't be edited",
    "message thread not found", "user not found",
)  # fmt: skip
"""What Telegram may answer though nothing was wrong with what we sent: the world changed, or the press was made up."""
MARKS = {"Ada": "only-adas-7f3a", "Bob": "only-bobs-91c2", "Cleo": "only-cleos-d04e"}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisDeprecationWarning")  # the house draws lots meanwhile
async def test_twenty_thousand_updates_break_nothing_and_show_nobody_what_is_anothers(
    tmp_path: Path, database_url: str, valkey_url: str, secret_key: str
) -> None:
    async with open_house(tmp_path, database_url, valkey_url, secret_key) as house:
        await _live_through(World(house, secret_key, Database.connect(database_url, secret_key)), UPDATES)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisDeprecationWarning")
async def test_what_admins_do_in_any_order_breaks_nothing(
    tmp_path: Path, database_url: str, valkey_url: str, secret_key: str
) -> None:
    async with open_house(tmp_path, database_url, valkey_url, secret_key) as house:
        await _live_through(
            World(house, secret_key, Database.connect(database_url, secret_key), governed=True), UPDATES // 5
        )


async def _live_through(world: "World", updates: int) -> None:
    try:
        await world.prepare()
        with capture_logs() as logs:
            await asyncio.to_thread(_send_all, world, updates, asyncio.get_running_loop())
        assert world.sent >= updates
        await world.check(logs)
    finally:
        world.database.close()


def _send_all(world: "World", count: int, loop: asyncio.AbstractEventLoop) -> None:
    """Hypothesis draws a few at a time; the house answers hundreds before the next come."""
    waiting: list[Noise] = []

    def send() -> None:
        asyncio.run_coroutine_threadsafe(world.feed(waiting), loop).result()
        waiting.clear()

    @settings(
        max_examples=count // DRAWN + 1,
        phases=[Phase.generate],
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(noise, min_size=DRAWN, max_size=DRAWN))
    def draw(updates: list[Noise]) -> None:
        waiting.extend(updates)
        if len(waiting) >= TOGETHER:
            send()

    draw()
    send()


class World:
    """People with something to hide, groups they share, and everything that was said to them."""

    def __init__(self, house: House, secret_key: str, database: Database, *, governed: bool = False) -> None:
        self.secret_key = secret_key
        self.house = house
        self.database = database
        self.sandbox = house.sandbox
        self.governed = governed
        """Whether an admin speaks too: who then may see what is not told beforehand, and settings change."""
        self.sent = 0
        self.refused: list[str] = []

    async def prepare(self) -> None:
        """An admin, two people with secrets of their own, strangers, and two groups."""
        admin = await self.house.verified("Root", "root@example.com")
        for name, secret in MARKS.items():
            person = await self.house.verified(name, f"{secret}@example.com")
            await person.send(f"/remind {secret} every day at 9")
            await person.wait_for(lambda m: "Nothing is saved yet" in m.get("text", ""))
            await person.press("Save")
            await person.wait_for(lambda m: "Saved" in m.get("text", ""))
        people = [*(self.house.person(name) for name in MARKS), self.house.person("Eve"), self.house.person("Mallory")]
        people[2:3] = [admin] * 4 if self.governed else people[2:3]
        for stranger in people[-2:]:
            await stranger.ask("/start")
        self.people = [person.user for person in people]
        ada, bob = people[0], people[1]
        made = {"Desk": ada.make_group("Desk", bob, people[3]), "Club": bob.make_group("Club", ada)}
        self.groups: list[dict[str, Any]] = [
            {"id": group, "type": "supergroup", "title": title} for title, group in made.items()
        ]
        self.chats = [*(each["id"] for each in self.people), *(each["id"] for each in self.groups)]
        assert admin.last() is not None

    def _calm(self) -> None:
        """What an admin set does not hold for the next ones: the pace of a person is not what is tested here."""
        with self.database.platform.begin() as connection:
            connection.execute(text("DELETE FROM telegram_settings WHERE key LIKE 'live:%'"))
        unhurried(self.house.settings.db_url.get_secret_value() if self.house.settings.db_url else "", self.secret_key)

    def _seen(self, chat: int, which: int) -> tuple[dict[str, Any] | None, str]:
        """Some message with buttons in that chat, and one of them, or of another chat's."""
        if which % 5 == 0:
            chat = self.chats[which % len(self.chats)]
        messages = self.sandbox.messenger.messages.page(chat, limit=200)
        found = [
            (message, button["callback_data"])
            for message in messages
            for row in message.get("reply_markup", {}).get("inline_keyboard", [])
            for button in row
            if "callback_data" in button
        ]
        if not found:
            return None, ""
        message, pressed = found[-1 - which % len(found)]
        return {name: value for name, value in message.items() if name not in ("out", "seen", "extra")}, pressed

    async def feed(self, updates: list[Noise]) -> None:
        """Bring these updates, and wait until all of them were handled."""
        for each in updates:
            kind, body, chat = as_update(each, self.people, self.groups, self._seen)
            self.sandbox.messenger.updates.add(kind, json.loads(json.dumps(body)), (chat, 0))
        self.sent += len(updates)
        if self.governed:
            await asyncio.to_thread(self._calm)
        deadline = asyncio.get_running_loop().time() + ANSWERED_WITHIN
        while await asyncio.to_thread(self._waiting):
            assert asyncio.get_running_loop().time() < deadline, "the bot does not keep up with what it is sent"
            await asyncio.sleep(0.05)
        for call in self.sandbox.requests.calls():
            harmless = call.method.lower() == "getupdates" or any(words in call.description for words in HARMLESS)
            if call.code >= 400 and not harmless:
                self.refused.append(f"{call.method} {call.code} {call.description} {str(call.params)[:400]}")
        self.sandbox.requests.clear()

    def _waiting(self) -> int:
        kept = self.sandbox.messenger.updates.count()
        with self.database.platform.connect() as connection:
            open_ = connection.execute(text("SELECT count(*) FROM telegram_inbox WHERE done_at IS NULL")).scalar_one()
        return kept + int(open_)

    async def check(self, logs: list[Any]) -> None:
        """What must hold at the end."""
        broken = {_told(entry) for entry in logs if entry["log_level"] == "error"}
        assert not broken, "\n".join(sorted(broken))
        assert not self.refused, sorted(set(self.refused))[:5]
        for person in () if self.governed else self.people:
            self._reads_only_their_own(person["id"], person["first_name"])
        for group in () if self.governed else self.groups:
            self._reads_only_their_own(group["id"], None)
        await self._still_answers()

    def _reads_only_their_own(self, chat: int, name: str | None) -> None:
        foreign = {owner: secret for owner, secret in MARKS.items() if owner != name}
        for message in self.sandbox.messenger.messages.page(chat, limit=100_000):
            if message["from"]["id"] == 4242:
                said = json.dumps(message, ensure_ascii=False)
                for owner, secret in foreign.items():
                    assert secret not in said, f"{name or 'a group'} was shown what is {owner}'s: {said[:500]}"

    async def _still_answers(self) -> None:
        await asyncio.to_thread(self._calm)
        await asyncio.sleep(2 * EVERY_S)  # until the bot knows the settings that hold again
        answer = await self.house.person("Root").ask("/whoami", timeout=20)
        assert "root@example.com" in answer["text"]


def _told(entry: Any) -> str:
    problem = entry.get("exc_info")
    shown = traceback.format_exception(problem)[-4:] if isinstance(problem, BaseException) else [str(entry)]
    return "".join(shown)
