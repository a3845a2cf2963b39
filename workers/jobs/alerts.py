"""The alert: a word when a price crosses a level. Its parameters are settled, its work comes with version 0.3."""

from datetime import timedelta
from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from domain.errors import GiveUp
from domain.locales import mark as _
from domain.locales import t
from domain.runs import Outcome
from domain.schedules import CatchUp, JobType
from services.job_kinds import JobKind
from workers.context import JobContext

COMING = _("Price alerts come with version 0.3 of Openbell; until then a report shows where a price stands.")


class Params(BaseModel):
    """Which price, and the level to tell about."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    symbol: str = Field(
        title=_("Instrument"),
        description=_("as in GOLD or csv:GOLD"),
        min_length=1,
        max_length=60,
        json_schema_extra={"asks_for": "instrument"},
    )
    when: Literal["above", "below"] = Field(
        title=_("When"),
        description=_("on which side of the level to tell"),
        json_schema_extra={"labels": {"above": _("above"), "below": _("below")}},
    )
    level: Decimal = Field(
        title=_("Level"), description=_("the price, in the instrument's currency"), gt=0, examples=["2500"]
    )


def perform(_context: JobContext, _params: Params) -> Outcome:
    """Refuse: a row of this type can only come from a later version of Openbell."""
    raise GiveUp(t(COMING))


KIND = JobKind(
    name=JobType.ALERT,
    summary=_("a word when a price crosses a level"),
    params=Params,
    perform=perform,
    timeout=timedelta(seconds=30),
    queue="alerts",
    catch_up=CatchUp.SKIP,
    target="symbol",
    unavailable=COMING,
    title=_("Price alert"),
    naming=_("{target} alert"),
)
