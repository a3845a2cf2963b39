"""Kinds of channels: found by entry points, made out of the settings, the broken ones named and left out."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import SecretStr

from domain import plug_ins
from domain.errors import InvalidInput
from notifications.channels import kinds as channel_kinds
from notifications.channels.email import EmailChannel
from notifications.channels.kinds import (
    OWN_CHANNELS,
    ChannelKind,
    UnknownChannel,
    given,
    kind_of,
    kinds,
    make_all,
    matching,
    problems,
)
from notifications.channels.telegram import TelegramChannel

KEY = "tests-only-secret-key-0123456789abcdef"


class Pigeon:
    name = "acme.pigeon"

    def __init__(self, given: Mapping[str, Any]) -> None:
        self.given = given

    async def open(self) -> None: ...
    async def close(self) -> None: ...
    async def check(self) -> None: ...
    async def send(self, *_: Any) -> None: ...


class Lame(Pigeon):
    send = None  # type: ignore[assignment]  # what a careless author may leave


def kind(make: Any, name: str = "acme.pigeon") -> ChannelKind:
    return ChannelKind(name, "a pigeon", make, "a roof", str.strip)


def refusing(_given: Mapping[str, Any]) -> None:
    raise InvalidInput("PIGEON_ROOF is “x”. Example: 7")


def breaking(_given: Mapping[str, Any]) -> None:
    raise ZeroDivisionError("no pigeon")


GOOD = kind(Pigeon)
LAME = kind(Lame)
OTHER_NAME = kind(lambda _: SimpleNamespace(**dict.fromkeys(("open", "close", "check", "send"), print), name="x"))
REFUSING = kind(refusing)
BREAKING = kind(breaking)
OFF = kind(lambda _: None)
NO_KIND = "just a text"


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[EntryPoint]]:
    """The entry points that are found; each test adds its own."""
    found: list[EntryPoint] = []
    monkeypatch.setattr(plug_ins, "entry_points", lambda group: found if group == "openbell.channels" else [])
    channel_kinds._loaded.cache_clear()
    yield found
    channel_kinds._loaded.cache_clear()


def entry(name: str, what: str, owner: str = "acme-channels", module: str = __name__) -> EntryPoint:
    made: Any = EntryPoint(name, f"{module}:{what}", "openbell.channels")
    found: EntryPoint = made._for(SimpleNamespace(name=owner))  # what importlib.metadata itself does
    return found


def test_all_four_of_ours_are_installed_in_their_order() -> None:
    assert tuple(kinds())[:4] == OWN_CHANNELS
    assert not problems()
    assert [name for name, each in kinds().items() if each.best_effort] == ["apprise"]


def test_knowing_the_channels_loads_no_optional_library() -> None:
    script = "import sys; from notifications.channels.kinds import kinds; print(len(kinds()), 'apprise' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split()[-1] == "False"
    assert int(done.stdout.split()[-2]) >= 4


def test_an_unknown_channel_gets_the_nearest_names() -> None:
    with pytest.raises(UnknownChannel, match=r"There is no channel “telegrm”\. Did you mean telegram\?"):
        kind_of("telegrm")
    with pytest.raises(InvalidInput, match="There are apprise, email, telegram, webhook"):
        kind_of("zzzzzz")


def test_a_plug_in_is_found_and_made(installed: list[EntryPoint]) -> None:
    installed.append(entry("acme.pigeon", "GOOD"))
    assert kinds()["acme.pigeon"] is GOOD
    made = make_all({"pigeon_roof": "7"})
    channel: Any = made.channels["acme.pigeon"]
    assert channel.given == {"pigeon_roof": "7"}


@pytest.mark.parametrize(
    ("name", "what", "module", "reason"),
    [
        ("acme.pigeon", "GONE", __name__, "has no attribute"),
        ("acme.pigeon", "GOOD", "acme_is_not_installed", "No module named"),
        ("acme.pigeon", "NO_KIND", __name__, "it is a str, not a ChannelKind"),
        ("acme.other", "GOOD", __name__, "it calls itself acme.pigeon, its entry point acme.other"),
        ("acme", "GOOD", __name__, "is named vendor.channel"),
        ("telegram", "GOOD", __name__, "Openbell's own"),
    ],
)
def test_a_broken_plug_in_is_reported_and_left_out(
    installed: list[EntryPoint], name: str, what: str, module: str, reason: str
) -> None:
    installed += [
        entry(name, what, module=module),
        entry("email", "CHANNEL", "openbell", "notifications.channels.email"),
    ]
    assert set(kinds()) == {"email"}
    assert reason in problems()[name]
    assert reason in make_all({}).left_out[name]
    with pytest.raises(UnknownChannel, match="can't be used here"):
        kind_of(name)


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("LAME", "it has no send"),
        ("OTHER_NAME", "it calls itself x, its kind acme.pigeon"),
        ("REFUSING", "PIGEON_ROOF is “x”. Example: 7"),
        ("BREAKING", "its plug-in is broken (ZeroDivisionError('no pigeon'))"),
        ("OFF", "it is not set up"),
    ],
)
def test_a_plug_in_that_cannot_be_made_leaves_the_others_be(
    installed: list[EntryPoint], what: str, reason: str
) -> None:
    ours = entry("telegram", "CHANNEL", "openbell", "notifications.channels.telegram")
    installed += [entry("acme.pigeon", what), ours]
    made = make_all({"telegram_token": "4242:token-of-a-test"})
    assert set(made.channels) == {"telegram"}
    assert reason in made.left_out["acme.pigeon"]


def test_of_two_with_one_name_the_first_stays_and_the_other_is_reported(installed: list[EntryPoint]) -> None:
    installed += [entry("acme.pigeon", "GOOD"), entry("acme.pigeon", "NO_KIND")]
    assert kinds()["acme.pigeon"] is GOOD
    assert problems()[f"acme.pigeon ({__name__}:NO_KIND)"] == "another plug-in has a channel of that name"


def test_what_is_missing_of_ours_is_reported(installed: list[EntryPoint]) -> None:
    installed.append(entry("acme.pigeon", "GOOD"))
    assert set(problems()) == set(OWN_CHANNELS)


def test_a_kind_without_words_for_people_is_no_kind() -> None:
    with pytest.raises(ValueError, match="summary"):
        ChannelKind("acme.pigeon", "", refusing, "a roof", str)
    with pytest.raises(ValueError, match="more than 32"):
        ChannelKind("acme." + "x" * 40, "a pigeon", refusing, "a roof", str)


def test_what_is_set_up_is_made_and_the_rest_says_why_not() -> None:
    made = make_all({"telegram_token": "4242:token-of-a-test", "telegram_api_url": "http://127.0.0.1:9"})
    assert isinstance(made.channels["telegram"], TelegramChannel)
    assert made.left_out["email"] == "it is not set up"
    made = make_all({"smtp_url": "smtp+plain://127.0.0.1:25", "secret_key": KEY, "mail_from": "bell@example.com"})
    assert isinstance(made.channels["email"], EmailChannel)
    assert set(made.channels) == {"email", "webhook"}


def test_a_wrong_setting_of_ours_stops_the_start() -> None:
    with pytest.raises(InvalidInput, match="WEBHOOK_ALLOW"):
        make_all({"secret_key": KEY, "webhook_allow": "10.0.0.0/77"})


def test_settings_are_opened_and_the_environment_fills_the_rest(tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text("from a file\n", encoding="utf-8")
    found = given(
        {"telegram_token": SecretStr("4242:t"), "smtp_url": None, "mail_from": "bell@example.com"},
        {
            "TELEGRAM_TOKEN": "another", "SMTP_URL": "smtp://mail.example.com", "ACME_TOKEN_FILE": str(secret),
            "ACME_GONE_FILE": str(tmp_path / "gone"), "ACME_KEY": "key", "ACME_KEY_FILE": str(secret),
        },
        pace=print,
    )  # fmt: skip
    assert found["telegram_token"] == "4242:t"
    assert found["mail_from"] == "bell@example.com"
    assert found["smtp_url"] == "smtp://mail.example.com"
    assert (found["acme_token"], found["acme_gone"], found["acme_key"]) == ("from a file", None, "key")
    assert found["pace"] is print


def test_a_pattern_makes_a_check_of_addresses() -> None:
    check = matching(r"\d{4}", "A pager has four digits, as in 0042.")
    assert check(" 0042 ") == "0042"
    with pytest.raises(InvalidInput, match=r"“42” is no such address\. A pager has four digits"):
        check("42\x07")
