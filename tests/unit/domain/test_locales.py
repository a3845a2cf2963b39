"""How a language writes times and places."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from domain.locales import city, format_clock, format_when, speaking
from domain.zones import UnknownZone, parse_zone

WINTER, SUMMER = datetime(2026, 1, 12, 7, 30, tzinfo=UTC), datetime(2026, 7, 13, 6, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("language", "zone", "instant", "expected"),
    [
        ("en", "Europe/Berlin", WINTER, "Mon 12 Jan 08:30 CET"),
        ("de", "Europe/Berlin", WINTER, "Mo 12. Jan. 08:30 MEZ"),
        ("de", "Europe/Berlin", SUMMER, "Mo 13. Juli 08:30 MESZ"),
        ("de", "Europe/Helsinki", SUMMER, "Mo 13. Juli 09:30 OESZ"),
        ("de", "Europe/London", SUMMER, "Mo 13. Juli 07:30 BST"),  # no German name: what its people say
        ("de", "America/New_York", WINTER, "Mo 12. Jan. 02:30 EST"),
        ("de", "America/Sao_Paulo", WINTER, "Mo 12. Jan. 04:30 -03"),
        ("de", "UTC", WINTER, "Mo 12. Jan. 07:30 UTC"),
    ],
)
def test_an_instant_names_its_clock_as_the_language_does(
    language: str, zone: str, instant: datetime, expected: str
) -> None:
    with speaking(language):
        assert format_when(instant, ZoneInfo(zone)) == expected
        assert format_clock(instant, ZoneInfo(zone)).split()[-1] == expected.split()[-1]


def test_a_place_is_called_as_the_language_calls_it() -> None:
    zones = ("Asia/Tokyo", "Asia/Singapore", "Europe/Vienna", "America/New_York", "Europe/Berlin")
    assert [city(zone) for zone in zones] == ["Tokyo", "Singapore", "Vienna", "New York", "Berlin"]
    with speaking("de"):
        assert [city(zone) for zone in zones] == ["Tokio", "Singapur", "Wien", "New York", "Berlin"]


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize(
    ("said", "zone"),
    [("Wien", "Europe/Vienna"), ("ZÜRICH", "Europe/Zurich"), ("Zurich", "Europe/Zurich"), ("Rom", "Europe/Rome")],
)
def test_a_place_may_be_named_in_any_language_we_speak(language: str, said: str, zone: str) -> None:
    with speaking(language):
        assert parse_zone(said).key == zone


def test_a_misspelled_place_of_another_language_is_guessed() -> None:
    with pytest.raises(UnknownZone) as unknown:
        parse_zone("Warschow")
    assert "Europe/Warsaw" in unknown.value.suggestions
