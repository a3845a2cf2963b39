"""All of a person's jobs paused or let go on at once, and that undone."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from db.jobs import ScheduleRow
from db.unit_of_work import UnitOfWork
from domain.errors import InvalidInput, NotFound
from domain.ids import DraftId
from domain.locales import t
from domain.schedules import UNDO_WINDOW, Schedule
from domain.timing import SessionsUnknown
from domain.users import User
from services import pausing

FORM = "all_jobs"


@dataclass(frozen=True)
class AllChanged:
    """What was done to many jobs at once."""

    changed: tuple[Schedule, ...]
    left: tuple[Schedule, ...]
    """Those that stay paused, since they paused themselves or nobody knows their next due time yet."""
    until: datetime | None
    undo: DraftId | None
    """What takes it back within ten minutes."""


class PausesService:
    """Use cases of pausing everything; each method is one transaction."""

    def __init__(self, uow: UnitOfWork) -> None:
        self.uow = uow

    def pause_all(
        self, user: User, telegram_user_id: int, until: datetime | None = None, *, now: datetime
    ) -> AllChanged:
        """Pause what is not paused, for good or until an instant; what was paused before stays as it is."""
        with self.uow as uow:
            rows = uow.jobs.pausable(user.id)
            if not rows:
                raise InvalidInput(
                    t("Nothing of yours is planned, so there is nothing to pause. /jobs shows your jobs.")
                )
            before = {row.id: _state(row) for row in rows}
            database_now = uow.planning.database_now()
            for row in rows:
                pausing.pause(uow, row, until, database_now)
            return _done(uow, user, telegram_user_id, "pause", rows, [], before, until, now)

    def resume_all(self, user: User, telegram_user_id: int, *, now: datetime) -> AllChanged:
        """Let go on what a person paused; a job that paused itself stays paused until somebody looks at it."""
        with self.uow as uow:
            rows = uow.jobs.paused(user.id)
            if not rows:
                raise InvalidInput(
                    t("Nothing of yours is paused, so there is nothing to resume. /jobs shows your jobs.")
                )
            before = {row.id: _state(row) for row in rows}
            resumed: list[ScheduleRow] = []
            left: list[ScheduleRow] = []
            for row in rows:
                (resumed if row.paused_reason is None and _resumes(uow, row, now) else left).append(row)
            return _done(uow, user, telegram_user_id, "resume", resumed, left, before, None, now)

    def undo(self, telegram_user_id: int, draft_id: int, *, now: datetime) -> AllChanged:
        """Take that back, within ten minutes and once; a job that was changed since stays as it is now."""
        with self.uow as uow:
            draft = uow.telegram.draft(draft_id, telegram_user_id)
            if draft is None or draft.kind != FORM or draft.data["undone"] or draft.expires_at <= now:
                raise NotFound(t("That can't be undone any more, and nothing was changed. /jobs shows your jobs."))
            draft.data = {**draft.data, "undone": True}
            did, until = draft.data["did"], _instant(draft.data["until"])
            changed = [
                row
                for number, state in draft.data["jobs"].items()
                if (row := uow.jobs.live(int(number), lock=True)) is not None
                and _stands_as_left(row, did, until, now)
                and _put_back(uow, row, state, now)
            ]
            uow.jobs.wake("runs")
            uow.commit()
            return AllChanged(tuple(row.view() for row in changed), (), None, None)


def _state(row: ScheduleRow) -> Mapping[str, Any]:
    until = row.paused_until.isoformat() if row.paused_until is not None else None
    return {"enabled": row.enabled, "until": until}


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _done(
    uow: UnitOfWork,
    user: User,
    telegram_user_id: int,
    did: str,
    rows: list[ScheduleRow],
    left: list[ScheduleRow],
    before: Mapping[int, Mapping[str, Any]],
    until: datetime | None,
    now: datetime,
) -> AllChanged:
    """Keep how it was, for ten minutes, and commit."""
    data = {
        "did": did,
        "until": until.isoformat() if until is not None else None,
        "jobs": {str(row.id): before[row.id] for row in rows},
        "undone": False,
    }
    draft = uow.telegram.create(
        telegram_user_id=telegram_user_id,
        user_id=user.id,
        kind=FORM,
        data=data,
        expires_at=now + UNDO_WINDOW,
        consumed_at=now,  # it is done: /cancel leaves it alone
    )
    uow.jobs.wake("runs")
    uow.commit()
    undo = DraftId(draft.id) if rows else None
    return AllChanged(tuple(row.view() for row in rows), tuple(row.view() for row in left), until, undo)


def _resumes(uow: UnitOfWork, row: ScheduleRow, now: datetime) -> bool:
    try:
        return pausing.resume(uow, row, now)
    except SessionsUnknown:
        return False


def _stands_as_left(row: ScheduleRow, did: str, until: datetime | None, now: datetime) -> bool:
    """Whether nobody changed since what is to be undone."""
    if did == "resume":
        return not pausing.rests(row, now)
    return row.enabled == (until is not None) and row.paused_until == until


def _put_back(uow: UnitOfWork, row: ScheduleRow, state: Mapping[str, Any], now: datetime) -> bool:
    """As it was: going, or paused, for good or until an instant that is still to come."""
    until = _instant(state["until"])
    rested = not state["enabled"] or (until is not None and until > now)
    if not rested:
        return _resumes(uow, row, now)
    pausing.pause(uow, row, until if state["enabled"] else None, now)
    return True
