"""What the bot says of due times and runs: readable, escaped, and never longer than a message."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import escape
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bot import replies
from bot.replies import agenda as comes
from bot.replies import job_options
from bot.replies.reply import due_lines
from domain.cron import CronRefused, parse_cron
from domain.ids import DraftId, RunId, ScheduleId, UserId
from domain.runs import Run, RunStatus, Trigger
from domain.schedules import CatchUp, Proposal, Schedule
from domain.timing import Due, Timing
from services.agenda import Agenda
from services.forms import Page, Value
from services.timeline import Moment, Timeline

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 10, 23, 8, 0, tzinfo=UTC)
TELEGRAMS_LIMIT = 4096


def schedule(number: int = 7, name: str = "GOLD <report>", cron: str = "30 8 * * *", **values: Any) -> Schedule:
    given: dict[str, Any] = {
        "id": ScheduleId(number),
        "user_id": UserId(1),
        "name": name,
        "job_type": "report",
        "params": {},
        "timing": Timing(cron, "Europe/Berlin"),
        "enabled": True,
        "next_run_at": NOW,
        "last_run_at": None,
        "consecutive_failures": 0,
        "catch_up": CatchUp.LATEST,
        "catch_up_window_s": 3600,
        "overlap": "skip",
        "grace_s": 120,
        "max_retries": 2,
        "timeout_s": 120,
    }
    return Schedule(**(given | values))


def agenda(found: Schedule, until: datetime) -> Agenda:
    due = []
    for each in found.timing.upcoming(NOW):
        if each.at > until:
            break
        due.append((found, each))
    return Agenda(tuple(due), more=False)


def test_a_clock_change_between_two_due_times_is_marked_and_both_abbreviations_shown() -> None:
    due = list(islice(Timing("0 12 * * *", "Europe/Berlin").upcoming(NOW), 3))
    lines = due_lines(due, BERLIN)
    assert lines == [
        "• Fri 23 Oct 12:00 CEST",
        "• Sat 24 Oct 12:00 CEST",
        "• Sun 25 Oct 12:00 CET <i>(the clocks change before it)</i>",
    ]


def test_a_due_time_that_the_clock_change_touches_says_how() -> None:
    due = next(Timing("30 2 25 10 *", "Europe/Berlin").upcoming(NOW))
    assert "the clocks go back" in due_lines([due], BERLIN)[0]


def test_a_holiday_is_struck_out_and_named_and_a_weekend_is_not_mentioned() -> None:
    at = datetime(2026, 11, 26, 15, 10, tzinfo=UTC)
    days = [Due(at + timedelta(days=n), at + timedelta(days=n), None, reason) for n, reason in enumerate(
        ("no session: Thanksgiving", None, "no session: weekend", "no session: weekend", None))]  # fmt: skip
    lines = due_lines(days, BERLIN)
    assert lines[0] == "• <s>Thu 26 Nov 16:10 CET</s> no session: Thanksgiving"
    assert len(lines) == 3


def test_what_comes_often_is_one_line_of_its_day() -> None:
    often = schedule(cron="*/15 * * * *")
    said = comes.agenda(agenda(often, NOW + timedelta(hours=3)), 3, BERLIN).text
    assert "10:15–13:00  GOLD &lt;report&gt; (7), 12 times" in said
    rare = schedule(cron="0 * * * *")
    said = comes.agenda(agenda(rare, NOW + timedelta(hours=3)), 3, BERLIN).text
    assert said.count("GOLD &lt;report&gt; (7)") == 3


def test_the_agenda_is_never_longer_than_a_message() -> None:
    jobs = [schedule(number, "&" * 100, "0 * * * *") for number in range(1, 60)]
    due = tuple((job, Due(NOW + timedelta(hours=1), NOW)) for job in jobs)
    said = comes.agenda(Agenda(due, more=False), 24, BERLIN).text
    assert len(said) <= TELEGRAMS_LIMIT
    assert "ask for fewer hours" in said


def test_a_story_is_never_longer_than_a_message_and_keeps_its_beginning_and_end() -> None:
    run = Run(
        RunId(12), None, UserId(1), "<b>", "report", RunStatus.SUCCEEDED, Trigger.MANUAL, NOW, NOW, NOW, 1, None, None
    )
    moments = tuple(Moment(NOW + timedelta(seconds=n), "rung_again", f"step {n} " + "x" * 90) for n in range(200))
    reply = replies.runs.story(Timeline(run, "It succeeded.", moments), BERLIN, "n")
    assert len(reply.text) <= TELEGRAMS_LIMIT
    assert "step 0 " in reply.text
    assert "step 199 " in reply.text
    assert "more steps" in reply.text
    assert escape("<b>") in reply.text


def test_no_button_carries_more_than_telegram_takes() -> None:
    found, long = schedule(2**53), "x" * 16
    cards = [job_options.if_missed(found, long), job_options.if_busy(found, long), job_options.days(found, long)]
    cards.append(replies.jobs.card(found, [], [], long, now=NOW))
    data = [data for card in cards for row in card.buttons for _, data in row]
    assert data
    assert all(len(each.encode()) <= 64 for each in data)


def test_the_chosen_options_are_ticked() -> None:
    found = schedule(
        catch_up=CatchUp.ALL, overlap="allow", timing=Timing("0 9 * * *", "Europe/Berlin", calendar="XPAR")
    )
    ticked = [
        [label for row in card.buttons for label, _ in row if label.startswith("✓")]
        for card in (
            job_options.if_missed(found, "n"),
            job_options.if_busy(found, "n"),
            job_options.days(found, "n"),
        )
    ]
    assert ticked == [["✓ Run all, in turn", "✓ 1 hour"], ["✓ Run side by side"], ["✓ Paris", "✓ on the dot"]]


def test_a_paused_job_says_why_and_offers_to_go_on() -> None:
    reply = replies.jobs.card(
        schedule(enabled=False, paused_reason="it failed 10 times in a row"), [], [], "n", now=NOW
    )
    assert "⏸ Paused, because it failed 10 times in a row" in reply.text
    assert "Resume" in [label for row in reply.buttons for label, _ in row]
    assert "Skip the next" not in [label for row in reply.buttons for label, _ in row]


def test_the_wrong_column_is_pointed_at() -> None:
    with pytest.raises(CronRefused) as refused:
        parse_cron("0 9 * 13 *", NOW)
    said = replies.schedules.refused(refused.value, "0 9 * 13 *", ()).text
    assert "<pre>0 9 * 13 *\n      ^^</pre>" in said


def preview(timing: Timing, **values: Any) -> Page:
    """A form that could be saved."""
    given: dict[str, Any] = {
        "id": DraftId(3),
        "form": "ask_add",
        "version": 4,
        "step": "preview",
        "number": 0,
        "of": 0,
        "title": "Reminder",
        "job_name": "new <year>",
        "field": None,
        "current": None,
        "offers": (),
        "values": (Value("p.text", "Text", "<b>"),),
        "proposal": Proposal("new <year>", "notification", {"text": "<b>"}, timing),
        "due": tuple(islice(timing.upcoming(NOW), 3)),
        "where": "this chat",
        "as_preferred": False,
        "clashes": 0,
        "may_skip": False,
        "may_go_back": False,
        "may_save": True,
        "problem": None,
        "schedule_id": None,
        "timing": timing,
        "chat_id": None,
        "message_id": None,
        "previous_at": None,
    }
    return Page(**(given | values))


def test_the_preview_says_when_a_job_runs_only_once() -> None:
    timing = Timing("0 9 1 1 *", "Europe/Berlin", ends_at=datetime(2027, 6, 1, tzinfo=UTC))
    said = replies.forms.page(preview(timing)).text
    assert "The only run:" in said
    assert "New job: <b>new &lt;year&gt;</b>" in said
    assert "Text: &lt;b&gt;" in said


def test_the_preview_marks_what_the_clocks_do_to_a_run() -> None:
    said = replies.forms.page(preview(Timing("30 2 * * *", "Europe/Berlin"))).text
    assert "Sun 25 Oct 02:30 CEST <i>(the first 02:30: the clocks go back)</i>" in said


def test_every_button_of_a_form_fits_into_what_telegram_carries() -> None:
    page = preview(Timing("30 2 * * *", "Europe/Berlin"), id=DraftId(10**15), version=10**6, offers=("+1 min",) * 4)
    values = tuple(Value(f"p.{'long' * 30}{n}", "Long", "x") for n in range(40))
    for shown in (page, replace(page, step="fields", values=values)):
        for row in replies.forms.page(shown).buttons:
            assert all(len(data.encode()) <= 64 for _, data in row)
