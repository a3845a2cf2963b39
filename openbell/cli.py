"""The command `openbell`. Imports wait until a command needs them, so that help comes at once."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from openbell import cli_channels, cli_messages, cli_runs, cli_telegram

if TYPE_CHECKING:
    from openbell.doctor import Finding
    from openbell.settings import Settings

FAILED, USAGE, UNHEALTHY, NOT_FOUND = 1, 2, 3, 4
ROLES = ("core", "bot", "scheduler", "notifications", "web", "worker")

app = typer.Typer(
    help="Self-hosted job scheduling that lives in a Telegram chat.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
database = typer.Typer(help="The database: its schema and its address.", no_args_is_help=True)
admin = typer.Typer(help="People who may do everything.", no_args_is_help=True)
ballast = typer.Typer(help="The reserve against a full disk.", no_args_is_help=True)
app.add_typer(database, name="db")
app.add_typer(admin, name="admin")
app.add_typer(ballast, name="ballast")
app.add_typer(cli_runs.schedules, name="schedules")
app.add_typer(cli_messages.messages, name="messages")
app.add_typer(cli_channels.channels, name="channels")
app.add_typer(cli_telegram.telegram, name="telegram")

AsJson = Annotated[bool, typer.Option("--json", help="Answer as JSON.")]


def main() -> None:
    """The console script: a foreseen failure is one sentence on standard error and an exit code."""
    from domain.errors import NotFound, OpenbellError
    from openbell.settings import SettingsError

    try:
        app()
    except SettingsError as problem:
        _fail(str(problem), USAGE)
    except NotFound as problem:
        _fail(str(problem), NOT_FOUND)
    except OpenbellError as problem:
        _fail(str(problem), FAILED)
    except BrokenPipeError:
        sys.exit(FAILED)  # `openbell doctor | head` has read enough


def _fail(sentence: str, code: int) -> None:
    typer.echo(sentence, err=True)
    sys.exit(code)


def _settings() -> "Settings":
    from openbell.settings import load_settings

    return load_settings()


@app.command()
def up() -> None:
    """Start everything on this machine and keep it running."""
    from openbell.supervisor import up

    up(_settings().data_dir, _settings)


@app.command()
def run(role: Annotated[str, typer.Argument(help=f"One of: {', '.join(ROLES)}.")]) -> None:
    """Run one role alone, as often as wanted, on any machine that reaches the same servers."""
    if role not in ROLES:
        raise typer.BadParameter(f"there is no role {role!r}; take one of: {', '.join(ROLES)}", param_hint="ROLE")
    from openbell.instance import needed_by
    from openbell.roles import run_role

    settings = _settings()
    needed_by(role, settings)
    run_role(role, settings)


@app.command()
def doctor(
    as_json: AsJson = False,
    only: Annotated[str, typer.Option(help="Only the checks whose name contains this.")] = "",
) -> None:
    """Say what is healthy, and for what is not, how to mend it."""
    from openbell.doctor import examine_patiently

    findings = examine_patiently(_settings(), only)
    if as_json:
        typer.echo(json.dumps([finding.as_dict() for finding in findings], indent=2))
    else:
        for finding in findings:
            _show(finding)
    if not findings:
        raise typer.BadParameter(f"no check is named {only!r}", param_hint="--only")
    if any(finding.state == "fail" for finding in findings):
        raise typer.Exit(UNHEALTHY)


def _show(finding: "Finding") -> None:
    colours = {"ok": typer.colors.GREEN, "warn": typer.colors.YELLOW, "fail": typer.colors.RED}
    mark = {"ok": " ok  ", "warn": "warn ", "fail": "FAIL "}[finding.state]
    typer.secho(mark, fg=colours[finding.state], nl=False, bold=finding.state == "fail")
    typer.echo(f"{finding.name}: {finding.text}")
    if finding.fix:
        typer.echo(f"     → {finding.fix}")


@database.command()
def upgrade() -> None:
    """Bring the schema to its newest version; safe to repeat."""
    from openbell.instance import migrate

    applied = migrate(_settings())
    typer.echo(f"{applied} migration{'s' if applied != 1 else ''} applied" if applied else "up to date")


@database.command()
def url(owner: Annotated[bool, typer.Option(help="As the schema's owner, who sees every row.")] = False) -> None:
    """Print the database's address, as in: psql "$(openbell db url)"."""
    from openbell.instance import app_url, owner_url

    typer.echo(owner_url(_settings()) if owner else app_url(_settings()))


@database.command()
def shell(owner: Annotated[bool, typer.Option(help="As the schema's owner, who sees every row.")] = False) -> None:
    """Open psql on the database."""
    from openbell.instance import app_url, open_psql, owner_url

    open_psql(owner_url(_settings()) if owner else app_url(_settings()))


@admin.command()
def add(email: Annotated[str, typer.Argument(help="The person's e-mail address.")]) -> None:
    """Make the person with this address an admin, now or from the day they verify it."""
    from openbell.instance import connected
    from services.users import UsersService

    with connected(_settings()) as connection:
        UsersService(connection.for_platform()).add_admin(email)
    typer.echo(f"{email} is an admin: at once if already verified, else as soon as that is done.")


@app.command("import-bars")
def import_bars(
    files: Annotated[list[Path], typer.Argument(help="Exported OHLCV files (Yahoo, Stooq, TradingView).")],
    symbol: Annotated[str | None, typer.Option(help="The symbol, when the file does not name it.")] = None,
    as_json: AsJson = False,
) -> None:
    """Read exported price files; rows that cannot be right are listed and left out."""
    if symbol and len(files) > 1:
        raise typer.BadParameter("one symbol can name one file only", param_hint="--symbol")
    from domain.errors import InvalidInput, UserError
    from market.importing import import_file

    bars = _settings().data_dir / "bars"
    reports, refused = [], []
    for file in files:  # a file that is refused keeps no other one out
        try:
            reports.append(import_file(file, bars, symbol))
        except UserError as problem:
            refused.append(f"{file}: {problem}")
    if as_json:
        typer.echo(json.dumps([report.as_dict() for report in reports], indent=2))
    elif reports:
        typer.echo("\n".join(line for report in reports for line in report.lines()))
    if refused:
        raise InvalidInput("\n".join(refused))


@app.command()
def backup(
    keep: Annotated[int, typer.Option(min=1, max=1000, help="How many backups to keep; older ones are deleted.")] = 14,
    listing: Annotated[bool, typer.Option("--list", help="Make none, list those that are there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Dump the whole database into DATA_DIR/backups, read the file through, and say its size and checksum."""
    from openbell import backups

    if listing:
        found = backups.listed(_settings())
        lines = [f"{each['bytes']:>14,}  {each['file']}" for each in found] or ["There are no backups yet."]
        typer.echo(json.dumps(found, indent=2) if as_json else "\n".join(lines))
        return
    made = backups.backup(_settings(), keep)
    if as_json:
        typer.echo(json.dumps(made.as_dict(), indent=2))
    else:
        typer.echo(f"{made.path}\n{made.size:,} bytes, {made.tables} tables, verified\nSHA-256 {made.sha256}")


@app.command()
def restore(
    file: Annotated[str, typer.Argument(help="A backup's path, its name in DATA_DIR/backups, or: latest.")],
    as_json: AsJson = False,
) -> None:
    """Put a backup in place of the database, which is kept aside; nothing may be connected to it."""
    from openbell import backups

    done = backups.restore(_settings(), file)
    if as_json:
        typer.echo(json.dumps(done.as_dict(), indent=2))
        return
    typer.echo(
        f"{done.tables} tables were restored. What was under way when the backup was made is over: "
        f"{done.cancelled_runs} runs cancelled, {done.expired_messages} messages not sent again.\n"
        f"The database of before is kept as {done.aside}."
    )


@ballast.command()
def release() -> None:
    """Give the reserved bytes back, so that a server on a full disk can start again."""
    from openbell.data_dir import DataDir
    from openbell.places import postgres_home, server_account
    from openbell.servers import release_ballast

    data = DataDir(_settings().data_dir).root
    freed = release_ballast(postgres_home(data, server_account())) if data.exists() else 0
    if freed:
        typer.echo(
            f"{freed // 1_048_576} MB were released; free more now, for they are laid aside again once there is room."
        )
    else:
        typer.echo("There was nothing left to release; delete other files on this disk.")


@app.command()
def version() -> None:
    """Print the version."""
    from importlib.metadata import version

    typer.echo(f"openbell {version('openbell')}")


app.command()(cli_runs.runs)
app.command()(cli_runs.why)
