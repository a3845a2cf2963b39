"""Bad input gets a clear answer, and nothing is lost or half-saved."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from db.engine import Database
from services.users import UsersService
from tests.e2e.house import House, code_in, open_house


def counts(house: House, secret_key: str, table: str) -> int:
    assert house.settings.db_url is not None
    database = Database.connect(house.settings.db_url.get_secret_value(), secret_key)
    with database.platform.connect() as connection:
        found = connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()
    database.close()
    return int(found)


def off_loop(work: Any, *arguments: Any) -> Any:
    return asyncio.to_thread(work, *arguments)


async def test_codes_that_are_wrong_expired_or_somebody_elses_are_refused(house: House) -> None:
    ada, bob = house.person("Ada"), house.person("Bob")
    await ada.ask("/start")
    assert "can't send mail" in (await ada.ask("ada@nowhere"))["text"]
    assert "can't send mail" in (await ada.ask("a@b.c> SIZE=1"))["text"]
    await ada.ask("ada@example.com")
    mail = await house.sandbox.wait_for_mail("ada@example.com")
    code = code_in(mail.text)
    wrong = f"{(int(code.replace(' ', '')) + 1) % 10**8:08d}"
    assert "4 tries left" in (await ada.ask(wrong))["text"]
    assert "no code waiting" in (await bob.ask(code))["text"]
    assert "eight digits" in (await ada.ask("1234567"))["text"]
    assert "a moment ago" in (await ada.ask("ada@example.com"))["text"]
    assert "verified" in (await ada.ask(code))["text"]
    await ada.send(f"/start {mail.text.split('start=')[1].split()[0]}")
    await ada.wait_for(lambda m: "Welcome back" in m["text"])


async def test_one_tap_from_the_mail_verifies_and_only_its_asker(house: House) -> None:
    ada, bob = house.person("Ada"), house.person("Bob")
    await ada.ask("ada@example.com")
    mail = await house.sandbox.wait_for_mail("ada@example.com")
    payload = mail.text.split("start=")[1].split()[0]
    assert "no code waiting" in (await bob.ask(f"/start {payload}"))["text"]
    assert "verified" in (await ada.ask(f"/start {payload}"))["text"]


async def test_five_wrong_codes_end_a_code(house: House) -> None:
    ada = house.person("Ada")
    await ada.ask("ada@example.com")
    code = code_in((await house.sandbox.wait_for_mail("ada@example.com")).text).replace(" ", "")
    for step in range(1, 6):
        refused = await ada.ask(f"{(int(code) + step) % 10**8:08d}")
    assert "no longer works" in refused["text"]
    assert "tried too often" in (await ada.ask(code))["text"]


async def test_cron_nonsense_zones_symbols_and_names_are_answered(house: House, secret_key: str) -> None:
    ada = await house.verified("Ada <b>&", "ada@example.com")
    cases = {
        "/schedule 61 8 * * 1-5 GOLD": "column 1 (minute)",
        "/schedule 30 8 * * GOLD": "Did you mean: 30 8 * * *",
        "/schedule 0 30 8 * * 1-5 GOLD": "Did you mean: 30 8 * * 1-5",
        "/schedule 0 0 30 2 * GOLD": "never comes",
        "/schedule every monday GOLD": "At what time?",
        "/schedule 30 8 * * 1-5 GOLDD": "Did you mean GOLD",
        "/report NOSUCH": "no symbol NOSUCH",
        "/report <b>x</b>": "can't be a symbol",
        "/timezone Atlantis": "don't know the time zone",
        "/timezone EST": "abbreviation",
        "/timezone ../../etc/passwd": "don't know the time zone",
        "/job abc": "is not a job",
        "/job 99": "can't find job 99",
        "/run": "Which job?",
        "/pause 99999999999999999999": "is not a job",
        "/reprot": "/report",
        "/HELP": "I run your jobs",
        "/cancel": "Left. Nothing was saved.",
        "x" * 4096: "I understand commands",
    }
    for sent, answered in cases.items():
        assert answered in (await ada.ask(sent))["text"], sent
    assert await off_loop(counts, house, secret_key, "job_schedules") == 0


async def test_an_edited_command_is_not_carried_out(house: House) -> None:
    ada = await house.verified("Ada", "ada@example.com")
    sent = await ada.send("/hlep")
    await ada.wait_for(lambda m: "Did you mean" in m["text"], after=sent["message_id"])
    await ada.edit(sent["message_id"], "/report GOLD")
    await ada.wait_for(lambda m: "Edited messages are not carried out" in m["text"])
    assert not any("Drawing" in m.get("text", "") for m in ada.replies())


async def test_an_old_button_a_second_press_and_another_persons_press_act_once_at_most(
    house: House, secret_key: str
) -> None:
    ada = await house.verified("Ada", "ada@example.com")
    bob = await house.verified("Bob", "bob@example.com")
    shown = await ada.ask("/schedule 30 8 * * 1-5 GOLD")
    save = next(
        b["callback_data"] for row in shown["reply_markup"]["inline_keyboard"] for b in row if b["text"] == "Save"
    )
    stranger = await bob.press_again(bob.replies()[-1]["message_id"], save)
    assert "expired" in (await stranger.answer())["text"]
    for _ in range(3):
        await (await ada.press_again(shown["message_id"], save)).answer()
    assert await off_loop(counts, house, secret_key, "job_schedules") == 1
    hers = shown["message_id"]
    refused = await bob.press_again(bob.replies()[-1]["message_id"], "j:1:run:0")
    assert "can't find job 1" in (await refused.answer())["text"]
    again = await bob.press_again(bob.replies()[-1]["message_id"], "j:1:run:0")
    assert "can't find job 1" in (await again.answer())["text"], "a refusal may be asked for again"
    assert any(m["message_id"] == hers and "Saved as job 1" in m["text"] for m in ada.replies())
    assert "can't find job 1" in (await bob.ask("/job 1"))["text"]
    card = await ada.ask("/job 1")
    delete = next(
        b["callback_data"] for row in card["reply_markup"]["inline_keyboard"] for b in row if b["text"] == "Delete"
    )
    await (await ada.press_again(card["message_id"], delete)).answer()
    await (await ada.press_again(card["message_id"], delete)).answer()
    await ada.wait_for(lambda m: "is deleted" in m.get("text", ""))
    await (await ada.press("Undo (10 minutes)")).answer()
    await ada.wait_for(lambda m: "is back" in m.get("text", ""))
    damaged = await ada.press_again(card["message_id"], "zz:nonsense")
    assert "older version" in (await damaged.answer())["text"]


async def test_every_command_is_audited_without_its_secrets(house: House, secret_key: str) -> None:
    ada = await house.verified("Ada", "ada@example.com")
    await ada.ask("/help")

    def rows() -> list[Any]:
        assert house.settings.db_url is not None
        database = Database.connect(house.settings.db_url.get_secret_value(), secret_key)
        with database.platform.connect() as connection:
            query = "SELECT command, full_message, success, response_time_ms, user_email FROM telegram_command_audits"
            found = list(connection.execute(text(query)))
        database.close()
        return found

    kept = await off_loop(rows)
    deadline = asyncio.get_running_loop().time() + 5
    while "/help" not in {row.command for row in kept} and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(0.05)  # the row follows the answer
        kept = await off_loop(rows)
    assert {"/start", "/timezone", "/help", "text"} <= {row.command for row in kept}
    assert any(row.full_message == "[code]" for row in kept)
    assert all(row.response_time_ms is not None for row in kept)


@pytest.mark.slow
@pytest.mark.parametrize("named", [True, False])
async def test_outside_the_sandbox_only_a_named_address_becomes_admin(
    named: bool, tmp_path: Path, database_url: str, valkey_url: str, secret_key: str
) -> None:
    if named:
        database = Database.connect(database_url, secret_key)
        await off_loop(UsersService(database.for_platform()).add_admin, "ada@example.com")
        database.close()
    async with open_house(tmp_path, database_url, valkey_url, secret_key, sandbox_mode=False) as house:
        ada = await house.verified("Ada", "ada@example.com")
        assert ("Role: admin" in (await ada.ask("/whoami"))["text"]) is named
        assert any("named an admin" in m.get("text", "") for m in ada.replies()) is named
