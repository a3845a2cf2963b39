"""What a worker does with runs: take them, keep them alive, end them with their messages, each in one commit."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from db.destinations import Way
from db.runs import as_json
from db.unit_of_work import UnitOfWork
from domain import runs
from domain.errors import GiveUp, RetryLater, UserError
from domain.locales import t
from domain.messages import Outgoing
from domain.runs import ClaimedRun, Outcome, Step
from notifications import outbox
from services import failures


class RunsService:
    """The workers' use cases; each method is one transaction."""

    def __init__(self, uow: UnitOfWork) -> None:
        self.uow = uow

    def start_run(self, run_id: int, attempt: int, worker_id: str) -> ClaimedRun | None:
        """Claim a run for this worker; None when a bell was late or doubled and there is nothing to do."""
        return self.start_runs([(run_id, attempt)], worker_id).get(run_id)

    def start_runs(self, bells: Sequence[tuple[int, int]], worker_id: str) -> dict[int, ClaimedRun]:
        """Claim these (run, attempt) for this worker; those with nothing to do are missing in the answer."""
        with self.uow as uow:
            claimed = uow.runs.start(bells, worker_id, runs.LEASE)
            uow.commit()
            return {run.id: run for run in claimed}

    def keep_alive(self, held: Mapping[int, int]) -> set[int]:
        """Renew the leases of these runs (by their tokens); those no longer ours are missing in the answer."""
        with self.uow as uow:
            kept = uow.runs.keep(held, runs.LEASE)
            uow.commit()
            return kept

    def finish_run(self, claimed: ClaimedRun, outcome: Outcome, *, now: datetime) -> bool:
        """Store the result and queue its messages, in one commit; False when another attempt owns the run by now."""
        return claimed.id in self.finish_runs([(claimed, outcome, as_json(dict(outcome.result)))], now=now)

    def finish_runs(self, ended: Sequence[tuple[ClaimedRun, Outcome, str]], *, now: datetime) -> set[int]:
        """Store these results (the third is the result as JSON) and their messages; those stored come back."""
        with self.uow as uow:
            stored = uow.runs.succeed([(claimed, result) for claimed, _, result in ended])
            kept = [(claimed, outcome) for claimed, outcome, _ in ended if claimed.id in stored]
            ways = uow.destinations.ways_of([claimed.schedule_id for claimed, outcome in kept
                                             if claimed.schedule_id is not None and outcome.messages])  # fmt: skip
            outbox.enqueue_many(
                uow,
                [
                    _of_run(message, claimed, number, ways.get(claimed.schedule_id or 0))
                    for claimed, outcome in kept
                    for number, message in enumerate(outcome.messages)
                ],
                now,
            )
            uow.jobs.record_success([claimed.schedule_id for claimed, _ in kept if claimed.schedule_id is not None])
            uow.runs.wake_for_waiting([claimed.user_id for claimed, _ in kept if claimed.user_id is not None])
            uow.commit()
            return stored

    def fail_run(
        self, claimed: ClaimedRun, problem: Exception, *, reference: str, now: datetime, chance: random.Random
    ) -> bool:
        """Plan another attempt or record the end, and then tell the owner; False when the run is no longer ours."""
        known = isinstance(problem, GiveUp | RetryLater | UserError)
        reason = str(problem) if known else t("something broke on my side (reference {reference})", reference=reference)
        final = isinstance(problem, GiveUp | UserError) or (not claimed.repeatable and not known)
        after = problem.after if isinstance(problem, RetryLater) else None
        if not final and claimed.attempt <= claimed.max_retries:
            wait = runs.back_off(claimed.attempt, chance) if after is None else after
            return self._move(runs.RETRY, claimed, reason, "failed", now, after=wait)
        return self._move(runs.FAIL, claimed, reason, "failed", now)

    def time_out_run(self, claimed: ClaimedRun, *, now: datetime, chance: random.Random) -> bool:
        """Take the run from a job that is past its time limit; its late result will be refused."""
        reason = failures.TOO_LONG
        if claimed.repeatable and claimed.attempt <= claimed.max_retries:
            wait = runs.back_off(claimed.attempt, chance)
            return self._move(runs.RETRY, claimed, reason, "timed_out", now, after=wait)
        return self._move(runs.TIME_OUT, claimed, reason, "timed_out", now)

    def hand_back(self, claimed: ClaimedRun, *, now: datetime) -> bool:
        """Let another worker do it, as this one is being stopped; that is no failure, so it never ends the run."""
        return self._move(runs.RETRY, claimed, failures.STOPPED, "handed_back", now, after=timedelta(0))

    def _move(
        self,
        step: Step,
        claimed: ClaimedRun,
        reason: str,
        what: str,
        now: datetime,
        *,
        after: timedelta | None = None,
    ) -> bool:
        event: dict[str, Any] = {
            "at": now.isoformat(timespec="milliseconds"),
            "what": what,
            "attempt": claimed.attempt,
            "reason": reason,
        }
        with self.uow as uow:
            if not uow.runs.move(step, claimed.id, claimed.token, error=reason, event=event, after=after):
                return False
            if step.target in runs.FINAL:
                failures.failed(
                    uow,
                    run_id=claimed.id,
                    user_id=claimed.user_id,
                    job_id=claimed.schedule_id,
                    name=claimed.name,
                    attempts=claimed.attempt,
                    reason=reason,
                )
            uow.jobs.wake("runs")
            uow.commit()
            return True


def _of_run(message: Outgoing, claimed: ClaimedRun, number: int, way: Way | None) -> Outgoing:
    """A result, on the way that the job's owner named for its results, or else the one that the job did."""
    named: dict[str, Any] = {"run_id": claimed.id, "dedupe_key": f"run:{claimed.id}:{number}"}
    if way is not None:
        named |= {"channels": way.channels or message.channels, "destination_id": way.destination_id}
    return replace(message, **named)
