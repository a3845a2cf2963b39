"""What is said to admins about everybody's runs: what goes and waits, who works, somebody's job."""

from datetime import datetime, timedelta
from html import escape
from zoneinfo import ZoneInfo

from bot.replies.jobs import described
from bot.replies.reply import Reply, as_many_as_fit, when
from domain.locales import mark, t, tn
from domain.runs import RunStatus
from services.operating import JobOf, Queue, Waiting, Worker, Workers
from services.telling import span

_HEALTH = {
    "HEALTHY": mark("✓ The workers answer, the last time {heard} ago."),
    "DEGRADED": mark("⚠ The workers answer with trouble, the last time {heard} ago. /health says more."),
    "DOWN": mark("✗ The workers are down; they were last heard of {heard} ago. /health says more."),
}


def queue(found: Queue, user_zone: ZoneInfo, now: datetime, *, after: int, more: bool) -> Reply:
    """What goes and what waits of everybody; each number leads to the run with its buttons."""
    head = t("<b>Queue</b>: {running} running, {waiting} waiting, {late} of them late",
             running=found.running, waiting=found.waiting, late=found.late)  # fmt: skip
    clock = f"{now.astimezone(user_zone):%H:%M:%S %Z}"
    turn = [(t("‹ First"), "qu:0:show:queue")] if after else []
    turn.append((t("Refresh"), f"qu:{after}:show:queue"))
    if more:
        turn.append((t("More ›"), f"qu:{found.runs[-1].id}:show:queue"))
    if not found.runs:
        lines = [t("Nothing runs and nothing waits.")]
    else:
        lines = [line for run in found.runs for line in _waiting(run, user_zone, now)]
    numbers = [(f"#{run.id}", f"qu:{run.id}:show:run") for run in found.runs]
    text = "\n".join([head, *as_many_as_fit(lines), "", f"<i>{t('As of {clock}', clock=clock)}</i>"])
    rows = [numbers[n : n + 3] for n in range(0, len(numbers), 3)]
    return Reply(text, [*rows, turn, [(t("Workers"), "qu:0:show:workers")]])


def _waiting(run: Waiting, zone: ZoneInfo, now: datetime) -> list[str]:
    owner = escape(run.owner) if run.owner else t("the platform")
    return ["", f"{'▶' if run.status is RunStatus.RUNNING else '…'} <b>{escape(run.name)}</b> · {owner}",
            f"#{run.id} · {_stands(run, zone, now)}"]  # fmt: skip


def _stands(run: Waiting, zone: ZoneInfo, now: datetime) -> str:
    if run.started_at is not None and run.status is RunStatus.RUNNING:
        return t("running for {length} on {worker}", length=span(now - run.started_at),
                 worker=escape(run.worker_id or "?"))  # fmt: skip
    due = when(run.due_at, zone)
    if run.late:
        return t("⚠ late: it was due at {when}", when=due)
    return t("waiting since {when}", when=due)


def workers(found: Workers) -> Reply:
    """When the workers last reported, and what each of them has in hand."""
    lines = [_heard(found)]
    for worker in found.at_work:
        lines += _worker(worker)
    if not found.at_work:
        lines += ["", t("No run is in a worker's hands.")]
    refresh = [(t("Refresh"), "qu:0:show:workers"), (t("Queue"), "qu:0:show:queue")]
    return Reply("\n".join([t("<b>Workers</b>"), *as_many_as_fit(lines)]), [refresh])


def _heard(found: Workers) -> str:
    if found.heard_s is None:
        return t("✗ No worker has ever reported. Start one: <code>openbell run worker</code>")
    heard = span(timedelta(seconds=found.heard_s))
    return t(_HEALTH.get(found.status, _HEALTH["DOWN"]), heard=heard)


def _worker(worker: Worker) -> list[str]:
    count = tn("{n} run", "{n} runs", len(worker.runs))
    name = escape(worker.worker_id) or t("a worker")
    head = f"<b>{name}</b>: {count}"
    if worker.silent_s is not None:
        silent = span(timedelta(seconds=worker.silent_s))
        head = t("<b>{worker}</b>: {runs}, heard of {silent} ago", worker=name, runs=count, silent=silent)
    return ["", head, *(
        t("#{number} <b>{name}</b> of {owner}, for {length}", number=run.id, name=escape(run.name),
          owner=escape(run.owner) if run.owner else t("the platform"), length=span(timedelta(seconds=run.for_s)))
        for run in worker.runs
    )]  # fmt: skip


def job(found: JobOf, now: datetime, after: str) -> Reply:
    """Somebody's job, to be looked at; its runs have buttons."""
    text = "\n".join(
        [t("<b>A job of {owner}</b>", owner=escape(found.owner)),
         described(found.schedule, found.due, found.recent, now=now)]
    )  # fmt: skip
    runs = [(f"#{each.run.id}", f"qu:{each.run.id}:show:run") for each in found.recent]
    back = [(t("‹ Their jobs"), f"l:{after or 0}:@{found.schedule.user_id}")]
    return Reply(text, [runs, back])
