"""The one place that reads the environment: checked once, frozen, secrets masked."""

import json
import os
import re
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

RUNNING_INSTANCE = "run/environment.json"
"""Below DATA_DIR: what a running `openbell up` handed to its children, so that `doctor` and `run ROLE` find it."""


class SettingsError(Exception):
    """A setting cannot be used; the text is one sentence per problem, fit to be shown."""


def _addr(text: str) -> str:
    if not re.fullmatch(r"(?:\[[0-9a-fA-F:]+\]|[\w.-]+):\d{1,5}", text) or int(text.rsplit(":", 1)[1]) > 65535:
        raise ValueError("it needs a host and a port")
    return text


def _url(*schemes: str) -> AfterValidator:
    def check(value: Any) -> Any:
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        parts = urlsplit(text)
        if parts.scheme not in schemes:
            raise ValueError(f"it must start with {' or '.join(f'{s}://' for s in schemes)}")
        return value

    return AfterValidator(check)


def relay_urls(text: str) -> list[str]:
    """The relays that SMTP_URL names: one, or a second behind a blank or a comma."""
    return re.split(r"[\s,]+(?=[a-z+]+://)", text.strip())


def _relays(value: SecretStr) -> SecretStr:
    urls = relay_urls(value.get_secret_value())
    for url in urls:
        parts = urlsplit(url)
        if parts.scheme not in ("smtp", "smtps", "smtp+plain"):
            raise ValueError("each relay must start with smtp:// or smtps:// or smtp+plain://")
        if not parts.hostname or re.search(r"[\s,]", parts.netloc.rpartition("@")[2]):
            raise ValueError("it names no host")
        if parts.scheme == "smtp+plain" and parts.hostname not in ("127.0.0.1", "localhost", "::1"):
            raise ValueError("mail leaves this machine encrypted only, by smtp:// or smtps://")
        if parts.query and not re.fullmatch(r"(per_(minute|day)=[1-9]\d{0,8}(&|$))+", parts.query):
            raise ValueError("behind a ? it may set per_minute and per_day to whole numbers, as in ?per_day=500")
    if len(urls) > 2:
        raise ValueError("it may name one relay, and a second that stands in for it")
    return value


def _public_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or not parts.netloc:
        raise ValueError("it must start with https:// (or http://) and name a host")
    if parts.query or parts.fragment or "@" in parts.netloc or re.search(r"[\s\x00-\x1f\x7f]", text):
        raise ValueError("it may hold a host, a port and a path, and nothing else")
    return text.rstrip("/")


def _token(value: SecretStr) -> SecretStr:
    if not re.fullmatch(r"\d{3,}:[\w-]{8,}", value.get_secret_value()):
        raise ValueError("a token is digits, a colon and letters, without blanks")
    return value


def _secret_key(value: SecretStr) -> SecretStr:
    if len(value.get_secret_value()) < 32:
        raise ValueError("it must have at least 32 characters")
    return value


def _webhook_secret(value: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,256}", value.get_secret_value()):
        raise ValueError("it may have 1 to 256 letters, digits, _ and -")
    return value


Addr = Annotated[str, AfterValidator(_addr)]


class Settings(BaseSettings):
    """What the outside may set. Every field is the environment variable of its name in capitals."""

    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    db_url: Annotated[SecretStr, _url("postgresql", "postgres", "postgresql+psycopg2")] | None = Field(
        default=None,
        description="An outside PostgreSQL 18. Its user owns the schema and may create roles; empty: embedded.",
        examples=["postgresql://openbell_owner:password@db.example.com/openbell"],
    )
    redis_url: Annotated[SecretStr, _url("redis", "rediss", "unix")] | None = Field(
        default=None,
        description="An outside Valkey or Redis 7 with maxmemory-policy noeviction; empty: embedded.",
        examples=["redis://:password@cache.example.com:6379/0"],
    )
    telegram_token: Annotated[SecretStr, AfterValidator(_token)] | None = Field(
        default=None,
        description="The token that @BotFather gave you; empty: the sandbox stands in for Telegram and mail.",
        examples=["123456789:AAE-your-token-from-BotFather"],
    )
    telegram_api_url: Annotated[str, _url("http", "https")] = Field(
        default="https://api.telegram.org",
        description="Any Bot API server.",
        examples=["https://api.telegram.org"],
    )
    telegram_mode: Literal["polling", "webhook"] = Field(
        default="polling",
        description="How updates come: polling (the bot asks Telegram) or webhook (Telegram calls PUBLIC_URL).",
        examples=["polling"],
    )
    telegram_webhook_secret: Annotated[SecretStr, AfterValidator(_webhook_secret)] | None = Field(
        default=None,
        description="What Telegram says with each call of the webhook, so that nobody else can; needed for TELEGRAM_MODE=webhook.",
        examples=["the-output-of-openssl-rand-hex-32"],
    )
    insecure_test_mode: bool = Field(
        default=False,
        description="1 lets a webhook on loopback be without a secret; for tests only.",
        examples=["1"],
    )
    telegram_link_url: Annotated[str, _url("http", "https")] = Field(
        default="https://t.me",
        description="Where a link to the bot begins; the sandbox has its own.",
        examples=["https://t.me"],
    )
    telegram_per_second: float = Field(
        default=25,
        gt=0,
        le=1000,
        description="How many calls a second the bot and the senders make together; Telegram takes about 30.",
        examples=["25"],
    )
    telegram_chat_per_second: float = Field(
        default=1,
        gt=0,
        le=1000,
        description="How many of them may go into one private chat; Telegram takes about one. Groups get 18 a minute.",
        examples=["1"],
    )
    smtp_url: Annotated[SecretStr, AfterValidator(_relays)] | None = Field(
        default=None,
        description="The mail relay: smtp:// uses STARTTLS, smtps:// implicit TLS, smtp+plain:// none (loopback only). "
        "A second one behind a blank stands in for it. ?per_minute=30&per_day=500 behind each caps what it is given.",
        examples=[
            "smtp://user:password@mail.example.com:587",
            "smtps://user:password@mail.example.com smtp://user:password@spare.example.net:587?per_day=500",
        ],
    )
    mail_from: str = Field(
        default="Openbell <openbell@localhost>",
        description="The sender of our mails.",
        examples=["Openbell <openbell@example.com>"],
    )
    secret_key: Annotated[SecretStr, AfterValidator(_secret_key)] | None = Field(
        default=None,
        description="Keys codes, links and the database roles' passwords; empty: made once and kept in DATA_DIR.",
        examples=["(the output of: openssl rand -hex 32)"],
    )
    access_mode: Literal["open", "invite", "approve"] = Field(
        default="open",
        description="Who may become known: open (whoever proves an address), invite (whom an admin invited), approve (whom an admin lets in). /set changes it live.",
        examples=["invite"],
    )
    market_feed: Literal["csv", "yahoo", "sim"] = Field(
        default="sim",
        description="Where prices come from when a symbol names no feed: csv (imported files), yahoo, sim (simulated).",
        examples=["yahoo"],
    )
    data_dir: Path = Field(
        default=Path(".data"),
        description="Embedded servers' data, imported files, the secret key. One `openbell up` at a time.",
        examples=["/var/lib/openbell"],
    )
    http_addr: Addr = Field(
        default="127.0.0.1:8080",
        description="Where /healthz, /readyz, /metrics and the pages behind links in mails are answered. `openbell up` takes the next free port when none is set.",
        examples=["127.0.0.1:8080"],
    )
    public_url: Annotated[str, AfterValidator(_public_url)] | None = Field(
        default=None,
        description="How people reach HTTP_ADDR from outside, through your proxy; empty: mails carry no link to opt out.",
        examples=["https://openbell.example.com"],
    )
    webhook_allow: str | None = Field(
        default=None,
        description="Private networks and hosts that people's webhooks may lead to; empty: public addresses only.",
        examples=["10.0.0.0/8 hooks.internal"],
    )
    apprise_urls: SecretStr | None = Field(
        default=None,
        description="Destinations by name for the channel apprise (an extra): NAME=URL, one behind the other.",
        examples=["desk=slack://TokenA/TokenB/TokenC/#desk"],
    )
    sandbox_addr: Addr = Field(
        default="127.0.0.1:8081",
        description="Where the sandbox's chat page listens; loopback only. Taken: the next free port.",
        examples=["127.0.0.1:8081"],
    )
    sandbox_smtp_addr: Addr = Field(
        default="127.0.0.1:8025",
        description="Where the sandbox's mail sink listens; loopback only. Taken: the next free port.",
        examples=["127.0.0.1:8025"],
    )
    history_months: int = Field(
        default=12,
        ge=1,
        le=120,
        description="How many months of runs and of the command audit are kept; older months are dropped.",
        examples=["12"],
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="How much is logged.", examples=["INFO"]
    )
    sandbox: bool = Field(
        default=False,
        description="Set by `openbell up` for its children while the sandbox runs; not for people.",
        examples=["0"],
    )

    @model_validator(mode="after")
    def _webhook_can_work(self) -> Self:
        """A webhook without an address can't be called, and one without a secret by anybody."""
        if self.telegram_mode == "polling":
            return self
        if self.public_url is None:
            raise ValueError(
                "PUBLIC_URL is empty, and TELEGRAM_MODE=webhook needs it: Telegram calls the bot there. "
                "Example: PUBLIC_URL=https://openbell.example.com"
            )
        host = self.http_addr.rpartition(":")[0].strip("[]")
        for_tests = self.insecure_test_mode and (host == "localhost" or _is_loopback(host))
        if self.telegram_webhook_secret is None and not for_tests:
            raise ValueError(
                "TELEGRAM_WEBHOOK_SECRET is empty, and TELEGRAM_MODE=webhook needs it: without it anybody could speak "
                "as Telegram. Make one with: openssl rand -hex 32"
            )
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (
            init_settings,
            env_settings,
            _SecretFiles(settings_cls),
            dotenv_settings,
            _RunningInstance(settings_cls),
        )


class _SecretFiles(PydanticBaseSettingsSource):
    """`TELEGRAM_TOKEN_FILE=/run/secrets/token` stands for the file's content; so for every secret."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        path = os.environ.get(f"{field_name.upper()}_FILE", "")
        if not path or SecretStr not in types_in(field.annotation):
            return None, field_name, False
        try:
            return Path(path).read_text(encoding="utf-8").strip(), field_name, False
        except OSError as problem:
            raise SettingsError(
                f"{field_name.upper()}_FILE names {path}, which cannot be read ({problem.strerror}); "
                "name a readable file or remove the variable."
            ) from problem

    def __call__(self) -> dict[str, Any]:
        found = {name: self.get_field_value(field, name)[0] for name, field in self.settings_cls.model_fields.items()}
        return {name: value for name, value in found.items() if value}


class _RunningInstance(PydanticBaseSettingsSource):
    """The environment of a running `openbell up` on the same DATA_DIR; a set variable wins over it."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        data_dir = Path(self.current_state.get("data_dir", ".data"))
        try:
            handed = json.loads((data_dir / RUNNING_INSTANCE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        known = self.settings_cls.model_fields
        return {name.lower(): value for name, value in handed.items() if name.lower() in known}


def types_in(annotation: Any) -> set[Any]:
    """An annotation and all it is made of."""
    return {annotation} | {found for part in get_args(annotation) for found in types_in(part)}


def load_settings(**overrides: Any) -> Settings:
    """Read and check the environment; SettingsError says every problem at once, with secrets masked."""
    try:
        return Settings(**overrides)
    except ValidationError as problem:
        raise SettingsError("\n".join(_sentence(error) for error in problem.errors())) from None


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _sentence(error: Any) -> str:
    if not error["loc"]:  # about several settings, and a sentence already
        return str(error["msg"]).removeprefix("Value error, ")
    name = str(error["loc"][0])
    field = Settings.model_fields[name]
    secret = SecretStr in types_in(field.annotation)
    held = "***" if secret else re.sub(r"//[^/@]*@", "//***@", repr(error["input"]))
    why = str(error["msg"]).removeprefix("Value error, ")
    example = (field.examples or [""])[0]
    return f"{name.upper()} is {held}: {why}. Example: {name.upper()}={example}"
