"""The screener: the instruments that meet a condition. Its parameters are settled, its work comes with version 0.3."""

from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field

from domain.errors import GiveUp
from domain.locales import mark as _
from domain.locales import t
from domain.runs import Outcome
from domain.schedules import JobType
from services.job_kinds import JobKind
from workers.context import JobContext

COMING = _("Screeners come with version 0.3 of Openbell; until then schedule a report for each instrument.")


class Params(BaseModel):
    """What to look through, for what."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    screener: str = Field(title=_("Screener"), description=_("the saved screener's name"), min_length=1, max_length=80)
    top: int = Field(20, title=_("How many"), description=_("the most instruments to list"), ge=1, le=100)


def perform(_context: JobContext, _params: Params) -> Outcome:
    """Refuse: a row of this type can only come from a later version of Openbell."""
    raise GiveUp(t(COMING))


KIND = JobKind(
    name=JobType.SCREENER,
    summary=_("the instruments that meet a condition"),
    params=Params,
    perform=perform,
    timeout=timedelta(minutes=5),
    queue="screeners",
    target="screener",
    unavailable=COMING,
    title=_("Screener"),
    naming=_("{target} screener"),
)
