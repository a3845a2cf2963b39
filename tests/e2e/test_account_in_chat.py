"""One's own account, as a person meets it in the chat."""

import asyncio
import csv
import io
import json
import zipfile

from sqlalchemy import create_engine, make_url, text

from tests.e2e.house import House
from tests.e2e.transcript import Stage


def naming(owner_url: str, *words: str) -> list[str]:
    """The tables that hold one of these words anywhere."""
    engine = create_engine(make_url(owner_url).set(drivername="postgresql+psycopg2"))
    tables = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
    held = "SELECT count(*) FROM {} t WHERE t::text ILIKE :word"
    try:
        with engine.connect() as connection:
            names = list(connection.execute(text(tables)).scalars())
            return [
                name
                for name in names
                if any(connection.execute(text(held.format(name)), {"word": f"%{word}%"}).scalar() for word in words)
            ]
    finally:
        engine.dispose()


async def test_the_settings_card_leads_to_every_screen_and_back(house: House) -> None:
    ada = await house.verified("Ada", "ada@example.com")
    await Stage(house, Ada=ada).play("""
        Ada: /settings
        bot: Your settings
             Time zone: Europe/Berlin, now …
             Language: as your Telegram
             Reports: chat, else mail
             Failures: …
             Quiet hours: none
             Groups: none linked
             [Time zone] [Language]
             [Notifications] [Quiet hours]
             [Mute] [Digests]
             [Groups] [My data]
        Ada taps [Quiet hours]
        bot edits: Quiet hours: none. …
        Ada taps [22:00-07:00]
        bot edits: Quiet hours: 22:00 to 07:00 (Europe/Berlin). …
        Ada taps [‹ Settings]
        bot edits: Your settings … Quiet hours: 22:00 to 07:00 (Europe/Berlin) …
        Ada taps [Notifications]
        bot edits: How I tell you …
        Ada taps [‹ Settings]
        bot edits: Your settings …
        Ada taps [Time zone]
        bot edits: Where is your clock? …
        Ada taps [‹ Settings]
        bot edits: Your settings …
        Ada taps [Groups]
        bot edits: Groups … None is linked yet. …
        Ada taps [‹ Settings]
        bot edits: Your settings …
        Ada taps [My data]
        bot edits: What I keep of you …
             [Export my data] [Erase my account]
             [‹ Settings]
    """)


async def test_a_language_is_chosen_by_its_own_name_by_strangers_too(house: House) -> None:
    ada = await house.verified("Ada", "ada@example.com")
    stage = Stage(house, Ada=ada)
    await stage.play("""
        Ada: /language
        bot: Which language shall I speak? … /language de.
             [English] [Deutsch]
             [• As my Telegram]
        Ada taps [Deutsch]
        bot edits: ✓ … Deutsch …
        Ada: /language xx
        bot: … xx … en (English), de (Deutsch)…
        Ada: /language en
        bot: ✓ I speak English with you from now on.
        Tom: /language en
        bot: ✓ I speak English with you from now on.
        Tom: /jobs
        bot: You're not verified yet. …
        Tom: /privacy
        bot: What I keep of you … I don't know you yet: …
    """)


async def test_all_of_a_person_comes_as_one_file(house: House) -> None:
    ada = await house.verified("Ada", "ada@example.com")
    await ada.send("/feedback =1+1 looks odd")
    await ada.wait_for(lambda m: "as number 1" in m.get("text", ""))
    await ada.send("/export")
    sent = await ada.wait_for(lambda m: "document" in m, timeout=20)
    assert sent["document"]["file_name"].startswith("openbell-")
    assert "All I know of you: 0 jobs, 0 runs, " in sent["caption"]
    files = house.sandbox.messenger.files
    with zipfile.ZipFile(files.folder / files.find(sent["document"]["file_id"])["path"]) as archive:
        assert sorted(archive.namelist()) == sorted(
            ["account.json", "jobs.csv", "runs.csv", "messages.csv", "feedback.csv", "commands.csv", "README.txt"]
        )
        account = json.loads(archive.read("account.json"))
        assert [each["email"] for each in account["account"]] == ["ada@example.com"]
        [row] = csv.DictReader(io.StringIO(archive.read("feedback.csv").decode("utf-8-sig")))
        assert row["message"] == "'=1+1 looks odd"
        commands = archive.read("commands.csv").decode("utf-8-sig")
        assert "/timezone Europe/Berlin" in commands
    answer = await ada.ask("/export")
    assert "a moment ago" in answer["text"]


async def test_an_account_is_erased_by_a_typed_yes_and_can_begin_anew(house: House, owner_database_url: str) -> None:
    await house.verified("Ada", "ada@example.com")
    bob = await house.verified("Bob", "bob@example.com")
    stage = Stage(house, Bob=bob)
    await stage.play("""
        Bob: /deleteme
        bot: Erase your account? You have no jobs. … type bob@example.com or DELETE within ten minutes. …
             [Export first] [Keep my account]
        Bob: delete
        bot: Nothing was erased: … Type bob@example.com or DELETE …
        Bob taps [Keep my account]
        bot edits: Your account stays. Nothing was changed.
        Bob: DELETE
        bot: I understand commands. …
        Bob: /deleteme
        bot: Erase your account? …
        Bob: Bob@Example.com
        bot: ✓ Your account is erased, … /start
    """)
    deadline = asyncio.get_running_loop().time() + 10
    while (left := await asyncio.to_thread(naming, owner_database_url, "bob@example.com", str(bob.id))) != []:
        assert asyncio.get_running_loop().time() < deadline, left  # that it was heard is written a moment later
        await asyncio.sleep(0.1)
    await stage.play("""
        Bob: /jobs
        bot: You're not verified yet. …
        Bob: /start
        bot: Hello, I'm Openbell. …
        Bob: bob@example.com
        bot: I sent a code to bob@example.com. …
    """)


async def test_the_last_admin_stays(house: House) -> None:
    ada = await house.verified("Ada", "ada@example.com")
    await Stage(house, Ada=ada).play("""
        Ada: /deleteme
        bot: That is the last admin here, so nothing was changed. …
        Ada: DELETE
        bot: I understand commands. …
    """)
