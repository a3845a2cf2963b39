"""A reminder: a text to oneself, or from an admin to everybody of some role, one message for each person."""

from collections.abc import Mapping
from datetime import timedelta
from html import escape
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic.config import JsonDict

from domain.errors import GiveUp, NotAllowed
from domain.ids import UserId
from domain.locales import mark as _
from domain.locales import t
from domain.messages import Button, Category, Outgoing, Rows
from domain.runs import Outcome
from domain.schedules import JobType
from domain.users import Role
from services.job_kinds import JobKind
from services.users import UsersService
from workers.context import JobContext

MOST_LETTERS = 3500
"""Below Telegram's 4,096, which count the heading and what escaping adds."""

Segment = Literal["me", "everyone", "viewers", "traders", "admins"]
_LABELS: JsonDict = {
    "me": _("me"),
    "everyone": _("everyone"),
    "viewers": _("viewers"),
    "traders": _("traders"),
    "admins": _("admins"),
}
_ROLE_OF = {"viewers": Role.VIEWER, "traders": Role.TRADER, "admins": Role.ADMIN}


class Params(BaseModel):
    """What to say, and to whom."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str = Field(
        title=_("Text"),
        description=_("what to remind of"),
        min_length=1,
        max_length=MOST_LETTERS,
        examples=[_("check margins")],
    )
    to: Segment = Field(
        "me",
        title=_("To whom"),
        description=_("you alone; admins may also write to everybody of a role"),
        json_schema_extra={"labels": _LABELS},
    )

    @field_validator("text")
    @classmethod
    def _says_something(cls, text: str) -> str:
        kept = "".join(sign for sign in text if sign.isprintable() or sign == "\n").strip()
        if not kept:
            raise ValueError(t("it is empty, write a few words"))
        return kept


def perform(context: JobContext, params: Params) -> Outcome:
    """One message for each recipient; whoever is not active any more gets none."""
    owner = context.owner
    if params.to == "me":
        text = f"⏰ {escape(params.text)}"
        return Outcome({"recipients": 1}, (Outgoing(Category.ALERT, owner, text=text, buttons=_buttons(context)),))
    people = _recipients(context, owner, params)
    if not people:
        raise GiveUp(t("There is nobody among {whom} to write to.", whom=params.to))
    text = f"📣 {escape(params.text)}"
    return Outcome({"recipients": len(people)}, tuple(Outgoing(Category.REPORT, who, text=text) for who in people))


def _recipients(context: JobContext, owner: UserId, params: Params) -> list[UserId]:
    users = UsersService(context.database.for_platform())
    sender = users.get(owner)
    if sender is None:
        raise GiveUp(t("Its owner is not active any more."))
    KIND.authorise(sender.role, params.model_dump())  # rights are read again: they may have changed since it was saved
    return users.recipients(_ROLE_OF.get(params.to))


def _buttons(context: JobContext) -> Rows:
    if context.schedule_id is None:
        return ()
    return ((Button(t("Show job"), data=f"j:{context.schedule_id}:show:0"),),)


def _only_admins_write_to_others(role: Role, params: Mapping[str, Any]) -> None:
    if params.get("to", "me") != "me" and not role.includes(Role.ADMIN):
        raise NotAllowed(
            t("Only admins may write to {whom}; leave “to” out, and the reminder goes to you.", whom=params["to"])
        )


KIND = JobKind(
    name=JobType.NOTIFICATION,
    summary=_("a reminder, to yourself or from an admin to many"),
    params=Params,
    perform=perform,
    timeout=timedelta(minutes=1),
    retries=3,
    queue="alerts",
    target="text",
    rule=_only_admins_write_to_others,
    title=_("Reminder"),
    naming="{target}",
)
