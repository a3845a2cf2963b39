"""The kinds of work. Each module has a `perform(context, params) -> Outcome`, imported when it is first needed."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from domain.errors import GiveUp
from domain.runs import Outcome
from domain.schedules import JobType
from workers.context import JobContext

Perform = Callable[[JobContext, Mapping[str, Any]], Outcome]

MODULES = {JobType.REPORT: "workers.jobs.reports"}


def perform_of(job_type: str) -> Perform:
    """The function that does this kind of work; GiveUp when this version has none."""
    if job_type not in MODULES:
        raise GiveUp(f"This version of Openbell cannot do jobs of the type “{job_type}”. Delete the job or upgrade.")
    perform: Perform = import_module(MODULES[JobType(job_type)]).perform
    return perform
