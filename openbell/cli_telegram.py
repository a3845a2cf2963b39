"""`openbell telegram connect`: from the sandbox to a real bot, with the account that was made there."""

import asyncio
import os
import re
import sys
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from domain.errors import NotFound, OpenbellError

if TYPE_CHECKING:
    from domain.users import User
    from openbell.settings import Settings

ENV_FILE = ".env"
NAME = "TELEGRAM_TOKEN"
_TOKEN = re.compile(r"\d{3,}:[\w-]{8,}", re.ASCII)

telegram = typer.Typer(help="The bot in Telegram: connecting one.", no_args_is_help=True)


class ConnectError(OpenbellError):
    """The bot could not be connected, and nothing was written."""


@dataclass(frozen=True)
class Bot:
    """What Telegram says of a token's bot."""

    id: int
    name: str
    username: str
    webhook: str
    """Where Telegram sends its updates at present; empty: nowhere."""


@telegram.callback()
def _group() -> None:
    """The bot in Telegram: connecting one."""


@telegram.command()
def connect(
    token_file: Annotated[
        Path | None, typer.Option(help="A file that holds the token; without it you are asked. `-` is standard input.")
    ] = None,
    admin: Annotated[
        str | None, typer.Option(help="Which admin of the sandbox goes along; the first, if none is named.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Write .env without asking.")] = False,
) -> None:
    """Check a bot's token, write it into .env, and take the sandbox's admin along by a link that works once."""
    from openbell.settings import load_settings

    outside = load_settings(data_dir=Path(os.devnull))  # what a running sandbox set for itself is not meant
    token = _read_token(token_file)
    bot = asyncio.run(_ask_telegram(token, outside.telegram_api_url))
    link = f"{outside.telegram_link_url.rstrip('/')}/{bot.username}"
    typer.echo(f"✓ Telegram knows this bot: {bot.name} (@{bot.username}), {link}")
    if bot.webhook:
        typer.echo(f"  Its updates go to {urlsplit(bot.webhook).hostname} by a webhook now; Openbell takes them over.")
    account = _Account.of(load_settings(), admin)
    target = Path(ENV_FILE).resolve()
    if not yes:
        typer.confirm(f"Write {NAME} into {target} (readable by you alone; its other lines stay)?", abort=True)
    write_setting(target, NAME, token)
    typer.echo(f"✓ Written to {target}.")
    _warn(outside)
    _show(account.link_for(bot, link), account)


def _read_token(file: Path | None) -> str:
    """The token from a file, or asked for; it never stands in the arguments, which other accounts can read."""
    try:
        if file is None:
            text = typer.prompt("The token that @BotFather gave you", hide_input=True)
        elif str(file) == "-":
            text = sys.stdin.readline()
        else:
            text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise ConnectError(f"{file} can't be read; name a file that holds the token and nothing else.") from problem
    token: str = text.strip()
    if not _TOKEN.fullmatch(token):
        raise ConnectError("That is no token: it is digits, a colon and letters, as in 123456789:AAE-your-token.")
    return token


async def _ask_telegram(token: str, api_url: str) -> Bot:
    """Who the token's bot is; ConnectError says why nobody knows, without the token."""
    from telegram import Bot as Client
    from telegram.error import InvalidToken, TelegramError

    root = api_url.rstrip("/")
    try:
        async with Client(token, base_url=f"{root}/bot", base_file_url=f"{root}/file/bot") as client:
            webhook = await client.get_webhook_info()
            return Bot(client.id, client.first_name, client.username, webhook.url)
    except InvalidToken:
        why = "Telegram does not know that token. Ask @BotFather for it (/token) and try again; nothing was written."
        raise ConnectError(why) from None
    except TelegramError:
        host = urlsplit(api_url).hostname
        raise ConnectError(f"{host} does not answer, so nothing was written. Is this machine online?") from None


@dataclass(frozen=True)
class _Account:
    """The sandbox's admin, who goes along; or why nobody does."""

    settings: "Settings | None"
    user: "User | None"
    why_not: str = ""

    @classmethod
    def of(cls, settings: "Settings", email: str | None) -> "_Account":
        from openbell.instance import connected
        from services.invites import InvitesService

        if settings.db_url is None:
            return cls(None, None, "Nothing runs here at present, so no account of the sandbox can be taken along.")
        with connected(settings) as database:
            user = InvitesService(database.for_platform()).admin_of_sandbox(email)
        if user is None and email is not None:
            raise NotFound(f"{email} is no admin of the sandbox, so nothing was written.")
        return cls(settings, user, "" if user is not None else "No admin of a sandbox is here to be taken along.")

    def link_for(self, bot: Bot, link: str) -> str:
        """The bot's link; with the way of the account to it, where there is one."""
        if self.settings is None or self.user is None:
            return link
        from openbell.instance import connected, secret_key
        from services.invites import InvitesService

        with connected(self.settings) as database:
            service = InvitesService(database.for_platform())
            key = secret_key(self.settings)
            token = service.connect_link(self.user, bot.id, secret_key=key, now=datetime.now(UTC))
        return f"{link}?start={token}"


def write_setting(path: Path, name: str, value: str) -> None:
    """Set one variable in an env file, whose other lines stay; only its owner may read it from then on."""
    from openbell.data_dir import write_private

    try:
        old = path.read_text(encoding="utf-8") if path.exists() else ""
        owner = path.stat() if path.exists() else None
        write_private(path, with_setting(old, name, value))
        if owner is not None and os.geteuid() == 0:
            with suppress(OSError):  # root wrote it for somebody else
                os.chown(path, owner.st_uid, owner.st_gid)
    except (OSError, UnicodeDecodeError) as problem:
        raise ConnectError(
            f"{path} can't be written, so nothing was changed. Write {name} into it yourself."
        ) from problem


def with_setting(text: str, name: str, value: str) -> str:
    """An env file's text with one variable set: in its first place, and in no other."""
    line = re.compile(rf"\s*(?:export\s+)?{re.escape(name)}\s*=")
    kept: list[str] = []
    done = False
    for each in text.splitlines():
        if not line.match(each):
            kept.append(each)
        elif not done:
            kept.append(f"{name}={value}")
            done = True
    if not done:
        kept.append(f"{name}={value}")
    return "\n".join(kept) + "\n"


def _warn(outside: "Settings") -> None:
    for variable in (NAME, f"{NAME}_FILE"):
        if os.environ.get(variable):
            typer.echo(f"! {variable} is set in the environment, which wins over {ENV_FILE}. Unset it.")
    if outside.smtp_url is None:
        typer.echo(f"! SMTP_URL is not set: without a mail relay nobody can be sent a code. Add it to {ENV_FILE}.")


def _show(link: str, account: _Account) -> None:
    typer.echo(f"\nOpen this on your phone, once Openbell has been started again (Ctrl-C, then up):\n\n  {link}\n")
    _show_qr(link)
    if account.user is None:
        typer.echo(account.why_not)
        typer.echo("Then name the first admin: openbell admin add you@example.com, and write /start to the bot.")
        return
    typer.echo(
        f"Whoever opens it first is {account.user.email} there, with all jobs and settings. "
        "It works once, for 48 hours: show it to nobody else."
    )


def _show_qr(link: str) -> None:
    """The link as a square of half blocks, where the terminal can write them."""
    import segno

    try:
        "█▀▄".encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return
    segno.make(link, error="l", micro=False).terminal(out=sys.stdout, border=2, compact=True)
    typer.echo()
