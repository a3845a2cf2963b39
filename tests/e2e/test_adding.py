"""A job made step by step, or from one line, as it is spoken."""

from pathlib import Path

import pytest

from tests.e2e import plug_in
from tests.e2e.house import House, open_house
from tests.e2e.transcript import Stage


async def test_the_usual_report_takes_five_taps(house: House) -> None:
    ada = await house.verified("Ada", "ada@example.com")
    await Stage(house, Ada=ada).play("""
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
        bot edits: ✓ Saved as job 1: GOLD report, every weekday at 08:30. …
    """)
