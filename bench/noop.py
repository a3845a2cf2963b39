"""A kind of job that does nothing and says so in one message: what a run costs beside its work."""

from typing import Any

from pydantic import BaseModel, ConfigDict

from domain.ids import UserId
from domain.messages import Category, Outgoing
from domain.runs import Outcome
from services.job_kinds import JobKind


class Params(BaseModel):
    """Nothing to choose."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def perform(context: Any, _: Params) -> Outcome:
    message = Outgoing(Category.REPORT, UserId(context.user_id), text=f"{context.name} is done.")
    return Outcome({"done": True}, (message,))


KIND = JobKind("bench.noop", "Nothing, measured.", Params, perform, queue="reports")
