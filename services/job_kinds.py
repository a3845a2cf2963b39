"""The kinds of work there are: ours and those of plug-ins, each found through an entry point of one group."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from difflib import get_close_matches
from functools import cache
from typing import Any

import structlog
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from domain.errors import GiveUp, InvalidInput, NotAllowed
from domain.locales import t
from domain.plug_ins import Found, Group
from domain.runs import Outcome, Overlap
from domain.schedules import JOB_TYPE_PATTERN, OWN_JOB_TYPES, CatchUp
from domain.users import Role

log = structlog.get_logger(__name__)

GROUP = "openbell.jobs"
QUEUES = ("alerts", "trading_bots", "screeners", "reports", "maintenance")
LONGEST_NAME = 32
LONGEST_TARGET = 255


class UnknownKind(GiveUp, InvalidInput):
    """There is no such kind of job here."""


class BadParams(GiveUp, InvalidInput):
    """The job's parameters can't be right."""


class NotForRole(GiveUp, NotAllowed):
    """People of that role may not have such a job."""


@dataclass(frozen=True)
class JobKind:
    """One kind of work: what it asks for, how long it may take, and the function that does it."""

    name: str
    summary: str
    params: type[BaseModel]
    perform: Callable[[Any, Any], Outcome]
    """Called with a `workers.context.JobContext` and an instance of `params`; heavy imports belong inside it."""
    timeout: timedelta = timedelta(minutes=2)
    retries: int = 2
    repeatable: bool = True
    """Whether an attempt whose outcome is unknown may be repeated."""
    queue: str = "maintenance"
    role: Role = Role.VIEWER
    catch_up: CatchUp = CatchUp.LATEST
    catch_up_window: timedelta = timedelta(hours=1)
    overlap: Overlap = Overlap.SKIP
    target: str | None = None
    """The parameter that says what the job is about, such as `symbol`."""
    unavailable: str | None = None
    """Why it cannot be scheduled yet, as a sentence."""
    rule: Callable[[Role, Mapping[str, Any]], None] | None = None
    """A finer rule about who may do what, beside `role`; it raises NotAllowed."""
    title: str = ""
    """What a person calls it, in a word or two: ``Report``. Without it the summary stands for it."""
    naming: str = ""
    """What a new job is called, of ``{target}``: ``{target} report``."""

    def __post_init__(self) -> None:
        if fault := _fault(self):
            raise ValueError(fault)

    @property
    def available(self) -> bool:
        return self.unavailable is None

    def authorise(self, role: Role, params: Mapping[str, Any]) -> None:
        """NotForRole (a NotAllowed, and final for a run) when people of this role may not have such a job."""
        if not role.includes(self.role):
            raise NotForRole(
                t(
                    "Jobs of the type {kind} are for people with the role {role}; yours is {yours}.",
                    kind=self.name,
                    role=self.role,
                    yours=role,
                )
            )
        if self.rule is not None:
            try:
                self.rule(role, params)
            except NotAllowed as problem:
                raise NotForRole(str(problem)) from problem


_GROUP = Group(GROUP, JobKind, "job type", JOB_TYPE_PATTERN, "vendor.kind", OWN_JOB_TYPES)


def kinds() -> Mapping[str, JobKind]:
    """Every kind by its name, read once; what could not be read is in `problems`."""
    return _loaded().kinds


def problems() -> Mapping[str, str]:
    """The kinds that are left out, each with its reason."""
    return _loaded().left_out


def kind_of(name: str) -> JobKind:
    """The kind of that name; UnknownKind (an InvalidInput, and final for a run) names the nearest ones."""
    kind = kinds().get(name)
    if kind is not None:
        return kind
    if name in problems():
        raise UnknownKind(t("Jobs of the type “{name}” can't be done here: {why}", name=name, why=problems()[name]))
    known = sorted(kinds())
    near = get_close_matches(name.lower(), known, n=2, cutoff=0.6)
    shown = "".join(sign for sign in name[:40] if sign.isprintable())
    if near:
        raise UnknownKind(t("There is no job type “{name}”. Did you mean {near}?", name=shown, near=_either(near)))
    raise UnknownKind(t("There is no job type “{name}”. There are {known}.", name=shown, known=", ".join(known)))


def queue_of(job_type: str) -> str:
    """The queue in which this kind of work waits; one that is not known here waits in `maintenance`."""
    return _queues().get(job_type, "maintenance")


def read_params(kind: JobKind, given: Mapping[str, Any]) -> BaseModel:
    """The parameters as the kind's model; BadParams (an InvalidInput, final for a run) names the first wrong one."""
    if kind.unavailable is not None:
        raise BadParams(t(kind.unavailable))
    try:
        return kind.params.model_validate(dict(given))
    except ValidationError as problem:
        raise BadParams(_sentence(kind, problem)) from problem


def check_params(kind: JobKind, given: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters to be kept, as JSON has them, with defaults filled in; InvalidInput names the first wrong one."""
    return read_params(kind, given).model_dump(mode="json", exclude_none=True)


def target_of(kind: JobKind, params: Mapping[str, Any]) -> str | None:
    """What a job with these parameters is about, for lists; None when its kind has no such parameter."""
    value = params.get(kind.target) if kind.target is not None else None
    return str(value)[:LONGEST_TARGET] if value is not None else None


@cache
def _queues() -> dict[str, str]:
    return {name: kind.queue for name, kind in kinds().items()}


@cache
def _loaded() -> Found[JobKind]:
    found = _GROUP.read()
    for fault in found.faults:
        log.warning("job_kind_left_out", kind=fault.name, plug_in=fault.plug_in, reason=fault.reason)
    return found


def _fault(kind: JobKind) -> str | None:
    """Why the kind cannot be used, or None."""
    rules = {
        f"its name has more than {LONGEST_NAME} characters": len(kind.name) > LONGEST_NAME,
        f"its queue is {kind.queue!r}, not one of {', '.join(QUEUES)}": kind.queue not in QUEUES,
        "its time limit is not between a second and a day": not 1 <= kind.timeout.total_seconds() <= 86_400,
        "its retries are not between 0 and 20": not 0 <= kind.retries <= 20,
        "its overlap is in_turn, which is of rows only": kind.overlap is Overlap.IN_TURN,
        "its parameters are not a pydantic model": not issubclass(kind.params, BaseModel),
    }
    return next((fault for fault, broken in rules.items() if broken), None) or _fault_of_params(kind)


def _fault_of_params(kind: JobKind) -> str | None:
    if kind.params.model_config.get("extra") != "forbid":
        return 'its parameter model must say extra="forbid", so that a mistyped parameter is refused'
    if kind.target is not None and kind.target not in kind.params.model_fields:
        return f"its target {kind.target!r} is none of its parameters"
    return None


def _sentence(kind: JobKind, problem: ValidationError) -> str:
    """The first thing that is wrong, in words: which parameter, what it was, what it can be."""
    first = problem.errors(include_url=False)[0]
    name = str(first["loc"][0]) if first["loc"] else ""
    if first["type"] == "extra_forbidden":
        return _no_such(kind, name)
    if first["type"] == "missing":
        return _missing(kind, name)
    message = reason_of(first)
    if not name:
        return t("The parameters of this job can't be right: {why}.", why=message)
    return t(
        "The parameter “{name}” of this job is {value}: {why}.", name=name, value=_shown(first["input"]), why=message
    )


def reason_of(error: ErrorDetails) -> str:
    """Why a model refused a value, as it goes on after a colon."""
    return _lower(error["msg"].removeprefix("Value error, ").rstrip("."))


def _no_such(kind: JobKind, name: str) -> str:
    fields = kind.params.model_fields
    near = get_close_matches(name, fields, n=1, cutoff=0.5)
    shown = name[:40]
    if near:
        return t(
            "A job of the type {kind} has no parameter “{name}”. Did you mean {near}?",
            kind=kind.name,
            name=shown,
            near=near[0],
        )
    if not fields:
        return t("A job of the type {kind} has no parameter “{name}”. It takes none.", kind=kind.name, name=shown)
    takes = ", ".join(fields)
    return t(
        "A job of the type {kind} has no parameter “{name}”. It takes {takes}.", kind=kind.name, name=shown, takes=takes
    )


def _missing(kind: JobKind, name: str) -> str:
    fields = kind.params.model_fields
    about = fields[name].description if name in fields else None
    if about:
        return t(
            "A job of the type {kind} needs the parameter “{name}”: {about}.", kind=kind.name, name=name, about=t(about)
        )
    return t("A job of the type {kind} needs the parameter “{name}”.", kind=kind.name, name=name)


def _either(names: Sequence[str]) -> str:
    return t("{one} or {other}", one=names[0], other=names[1]) if len(names) > 1 else names[0]


def _shown(value: Any) -> str:
    text = "".join(sign for sign in str(value) if sign.isprintable())
    return f"“{text[:60]}{'…' if len(text) > 60 else ''}”"


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:] if not message[:2].isupper() else message
