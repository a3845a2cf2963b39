"""Settings: what is wrong is said in one sentence, secrets stay secret, and each source has its rank."""

import json
from pathlib import Path

import pytest

from notifications.channels.email.relay import parse_relays
from openbell.settings import Settings, SettingsError, load_settings

TOKEN = "123456789:AAE-a-token-for-tests"


@pytest.fixture(autouse=True)
def bare_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable, no .env and no running instance but those of the test."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
        monkeypatch.delenv(f"{name.upper()}_FILE", raising=False)
    monkeypatch.chdir(tmp_path)


WRONG = {
    "DB_URL": ("mysql://me:hidden-word@db/x", "postgresql://"),
    "REDIS_URL": ("http://:hidden-word@cache", "redis://"),
    "TELEGRAM_TOKEN": ("hidden-word", "digits, a colon"),
    "TELEGRAM_API_URL": ("ftp://api.example.com", "'ftp://api.example.com'"),
    "TELEGRAM_LINK_URL": ("t.me", "'t.me'"),
    "TELEGRAM_PER_SECOND": ("0", "greater than 0"),
    "TELEGRAM_CHAT_PER_SECOND": ("fast", "'fast'"),
    "SMTP_URL": ("mail://me:hidden-word@mail.example.com", "smtps://"),
    "SECRET_KEY": ("hidden-word", "at least 32"),
    "MARKET_FEED": ("bloomberg", "'bloomberg'"),
    "HTTP_ADDR": ("127.0.0.1", "'127.0.0.1'"),
    "PUBLIC_URL": ("https://me:hidden-word@openbell.example.com", "a host, a port and a path"),
    "SANDBOX_ADDR": ("8081", "'8081'"),
    "SANDBOX_SMTP_ADDR": ("127.0.0.1:99999", "'127.0.0.1:99999'"),
    "LOG_LEVEL": ("LOUD", "'LOUD'"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_value_gets_one_sentence_with_name_value_reason_and_example(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    value, telling = WRONG[name]
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as refused:
        load_settings()
    sentence = str(refused.value)
    assert "\n" not in sentence
    assert sentence.startswith(f"{name} is ")
    assert f"Example: {name}=" in sentence
    assert telling in sentence
    assert "hidden-word" not in sentence


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("smtp://a.example.com smtp://b.example.com, smtps://c.example.com", "one relay, and a second"),
        ("smtp://a.example.com mail://b.example.com", "each relay must start"),
        ("smtp://a.example.com hidden-word", "names no host"),
        ("smtps://me:hidden-word@", "names no host"),
        ("smtp+plain://mail.example.com", "encrypted only"),
        ("smtp://a.example.com?per_day=many", "per_minute and per_day"),
        ("smtp://a.example.com?verify=no", "per_minute and per_day"),
    ],
)
def test_a_relay_that_cannot_be_is_refused_with_its_reason(
    value: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMTP_URL", value)
    with pytest.raises(SettingsError, match=why) as refused:
        load_settings()
    assert "hidden-word" not in str(refused.value)


def test_two_relays_are_read_from_one_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMTP_URL", " smtps://me:a%2Cb@one.example.com?per_day=500,\n smtp://two.example.com ")
    found = load_settings().smtp_url
    assert found is not None
    relays = parse_relays(found.get_secret_value())
    assert [relay.name for relay in relays] == ["one.example.com:465", "two.example.com:587"]
    assert (relays[0].password, relays[0].caps.per_day) == ("a,b", 500)


def test_every_wrong_value_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_LEVEL", "LOUD")
    monkeypatch.setenv("SECRET_KEY", "short")
    with pytest.raises(SettingsError) as refused:
        load_settings()
    assert {line.split()[0] for line in str(refused.value).splitlines()} == {"LOG_LEVEL", "SECRET_KEY"}


@pytest.mark.parametrize("name", [name for name, field in Settings.model_fields.items() if field.examples])
def test_every_example_is_itself_accepted(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    examples = Settings.model_fields[name].examples or []
    monkeypatch.setenv(name.upper(), str(examples[0]))
    assert getattr(load_settings(), name) is not None


def test_a_value_from_the_dotenv_file_is_shown_when_it_is_wrong() -> None:
    Path(".env").write_text("LOG_LEVEL=LOUD\n")
    with pytest.raises(SettingsError, match="LOG_LEVEL is 'LOUD'"):
        load_settings()


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELEGRAM_TOKEN", "")
    assert load_settings().telegram_token is None


def test_a_secret_is_read_from_the_file_that_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text(TOKEN + "\n")
    monkeypatch.setenv("TELEGRAM_TOKEN_FILE", str(tmp_path / "token"))
    token = load_settings().telegram_token
    assert token is not None
    assert token.get_secret_value() == TOKEN


def test_a_secret_file_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY_FILE", str(tmp_path / "gone"))
    with pytest.raises(SettingsError, match=r"SECRET_KEY_FILE names .*/gone, which cannot be read \(No such file"):
        load_settings()


def test_only_secrets_are_read_from_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "level").write_text("DEBUG")
    monkeypatch.setenv("LOG_LEVEL_FILE", str(tmp_path / "level"))
    assert load_settings().log_level == "INFO"


def test_environment_then_files_then_dotenv_then_running_instance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def key() -> str:
        found = load_settings().secret_key
        return found.get_secret_value() if found else ""

    run = tmp_path / "data" / "run"
    run.mkdir(parents=True)
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
    (run / "environment.json").write_text(json.dumps({"SECRET_KEY": "i" * 32, "UNKNOWN": "x"}))
    assert key() == "i" * 32
    Path(".env").write_text(f"SECRET_KEY={'d' * 32}\n")
    assert key() == "d" * 32
    (tmp_path / "key").write_text("f" * 32)
    monkeypatch.setenv("SECRET_KEY_FILE", str(tmp_path / "key"))
    assert key() == "f" * 32
    monkeypatch.setenv("SECRET_KEY", "e" * 32)
    assert key() == "e" * 32


def test_a_damaged_record_of_a_running_instance_is_no_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = tmp_path / "data" / "run"
    run.mkdir(parents=True)
    (run / "environment.json").write_text("{half")
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
    assert load_settings().db_url is None


def test_settings_cannot_be_changed_and_show_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELEGRAM_TOKEN", TOKEN)
    settings = load_settings()
    assert TOKEN not in repr(settings)
    assert TOKEN not in str(settings.model_dump())
    with pytest.raises(ValueError, match="frozen"):
        settings.log_level = "DEBUG"  # type: ignore[misc] # the refusal is what is tested
