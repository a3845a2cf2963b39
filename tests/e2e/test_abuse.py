"""Attacks on who somebody is, and on everybody's peace, as a hostile client would carry them out in a private chat.

Others are told elsewhere: a press that comes again, an edited command, five tries of a code and another person's code
or link in `test_bad_input`; invitations that are forged, used up or somebody else's, links and codes in groups, and
what the audit keeps of them in `test_people_in_chat` and `tests/unit/bot/test_redaction`; anonymous admins, other
people's pages and commands that are forwarded in `test_groups_in_chat`; every sort of update at the gate in
`tests/unit/bot/test_gate`; fifty commands a second in `tests/integration/bot/test_too_fast`; races for codes and links
in `tests/integration/services/test_invites`; and twenty thousand updates of any kind in `test_noise`.
"""

import asyncio
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from bot.app import COMMANDS
from db.engine import Database
from sandbox.person import Person, Press
from tests.e2e.house import House, code_in
from tests.e2e.transcript import Stage
from tests.factories import Rows

pytestmark = pytest.mark.slow

FORWARDED: dict[str, Any] = {"forward_origin": {"type": "hidden_user", "sender_user_name": "Eve", "date": 1790000000}}
BY_A_BOT: dict[str, Any] = {"via_bot": {"id": 5, "is_bot": True, "first_name": "Inline", "username": "inline_bot"}}
NO_NUMBERS = ("-1", "0", "9223372036854775808", "99999999999999999999", "1e3", "0x10", "1_0", "1.0")
LITERALS = (
    "<b>x</b>", "_*[", "&amp;", "=HYPERLINK(1)", "'; DROP TABLE x;--", "{0.__class__}", "%s", "${HOME}", "{{7*7}}",
)  # fmt: skip
RIGHT_TO_LEFT, INVISIBLE = "\u202e", "\u200b"


@pytest.fixture
def rows(database_url: str, owner_database_url: str, secret_key: str) -> Iterator[Rows]:
    database = Database.connect(database_url, secret_key)
    found = Rows(database, owner_database_url)
    yield found
    found.close()
    database.close()


async def heard(house: House, person: Person, **message: Any) -> None:
    """A message as no client of the sandbox would send it."""
    number = 5_000_000 + len(person.messages())
    base = {"message_id": number, "date": int(time.time()), "chat": private(person), "from": person.user}
    house.sandbox.messenger.updates.add("message", {k: v for k, v in (base | message).items() if v is not None})


def private(person: Person) -> dict[str, Any]:
    return {"id": person.id, "type": "private", "first_name": person.user["first_name"]}


def pressed(house: House, person: Person, data: str | None, message: dict[str, Any] | None, **more: Any) -> Press:
    """A press as no client of the sandbox would make it."""
    number = house.sandbox.messenger.presses.add(person.id, 0, person.id, "")
    query = {"id": number, "from": person.user, "chat_instance": "7"} | more
    query |= {"data": data} if data is not None else {}
    query |= {"message": message} if message is not None else {}
    house.sandbox.messenger.updates.add("callback_query", query)
    return Press(house.sandbox.messenger, number)


async def said_after(person: Person, sent: int) -> str:
    answer = await person.wait_for(lambda _m: True, 15, after=sent)
    return str(answer.get("text") or answer.get("caption") or "")


async def job_of(person: Person, plan: str = "feed the cat every day at 9") -> None:
    shown = await person.ask(f"/remind {plan}", 15)
    await person.press("Save", message_id=shown["message_id"])
    await person.wait_for(lambda m: "Saved as job" in m.get("text", ""), 15, after=shown["message_id"] - 1)


def quiet_about_faults(house: House) -> None:
    """Nothing that we sent was refused by Telegram, and nobody was told that something broke."""
    refused = [
        call for call in house.sandbox.requests.calls() if call.code == 400 and "too old" not in call.description
    ]
    assert not refused, [(call.method, call.description, call.params) for call in refused[:3]]


async def test_what_its_sender_did_not_write_changes_nothing_in_private_either(house: House, rows: Rows) -> None:
    ada = await house.verified("Ada", "ada@example.com")
    await job_of(ada)
    for dress in (FORWARDED, BY_A_BOT):
        for text in ("/pause 1", "/delete 1", "/set access_mode invite", "/timezone Tokyo", "/invite eve@example.com"):
            sent = await ada.send(text, **dress)
            assert "Forwarded commands are not carried out" in await said_after(ada, sent["message_id"]), text
    assert "as your next message" in (await ada.ask("/feedback")).get("text", "")
    sent = await ada.send("all is well", **FORWARDED)
    assert "Forwarded" in await said_after(ada, sent["message_id"]), "an answer is an answer when it was typed"
    assert await asyncio.to_thread(rows.all, "SELECT id FROM telegram_feedbacks") == []
    (job,) = await asyncio.to_thread(rows.all, "SELECT enabled, deleted_at FROM job_schedules")
    assert job.enabled
    assert job.deleted_at is None
    assert "Europe/Berlin" in (await ada.ask("/whoami"))["text"]
    eve = house.person("Eve")
    await eve.ask("/start")
    sent = await eve.send("bob@example.com", **FORWARDED)
    assert "Forwarded" in await said_after(eve, sent["message_id"])
    assert not [mail for mail in house.sandbox.messenger.inbox.listed() if "bob@example.com" in str(mail)]


async def test_what_comes_late_is_asked_about_and_what_comes_from_nobody_is_not_heard(house: House, rows: Rows) -> None:
    ada = await house.verified("Ada", "ada@example.com")
    await job_of(ada)
    newest = ada.replies()[-1]["message_id"]
    commands = {"text": "/pause 1", "entities": [{"type": "bot_command", "offset": 0, "length": 6}]}
    await heard(house, ada, **commands, date=int(time.time()) - 11 * 60)
    asked = await ada.wait_for(lambda m: "I did nothing yet" in m.get("text", ""), 15, after=newest)
    await ada.press("No", message_id=asked["message_id"])
    news = {"id": -1001, "type": "channel", "title": "News"}
    await heard(house, ada, **commands, chat=news, sender_chat=news, **{"from": None})
    await heard(house, ada, **commands, **{"from": None})
    await heard(house, ada, **commands, **{"from": {"id": 55, "is_bot": True, "first_name": "Bot"}})
    assert house.sandbox.messenger.updates.add("channel_post", {"chat": news}) is None, "we never asked for those"
    await ada.wait_for(lambda m: "Nothing was changed" in m.get("text", ""), 15, after=newest)
    assert "Role: admin" in (await ada.ask("/whoami"))["text"]
    assert len([m for m in ada.replies() if m["message_id"] > asked["message_id"]]) == 1
    (job,) = await asyncio.to_thread(rows.all, "SELECT enabled FROM job_schedules")
    assert job.enabled


async def test_a_press_counts_for_who_pressed_and_ten_at_once_are_one(house: House, rows: Rows) -> None:
    ada, eve = await house.verified("Ada", "ada@example.com"), await house.verified("Eve", "eve@example.com")
    shown = await ada.ask("/remind feed the cat every day at 9", 15)
    save = next(
        b["callback_data"] for row in shown["reply_markup"]["inline_keyboard"] for b in row if b["text"] == "Save"
    )
    hers = {key: value for key, value in shown.items() if key not in ("out", "seen", "extra")}
    assert "belongs to somebody else" in (await pressed(house, eve, save, hers).answer(15))["text"]
    assert "expired" in (await pressed(house, eve, save, None).answer(15))["text"], "nor without its message"
    assert await asyncio.to_thread(rows.all, "SELECT id FROM job_schedules") == []
    presses = [await ada.press_again(shown["message_id"], save) for _ in range(10)]
    answers = [await press.answer(15) for press in presses]
    assert sum("done already" in (each.get("text") or "") for each in answers) == 9
    assert len(await asyncio.to_thread(rows.all, "SELECT id FROM job_schedules")) == 1
    for data in ("j:1:delete:0", "j:1:run:0", "l:0", "us:1:show", "rq:1:in", "set:access_mode:open"):
        said = (await pressed(house, eve, data, hers).answer(15))["text"]
        assert "belongs to somebody else" in said, data


async def test_a_forged_press_is_refused_and_answered(house: House, rows: Rows) -> None:
    ada, eve = await house.verified("Ada", "ada@example.com"), await house.verified("Eve", "eve@example.com")
    await job_of(ada)
    here = eve.replies()[-1]["message_id"]
    forged = [
        f"{letter}:{rest}"
        for letter in ("j", "wz", "ed", "o", "x", "a", "b", "zj", "gr", "w", "lg")
        for rest in ("1:run:0", "1:1:save", "9223372036854775808:1:save", "-1:yes", "1:\u0663", "\x00:\ud800", "")
    ]
    admins = [f"{letter}:{rest}" for letter in ("us", "rq", "au", "se", "fb", "qu", "y")
              for rest in ("1:show", "1:in:0", "access_mode:open:0", "1:role:admin", "")]  # fmt: skip
    for data in (*forged, *admins, "", "zz:1", "J:1:run", ":", "::::", "x" * 64, "x" * 65, "c:users", "c:set"):
        message = {"message_id": here, "date": int(time.time()), "chat": private(eve), "text": "…"}
        answer = await pressed(house, eve, data, message).answer(15)
        assert "broke on my side" not in (answer.get("text") or ""), data
    inline = pressed(house, eve, "l:0", None, inline_message_id="AAAA")
    assert await inline.answer(15) is not None
    answer = await pressed(house, eve, None, None, game_short_name="chess").answer(15)
    assert "older version" in answer["text"]
    (job,) = await asyncio.to_thread(rows.all, "SELECT id, user_id, enabled, deleted_at FROM job_schedules")
    assert (job.enabled, job.deleted_at) == (True, None)
    runs = "SELECT id FROM job_schedule_runs WHERE user_id IS NOT NULL"
    assert await asyncio.to_thread(rows.all, runs) == []
    assert [row.role for row in await asyncio.to_thread(rows.all, "SELECT role FROM usr_users ORDER BY id")] == [
        "admin", "viewer",
    ]  # fmt: skip
    assert not any("feed the cat" in json.dumps(each) for each in eve.replies())
    assert not any("broke on my side" in each.get("text", "") for each in eve.replies())


async def test_a_name_is_nobody_however_it_is_spelled(house: House) -> None:
    ada = await house.verified("Ada", "ada@example.com")
    house.sandbox.messenger.chats.set(ada.id, username="ada_the_admin")
    false = await house.verified(f"Ada{INVISIBLE}", "eve@example.com")
    house.sandbox.messenger.chats.set(ada.id, username="")
    house.sandbox.messenger.chats.set(false.id, username="ada_the_admin", last_name="(admin) ada@example.com")
    hidden = await house.verified(f"{RIGHT_TO_LEFT}moc.elpmaxe@ada", "mallory@example.com")
    await house.verified("👑" * 64, "bob@example.com")
    stage = Stage(house, Ada=ada, False_=false)
    assert "I don't know that command" in (await false.ask("/users"))["text"]
    assert "Role: viewer" in (await false.ask("/whoami"))["text"]
    listed = (await ada.ask("/users"))["text"]
    assert RIGHT_TO_LEFT not in listed
    assert INVISIBLE not in listed
    for line in listed.splitlines():
        if "Ada" in line and "ada@example.com" not in line:
            assert "eve@example.com · Ada · viewer" in line, "the proved address stands first"
    assert "4 people here" in listed
    await stage.play("""
        Ada: /role Ada trader
        bot: …
        Ada: /whoami
        bot: … Role: admin …
    """)
    assert "Role: viewer" in (await hidden.ask("/whoami"))["text"]
    quiet_about_faults(house)


async def test_codes_run_out_for_who_guesses_and_not_for_whose_address_it_is(house: House, rows: Rows) -> None:
    eve, bob = house.person("Eve"), house.person("Bob")

    async def code_for(person: Person) -> str:
        await asyncio.to_thread(_an_hour_passes, rows)
        sent = await person.send("bob@example.com")
        assert "I sent a code to bob@example.com" in await said_after(person, sent["message_id"])
        for _ in range(100):
            found = [mail for mail in await mails(house) if mail not in seen]
            if found:
                seen.extend(found)
                return code_in(found[-1]).replace(" ", "")
            await asyncio.sleep(0.05)
        raise AssertionError("no mail came")

    seen: list[str] = []
    for _ in range(2):
        right = await code_for(eve)
        for step in range(1, 6):
            wrong = f"{(int(right) + step) % 10**8:08d}"
            assert "doesn't match" in (await eve.ask(wrong, 15))["text"]
        assert "tried too often" in (await eve.ask(right, 15))["text"]
    right = await code_for(eve)
    assert "Too many wrong codes today" in (await eve.ask(right, 15))["text"], "not even by the right one"
    assert "✓ You're verified as bob@example.com" in (await bob.ask(await code_for(bob), 15))["text"]


async def mails(house: House) -> list[str]:
    """The mails to Bob, oldest first."""
    inbox = house.sandbox.messenger.inbox
    return [mail.text for mail in inbox.all() if "bob@example.com" in mail.recipients]


def _an_hour_passes(rows: Rows) -> None:
    rows.execute("UPDATE usr_verification_codes SET created_at = created_at - interval '61 minutes'")


async def test_nobody_learns_who_is_here_and_nobody_is_mailed_at_will(house: House, rows: Rows) -> None:
    await house.verified("Ada", "ada@example.com")
    await asyncio.to_thread(_a_minute_passes, rows)
    eve, mallory = house.person("Eve"), house.person("Mallory")
    known = (await eve.ask("ada@example.com", 15))["text"]
    unknown = (await mallory.ask("nobody@example.com", 15))["text"]
    assert known.replace("ada@", "nobody@") == unknown
    for person in (eve, mallory):
        again = [(await person.ask(text, 15))["text"] for text in ("ada@example.com", "nobody@example.com", "/resend")]
        assert all("A code was sent a moment ago" in each for each in again)
    for _ in range(2):
        await asyncio.to_thread(_a_minute_passes, rows)
        assert "I sent a code" in (await eve.ask("nobody@example.com", 15))["text"]
    await asyncio.to_thread(_a_minute_passes, rows)
    for person, address in ((eve, "third@example.com"), (mallory, "nobody@example.com")):
        assert "3 codes an hour is the most" in (await person.ask(address, 15))["text"]
    assert len(await asyncio.to_thread(rows.all, "SELECT id FROM msg_messages WHERE category = 'code'")) == 5


def _a_minute_passes(rows: Rows) -> None:
    rows.execute("UPDATE usr_verification_codes SET created_at = created_at - interval '61 seconds'")


async def test_links_that_are_forged_too_long_used_up_or_too_old_open_nothing(house: House, rows: Rows) -> None:
    ada = await house.verified("Ada", "ada@example.com")
    await job_of(ada)
    eve, bob = house.person("Eve"), await house.verified("Bob", "bob@example.com")
    for payload in ("x", "a" * 64, "a" * 65, "v_" + "a" * 63, "i_" + "a" * 63, "c_" + "a" * 22, "c_", "v_", "i_",
                    "z" * 4000, "<b>", "j_1' OR 1=1", "../..", "i_" + "\u0430" * 22):  # fmt: skip
        said = (await eve.ask(f"/start {payload}", 15))["text"]
        assert any(words in said for words in ("doesn't work", "no code waiting", "Hello, I'm Openbell")), (
            payload,
            said,
        )
    assert "can't find job 1" in (await bob.ask("/start j_1", 15))["text"]
    assert "Hello, I'm Openbell" in (await eve.ask("/start j_1", 15))["text"]
    await eve.ask("eve@example.com", 15)
    mail = (await house.sandbox.wait_for_mail("eve@example.com")).text
    token = mail.split("start=")[1].split()[0]
    expire = "UPDATE usr_verification_codes SET expires_at = now() - interval '1 second' WHERE consumed_at IS NULL"
    await asyncio.to_thread(rows.execute, expire)
    assert "has expired" in (await eve.ask(f"/start {token}", 15))["text"]
    assert "has expired" in (await eve.ask(code_in(mail), 15))["text"]
    assert "I don't know you yet" in (await eve.ask("/whoami"))["text"]
    quiet_about_faults(house)


async def test_codes_are_taken_in_every_script_s_digits_and_commands_in_any_case(house: House) -> None:
    full_width = {ord("0") + n: 0xFF10 + n for n in range(10)}
    arabic = {ord("0") + n: 0x0660 + n for n in range(10)}
    for name, table, command in (("Ada", full_width, "/VERIFY "), ("Bob", arabic, "")):
        person = house.person(name)
        await person.ask(f"/Verify {name.lower()}@example.com", 15)
        code = code_in((await house.sandbox.wait_for_mail(f"{name.lower()}@example.com")).text)
        said = (await person.ask(command + code.translate(table), 15))["text"]
        assert f"✓ You're verified as {name.lower()}@example.com" in said


async def test_characters_that_break_databases_and_screens_are_left_out(house: House, rows: Rows) -> None:
    ada = await house.verified("Ada", "ada@example.com")
    newest = ada.replies()[-1]["message_id"]
    for text in (
        "/remind feed\x00the \ud83d cat every day at 9",
        f"/remind feed{RIGHT_TO_LEFT} the dog every day at 9",
    ):
        await heard(house, ada, text=text, entities=[{"type": "bot_command", "offset": 0, "length": 7}])
        shown = await ada.wait_for(lambda m: "Nothing is saved yet" in m.get("text", ""), 15, after=newest)
        newest = shown["message_id"]
        await ada.press("Save", message_id=newest)
        await ada.wait_for(lambda m: "Saved as job" in m.get("text", ""), 15, after=newest - 1)
    names = [row.name for row in await asyncio.to_thread(rows.all, "SELECT name FROM job_schedules ORDER BY id")]
    assert all(character.isprintable() for name in names for character in name), names
    await heard(house, ada, text="\x00\ud83d")
    await ada.wait_for(lambda m: "I understand commands" in m.get("text", ""), 15, after=newest)
    await heard(house, ada, contact={"phone_number": "1", "first_name": "Bob", "user_id": 7})
    await ada.wait_for(lambda m: "I read text only" in m.get("text", ""), 15, after=newest)
    quiet_about_faults(house)


async def test_names_of_jobs_stand_everywhere_as_they_were_written(house: House) -> None:
    ada = await house.verified("Ada", "ada@example.com")
    await job_of(ada)
    for name in LITERALS:
        await ada.ask(f"/rename 1 {name}", 15)
        for command in ("/job 1", "/jobs", "/next 48h"):
            assert name in (await ada.ask(command, 15))["text"], command
    quiet_about_faults(house)


async def test_no_command_breaks_on_four_thousand_characters_or_on_numbers_beyond_all(house: House) -> None:
    ada = await house.verified("Ada", "ada@example.com")
    await job_of(ada)
    for command in (each for each in COMMANDS if each.name != "feedback"):  # which an admin hears of besides
        for argument in ("x" * (4096 - len(command.name) - 2), "9" * 40, "👑" * 2000):
            sent = await ada.send(f"/{command.name} {argument}")
            await said_after(ada, sent["message_id"])
    for acting in ("job", "run", "pause", "resume", "skip", "edit", "copy", "delete", "retry", "kill", "why", "logs"):
        for number in NO_NUMBERS:
            sent = await ada.send(f"/{acting} {number}")
            await ada.wait_for(_refuses_a_number, 15, after=sent["message_id"])
    assert not [m for m in ada.replies() if "broke on my side" in m.get("text", "")]
    quiet_about_faults(house)


def _refuses_a_number(message: dict[str, Any]) -> bool:
    return any(words in message.get("text", "") for words in ("needs a number", "can't find", "is not a"))
