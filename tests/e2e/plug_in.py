"""A job type of somebody else's for the tests: it fails, or it takes its time, as its parameters say."""

from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from services import job_kinds

MODULE = """
from datetime import timedelta

from pydantic import BaseModel, ConfigDict

from domain.errors import GiveUp
from domain.messages import Category, Outgoing
from domain.runs import Outcome
from services.job_kinds import JobKind


class Params(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    fails: bool = False
    takes_s: float = 0


def perform(context, params):
    if params.fails:
        raise GiveUp("the exchange <sandbox> refused the login")
    context.stopping.wait(params.takes_s)
    context.check()
    return Outcome({"done": True}, (Outgoing(Category.REPORT, context.owner, text="Trial done."),))


KIND = JobKind(name="test.trial", summary="a trial", params=Params, perform=perform, retries=0)
"""


def install(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Install the plug-in as pip would: a module and its metadata in a folder that Python looks into."""
    metadata = folder / "openbell_trial-1.0.dist-info"
    metadata.mkdir(parents=True)
    (folder / "openbell_trial.py").write_text(MODULE, encoding="utf-8")
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: openbell-trial\nVersion: 1.0\n", encoding="utf-8")
    entry = EntryPoint("test.trial", "openbell_trial:KIND", job_kinds.GROUP)
    (metadata / "entry_points.txt").write_text(f"[{entry.group}]\n{entry.name} = {entry.value}\n", encoding="utf-8")
    patch.syspath_prepend(str(folder))
    forget()


def forget() -> None:
    """Let the kinds be read anew."""
    job_kinds._loaded.cache_clear()
    job_kinds._queues.cache_clear()
