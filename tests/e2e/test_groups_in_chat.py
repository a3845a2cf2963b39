"""Groups and topics: linked by who may, written to, left, lost; and nothing else said or done there."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, make_url, text

from sandbox.messages import Message
from tests.e2e.house import House
from tests.e2e.transcript import Stage

QUIET_S = 0.6
"""Long after the bot would have answered in these tests."""


async def desk(house: House) -> Stage:
    """Ada, whom we know, her group Desk with the topic Gold, and Bob in it, whom we don't."""
    ada, bob = await house.verified("Ada", "ada@example.com"), house.person("Bob")
    stage = Stage(house, Ada=ada, Bob=bob)
    stage.groups["Desk"] = ada.make_group("Desk", bob)
    await stage.play("bot in Desk: Hello. I'm a scheduler: …")
    stage.topics["Desk/Gold"] = ada.make_topic(stage.groups["Desk"], "Gold")
    return stage


async def nothing_is_said(stage: Stage, group: str = "Desk") -> None:
    """What was just sent stays without an answer, while a command after it gets one."""
    person, chat = stage.people["Ada"], stage.groups[group]
    newest = person.messages(chat_id=chat)[-1]["message_id"]
    sent = await person.send("/whoami", chat_id=chat)
    answer = await person.wait_for(lambda _m: True, after=newest, chat_id=chat)
    assert answer["reply_to_message"]["message_id"] == sent["message_id"], f"{answer['text']} was said"
    stage._seen[chat] = answer["message_id"]


async def test_linking_a_topic_and_getting_a_result_there(house: House) -> None:
    stage = await desk(house)
    await stage.play("""
        Ada in Desk/Gold: /link
        bot in Desk/Gold: 🔔 Desk › … is linked. …
        Ada: /link
        bot: Groups 1. ● Desk › … · 0 jobs
             [1]
             [Add me to a group]
        Ada taps [1]
        bot edits: Desk › … ● I can write there. 0 jobs are told there. …
             [Send a test] [Unlink]
             [Allow acting]
             [‹ All groups]
        Ada taps [Send a test]
        alert: On its way to Desk › ….
        bot in Desk/Gold: 🔔 A line to see that I can write to Desk › …. Results arrive like this.
        Ada taps [Unlink]
        bot edits: Desk › … is not linked any more. No job was told there.
        Ada: /link
        bot: Groups None is linked yet. …
    """)


@pytest.mark.slow
async def test_only_a_verified_admin_of_the_group_links_it(house: House) -> None:
    stage = await desk(house)
    await stage.play("""
        Bob in Desk: /link
        bot in Desk: I don't know you yet. Write to me privately, and I'll ask for your e-mail address.
             [Write to me]
    """)
    stage.people["Bob"] = await house.verified("Bob", "bob@example.com")
    await stage.play("""
        Bob in Desk: /link
        bot in Desk: Only an admin of this group can link it, and nothing was changed. …
        Bob in Desk: /unlink
        bot in Desk: This place is not linked, so nothing was changed. …
    """)


@pytest.mark.slow
async def test_an_anonymous_admin_is_asked_to_write_as_themselves(house: House) -> None:
    stage = await desk(house)
    ada, chat = stage.people["Ada"], stage.groups["Desk"]
    await ada.send("/link", chat_id=chat, anonymous=True)
    await stage.play("bot in Desk: You write as the group or as a channel, so I can't tell who you are, …")
    await ada.send("/unheard_of", chat_id=chat, anonymous=True)
    await nothing_is_said(stage)


@pytest.mark.slow
async def test_what_is_personal_is_answered_in_private_only(house: House) -> None:
    stage = await desk(house)
    for command in ("/settings", "/pause 1", "/export", "/users", "/add", "/verify eve@example.com"):
        await stage.play(f"""
            Ada in Desk: {command}
            bot in Desk: Others read here. Write that to me privately.
                 [Write to me]
        """)
    chat = stage.groups["Desk"]
    said = " ".join(_text(each) for each in stage.people["Ada"].replies(chat_id=chat))
    assert "ada@example.com" not in said


async def test_what_everybody_may_read_tells_nothing_personal(house: House) -> None:
    stage = await desk(house)
    ada, chat = stage.people["Ada"], stage.groups["Desk"]
    await ada.send("/remind sell everything every day at 9")
    await ada.wait_for(lambda m: "New job" in _text(m))
    await ada.press("Save")
    await ada.wait_for(lambda m: _text(m).startswith("✓ Saved"))
    for command in ("/help", "/jobs", "/jobs sell", "/next", "/next 2", "/status", "/whoami"):
        answer = await ada.ask(command, chat_id=chat, thread_id=stage.topics["Desk/Gold"])
        assert answer["message_thread_id"] == stage.topics["Desk/Gold"], command
        assert "ada@example.com" not in _text(answer), command
        assert "sell everything" not in _text(answer), command
        assert "Others read here" not in _text(answer), command


@pytest.mark.slow
async def test_what_is_not_meant_for_us_gets_no_answer(house: House) -> None:
    stage = await desk(house)
    ada, chat = stage.people["Ada"], stage.groups["Desk"]
    bot = house.sandbox.messenger.bot_name
    for said in ("hello all", "every weekday at 9 the gold report", "/nonsense", "/jobs@SomeOther_bot", "12345678"):
        await ada.send(said, chat_id=chat)
        await nothing_is_said(stage)
    await stage.play(f"""
        Ada in Desk: /nonsense@{bot}
        bot in Desk: I don't know that command. …
        Ada in Desk: /jobs@{bot}
        bot in Desk: …
    """)


@pytest.mark.slow
async def test_what_was_not_written_by_its_sender_changes_nothing(house: House) -> None:
    stage = await desk(house)
    ada, chat = stage.people["Ada"], stage.groups["Desk"]
    origin: dict[str, Any] = {"type": "hidden_user", "sender_user_name": "Eve", "date": 1790000000}
    await ada.send("/link", chat_id=chat, forward_origin=origin)
    await stage.play("bot in Desk: Forwarded commands are not carried out. …")
    await ada.send("/link", chat_id=chat, via_bot={"id": 5, "is_bot": True, "first_name": "Inline"})
    await stage.play("bot in Desk: Forwarded commands are not carried out. …")
    sent = await ada.send("/nonsense", chat_id=chat)
    await ada.edit(sent["message_id"], "/link", chat_id=chat)
    await nothing_is_said(stage)
    await stage.play("""
        Ada: /link
        bot: Groups None is linked yet. …
    """)


@pytest.mark.slow
async def test_a_group_that_puts_us_out_tells_its_owner_and_one_that_lets_us_in_again_too(house: House) -> None:
    stage = await desk(house)
    groups, chat, ada = house.sandbox.messenger.groups, stage.groups["Desk"], stage.people["Ada"]
    await stage.play("""
        Ada in Desk: /link
        bot in Desk: 🔔 Desk is linked. …
    """)
    groups.put_out(chat, ada.id)
    await stage.play("""
        bot to Ada: ⚠️ Nothing can be sent to Desk. I am not a member of that group any more. …
             [Show the group]
        Ada taps [Show the group]
        bot: Desk ○ Nothing can be sent there. …
             [Unlink] [Allow acting]
             [‹ All groups]
    """)
    groups.let_in(chat, ada.id)
    await stage.play("bot to Ada: ✓ I can write to Desk again, …")


@pytest.mark.slow
async def test_a_topic_that_is_gone_sends_to_the_group_and_says_so(house: House) -> None:
    stage = await desk(house)
    chat, thread = stage.groups["Desk"], stage.topics["Desk/Gold"]
    await stage.play("""
        Ada in Desk/Gold: /link
        bot in Desk/Gold: 🔔 Desk › … is linked. …
    """)
    house.sandbox.messenger.groups.remove_topic(chat, thread)
    await stage.play("""
        Ada: /link
        bot: Groups …
        Ada taps [1]
        bot edits: Desk …
        Ada taps [Send a test]
        bot in Desk: The topic this was for is closed or deleted. 🔔 A line to see …
        bot to Ada: ⚠️ Something changed in Desk › …. That topic is closed or deleted, …
    """)


@pytest.mark.slow
async def test_a_group_that_becomes_a_supergroup_stays_linked(house: House) -> None:
    ada = await house.verified("Ada", "ada@example.com")
    stage = Stage(house, Ada=ada)
    stage.groups["Desk"] = ada.make_group("Desk", basic=True)
    await stage.play("""
        bot in Desk: Hello. …
        Ada in Desk: /link
        bot in Desk: 🔔 Desk is linked. …
    """)
    stage.groups["New"] = house.sandbox.messenger.groups.migrate(stage.groups["Desk"], ada.id)
    await stage.play("""
        Ada: /link
        bot: Groups 1. ● Desk · 0 jobs …
        Ada taps [1]
        bot edits: Desk ● I can write there. …
        Ada taps [Send a test]
        bot in New: 🔔 A line to see …
    """)


@pytest.mark.slow
async def test_a_job_s_result_goes_into_its_topic_and_its_story_says_so(house: House, owner_database_url: str) -> None:
    stage = await desk(house)
    await stage.play("""
        Ada in Desk/Gold: /link
        bot in Desk/Gold: 🔔 Desk › … is linked. …
    """)
    job = await told_there(stage, owner_database_url)
    await stage.people["Ada"].send(f"/run {job}")
    there = await in_topic(stage, lambda text: "feed the cat" in text)
    assert "reply_markup" not in there, "nobody may press anything there"
    run = await _newest_run(owner_database_url)
    story = await stage.people["Ada"].ask(f"/why {run}")
    assert "It was told in the group “Desk › " in _text(story)
    assert "feed the cat" not in " ".join(
        _text(each) for each in stage.people["Ada"].replies() if _text(each).startswith("⏰")
    )


@pytest.mark.slow
async def test_acting_needs_both_switches_and_a_job_that_is_told_there(house: House, owner_database_url: str) -> None:
    stage = await desk(house)
    bob = await house.verified("Bob", "bob@example.com")
    stage.people["Bob"] = bob
    await stage.play("""
        Ada in Desk/Gold: /link
        bot in Desk/Gold: 🔔 Desk › … is linked. …
    """)
    job = await told_there(stage, owner_database_url)
    await stage.play(f"""
        Ada in Desk/Gold: /pause {job}
        bot in Desk/Gold: Others read here. …
        Ada: /link
        bot: Groups …
        Ada taps [1]
        bot edits: Desk …
        Ada taps [Allow acting]
        bot edits: Desk … Acting is allowed there, but switched off for all groups: …
        Ada in Desk/Gold: /pause {job}
        bot in Desk/Gold: Others read here. …
    """)
    ada, chat = stage.people["Ada"], stage.groups["Desk"]
    assert ada.commands(chat_id=chat) == ["help", "jobs", "next", "status", "whoami", "run", "pause", "resume",
                                          "link", "unlink"]  # fmt: skip
    assert bob.commands(chat_id=chat)[-3:] == ["run", "pause", "resume"]
    await stage.people["Ada"].ask("/set group_acting on")
    await _until_allowed(stage, job)
    await stage.play(f"""
        Ada in Desk/Gold: /resume {job}
        bot in Desk/Gold: …
        Ada in Desk/Gold: /pause all
        bot in Desk/Gold: Nothing is done from this group: …
        Ada in Desk: /pause {job}
        bot in Desk: Nothing is done from this group: …
        Bob in Desk/Gold: /pause {job}
        bot in Desk/Gold: Nothing is done from this group: …
        Ada in Desk/Gold: /run {job}
    """)
    result = await in_topic(stage, lambda text: text.startswith("⏰"))
    assert "reply_markup" not in result, "a reminder shows its job, which is for a private chat"


@pytest.mark.slow
async def test_a_page_is_turned_by_who_asked_for_it(house: House) -> None:
    stage = await desk(house)
    stage.people["Bob"] = await house.verified("Bob", "bob@example.com")
    chat = stage.groups["Desk"]
    answer = await stage.people["Ada"].ask("/next", chat_id=chat)
    assert answer["reply_to_message"]["from"]["id"] == stage.people["Ada"].id
    for data in ("n:72", "l:0", "st:", "pa:all", "j:1:delete:0", "gr:0:show", "us:1:show", "c:jobs", "v:code"):
        press = await stage.people["Bob"].press_again(answer["message_id"], data, chat_id=chat)
        said = (await press.answer())["text"]
        assert said.startswith(
            ("That button belongs", "I answer in a private chat", "I don't know", "That button is")
        ), data
    press = await stage.people["Ada"].press_again(answer["message_id"], "n:72", chat_id=chat)
    assert not (await press.answer()).get("text")


@pytest.mark.slow
async def test_menus_follow_place_and_role(house: House) -> None:
    ada = await house.verified("Ada", "ada@example.com")
    eve = house.person("Eve")
    group = ada.make_group("Desk", eve)
    everyday = [
        "add",
        "jobs",
        "next",
        "report",
        "remind",
        "run",
        "pause",
        "resume",
        "history",
        "why",
        "settings",
        "help",
    ]
    assert ada.commands()[:12] == everyday
    assert "users" in ada.commands()
    assert set(eve.commands()) >= {"start", "verify", "help", "privacy", "language"}
    assert not set(eve.commands()) & {"jobs", "users"}
    assert eve.commands(chat_id=group) == ["help", "jobs", "next", "status", "whoami"]
    assert ada.commands(chat_id=group) == ["help", "jobs", "next", "status", "whoami", "link", "unlink"]


async def told_there(stage: Stage, owner_url: str) -> int:
    """A reminder of Ada's whose results go to what she linked; its number."""
    ada = stage.people["Ada"]
    await ada.send("/remind feed the cat every day at 9")
    await ada.wait_for(lambda m: "New job" in _text(m))
    await ada.press("Save")
    await ada.wait_for(lambda m: _text(m).startswith("✓ Saved"))
    with _owner(owner_url) as connection:
        found = connection.execute(
            text("UPDATE job_schedules SET destination_id = d.id FROM telegram_destinations d "
                 "WHERE job_schedules.name LIKE '%cat%' RETURNING job_schedules.id")
        )  # fmt: skip
        return int(found.scalar_one())


@contextmanager
def _owner(url: str) -> Iterator[Connection]:
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg2"))
    with engine.begin() as connection:
        yield connection
    engine.dispose()


async def _newest_run(owner_url: str) -> int:
    def look() -> int:
        with _owner(owner_url) as connection:
            return int(connection.execute(text("SELECT max(id) FROM job_schedule_runs")).scalar_one())

    return await asyncio.to_thread(look)


async def in_topic(stage: Stage, wanted: Callable[[str], bool]) -> Message:
    """The bot's message into the topic that is wanted."""
    chat, thread = stage.groups["Desk"], stage.topics["Desk/Gold"]
    return await stage.people["Ada"].wait_for(
        lambda m: m.get("message_thread_id") == thread and wanted(_text(m)), 15, chat_id=chat
    )


async def _until_allowed(stage: Stage, job: int) -> None:
    """The live settings are read again within seconds."""
    ada, chat, thread = stage.people["Ada"], stage.groups["Desk"], stage.topics["Desk/Gold"]
    for _ in range(100):
        answer = await ada.ask(f"/pause {job}", chat_id=chat, thread_id=thread)
        stage._seen[chat] = answer["message_id"]
        if "Others read here" not in _text(answer):
            return
    raise AssertionError("acting was not allowed in time")


def _text(message: Message) -> str:
    return str(message.get("text") or message.get("caption") or "")
