"""The commands about messages: what came to nothing, why, doing it again, and a test of every channel."""

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from openbell.cli_runs import AsJson, Limit, connected_database, say_json, say_table, stamp, when

if TYPE_CHECKING:
    from db.replaying import Filter
    from services.message_timeline import MessageStory
    from services.messages import Letter

STATES = ("dead", "failed", "uncertain")
LOOK_EVERY_S = 0.3

messages = typer.Typer(help="Messages: what came to nothing, doing it again, testing a channel.", no_args_is_help=True)

State = Annotated[list[str] | None, typer.Option("--state", help=f"Only in this state: {', '.join(STATES)}.")]
Channel = Annotated[str, typer.Option(help="Only those by this channel.")]
ErrorClass = Annotated[str, typer.Option("--class", help="Only those that ended with this class of error.")]
Since = Annotated[str, typer.Option(help="Only those since then: 2h, 3d, 2026-11-21 or 2026-11-21T08:00Z.")]
Broadcast = Annotated[int, typer.Option(help="Only those of the broadcast with this number.")]


@messages.command(name="list")
def list_(
    state: State = None,
    channel: Channel = "",
    error_class: ErrorClass = "",
    since: Since = "",
    broadcast: Broadcast = 0,
    after: Annotated[int, typer.Option(help="Go on behind this number.")] = 0,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """List the deliveries that came to nothing, newest first, a page at a time."""
    from services.messages import MessagesService

    which = _which(state or list(STATES), channel, error_class, since, broadcast, after=after)
    with connected_database() as database:
        page = MessagesService(database.for_platform()).find(which, limit)
    _say(page, as_json=as_json, nothing="Nothing of that kind came to nothing.")
    if not as_json and len(page) == limit:
        typer.echo(f"more: the same command with --after {page[-1].id}")


@messages.command()
def show(
    number: Annotated[int, typer.Argument(min=1, help="The delivery's number.")],
    as_json: AsJson = False,
) -> None:
    """Tell the whole story of one delivery: every step, with its time and reason."""
    from services.messages import MessagesService

    with connected_database() as database:
        letter, story = MessagesService(database.for_platform()).one(number, None)
    _tell(letter, story, as_json=as_json)


@messages.command()
def replay(
    numbers: Annotated[
        list[int] | None, typer.Argument(help="Deliveries by number; none: all that the options name.")
    ] = None,
    state: State = None,
    channel: Channel = "",
    error_class: ErrorClass = "",
    since: Since = "",
    broadcast: Broadcast = 0,
    limit: Limit = 1000,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say which, and change nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Put dead deliveries (others by --state) back into the queue; what was in doubt says that it may be a repeat."""
    from services.messages import MessagesService

    states = state or (list(STATES) if numbers else ["dead"])
    which = _which(states, channel, error_class, since, broadcast, numbers=tuple(numbers or ()))
    with connected_database() as database:
        found = MessagesService(database.for_platform()).replay(which, limit, dry_run=dry_run)
    _say(found, as_json=as_json, nothing="There is nothing of that kind to replay.")
    if not as_json and found:
        count = f"{len(found)} deliver{'y' if len(found) == 1 else 'ies'}"
        typer.echo(f"{count} would go again" if dry_run else f"{count} back in the queue")


@messages.command()
def bounced(
    report: Annotated[typer.FileBinaryRead, typer.Argument(help="The mail that came back; - reads it from a pipe.")],
) -> None:
    """Take a mail that came back (RFC 3464): its delivery says so, and an address that is gone is used no more."""
    from notifications.channels.email.bounces import LARGEST, read
    from openbell.instance import secret_key
    from openbell.settings import load_settings
    from services.messages import MessagesService

    bounce = read(report.read(LARGEST + 1), secret_key(load_settings()))
    with connected_database() as database:
        new = MessagesService(database.for_platform()).take_bounce(bounce)
    what = "bounced" if new else "was known to have bounced, or is none of ours"
    typer.echo(f"delivery {bounce.delivery_id} {what}: {bounce.status} {bounce.said}")


@messages.command(name="test")
def send_test(
    channel: Annotated[str, typer.Argument(help="The channel: telegram, email, webhook, …")],
    to: Annotated[str, typer.Argument(metavar="ADDRESS|USER", help="A person's e-mail address, or any address.")],
    wait: Annotated[int, typer.Option(min=0, max=600, help="Seconds to wait for the outcome.")] = 30,
    as_json: AsJson = False,
) -> None:
    """Send a test by a channel through the real queue and sender, and say what came of it."""
    from services.messages import GOING, MessagesService

    with connected_database() as database:
        number = MessagesService(database.for_platform()).send_test(channel, to, now=datetime.now(UTC))
        until = time.monotonic() + wait
        while True:
            letter, story = MessagesService(database.for_platform()).one(number, None)
            if letter.status not in GOING or time.monotonic() > until:
                break
            time.sleep(LOOK_EVERY_S)
    _tell(letter, story, as_json=as_json)
    if letter.status in GOING:
        typer.echo("It is not sent yet. Is `openbell up` or `openbell run notifications` running?", err=True)
    if letter.status != "sent":
        raise typer.Exit(1)


def _which(
    states: list[str],
    channel: str,
    error_class: str,
    since: str,
    broadcast: int,
    *,
    numbers: tuple[int, ...] = (),
    after: int = 0,
) -> "Filter":
    from db.replaying import Filter

    for state in states:
        if state not in STATES:
            raise typer.BadParameter(f"there is no {state!r}; take one of: {', '.join(STATES)}", param_hint="--state")
    return Filter(
        states=tuple(states),
        channel=channel or None,
        error_class=error_class or None,
        since=_since(since) if since else None,
        broadcast=broadcast or None,
        numbers=numbers,
        after=after or None,
    )


def _since(text: str) -> datetime:
    units = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
    if text[:-1].isdecimal() and len(text) <= 6 and text[-1] in units:
        return datetime.now(UTC) - int(text[:-1]) * units[text[-1]]
    try:
        found = datetime.fromisoformat(text)
    except ValueError as problem:
        hint = f"{text!r} is no time; write 2h, 3d, 2026-11-21 or 2026-11-21T08:00Z"
        raise typer.BadParameter(hint, param_hint="--since") from problem
    return found.astimezone(UTC)


def _say(found: "list[Letter]", *, as_json: bool, nothing: str) -> None:
    if as_json:
        say_json([_letter_dict(each) for each in found])
        return
    rows = [
        (
            str(each.id),
            when(each.updated_at),
            str(each.status),
            each.category,
            each.channel,
            each.person[:32],
            each.error_class or "",
            (each.error or "")[:60],
        )
        for each in found
    ]
    say_table(("NO", "AT", "STATE", "ABOUT", "BY", "TO", "CLASS", "REASON"), rows, nothing)


def _tell(letter: "Letter", story: "MessageStory", *, as_json: bool) -> None:
    if as_json:
        moments = [{"at": stamp(each.at), "what": each.what, "text": each.text} for each in story.moments]
        say_json(_letter_dict(letter) | {"verdict": story.verdict, "moments": moments})
        return
    typer.echo(f"delivery {letter.id} to {letter.person} by {letter.channel}  ({letter.status})\n{story.verdict}\n")
    for each in story.moments:
        typer.echo(f"{each.at.astimezone():%Y-%m-%d %H:%M:%S.%f}"[:-3] + f" {each.at.astimezone():%Z}  {each.text}")


def _letter_dict(letter: "Letter") -> dict[str, Any]:
    return {
        name: stamp(value) if isinstance(value, datetime) else str(value) if name == "status" else value
        for name, value in vars(letter).items()
    }
