"""People come in, get roles, move to other clocks and are kept out, as they and their admins meet it in the chat."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from db.engine import Database
from openbell.processes import wait_until
from tests.e2e.house import House, open_house
from tests.e2e.transcript import Stage
from tests.factories import Rows

Opened = Callable[[str], AbstractAsyncContextManager[House]]


@pytest.fixture
def opened(tmp_path: Path, database_url: str, valkey_url: str, secret_key: str) -> Opened:
    """A house whose access mode is the one that is named."""

    def open_with(mode: str) -> AbstractAsyncContextManager[House]:
        return open_house(tmp_path, database_url, valkey_url, secret_key, access_mode=mode)

    return open_with


def audited(rows: Rows, command: str, times: int) -> list[str]:
    """All that the audit keeps, once it has a command so many times."""

    def kept() -> list[str]:
        return [str(row.full_message) for row in rows.all("SELECT full_message FROM telegram_command_audits")]

    assert wait_until(lambda: kept().count(command) >= times, 10), kept()
    return kept()


async def test_an_admin_invites_and_the_link_lets_one_person_in_once(opened: Opened) -> None:
    async with opened("invite") as house:
        ada = await house.verified("Ada", "ada@example.com")
        await Stage(house, Ada=ada).play("""
            Ada: /invite bob@example.com trader
            bot: ✓ bob@example.com is invited as trader. … /sandbox_bot?start={token} It leads them to me, …
                 [Withdraw]
            (Eve has an address, and nothing else)
            Eve: /start
            bot: Hello, I'm Openbell. …
            Eve: eve@example.com
            bot: I sent a code to eve@example.com. …
            mail to eve@example.com: …
                {code}
                …
            Eve: {code}
            bot: Your address is proved, but this Openbell takes invited people only. …
            Eve: /start i_aaaaaaaaaaaaaaaaaaaaaa
            bot: That link doesn't work: …
            Bob: /start {token}
            bot: I sent a code to b•••@example.com. …
            Eve: /start {token}
            bot: That link doesn't work: …
            mail to bob@example.com: …
                {code}
                …
            Bob: {code}
            bot: ✓ You're verified as bob@example.com. Your role is trader.
            bot: Where is your clock? …
            Bob: /start {token}
            bot: You're verified already, as bob@example.com. …
            Ada: /users
            bot: 2 people here … 3 bob@example.com · Bob · trader · 0 jobs
        """)


async def test_whoever_proves_an_address_waits_until_an_admin_decides(opened: Opened) -> None:
    async with opened("approve") as house:
        ada = await house.verified("Ada", "ada@example.com")
        stage = Stage(house, Ada=ada)
        await stage.play("""
            Bob: /start
            bot: Hello, I'm Openbell. …
            Bob: bob@example.com
            bot: I sent a code to bob@example.com. …
            mail to bob@example.com: …
                {code}
                …
            Bob: {code}
            bot: Your address bob@example.com is proved. An admin has to let you in; …
            bot to Ada: Bob would like to come in. bob@example.com – the address is proved. …
                 [Let in] [Refuse]
            Bob: /jobs
            bot: You're not verified yet. …
            Bob: hello?
            bot: Your address bob@example.com is proved. An admin has to let you in; …
            Ada taps [Let in]
            bot edits: ✓ bob@example.com is in. They were told. …
            bot to Bob: ✓ You're in. An admin let you in as bob@example.com.
                 [What can you do?] [Set my clock]
            Bob: /whoami
            bot: bob@example.com Role: viewer …
        """)
        assert "jobs" in stage.people["Bob"].commands()
        await stage.play("""
            Eve: eve@example.com
            bot: I sent a code to eve@example.com. …
            mail to eve@example.com: …
                {code}
                …
            Eve: {code}
            bot: Your address eve@example.com is proved. …
            bot to Ada: Eve would like to come in. …
            Ada taps [Refuse]
            bot edits: ✓ eve@example.com was not let in. They were told. …
                 [Let in again]
                 [Their jobs] [Everybody]
            bot to Eve: An admin did not let you in. …
            Eve: other@example.com
            bot: Your account is suspended. …
            Ada: /users suspended
            bot: … 3 ⛔ eve@example.com · Eve · viewer · 0 jobs
                 [3]
        """)


async def test_a_suspended_person_is_out_at_once_and_their_menu_is_a_strangers(house: House) -> None:
    ada = await house.verified("Ada", "ada@example.com")
    bob = await house.verified("Bob", "bob@example.com")
    assert "jobs" in bob.commands()
    stage = Stage(house, Ada=ada, Bob=bob)
    await stage.play("""
        Ada: /suspend bob left the firm
        bot: ✓ bob@example.com is kept out. Their jobs rest; … Reason: left the firm …
             [Let in again]
             [Their jobs] [Everybody]
        bot to Bob: An admin suspended your account. Your jobs rest until you are let in again; …
        Bob: /pause 1
        bot: You're not verified yet. …
        Bob: /start
        bot: Your account is suspended. …
        Bob: bob@example.com
        bot: Your account is suspended. …
    """)
    assert "jobs" not in bob.commands()
    await stage.play("""
        Ada taps [Let in again]
        bot edits: ✓ bob@example.com is in. …
        bot to Bob: ✓ You're in. …
        Bob: /whoami
        bot: bob@example.com …
    """)
    assert "jobs" in bob.commands()


async def test_a_second_admin_comes_and_the_last_one_stays(house: House) -> None:
    ada = await house.verified("Ada", "ada@example.com")
    stage = Stage(house, Ada=ada)
    await stage.play("""
        Ada: /role ada@example.com viewer
        bot: That is the last admin here, so nothing was changed. …
        Ada: /suspend ada@example.com
        bot: That is you, so nothing was changed. …
        Ada: /invite bob@example.com admin
        bot: ✓ bob@example.com is invited as admin. … start={token} …
        Bob: /start {token}
        bot: I sent a code to b•••@example.com. …
        mail to bob@example.com: …
            {code}
            …
        Bob: {code}
        bot: ✓ You're verified as bob@example.com. You were named an admin of this Openbell.
        bot: Where is your clock? …
        bot to Ada: bob@example.com, an admin, came in from a new Telegram account. …
        Bob: /role ada@example.com
        bot: ada@example.com is admin. What instead?
             [Viewer] [Trader]
        Bob taps [Viewer]
        bot edits: ✓ ada@example.com is viewer now. They were told. …
        bot to Ada: Your role is now viewer. …
        Ada: /users
        bot: I don't know that command. …
        Bob: /role bob@example.com trader
        bot: That is the last admin here, so nothing was changed. …
    """)
    assert "users" in stage.people["Bob"].commands()
    assert "users" not in ada.commands()


async def test_codes_are_read_as_people_write_them_and_asked_for_again(house: House) -> None:
    await Stage(house).play("""
        Ada: /verify
        bot: Hello, I'm Openbell. …
        Ada: /verify ada@example.com
        bot: I sent a code to ada@example.com. …
        Ada: /resend
        bot: A code was sent a moment ago. Look into the inbox, or ask again in …
        Ada: /start
        bot: I'm waiting for the code that I sent to a•••@example.com. It works for … minutes yet.
             [Send a new code] [Another address]
        Ada: /verify 0000-0000
        bot: That code doesn't match. 4 tries left.
             [Send a new code]
        mail to ada@example.com: …
            {code}
            …
        Ada: /verify {code}
        bot: ✓ You're verified as ada@example.com. You are the first person here, …
        bot: Where is your clock? …
        Ada: /verify bob@example.com
        bot: You're verified already, as ada@example.com. Nothing was changed.
        Ada: /whoami
        bot: ada@example.com Role: admin Time zone: UTC, now … User 1 · Telegram user … chat …
    """)


async def test_a_code_and_a_link_in_a_group_are_taken_from_nobody(house: House) -> None:
    ada = await house.verified("Ada", "ada@example.com")
    bob = house.person("Bob")
    stage = Stage(house, Ada=ada, Bob=bob)
    await stage.play("""
        Ada: /invite bob@example.com
        bot: ✓ bob@example.com is invited as viewer. … start={token} …
        Bob: /start {token}
        bot: I sent a code to b•••@example.com. …
        mail to bob@example.com: …
            {code}
            …
    """)
    group = house.sandbox.group("Desk", ada, bob)
    for text in (f"/start {stage.kept['token']}", f"/verify {stage.kept['code']}", stage.kept["code"]):
        await bob.send(text, chat_id=group)
    await ada.send("/whoami", chat_id=group)
    told = await ada.wait_for(lambda m: "Role:" in m.get("text", ""), chat_id=group)
    assert "@" not in told["text"]
    answer = await bob.ask("/whoami")
    assert "I don't know you yet" in answer["text"]


async def test_links_and_codes_are_not_kept_in_the_audit(
    house: House, database_url: str, owner_database_url: str, secret_key: str
) -> None:
    ada = await house.verified("Ada", "ada@example.com")
    stage = Stage(house, Ada=ada)
    await stage.play("""
        Ada: /invite bob@example.com
        bot: ✓ bob@example.com is invited as viewer. … start={token} …
        Bob: /start {token}
        bot: I sent a code to b•••@example.com. …
        mail to bob@example.com: …
            {code}
            …
        Bob: look: https://t.me/sandbox_bot?start={token}
        bot: …
        Bob: /verify {code}
        bot: ✓ You're verified as bob@example.com.
        bot: Where is your clock? …
        Bob: /whoami
        bot: bob@example.com …
        Ada: /whoami
        bot: ada@example.com …
    """)
    database = Database.connect(database_url, secret_key)
    rows = Rows(database, owner_database_url)
    try:
        kept = await asyncio.to_thread(audited, rows, "/whoami", 2)
        hashes = await asyncio.to_thread(rows.all, "SELECT token FROM usr_invites")
    finally:
        rows.close()
        database.close()
    assert not [text for text in kept if stage.kept["token"] in text or stage.kept["code"] in text]
    assert "/start [link]" in kept
    assert "/verify [code]" in kept
    assert stage.kept["token"] not in hashes[0].token


async def test_jobs_keep_the_clock_or_the_moment_when_their_owner_moves(house: House) -> None:
    ada = await house.verified("Ada", "ada@example.com")
    for plan in ("every weekday at 8:30 the gold report", "every day at 18:00 the WTI report"):
        await ada.send(f"/schedule {plan}")
        shown = await ada.wait_for(lambda m: "Nothing is saved yet" in m.get("text", ""))
        await ada.press("Save", message_id=shown["message_id"])
        await ada.wait_for(lambda m: "Saved as job" in m.get("text", ""), after=shown["message_id"] - 1)
    stage = Stage(house, Ada=ada)
    await stage.play("""
        Ada: /timezone CST
        bot: “CST” is an abbreviation that several places use, and it ignores summer time. Which one?
        Ada: /timezone New York
        bot: ✓ Your time zone is America/New_York; it is …
        bot: 2 jobs of yours were saved in Europe/Berlin. What shall stay the same? 1 … 2 … Clock time: …
             [Clock time] [Moment]
             [One by one…]
        Ada taps [One by one…]
        bot edits: Whose clock does each of them go by? 1 … · Berlin 2 … · Berlin
             [1 → New York] [2 → New York]
             [Done]
        Ada taps [1 → New York]
        bot edits: Whose clock does each of them go by? 1 … · New York 2 … · Berlin
             [1 → Berlin] [2 → New York]
             [Done]
        Ada taps [Done]
        bot edits: ✓ Done.
        Ada: /job 1
        bot: … 08:30 EST …
        Ada: /timezone Tokyo
        bot: ✓ Your time zone is Asia/Tokyo; it is …
        bot: 1 job of yours was saved in America/New_York. …
             [Clock time] [Moment]
        Ada taps [Clock time]
        bot edits: ✓ 1 job goes by the clock of Tokyo now.
             [Undo] [What comes next]
        Ada: /job 1
        bot: … 08:30 JST …
        Ada taps [Undo]
        bot edits: ✓ Undone: 1 job goes by the clock of New York again.
        Ada: /job 1
        bot: … 08:30 EST …
        Ada: /timezone +3
        bot: ✓ Your time zone is UTC+3 … A fixed offset will not follow summer time. …
    """)
