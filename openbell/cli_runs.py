"""The commands about schedules and their runs: what the chat shows, for a terminal and for programs."""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from db.engine import Database
    from domain.users import User
    from services.history import HistoryEntry
    from services.schedule_files import Change, Entry, Owned

AsJson = Annotated[bool, typer.Option("--json", help="Answer as JSON.")]
Owner = Annotated[str, typer.Option("--owner", help="Only those of the person with this e-mail address.")]
Limit = Annotated[int, typer.Option(min=1, max=1000, help="How many at most.")]
CHANGED = {"add": "added", "change": "changed", "keep": "unchanged"}
WOULD = {"add": "would be added", "change": "would be changed", "keep": "is as it should be"}

schedules = typer.Typer(help="Schedules: listing them, showing one, moving them by file.", no_args_is_help=True)


@schedules.command(name="list")
def list_(
    owner: Owner = "",
    after: Annotated[int, typer.Option(help="Go on behind this number.")] = 0,
    limit: Limit = 200,
    as_json: AsJson = False,
) -> None:
    """List schedules by number, a page at a time."""
    from services.schedule_files import ScheduleFilesService

    with connected_database() as database:
        whose = _owner(database, owner)
        service = ScheduleFilesService(database.for_platform())
        page = service.page(owner=whose, after=after, limit=limit)
    if as_json:
        say_json([_schedule_dict(each) for each in page])
        return
    rows = [
        (
            str(each.schedule.id),
            each.schedule.name[:32],
            each.schedule.words[:44],
            when(each.schedule.next_run_at) if each.schedule.enabled else "paused",
            each.owner,
        )
        for each in page
    ]
    say_table(("NO", "NAME", "WHEN", "NEXT", "OWNER"), rows, "There are no schedules.")
    if len(page) == limit:
        of = f" --owner {owner}" if owner else ""
        typer.echo(f"more: openbell schedules list{of} --after {page[-1].schedule.id}")


@schedules.command()
def show(
    number: Annotated[int, typer.Argument(min=1, help="The schedule's number.")],
    as_json: AsJson = False,
) -> None:
    """Show one schedule, its next runs and its last ones."""
    from services.agenda import AgendaService
    from services.history import HistoryService
    from services.schedule_files import ScheduleFilesService

    with connected_database() as database:
        platform = database.for_platform
        found = ScheduleFilesService(platform()).one(number)
        _, due = AgendaService(platform()).card(number)
        last = HistoryService(platform()).recent(schedule_id=number, limit=5)
    if as_json:
        coming = [{"at": stamp(each.at), "left_out": each.left_out, "mark": each.mark} for each in due]
        say_json(_schedule_dict(found) | {"next": coming, "last": [_run_dict(entry) for entry in last]})
        return
    schedule = found.schedule
    typer.echo(f"{schedule.id}  {schedule.name}  ({schedule.job_type}, {found.owner})")
    typer.echo(f"    {schedule.words}, {schedule.timezone}    {schedule.timing.expression}")
    if not schedule.enabled:
        typer.echo(f"    paused{f': {schedule.paused_reason}' if schedule.paused_reason else ''}")
    for each in due if schedule.enabled else ():
        note = each.left_out or each.mark
        typer.echo(f"    next  {each.at.astimezone(schedule.zone):%a %d %b %Y %H:%M %Z}{f'  ({note})' if note else ''}")
    for entry in last:
        typer.echo(f"    last  {when(entry.run.scheduled_for)}  run {entry.run.id}  {_outcome(entry)}")


@schedules.command()
def export(
    file: Annotated[Path | None, typer.Argument(help="Where to write; without it, standard output.")] = None,
    owner: Owner = "",
    as_json: AsJson = False,
) -> None:
    """Write every schedule as TOML (or JSON), for `openbell schedules import` to read back."""
    from services.schedule_files import ScheduleFilesService

    with connected_database() as database:
        whose = _owner(database, owner)
        entries = list(ScheduleFilesService(database.for_platform()).everything(whose))
    written = json.dumps([_entry_dict(entry) for entry in entries], indent=2) + "\n" if as_json else _toml(entries)
    if file is None:
        typer.echo(written, nl=False)
        return
    try:
        file.write_text(written, encoding="utf-8")
    except OSError as problem:
        raise typer.BadParameter(f"{file} can't be written: {problem.strerror}", param_hint="FILE") from problem
    typer.echo(f"{len(entries)} schedule{'s' if len(entries) != 1 else ''} written to {file}")


@schedules.command(name="import")
def import_(
    file: Annotated[Path, typer.Argument(help="A TOML file as `export` writes it; - for standard input.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Take schedules in, by owner and name: all are checked before one is stored, and twice is the same as once."""
    from services.schedule_files import read_entries

    entries = read_entries(_read(file))
    with connected_database() as database:
        changes = _take_in(database, entries, dry_run=dry_run)
    if as_json:
        say_json([_change_dict(change) for change in changes])
        return
    said = WOULD if dry_run else CHANGED
    for change in changes:
        columns = f": {', '.join(change.columns)}" if change.columns else ""
        typer.echo(f"{change.entry.owner}  {change.entry.name}  {said[change.what]}{columns}")
    counts = [f"{sum(change.what == what for change in changes)} {word}" for what, word in said.items()]
    typer.echo(", ".join(counts) if changes else "The file holds no schedule.")


def runs(
    job: Annotated[int, typer.Option(help="Only those of the schedule with this number.")] = 0,
    failed: Annotated[bool, typer.Option("--failed", help="Only what failed, timed out or is in doubt.")] = False,
    owner: Owner = "",
    limit: Limit = 20,
    after: Annotated[int, typer.Option(help="Go on behind this run, which is older ones.")] = 0,
    as_json: AsJson = False,
) -> None:
    """List runs, newest first, a page at a time."""
    from services.history import TROUBLE, HistoryService
    from services.schedule_files import ScheduleFilesService

    with connected_database() as database:
        whose = _owner(database, owner)
        if job:
            ScheduleFilesService(database.for_platform()).one(job)
        page = HistoryService(database.for_platform()).recent(
            schedule_id=job or None,
            before=after or None,
            limit=limit,
            statuses=TROUBLE if failed else (),
            user_id=whose.id if whose is not None else None,
        )
    if as_json:
        say_json([_run_dict(entry) for entry in page])
        return
    rows = [
        (
            str(entry.run.id),
            when(entry.run.scheduled_for),
            entry.run.name[:32],
            str(entry.run.trigger),
            _outcome(entry),
        )
        for entry in page
    ]
    say_table(("RUN", "DUE", "NAME", "TRIGGER", "OUTCOME"), rows, "There are no such runs.")
    if len(page) == limit:
        chosen = [f"--job {job}" if job else "", "--failed" if failed else "", f"--owner {owner}" if owner else ""]
        typer.echo(" ".join(["more: openbell runs", *filter(None, chosen), f"--after {page[-1].run.id}"]))


def why(
    run: Annotated[int, typer.Argument(min=1, help="The run's number.")],
    as_json: AsJson = False,
) -> None:
    """Tell the whole story of a run: every step, every message, with its time and reason."""
    from services.history import HistoryService

    with connected_database() as database:
        told = HistoryService(database.for_platform()).explain(run, None, now=datetime.now(UTC))
    if as_json:
        moments = [{"at": stamp(each.at), "what": each.what, "text": each.text} for each in told.moments]
        say_json(_bare_run(told.run) | {"verdict": told.verdict, "moments": moments})
        return
    typer.echo(f"run {told.run.id}  {told.run.name}  ({told.run.status})\n{told.verdict}\n")
    for each in told.moments:
        typer.echo(f"{each.at.astimezone():%Y-%m-%d %H:%M:%S.%f}"[:-3] + f" {each.at.astimezone():%Z}  {each.text}")


# the way to the database and back


@contextmanager
def connected_database() -> Iterator["Database"]:
    """The database of this installation, until the block ends."""
    from openbell.instance import connected
    from openbell.settings import load_settings

    with connected(load_settings()) as database:
        yield database


def _owner(database: "Database", email: str) -> "User | None":
    from services.schedule_files import ScheduleFilesService

    return ScheduleFilesService(database.for_platform()).owner(email) if email else None


def _take_in(database: "Database", entries: Sequence["Entry"], *, dry_run: bool) -> list["Change"]:
    """Compare everybody's entries first; only when nothing is wrong with any of them is the first stored."""
    from domain.errors import InvalidInput, NotFound
    from services.schedule_files import ScheduleFilesService

    now = datetime.now(UTC)
    compared: list[Change] = []
    people: dict[str, tuple[User, list[Entry]]] = {}
    refused = []
    for entry in entries:
        key = entry.owner.lower()
        try:
            if key not in people:
                people[key] = (ScheduleFilesService(database.for_platform()).owner(entry.owner), [])
            people[key][1].append(entry)
        except NotFound as problem:
            refused.append(f"{entry.name} ({entry.owner}): {problem}")
    for user, theirs in people.values():
        try:
            compared += ScheduleFilesService(database.for_user(user.id)).compare(user, theirs, now=now)
        except InvalidInput as problem:
            refused.append(str(problem))
    if refused:
        raise InvalidInput("Nothing was taken in.\n" + "\n".join(refused))
    if dry_run:
        return compared
    stored = []
    for user, theirs in people.values():
        stored += ScheduleFilesService(database.for_user(user.id)).store(user, theirs, now=now)
    return stored


def _read(file: Path) -> list[dict[str, Any]]:
    """What the file's [[schedule]] tables hold; a sentence for what is no such file."""
    import tomllib

    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    except FileNotFoundError as problem:
        raise _not_found(f"There is no file {file}.") from problem
    except (OSError, UnicodeDecodeError) as problem:
        raise typer.BadParameter(f"{file} can't be read: {problem}", param_hint="FILE") from problem
    try:
        read = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise typer.BadParameter(f"{file} is no TOML: {problem}", param_hint="FILE") from problem
    found = read.pop("schedule", [])
    if read or not (isinstance(found, list) and all(isinstance(each, dict) for each in found)):
        other = ", ".join(read) or "schedule, which is not a list"
        raise typer.BadParameter(f"{file} holds {other}; it may hold [[schedule]] tables only", param_hint="FILE")
    return found


def _not_found(sentence: str) -> Exception:
    from domain.errors import NotFound

    return NotFound(sentence)


# how things look


def _toml(entries: Iterable["Entry"]) -> str:
    """The entries as TOML; the words of each time stand beside it."""
    import tomlkit

    from services.schedule_files import words_of

    document = tomlkit.document()
    document.add(tomlkit.comment("Schedules of Openbell. `openbell schedules import FILE` reads this file back."))
    tables = tomlkit.aot()
    for entry in entries:
        table = tomlkit.table()
        for key, value in _entry_dict(entry, native=True).items():
            table.add(key, value)
        table["when"].comment(words_of(entry))
        tables.append(table)
    document.add(tomlkit.nl())
    document.add("schedule", tables)
    return tomlkit.dumps(document)


def _entry_dict(entry: "Entry", *, native: bool = False) -> dict[str, Any]:
    return entry.model_dump(mode="python" if native else "json", exclude_none=True) | {
        key: str(value) for key, value in (("catch_up", entry.catch_up), ("overlap", entry.overlap)) if value
    }


def _schedule_dict(each: "Owned") -> dict[str, Any]:
    from services.schedule_files import Entry

    schedule = each.schedule
    return {
        "id": schedule.id,
        **_entry_dict(Entry.of(schedule, each.owner)),
        "words": schedule.words,
        "paused_reason": schedule.paused_reason,
        "next_run_at": stamp(schedule.next_run_at),
        "last_run_at": stamp(schedule.last_run_at),
        "consecutive_failures": schedule.consecutive_failures,
    }


def _change_dict(change: "Change") -> dict[str, Any]:
    entry = change.entry
    return {"owner": entry.owner, "name": entry.name, "what": change.what, "columns": list(change.columns)}


def _run_dict(entry: "HistoryEntry") -> dict[str, Any]:
    delivery = str(entry.delivery_status) if entry.delivery_status is not None else None
    return _bare_run(entry.run) | {"delivery": delivery, "delivered_at": stamp(entry.sent_at)}


def _bare_run(run: Any) -> dict[str, Any]:
    return {
        "id": run.id,
        "schedule_id": run.schedule_id,
        "name": run.name,
        "type": run.job_type,
        "status": str(run.status),
        "trigger": str(run.trigger),
        "scheduled_for": stamp(run.scheduled_for),
        "started_at": stamp(run.started_at),
        "finished_at": stamp(run.finished_at),
        "attempt": run.attempt,
        "error": run.error,
        "skip_reason": run.skip_reason,
        "covers_until": stamp(run.covers_until),
    }


def _outcome(entry: "HistoryEntry") -> str:
    from services.timeline import skipped_because, span

    run = entry.run
    said = str(run.status).replace("_", " ")
    if run.skip_reason:
        return f"{said}: {skipped_because(run)}"
    if run.took is not None:
        said += f" in {span(run.took)}"
    return f"{said}: {run.error}" if run.error else said


def stamp(instant: datetime | None) -> str | None:
    """An instant for programs."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z") if instant is not None else None


def when(instant: datetime | None) -> str:
    """An instant on this machine's wall."""
    return f"{instant.astimezone():%a %d %b %Y %H:%M %Z}" if instant is not None else "nothing due"


def say_json(found: Any) -> None:
    """Answer a program."""
    typer.echo(json.dumps(found, indent=2))


def say_table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]], nothing: str) -> None:
    """Answer a person in columns, or say that there is nothing."""
    if not rows:
        typer.echo(nothing)
        return
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    for row in (head, *rows):
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
