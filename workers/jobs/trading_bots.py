"""A trading bot's step. Its parameters are settled, its work comes with version 0.4."""

from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field

from domain.errors import GiveUp
from domain.locales import mark as _
from domain.locales import t
from domain.runs import Outcome
from domain.schedules import CatchUp, JobType
from domain.users import Role
from services.job_kinds import JobKind
from workers.context import JobContext

COMING = _("Trading bots come with version 0.4 of Openbell; this version places no orders.")


class Params(BaseModel):
    """Which bot makes its next step."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    trading_bot: str = Field(title=_("Trading bot"), description=_("the bot's name"), min_length=1, max_length=80)


def perform(_context: JobContext, _params: Params) -> Outcome:
    """Refuse: a row of this type can only come from a later version of Openbell."""
    raise GiveUp(t(COMING))


KIND = JobKind(
    name=JobType.BOT,
    summary=_("one step of a trading bot"),
    params=Params,
    perform=perform,
    timeout=timedelta(minutes=1),
    retries=0,
    repeatable=False,
    queue="trading_bots",
    role=Role.TRADER,
    catch_up=CatchUp.SKIP,
    target="trading_bot",
    unavailable=COMING,
    title=_("Trading bot"),
    naming="{target}",
)
