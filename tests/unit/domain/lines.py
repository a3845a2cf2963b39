"""Cron lines and words to make texts of, for the property tests of due times and phrases."""

import re
from datetime import UTC, datetime

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
PROPERTY = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""How long an example takes to make tells of the machine, not of us."""


def column(low: int, high: int, *, stars: bool = True) -> st.SearchStrategy[str]:
    number = st.integers(low, high)
    ranges = st.tuples(number, number).map(sorted).filter(lambda pair: pair[0] < pair[1])
    stepped = ranges.flatmap(
        lambda pair: st.integers(1, pair[1] - pair[0]).map(lambda step: f"{pair[0]}-{pair[1]}/{step}")
    )
    item = st.one_of(number.map(str), ranges.map(lambda pair: f"{pair[0]}-{pair[1]}"), stepped)
    if stars:
        every = st.integers(2, high - low).map(lambda step: f"*/{step}")
        return st.one_of(st.just("*"), every, st.lists(item | every, min_size=1, max_size=4).map(",".join))
    return st.lists(item, min_size=1, max_size=4).map(",".join)


NTH = st.builds("{}#{}".format, st.integers(0, 6), st.integers(1, 5)) | st.builds("L{}".format, st.integers(0, 6))
DAYS = st.one_of(
    st.tuples(column(1, 31) | st.just("L"), column(0, 7)),
    st.tuples(st.just("*"), st.lists(NTH, min_size=1, max_size=3).map(",".join)),
)
LINES = st.builds(
    lambda minute, hour, days, month: f"{minute} {hour} {days[0]} {month} {days[1]}",
    column(0, 59), column(0, 23), DAYS, column(1, 12),
)  # fmt: skip


VOCABULARY = re.findall(
    r"\S+",
    """every each on at the of in to from and or , ( ) - weekday weekdays monday fridays first last 1st 15th 31st day
    month year week hour hours minute minutes 0 5 7 15 24 60 9999 8:30 25:99 :15 am pm noon monthly weekly january may
    nyse
    london tokyo trading days session hours open closes before after during past half quarter other second until time
    UTC EST Europe/Berlin tomorrow 2026-12-24 midnight steps one full only market bell is yearly
    morning evenings once a quarter between today in next friday 2h 24/12 5/6 december
    jeden alle werktags um halb viertel vor nach uhr von bis und am des monats montag montags 24.12. 1. 8.30 stunde
    minuten handelstag während eröffnung schluss einmal morgen heute zwei letzten tag abends ab zur minute der""",
)
