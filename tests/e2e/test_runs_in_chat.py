"""The life of a run as a person meets it in the chat."""

import asyncio
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from db.engine import Database
from domain.schedules import Proposal
from domain.timing import Timing
from domain.users import User
from sandbox.person import Person
from services.jobs import JobsService
from tests.e2e import plug_in
from tests.e2e.house import House, open_house

STORY = 15.0


@pytest.fixture
async def trial_house(
    tmp_path: Path, database_url: str, valkey_url: str, secret_key: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[House]:
    """A house with the plug-in of the tests installed."""
    plug_in.install(tmp_path / "plug-in", monkeypatch)
    async with open_house(tmp_path, database_url, valkey_url, secret_key) as opened:
        yield opened
    sys.modules.pop("openbell_trial", None)
    monkeypatch.undo()
    plug_in.forget()


async def add_trial(house: House, secret_key: str, **params: Any) -> int:
    """A yearly job of that kind for Ada, made by the service, since the chat has no form for plug-ins."""
    assert house.settings.db_url is not None
    database = Database.connect(house.settings.db_url.get_secret_value(), secret_key)

    def make() -> int:
        with database.for_platform() as uow:
            row = uow.users.by_email("ada@example.com")
            assert row is not None
            user: User = row.view()
        proposal = Proposal("The <trial>", "test.trial", params, Timing("0 0 1 1 *", "Europe/Berlin"))
        jobs = JobsService(database.for_user(user.id))
        return jobs.create(user, proposal, now=datetime.now(UTC)).id

    try:
        return await asyncio.to_thread(make)
    finally:
        database.close()


def number_in(message: dict[str, Any]) -> int:
    """The run that "(run 12)" names; the platform's own runs are counted too."""
    return int(message["text"].split("(run ")[1].split(")")[0])


async def until(ada: Person, question: str, wanted: str) -> dict[str, Any]:
    """Ask until the answer says it."""
    deadline = asyncio.get_running_loop().time() + STORY
    while True:
        answer = await ada.ask(question)
        if wanted in answer.get("text", ""):
            return answer
        assert asyncio.get_running_loop().time() < deadline, f"{question} never said {wanted!r}: {answer.get('text')}"
        await asyncio.sleep(0.1)


async def test_a_reminder_in_words_is_previewed_saved_run_and_explained(house: House) -> None:
    ada = await house.verified("Ada", "ada@example.com")
    shown = await ada.ask("/schedule every day at 9 remind me to check margins")
    assert "every day at 09:00 · Europe/Berlin" in shown["text"]
    assert "New job: check margins" in shown["text"]
    assert shown["text"].count("09:00 CE") == 3
    await ada.press("Save")
    await ada.wait_for(lambda m: "Saved as job 1: check margins" in m["text"])
    await ada.send("/run 1")
    await ada.wait_for(lambda m: "⏰ check margins" in m.get("text", ""), STORY)
    story = await until(ada, "/why", "You were told.")
    assert "It succeeded." in story["text"]
    for step in ("Planned: you asked for it.", "A worker was called", "It started on", "It succeeded after", "Queued:"):
        assert step in story["text"], step
    history = await ada.ask("/history")
    assert "check margins" in history["text"]
    assert "✓" in history["text"]
    [run] = [button for button in ada.buttons() if button.startswith("#")]
    await ada.press(run)
    await ada.wait_for(lambda m: f"Run {run[1:]} · check margins" in m["text"], after=history["message_id"])


async def test_what_is_missing_is_asked_for_and_never_guessed(house: House) -> None:
    ada = await house.verified("Ada", "ada@example.com")
    asked = await ada.ask("/schedule every monday GOLD")
    assert "At what time?" in asked["text"]
    await ada.press("every Monday at 09:00")
    await changes_to(ada, asked, "GOLD report", "every Monday at 09:00")
    asked = await ada.ask("/schedule every weekday at 8:30")
    assert "what shall I do then?" in asked["text"]
    await ada.send("remind me to look at the rates")
    await changes_to(ada, asked, "New job: look at the rates")
    asked = await ada.ask("/remind check margins")
    assert "When shall “check margins” come?" in asked["text"]
    await ada.send("every friday at 16:00")
    await changes_to(ada, asked, "every Friday at 16:00")
    asked = await ada.ask("/schedule 61 8 * * 1-5 GOLD")
    assert "column 1 (minute)" in asked["text"]
    assert "61 8 * * 1-5\n^^" in asked["text"]
    assert "once, on" in (await ada.ask("/schedule tomorrow at 9 GOLD"))["text"]
    assert "Your jobs" not in (await ada.ask("/jobs"))["text"]


async def changes_to(ada: Person, form: dict[str, Any], *words: str) -> None:
    """The form says all this, in its own message."""
    await ada.wait_for(
        lambda m: m["message_id"] == form["message_id"] and all(each in m["text"] for each in words), STORY
    )


async def test_a_plain_sentence_becomes_a_preview(house: House) -> None:
    ada = await house.verified("Ada", "ada@example.com")
    shown = await ada.ask("remind me every day at 9 to check margins")
    assert "New job: check margins" in shown["text"]
    shown = await ada.ask("every weekday at 8:30 the gold report, dark")
    assert "New job: GOLD report" in shown["text"]


async def test_a_line_is_tried_out_without_saving_anything(house: House) -> None:
    ada = await house.verified("Ada", "ada@example.com")
    tested = await ada.ask("/test first Monday of the month at 9")
    assert "on the first Monday of the month at 09:00 · Europe/Berlin" in tested["text"]
    assert tested["text"].count("Mon ") == 5
    refused = await ada.ask("/test 0 30 8 * * 1-5")
    assert "Seconds are not planned" in refused["text"]
    await ada.press("30 8 * * 1-5")
    await ada.wait_for(lambda m: "every weekday at 08:30" in m["text"], after=refused["message_id"])
    assert "Which" not in (await ada.ask("/test"))["text"]


async def test_a_failure_is_told_with_buttons_that_do_what_they_say(trial_house: House, secret_key: str) -> None:
    ada = await trial_house.verified("Ada", "ada@example.com")
    number = await add_trial(trial_house, secret_key, fails=True)
    run = number_in(await ada.ask(f"/run {number}"))
    told = await ada.wait_for(lambda m: "The <trial> failed" in m.get("text", ""), STORY)
    assert "the exchange <sandbox> refused the login" in told["text"]
    place = told["message_id"]
    await (await ada.press("Why?", message_id=place)).answer()
    story = await ada.wait_for(lambda m: "It failed for good" in m["text"], after=place)
    assert "word that it failed" in story["text"]
    await (await ada.press("Run again", message_id=place)).answer()
    await ada.wait_for(lambda m: f"Run {run} is done once more" in m["text"], after=place)
    failed = await until(ada, "/failed", f"#{run + 1}")
    assert failed["text"].count("✗") == 2
    again = await ada.press("Run again", message_id=place)
    assert "done already" in (await again.answer())["text"], "a repeated press acts once"
    assert f"you asked to do run {run} once more" in (await ada.ask(f"/why {run + 1}"))["text"]
    await (await ada.press("Skip the next", message_id=place)).answer()
    await ada.wait_for(lambda m: "Left out: The <trial> does not run on" in m["text"], after=place)
    skipped = await until(ada, f"/history {number}", "you asked me to leave it out")
    assert "– Fri 01 Jan 00:00 CET" in skipped["text"]
    await (await ada.press("Pause", message_id=place)).answer()
    await ada.wait_for(lambda m: "is paused" in m["text"], after=place)


async def test_a_running_job_is_stopped(trial_house: House, secret_key: str) -> None:
    ada = await trial_house.verified("Ada", "ada@example.com")
    bob = await trial_house.verified("Bob", "bob@example.com")
    number = await add_trial(trial_house, secret_key, takes_s=60)
    run = number_in(await ada.ask(f"/run {number}"))
    await until(ada, f"/why {run}", "It is running on")
    assert f"can't find run {run}" in (await bob.ask(f"/kill {run}"))["text"]
    assert f"can't find run {run}" in (await bob.ask(f"/why {run}"))["text"]
    killed = await ada.ask(f"/kill {run}")
    assert f"Run {run}, The <trial>, is cancelled. Its worker was told to stop" in killed["text"]
    story = await ada.ask(f"/why {run}")
    assert "It was cancelled by ada@example.com." in story["text"]
    assert "is over already" in (await ada.ask(f"/kill {run}"))["text"]
    assert not any("Trial done" in m.get("text", "") for m in ada.replies())


async def test_the_buttons_of_a_run_that_waits_or_is_in_doubt(trial_house: House, secret_key: str) -> None:
    ada = await trial_house.verified("Ada", "ada@example.com")
    bob = await trial_house.verified("Bob", "bob@example.com")
    jobs = [await add_trial(trial_house, secret_key, takes_s=60) for _ in range(3)]
    first, second, waiting = [number_in(await ada.ask(f"/run {job}")) for job in jobs]
    for run in (first, second):
        await until(ada, f"/why {run}", "It is running on")
    story = await until(ada, f"/why {waiting}", "2 runs of the same person are going")
    place = story["message_id"]
    theirs = await bob.press_again(bob.replies()[-1]["message_id"], f"x:{waiting}:now")
    assert f"can't find run {waiting}" in (await theirs.answer())["text"]
    await (await ada.press_again(place, f"x:{waiting}:now")).answer()
    await ada.wait_for(lambda m: "goes before your others" in m["text"], after=place)
    in_doubt = await ada.press_again(place, f"x:{first}:leave")
    assert "is not in doubt (running)" in (await in_doubt.answer())["text"]
    await (await ada.press_again(place, f"x:{waiting}:skip")).answer()
    await ada.wait_for(lambda m: "is cancelled. It had not started." in m["text"], after=place)
    refused = await ada.press_again(place, f"x:{waiting}:now")
    assert "done already" in (await refused.answer())["text"]
    unknown = await ada.press_again(place, f"x:{first}:dance")
    assert "older version" in (await unknown.answer())["text"]
    for run in (first, second):
        assert "is cancelled" in (await ada.ask(f"/kill {run}"))["text"]


async def test_days_that_are_over_are_filled_in_once(house: House) -> None:
    ada = await house.verified("Ada", "ada@example.com")
    await ada.ask("/schedule every day at 9 remind me to check margins")
    await ada.press("Save")
    await ada.wait_for(lambda m: "Saved as job 1" in m["text"])
    today = datetime.now(UTC).date()
    first, last = today - timedelta(days=5), today - timedelta(days=2)
    asked = await ada.ask(f"/backfill 1 {first} {last}")
    assert "would run 4 times" in asked["text"]
    assert asked["text"].count("09:00 CE") == 4
    await (await ada.press("Run all 4")).answer()
    await ada.wait_for(lambda m: "4 runs are planned" in m["text"])
    deadline = asyncio.get_running_loop().time() + STORY
    while sum("⏰ check margins" in m.get("text", "") for m in ada.replies()) < 4:
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.05)
    history = await ada.ask("/history 1")
    assert history["text"].count("filled in") == 4
    assert "filled in already" in (await ada.ask(f"/backfill 1 {first} {last}"))["text"]
    assert "would run once" in (await ada.ask("/backfill 1 yesterday"))["text"].replace("1 time ", "once ")
    for wrong, said in {
        f"/backfill 1 {last} {first}": "Name the earlier day first",
        "/backfill 1 02/03/2026": "could be more than one day",
        "/backfill 1 2020-01-01 2026-01-01": "more than 100 runs",
        f"/backfill 1 {today + timedelta(days=2)}": "still to come",
        "/backfill 9 2026-01-01": "can't find job 9",
    }.items():
        assert said in (await ada.ask(wrong))["text"], wrong


async def test_what_comes_is_listed_and_a_run_of_it_left_out(house: House) -> None:
    ada = await house.verified("Ada", "ada@example.com")
    assert "Nothing is due" in (await ada.ask("/next"))["text"]
    await ada.ask("/schedule every hour remind me to stretch")
    await ada.press("Save")
    await ada.wait_for(lambda m: "Saved as job 1" in m["text"])
    agenda = await ada.ask("/next 3h")
    assert agenda["text"].count("stretch (1)") == 3
    skipped = await ada.ask("/skip 1")
    assert "Left out: stretch does not run on" in skipped["text"]
    assert (await ada.ask("/next 3h"))["text"].count("stretch (1)") == 2
    assert "is no time ahead" in (await ada.ask("/next soon"))["text"]
    await ada.press("3d")
    await ada.wait_for(lambda m: "The next 3 days" in m["text"])


async def test_a_job_is_told_how_to_meet_trouble_by_buttons(house: House) -> None:
    ada = await house.verified("Ada", "ada@example.com")
    await ada.ask("/schedule 30 8 * * 1-5 GOLD")
    await ada.press("Save")
    await ada.wait_for(lambda m: "Saved as job 1" in m["text"])
    card = await ada.ask("/job 1")
    place = card["message_id"]

    async def press(button: str, says: str) -> None:
        await (await ada.press(button, message_id=place)).answer()
        await ada.wait_for(lambda m: m["message_id"] == place and says in m["text"])

    await press("If missed…", "of missed runs the newest is run")
    await press("Run all, in turn", "missed runs are all run")
    await press("1 day", "not older than 1 day")
    await press("‹ Back to the job", "Next:")
    await press("If still running…", "is left out")
    await press("Let one wait", "waits for it")
    await press("‹ Back to the job", "Next:")
    await press("Days and spread…", "on any day")
    await press("up to 5 min", "up to 5 min later")
    await press("‹ Back to the job", "spread by up to 5 min")
