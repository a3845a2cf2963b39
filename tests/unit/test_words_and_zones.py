"""Zones, codes, names and what may be kept of a message."""

from datetime import timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.audit import redact
from domain import codes, runs
from domain.errors import InvalidInput
from domain.ids import parse_number
from domain.users import Role, clean_name
from domain.zones import UnknownZone, parse_zone
from services.users import read_email

KEY = "k" * 32


@pytest.mark.parametrize(
    ("text", "zone"),
    [
        ("Europe/Berlin", "Europe/Berlin"),
        ("europe/berlin", "Europe/Berlin"),
        ("berlin", "Europe/Berlin"),
        ("new york", "America/New_York"),
        (" UTC ", "UTC"),
        ("Europe/Kyiv", "Europe/Kyiv"),
        ("Asia/Calcutta", "Asia/Calcutta"),
    ],
)
def test_a_zone_is_known_by_its_name_or_its_city(text: str, zone: str) -> None:
    assert parse_zone(text).key == zone


@pytest.mark.parametrize(
    "text",
    ["America", "leapseconds", "tzdata.zi", "A" * 5000, "\0", "../../etc/passwd", "localtime", "posixrules", "Factory",
     "EST", "IST", "+3", "UTC+3", "Etc/GMT+3", ""],
)  # fmt: skip
def test_what_is_no_zone_is_refused_and_never_opened(text: str) -> None:
    with pytest.raises(UnknownZone):
        parse_zone(text)


def test_a_mistyped_city_gets_suggestions() -> None:
    with pytest.raises(UnknownZone) as refused:
        parse_zone("Berln")
    assert "Europe/Berlin" in refused.value.suggestions


def test_a_code_follows_from_the_key_and_the_nonce_alone() -> None:
    nonce = codes.new_nonce()
    code = codes.derive(KEY, nonce)
    assert code == codes.derive(KEY, nonce)
    assert code != codes.derive("x" * 32, nonce)
    assert len(code.digits) == 8
    assert codes.matches(KEY, code.digits, "7", codes.keyed_hash(KEY, code.digits, "7"))
    assert not codes.matches(KEY, code.digits, "8", codes.keyed_hash(KEY, code.digits, "7"))


@pytest.mark.parametrize(
    "text", ["1234 5678", "1234-5678", "12345678", " 1 2 3 4 5 6 7 8 ", "１２３４５６７８", "١٢٣٤٥٦٧٨"]
)
def test_a_code_may_be_typed_in_many_ways(text: str) -> None:
    assert codes.read_digits(text) == "12345678"


@given(st.text(max_size=30))
def test_reading_a_code_never_fails(text: str) -> None:
    digits = codes.read_digits(text)
    assert digits is None or (len(digits) == 8 and digits.isascii() and digits.isdigit())


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("1234 5678", "[code]"),
        ("my code is 12345678!", "my code is [code]!"),
        ("/start v_abcdefghijklmnop", "/start [link]"),
        ("123456789:AAEabcdefghijklmnopqrstuvwxyz012345", "[token]"),
        ("password: hunter2", "password: [secret]"),
        ("/report GOLD", "/report GOLD"),
        ("a\x00b", "ab"),
    ],
)
def test_secrets_are_redacted_before_they_are_kept(text: str, kept: str) -> None:
    assert redact(text) == kept


@given(st.text(alphabet=st.characters(codec=None), max_size=60))
def test_a_clean_name_has_no_control_direction_or_surrogate_characters(text: str) -> None:
    try:
        name = clean_name(text, "name")
    except InvalidInput:
        return
    name.encode("utf-8")
    assert name == name.strip()
    assert not any(ord(c) < 32 or c in "\u202e\u2066\u200b" for c in name)


@pytest.mark.parametrize("text", ["-1", "0", "9223372036854775808", "1e3", "0x10", "1_0", "", "٣", "7.0"])
def test_what_is_no_number_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(InvalidInput, match="Example: /job 7"):
        parse_number(text, "job", "/job 7")


@pytest.mark.parametrize(
    "text",
    ["a@b.c\nBcc: x@y.z", "a@b.c\r\nRCPT TO:<e@v>", "", "@", "a@b", "a@@b.c", f"{'a' * 250}@b.example", "a@b.c.",
     "a@b.c, x@y.z", "Name <a@b.c>", "a@b.c> SIZE=1", "a@localhost", "a@127.0.0.1", "a@[::1]", '"a b"@c.d'],
)  # fmt: skip
def test_what_is_no_bare_address_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        read_email(text)


def test_an_address_keeps_its_tag_and_its_domain_is_folded() -> None:
    assert read_email(" Ada+bell@EXAMPLE.com ") == "Ada+bell@example.com"


def test_roles_include_those_below_them() -> None:
    assert Role.ADMIN.includes(Role.VIEWER)
    assert not Role.VIEWER.includes(Role.TRADER)


def test_back_off_grows_and_stays_below_its_ceiling() -> None:
    chance = Random(1)
    waits = [[runs.back_off(attempt, chance) for _ in range(200)] for attempt in (1, 3, 12)]
    assert max(waits[0]) <= timedelta(seconds=10) < max(waits[1]) <= timedelta(seconds=40)
    assert max(waits[2]) <= timedelta(minutes=10)
