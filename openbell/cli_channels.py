"""The commands about channels: which there are, and how much each is given to do."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from openbell.cli_runs import AsJson, connected_database, say_json, say_table

if TYPE_CHECKING:
    from services.channels import ChannelView

BY = "the command line"

channels = typer.Typer(help="Channels: which there are, switching them, limiting them.", no_args_is_help=True)


@channels.command(name="list")
def list_(as_json: AsJson = False) -> None:
    """List every channel, with what was set for it."""
    from services.channels import ChannelsService

    with connected_database() as database:
        found = ChannelsService(database.for_platform()).all()
    _say(found, as_json=as_json)


@channels.command(name="set")
def set_(
    name: Annotated[str, typer.Argument(help="The channel: telegram, email, webhook, …")],
    on: Annotated[bool | None, typer.Option("--on/--off", help="Send by it, or let its messages wait.")] = None,
    per_minute: Annotated[int | None, typer.Option(min=0, help="Messages a minute at most; 0: as it comes.")] = None,
    retries: Annotated[int | None, typer.Option(min=-1, max=20, help="Tries after the first; -1: as it comes.")] = None,
    timeout: Annotated[int | None, typer.Option(min=0, max=180, help="Seconds for a call; 0: as it comes.")] = None,
    as_json: AsJson = False,
) -> None:
    """Set what is named for a channel; senders keep to it within ten seconds, and what waits is not lost."""
    from services.channels import ChannelsService

    changes: dict[str, object] = {}
    if on is not None:
        changes["enabled"] = on
    if per_minute is not None:
        changes["rate_limit_per_minute"] = per_minute or None
    if retries is not None:
        changes["max_retries"] = retries if retries >= 0 else None
    if timeout is not None:
        changes["timeout_seconds"] = timeout or None
    if not changes:
        raise typer.BadParameter("name something to set: --on, --off, --per-minute, --retries or --timeout")
    with connected_database() as database:
        view = ChannelsService(database.for_platform()).configure(name, BY, **changes)
    _say([view], as_json=as_json)


def _say(found: "list[ChannelView]", *, as_json: bool) -> None:
    if as_json:
        say_json([asdict(view) for view in found])
        return
    say_table(
        ("channel", "", "a minute", "retries", "seconds", ""),
        [
            (
                view.name,
                "on" if view.config.enabled else "OFF",
                _or_as_it_comes(view.config.per_minute),
                _or_as_it_comes(view.config.retries),
                _or_as_it_comes(view.config.timeout_s),
                view.problem or view.summary + (", best effort" if view.best_effort else ""),
            )
            for view in found
        ],
        "There is no channel.",
    )


def _or_as_it_comes(value: int | None) -> str:
    return "-" if value is None else str(value)
