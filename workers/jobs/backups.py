"""The backup: a verified dump of the whole database in DATA_DIR/backups, and a message with its size and checksum."""

from datetime import timedelta
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit, urlunsplit

from pydantic import BaseModel, ConfigDict, Field

from domain.errors import GiveUp
from domain.locales import mark as _
from domain.locales import number_marks, t
from domain.messages import Category, Outgoing
from domain.runs import Outcome
from domain.schedules import JobType
from domain.users import Role
from services.job_kinds import JobKind
from services.users import UsersService
from workers.context import JobContext

if TYPE_CHECKING:
    from db import dumps

KEPT = 14
OWNER = "openbell_owner"


class Params(BaseModel):
    """How many backups to keep."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    keep: int = Field(
        KEPT,
        title=_("Keep"),
        description=_("how many backups to keep, older ones are deleted"),
        ge=1,
        le=1000,
        examples=[7, 14, 30],
    )


def perform(context: JobContext, params: Params) -> Outcome:
    """Make the dump and say how large it is; a repeat after a fault makes another one, which does no harm."""
    from db import dumps

    sender = UsersService(context.database.for_platform()).get(context.owner)
    if sender is None:
        raise GiveUp(t("Its owner is not active any more."))
    KIND.authorise(sender.role, params.model_dump())  # rights are read again: they may have changed since it was saved
    folder = context.data_dir / "backups"
    dump = dumps.make(_owner_url(context), folder, kept=params.keep, now=context.now, check=context.check)
    kept = len(dumps.kept_in(folder))
    return Outcome(dump.as_dict() | {"kept": kept}, (_message(context, dump, kept),))


def _message(context: JobContext, dump: "dumps.Dump", kept: int) -> Outgoing:
    text = "\n".join(
        [
            f"💾 <b>{t('Backup made and verified')}</b>",
            t(
                "{size} from {tables} tables in {seconds} s; {kept} kept.",
                size=_size(dump.size),
                tables=dump.tables,
                seconds=number_marks(f"{dump.seconds:.1f}"),
                kept=kept,
            ),
            f"<code>{escape(str(dump.path))}</code>",
            f"SHA-256 <code>{dump.sha256}</code>",
            "",
            f"<i>{t('It lies on the same machine as the database: copy it elsewhere too.')}</i>",
        ]
    )
    return Outgoing(Category.REPORT, context.owner, text=text)


def _owner_url(context: JobContext) -> str:
    """The schema owner's address: as it was given, or with the password that lies beside the embedded server."""
    parts = urlsplit(context.database_url)
    if parts.username:
        return context.database_url
    secret: Path = context.data_dir / "secrets" / "postgres_owner"
    if not secret.exists():
        raise GiveUp(
            t("DB_URL names no user, and a backup needs the schema's owner. Put user and password into DB_URL.")
        )
    password = quote(secret.read_text(encoding="utf-8").strip(), safe="")
    return urlunsplit(parts._replace(netloc=f"{OWNER}:{password}@{parts.netloc}"))


def _size(number: int) -> str:
    return number_marks(f"{number / 1_000_000:,.1f} MB" if number >= 100_000 else f"{number / 1_000:,.1f} kB")


KIND = JobKind(
    name=JobType.BACKUP,
    summary=_("a verified backup of the whole database"),
    params=Params,
    perform=perform,
    timeout=timedelta(hours=1),
    role=Role.ADMIN,
    catch_up_window=timedelta(days=1),
    title=_("Backup"),
    naming=_("Backup"),
)
