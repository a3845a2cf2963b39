"""Jobs and runs as a person steers them in the chat, and as an admin steers everybody's."""

import asyncio
import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

from db.engine import Database
from domain.schedules import Proposal
from domain.timing import Timing
from domain.users import User
from services.destinations import DestinationsService
from services.jobs import JobsService
from tests.e2e.house import House
from tests.e2e.transcript import Stage

T = TypeVar("T")


async def in_database(house: House, secret_key: str, do: Callable[[Database], T]) -> T:
    """Do something beside the house, in its own database."""
    assert house.settings.db_url is not None
    database = Database.connect(house.settings.db_url.get_secret_value(), secret_key)
    try:
        return await asyncio.to_thread(do, database)
    finally:
        database.close()


def known(database: Database, email: str) -> User:
    with database.for_platform() as uow:
        row = uow.users.by_email(email)
        assert row is not None
        return row.view()


async def reminders(house: House, secret_key: str, email: str, *names: str, cron: str = "0 9 * * *") -> list[int]:
    """Daily reminders of that person; their numbers."""

    def make(database: Database) -> list[int]:
        user = known(database, email)
        jobs = JobsService(database.for_user(user.id))
        timing = Timing(cron, user.timezone)
        return [
            jobs.create(user, Proposal(name, "notification", {"text": name}, timing), now=datetime.now(UTC)).id
            for name in names
        ]

    return await in_database(house, secret_key, make)


async def test_jobs_are_found_named_tagged_and_copied(house: House, secret_key: str) -> None:
    ada = await house.verified("Ada", "ada@example.com")
    await reminders(house, secret_key, "ada@example.com", "Gold", "Silver", "Check <margins>")
    stage = Stage(house, Ada=ada)
    await stage.play("""
        Ada: /jobs
        bot: Your jobs
            1 Gold
            every day at 09:00 · next … CE…
            2 Silver
            every day at 09:00 · next …
            3 Check <margins>
            every day at 09:00 · next …
            Tap a number for more.
            [1] [2] [3]
            [Refresh]
            [Failed] [Paused] [Over]
        Ada: /tag 1 #Gold metals
        bot: Job 1, Gold, has the tags #gold #metals. Take one away with /tag 1 -#gold
            [Show it]
            [#gold] [#metals]
        Ada: /tag 2 metals
        bot: Job 2, Silver, has the tags #metals. …
        Ada: /tag 1 -#metals
        bot: Job 1, Gold, has the tags #gold. …
        Ada: /jobs #metals
        bot: Your jobs Only: #metals
            2 Silver
            every day at 09:00 · next … · #metals
            Tap a number for more.
        Ada: /jobs MARGIN
        bot: Your jobs Only: “MARGIN”
            3 Check <margins> …
        Ada: /jobs #nothing
        bot: No job is like that.
            [Show all]
        Ada taps [Show all]
        bot edits: Your jobs 1 Gold … 2 Silver … 3 Check <margins> … As of …
        Ada: /tag 1 #a/b
        bot: “#a/b” can't be a tag. …
        Ada: /rename 3 Margins & more
        bot: Job 3 is called Margins & more now.
        Ada: /rename 3 gold
        bot: Job 1 has that name already, and nothing was changed. Choose another.
        Ada: /copy 1
        bot: Job 4, Gold 2, is like job 1. It is paused, so that nothing comes twice:
            change it with /edit 4, then let it go on.
            [Resume] [Show it]
        Ada: /jobs paused
        bot: Your jobs Only: paused
            4 Gold 2
            every day at 09:00 · paused · #gold
            Tap a number for more.
        Ada: /job 1
        bot: 1 · Gold
            every day at 09:00 · Europe/Berlin
            0 9 * * *
            #gold … Next: • … • … • …
            [Run now] [Skip the next] [Pause]
            [If missed…] [If still running…]
            [Days and spread…] [History]
            [Edit…] [Copy]
            [Delete]
    """)


async def test_a_pause_ends_by_itself_and_one_of_everything_is_undone(house: House, secret_key: str) -> None:
    ada = await house.verified("Ada", "ada@example.com")
    await reminders(house, secret_key, "ada@example.com", "one", "two", "three")
    stage = Stage(house, Ada=ada)
    await stage.play("""
        Ada: /pause 1 until tomorrow 18:00
        bot: ⏸ Job 1, one, is paused until … 18:00 CE…, and then goes on by itself. The next run is … 09:00 CE….
            [Resume] [Show it]
        Ada taps [Show it]
        bot: 1 · one
            every day at 09:00 · Europe/Berlin
            0 9 * * *
            ⏸ Paused until … 18:00 CE…. Next: • … 09:00 … • … • …
            [Run now] [Skip the next] [Resume]
            [If missed…] [If still running…]
            [Days and spread…] [History]
            [Edit…] [Copy]
            [Delete]
        Ada: /jobs
        bot: Your jobs
            1 one
            every day at 09:00 · paused until … 18:00 …
            2 two
            every day at 09:00 · next …
            3 three …
        Ada: /pause 2
        bot: ⏸ Job 2, two, is paused. Nothing is planned until you resume it.
            [Resume] [Show it]
            [Until tomorrow 8:00] [Until Monday 8:00]
        Ada taps [Until Monday 8:00]
        bot: ⏸ Job 2, two, is paused until Mon … 08:00 CE…, and then goes on by itself. The next run is Mon … 09:00 ….
        Ada: /resume 2
        bot: ▶ Job 2, two, goes on. Next run … 09:00 ….
        Ada: /pause all
        bot: ⏸ 2 jobs are paused. Nothing of them is planned until you resume them.
            • 2 two
            • 3 three
            [Undo (10 minutes)]
            [My jobs]
        Ada: /next 7d
        bot: The next 7 days … one (1) …
        Ada: /pause all
        bot: Nothing of yours is planned, so there is nothing to pause. /jobs shows your jobs.
        Ada taps [Undo (10 minutes)]
        bot edits: 2 jobs are as they were before.
            • 2 two
            • 3 three
            [My jobs]
        Ada: /pause all until in 3 hours
        bot: ⏸ 2 jobs are paused until …, and then go on by themselves.
            • 2 two
            • 3 three
        Ada: /resume all
        bot: ▶ 3 jobs go on.
            • 1 one
            • 2 two
            • 3 three
        Ada: /resume all
        bot: Nothing of yours is paused, so there is nothing to resume. /jobs shows your jobs.
        Ada: /skip 1 2
        bot: Left out: one does not run 2 times, from … 09:00 … to … 09:00 …. The next is … 09:00 ….
        Ada: /skip 1 31
        bot: I leave out between 1 and 30 runs at once. …
        Ada: /pause
        bot: Which job? Send its number: /pause 7 until Monday 8:00. /jobs lists them.
            1 one
            2 two
            3 three
            [1] [2] [3]
            [Pause all] [My jobs]
        Ada taps [Pause all]
        bot edits: ⏸ 3 jobs are paused. …
    """)


async def test_runs_come_as_lines_and_as_a_file(house: House, secret_key: str) -> None:
    ada = await house.verified("Ada", "ada@example.com")
    await reminders(house, secret_key, "ada@example.com", "=1+1")
    stage = Stage(house, Ada=ada)
    await stage.play("""
        Ada: /run 1
        bot: ▶ =1+1 runs now (run {run}). The result comes here.
        bot: ⏰ =1+1 …
        Ada: /history 1
        bot: History of =1+1, newest first … Tap a run for its whole story.
        Ada taps [As a file]
    """)
    sent = await ada.wait_for(lambda message: "document" in message)
    assert sent["document"]["file_name"].startswith("history-job-1-")
    files = house.sandbox.messenger.files
    text = (files.folder / files.find(sent["document"]["file_id"])["path"]).read_text(encoding="utf-8-sig")
    [row] = csv.DictReader(io.StringIO(text, newline=""))
    assert (row["job"], row["name"], row["status"], row["trigger"]) == ("1", "'=1+1", "succeeded", "manual")
    assert float(row["took_s"]) >= 0
    stage = Stage(house, Ada=ada)
    await stage.play(f"""
        Ada: /logs {row["run"]}
        bot: Run {row["run"]} · =1+1 … It succeeded. … Planned: you asked for it. …
        Ada: /logs 999
        bot: I can't find run 999 among yours. /history lists them.
        Ada: /failed 24h
        bot: ✓ Nothing failed in the last 24 hours.
        Ada: /failed never
        bot: “never” is no length that I know. Send /failed 24h or /failed 7d.
    """)


async def test_an_admin_sees_and_stops_what_others_run_and_nobody_else_does(house: House, secret_key: str) -> None:
    ada = await house.verified("Ada", "ada@example.com")
    bob = await house.verified("Bob", "bob@example.com")
    await reminders(house, secret_key, "bob@example.com", "Bob's")
    await house.stop_worker()
    stage = Stage(house, Bob=bob, Ada=ada)
    await stage.play("""
        Bob: /run 1
        bot: ▶ Bob's runs now (run {run}). The result comes here.
        Bob: /queue
        bot: I don't know that command. …
        Bob: /jobs @ada
        bot: No job is like that.
        Ada: /queue
        bot: Queue: … Bob's · bob@example.com … As of …
        Ada taps [#{run}]
        bot: Run {run} · Bob's of bob@example.com …
        Ada taps [Stop it]
        bot: ■ Run {run}, Bob's, is cancelled. It had not started. Its story tells bob@example.com who stopped it.
        Ada: /kill {run}
        bot: Run {run} is over already (cancelled), there is nothing to stop.
        Ada: /retry {run}
        bot: ▶ Run {run} is done once more, as run {again}. The result goes to bob@example.com.
        Bob: /why {run}
        bot: Run {run} · Bob's It was cancelled by ada@example.com. …
        Bob: /why {again}
        bot: Run {again} · Bob's … Planned: ada@example.com asked to do run {run} once more. …
        Ada: /jobs @bob
        bot: Jobs of bob@example.com 1 Bob's …
            [1]
            [Refresh]
            [Failed] [Paused] [Over]
        Ada taps [1]
        bot edits: A job of bob@example.com
            1 · Bob's …
        Ada: /jobs @nobody
        bot: I can't find “nobody”. /users lists everybody.
        Ada: /workers
        bot: Workers … No run is in a worker's hands.
            [Refresh] [Queue]
        Ada: /job 1
        bot: I can't find job 1 among yours. /jobs lists them.
    """)


async def test_a_group_sees_the_jobs_that_are_told_there_and_no_others(house: House, secret_key: str) -> None:
    ada = await house.verified("Ada", "ada@example.com")
    await reminders(house, secret_key, "ada@example.com", "Told here", "Private")
    group = ada.make_group("Desk")

    def link(database: Database) -> None:
        user = known(database, "ada@example.com")
        linked = DestinationsService(database.for_platform()).link(
            user, group, None, title="Desk", topic=None, now=datetime.now(UTC)
        )
        with database.for_platform() as uow:
            row = uow.jobs.live(1, lock=True)
            assert row is not None
            row.destination_id = linked.id
            uow.commit()

    await in_database(house, secret_key, link)
    stage = Stage(house, Ada=ada)
    stage.groups["Desk"] = group
    stage._seen[group] = max((each["message_id"] for each in ada.messages(chat_id=group)), default=0)
    await stage.play("""
        Ada in Desk: /jobs
        bot in Desk: Jobs that are told here
            1 Told here
            every day at 09:00 · next …
            [Refresh]
        Ada in Desk: /next 48h
        bot in Desk: The next 2 days … Told here (1) …
        Ada: /job 1
        bot: 1 · Told here
            every day at 09:00 · Europe/Berlin
            0 9 * * *
            Results go to: Desk …
    """)
    assert not any("Private" in each.get("text", "") for each in ada.messages(chat_id=group))


async def test_what_was_to_run_once_and_is_over_is_out_of_the_way(house: House, secret_key: str) -> None:
    ada = await house.verified("Ada", "ada@example.com")
    await reminders(house, secret_key, "ada@example.com", "Daily", "Once")

    def over(database: Database) -> None:
        with database.for_platform() as uow:
            row = uow.jobs.live(2, lock=True)
            assert row is not None
            row.next_run_at, row.ends_at = None, datetime(2026, 1, 1, tzinfo=UTC)
            uow.commit()

    await in_database(house, secret_key, over)
    await Stage(house, Ada=ada).play("""
        Ada: /jobs
        bot: Your jobs
            1 Daily
            every day at 09:00 · next …
            Tap a number for more.
        Ada taps [Over]
        bot edits: Your jobs Only: over
            2 Once
            every day at 09:00 · over
            Tap a number for more.
            As of …
    """)
