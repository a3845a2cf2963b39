"""Our stepping through a line's columns against croniter's."""

from datetime import datetime

import pytest
from croniter import croniter
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from domain.columns import columns_of
from domain.cron import CronRefused, parse_cron
from tests.unit.domain.lines import LINES, NOW, PROPERTY

WALLS = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1))


@settings(PROPERTY, max_examples=200)
@given(LINES, WALLS)
@example("0 0 29 2 *", datetime(2023, 3, 1))
@example("59 23 31 12 *", datetime(2026, 12, 31, 23, 59))
@example("0 9 1-31 * */2", datetime(2026, 1, 1))
@example("0 9 */2 * 0-6", datetime(2026, 1, 1))
@example("0 9 13 * 5", datetime(2026, 1, 1, 8, 59, 59, 999999))
@example("* * 31 */2 *", datetime(2026, 1, 31, 23, 59))
def test_columns_step_as_croniter_does(line: str, wall: datetime) -> None:
    try:
        columns = columns_of(parse_cron(line, NOW).text)
    except CronRefused:
        columns = None
    assume(columns is not None)
    assert columns is not None
    theirs = croniter(parse_cron(line, NOW).text, wall)
    for _ in range(5):
        found = columns.next_after(wall)
        if found is None:
            break
        assert found == theirs.get_next(datetime)
        wall = found


@pytest.mark.parametrize(("line", "year"), [("0 0 30 2 *", 2026), ("0 0 31 4,6,9,11 *", 2026), ("0 0 29 2 *", 2097)])
def test_what_does_not_come_within_six_years_is_not_found(line: str, year: int) -> None:
    columns = columns_of(line)
    assert columns is not None
    assert columns.next_after(datetime(year, 1, 1)) is None
    assert columns.next_after(datetime(2094, 1, 1)) == (datetime(2096, 2, 29) if "29" in line else None)


def test_special_weekdays_and_last_days_are_left_to_croniter() -> None:
    assert [columns_of(line) for line in ("0 9 * * 1#1", "0 9 * * L5", "0 9 L * *")] == [None] * 3
