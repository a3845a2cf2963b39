"""A job made step by step, or from one line, as it is spoken."""

from pathlib import Path

import pytest

from tests.e2e import plug_in
from tests.e2e.house import House, open_house
from tests.e2e.transcript import Stage


async def stage_of(house: House) -> Stage:
    return Stage(house, Ada=await house.verified("Ada", "ada@example.com"))


async def test_the_usual_report_takes_five_taps(house: House) -> None:
    await (await stage_of(house)).play("""
        Ada: /add
        bot: New job 1/5 … What shall I do? …
        Ada taps [Report]
        bot edits: New job: Report 2/5 … Instrument? … Example: GOLD …
        Ada taps [GOLD]
        bot edits: New job: GOLD report 3/5 … When shall “GOLD report” come? …
        Ada taps [Every weekday 08:30]
        bot edits: New job: GOLD report 4/5 … Where shall it go? …
             [This chat] [E-mail]
             [Both]
             [‹ Back] [Skip] [Cancel]
        Ada taps [This chat]
        bot edits: New job: GOLD report every weekday at 08:30 · Europe/Berlin 30 8 * * 1-5 Next three runs: …
            It comes to: this chat. Nothing is saved yet.
             [Save] [Run once now]
             [Change time] [Change more…]
             [Cancel]
        Ada taps [Save]
        bot edits: ✓ Saved as job 1: GOLD report, every weekday at 08:30. First run …
             [Show it] [Change it] [My jobs]
    """)


async def test_every_answer_may_be_typed_and_what_is_wrong_is_said_in_the_same_message(house: House) -> None:
    stage = await stage_of(house)
    await stage.play("""
        Ada: /add
        bot: New job 1/5 …
    """)
    [form] = [m for m in stage.people["Ada"].replies() if "1/5" in m.get("text", "")]
    await stage.play("""
        Ada taps [Cancel]
        bot edits: Left. Nothing was saved. …
        Ada taps [Undo]
        bot edits: New job 1/5 …
        Ada: a pony
        bot edits: New job: Report 2/5 ⚠ The source sim has no symbol PONY. …
        Ada taps [‹ Back]
        bot edits: New job: Report 1/5 What shall I do? …
        Ada: report
        bot edits: New job: Report 2/5 …
    """)
    ada = stage.people["Ada"]
    for typed, answered in (
        ("GOLDD", "⚠ The source sim has no symbol GOLDD. Did you mean GOLD?"),
        ("the gold report", "3/5"),
        ("evry mondy 9", "I see no time in “evry mondy 9”"),
        ("every monday", "⚠ At what time?"),
        ("9:30", "4/5"),
        ("my granny", "I can't send it there. There are: This chat, E-mail, Both."),
        ("both", "every Monday at 09:30 · Europe/Berlin"),
        ("every day at 7", "every day at 07:00 · Europe/Berlin"),
        ("nonsense", "I see no time in “nonsense”"),
    ):
        await ada.send(typed)
        await ada.wait_for(lambda m: m["message_id"] == form["message_id"] and answered in m["text"])  # noqa: B023
    shown = next(m for m in ada.replies() if m["message_id"] == form["message_id"])
    assert "It comes to: this chat and e-mail." in shown["text"]
    assert ada.last() == shown, "one message, and no trail below it"


async def test_going_back_skipping_and_changing_more(house: House) -> None:
    await (await stage_of(house)).play("""
        Ada: /add reminder
        bot: New job: Reminder 1/4 … Text? What to remind of. Tap or type it. Example: check margins …
        Ada: stretch
        bot edits: … 2/4 … When shall “stretch” come? …
        Ada taps [‹ Back]
        bot edits: New job: Reminder 1/4 … Now: stretch …
        Ada taps [check margins]
        bot edits: … 2/4 … When shall “check margins” come? …
        Ada taps [Every day 09:00]
        bot edits: … 3/4 …
        Ada taps [Skip]
        bot edits: New job: check margins every day at 09:00 · … Text: check margins To whom: me
            It comes as you set in /notify. …
        Ada taps [Change more…]
        bot edits: New job: check margins Name: check margins … To whom: me When: every day at 09:00 · … …
        Ada taps [Name…]
        bot edits: … What shall it be called? …
        Ada: Margins
        bot edits: New job: Margins every day at 09:00 · …
        Ada taps [Change time]
        bot edits: New job: Margins … When shall “Margins” come? …
        Ada taps [Mondays 08:00]
        bot edits: New job: Margins every Monday at 08:00 · …
        Ada taps [Run once now]
        bot: … Margins …
        Ada taps [Save]
        bot edits: ✓ Saved as job 1: Margins, every Monday at 08:00. …
    """)


async def test_one_line_goes_straight_to_the_preview(house: House) -> None:
    await (await stage_of(house)).play("""
        Ada: /add "Gold" report GOLD dark every weekday 8:30
        bot: New job: Gold every weekday at 08:30 · Europe/Berlin … Instrument: GOLD Theme: dark …
        Ada: /add SILVER every monday 9:00
        bot: New job: SILVER report every Monday at 09:00 · …
        Ada: /add notification to=everyone close the books last friday of the month 17:00
        bot: New job: close the books on the last Friday of the month at 17:00 · … To whom: everyone …
        Ada: /add report theme=dark symbol=GOLD 30 8 * * 1-5
        bot: New job: GOLD report every weekday at 08:30 · … Theme: dark …
        Ada: /cancel
        bot: Left. Nothing was saved. …
    """)


async def test_kinds_that_are_not_there_yet_say_when_they_come(house: House) -> None:
    await (await stage_of(house)).play("""
        Ada: /alert
        bot: Price alerts come with version 0.3 of Openbell; …
        Ada: /screener
        bot: Screeners come with version 0.3 of Openbell; …
        Ada: /paper
        bot: Trading bots come with version 0.4 of Openbell; …
        Ada: /add alert GOLD
        bot: Price alerts come with version 0.3 of Openbell; …
        Ada: /backup
        bot: New job: Backup 1/4 … Keep? How many backups to keep, older ones are deleted. … Example: 7
             [14] [7]
             [30]
             [Skip] [Cancel]
        Ada: 0
        bot edits: … ⚠ That can't be it: input should be greater than or equal to 1. …
        Ada: 21
        bot edits: … 2/4 …
        Ada taps [Every day 09:00]
        bot edits: New job: Backup 3/4 …
    """)


async def test_what_was_thrown_away_is_said_and_comes_back(house: House) -> None:
    await (await stage_of(house)).play("""
        Ada: /cancel
        bot: There was nothing to cancel.
        Ada: /schedule every weekday at 8:30 the gold report
        bot: New job: GOLD report every weekday at 08:30 · …
        Ada: /cancel
        bot: Left. Nothing was saved. Thrown away: GOLD report, every weekday at 08:30.
             [Undo]
        Ada taps [Undo]
        bot edits: New job: GOLD report every weekday at 08:30 · …
        Ada taps [Save]
        bot edits: ✓ Saved as job 1: …
    """)


async def test_an_old_button_opens_a_fresh_form_with_the_same_answers(house: House) -> None:
    stage = await stage_of(house)
    await stage.play("""
        Ada: /schedule every weekday at 8:30 the gold report
        bot: New job: GOLD report every weekday at 08:30 · …
        Ada: /add
        bot: New job 1/5 …
    """)
    ada = stage.people["Ada"]
    old = next(m for m in ada.replies() if "GOLD report" in m.get("text", ""))
    save = old["reply_markup"]["inline_keyboard"][0][0]["callback_data"]
    await ada.press_again(old["message_id"], save)
    await stage.play("""
        bot: This form has expired, and it changed nothing now.
             [Open it afresh]
        Ada taps [Open it afresh]
        bot edits: New job: GOLD report every weekday at 08:30 · …
        Ada taps [Save]
        bot edits: ✓ Saved as job 1: …
    """)
    await ada.press_again(old["message_id"], save.rpartition(":")[0] + ":time")
    await stage.play("""
        bot: This form has expired, and it changed nothing now. …
    """)


async def test_too_many_at_once_and_too_often_are_named_with_a_way_out(house: House) -> None:
    await house.verified("Root", "root@example.com")  # the sandbox's first one is its admin, whose floor is lower
    stage = await stage_of(house)
    for number in range(5):
        await stage.play(f"""
            Ada: /remind stretch {number} every day at 9
            bot: New job: stretch {number} …
            Ada taps [Save]
            bot edits: ✓ Saved …
        """)
    await stage.play("""
        Ada: /schedule every day at 9 the gold report
        bot: New job: GOLD report … ⚠ 5 of your jobs start in that minute too. … Nothing is saved yet.
             [+1 min] [+2 min] [+3 min] [+4 min]
             [Save] [Run once now]
             [Change time] [Change more…]
             [Cancel]
        Ada taps [+2 min]
        bot edits: New job: GOLD report every day at 09:02 · …
        Ada taps [Change time]
        bot edits: New job: GOLD report …
        Ada: every minute
        bot edits: … ⚠ Every minute is closer together than your plan's 5 minutes. …
        Ada taps [every 5 minutes]
        bot edits: New job: GOLD report every 5 minutes · …
    """)


async def test_a_plug_ins_job_is_asked_for_out_of_its_own_model(
    tmp_path: Path, database_url: str, valkey_url: str, secret_key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plug_in.install(tmp_path / "site", monkeypatch)
    try:
        async with open_house(tmp_path, database_url, valkey_url, secret_key) as house:
            await (await stage_of(house)).play("""
                Ada: /add
                bot: New job 1/5 …
                Ada taps [A trial]
                bot edits: New job: A trial 2/6 … Fails? … Example: Yes
                     [Yes] [No]
                     [‹ Back] [Skip] [Cancel]
                Ada taps [No]
                bot edits: New job: A trial 3/6 … Takes s? …
                Ada: as long as it likes
                bot edits: … ⚠ That can't be it: … number …
                Ada: 0,5
                bot edits: … 4/6 …
                Ada taps [Every hour]
                bot edits: … 5/6 …
                Ada taps [This chat]
                bot edits: New job: A trial every hour · … Fails: No Takes s: 0.5 …
                Ada taps [Save]
                bot edits: ✓ Saved as job 1: A trial, every hour. …
                Ada: /run 1
                bot: … A trial …
                bot: Trial done.
            """)
    finally:
        monkeypatch.undo()
        plug_in.forget()
