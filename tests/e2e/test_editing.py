"""A saved job, changed field by field, as it is spoken."""

from tests.e2e.house import House
from tests.e2e.transcript import Stage


async def test_one_field_is_changed_previewed_saved_and_taken_back(house: House) -> None:
    stage = Stage(house, Ada=await house.verified("Ada", "ada@example.com"))
    await stage.play("""
        Ada: /edit
        bot: Which job? Example: /edit 7. /jobs lists them.
        Ada: /edit 9
        bot: I can't find job 9 among yours. …
        Ada: /schedule every weekday at 8:30 the gold report
        bot: New job: GOLD report …
        Ada taps [Save]
        bot edits: ✓ Saved as job 1: …
        Ada: /edit 1
        bot: Job 1: GOLD report … Name: GOLD report Instrument: GOLD Theme: light …
            every weekday at 08:30 · Europe/Berlin To: as you set in /notify … What shall I change?
             [Name…] [Instrument…]
             [Theme…] [When…]
             [To…]
             [Close]
        Ada taps [Theme…]
        bot edits: Job 1: GOLD report Theme? … Now: light
             [light] [dark]
             [‹ Back] [Cancel]
        Ada taps [dark]
        bot edits: Job 1: GOLD report … Theme: light → dark … Nothing is saved yet. …
        Ada taps [When…]
        bot edits: … When shall “GOLD report” come? … Now: every weekday at 08:30 …
        Ada: every day at 25
        bot edits: … ⚠ …
        Ada: every day at 7
        bot edits: Job 1: GOLD report … Theme: light → dark …
            every weekday at 08:30 · Europe/Berlin → every day at 07:00 · Europe/Berlin … Next three runs: … 07:00 …
            Nothing is saved yet. …
        Ada taps [Save]
        bot edits: ✓ Changed job 1: GOLD report, every day at 07:00. Next run …
             [Undo (10 minutes)] [Show it]
        Ada taps [Undo (10 minutes)]
        bot edits: Job 1 is as it was before: GOLD report, every weekday at 08:30. Next run …
        Ada: /edit 1 every hour
        bot: Job 1: GOLD report … → every hour · Europe/Berlin …
        Ada: /cancel
        bot: Left. Job 1 stays as it is; thrown away: When: every hour · Europe/Berlin.
             [Undo]
        Ada taps [Undo]
        bot edits: Job 1: GOLD report … → every hour · Europe/Berlin …
        Ada taps [Name…]
        bot edits: … What shall it be called? …
        Ada: Hourly gold
        bot edits: Job 1: Hourly gold … Name: GOLD report → Hourly gold …
        Ada taps [Save]
        bot edits: ✓ Changed job 1: Hourly gold, every hour. …
    """)


async def test_a_job_is_changed_by_its_owner_alone(house: House) -> None:
    ada = await house.verified("Ada", "ada@example.com")
    bob = await house.verified("Bob", "bob@example.com")
    stage = Stage(house, Ada=ada, Bob=bob)
    await stage.play("""
        Ada: /schedule every weekday at 8:30 the gold report
        bot: New job: GOLD report …
        Ada taps [Save]
        bot edits: ✓ Saved as job 1: …
        Ada: /edit 1 every hour
        bot: Job 1: GOLD report … → every hour · …
        Bob: /edit 1
        bot: I can't find job 1 among yours. …
    """)
    form = ada.last()
    assert form is not None
    save = next(
        b["callback_data"] for row in form["reply_markup"]["inline_keyboard"] for b in row if b["text"] == "Save"
    )
    hers = await bob.press_again(bob.replies()[-1]["message_id"], save)
    assert "expired" in (await hers.answer())["text"]
    await stage.play("""
        Ada: /job 1
        bot: … every weekday at 08:30 …
    """)
