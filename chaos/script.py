"""What happens when, drawn from the seed alone: the schedules, and the faults with their moments and targets."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from zoneinfo import available_timezones

SCHEDULES = 200
PEOPLE = 100
FIRST_FAULT_S = 8.0
EVERY_MINUTE = ("* * * * *", "0-59 * * * *", "* 0-23 * * *", "0-59 0-23 * * *", "*/1 * * * *")
"""The last but one is a fixed time to the rules for clock changes, each of its due times has a wall-clock slot."""

KINDS = (
    "kill scheduler", "kill worker", "kill core",
    "stop scheduler", "stop worker", "stop core",
    "flush Valkey", "restart Valkey", "kill Valkey",
    "restart PostgreSQL", "crash PostgreSQL", "freeze PostgreSQL",
    "cut PostgreSQL connections", "cut Valkey connections",
)  # fmt: skip


@dataclass(frozen=True)
class WantedSchedule:
    """A schedule to be made: due every minute, in one of many zones, under its own rules."""

    person: int
    cron: str
    zone: str
    kind: str
    overlap: str
    catch_up: str
    jitter_s: int
    seconds: float


@dataclass(frozen=True)
class PlannedFault:
    """A fault at a second of the run: whom it hits (of several alike) and how long it lasts."""

    at_s: float
    kind: str
    choice: int
    lasts_s: float


def schedules(seed: int) -> list[WantedSchedule]:
    """The two hundred schedules of this seed."""
    chance = random.Random(f"schedules {seed}")  # noqa: S311  # to be repeated
    zones = sorted(name for name in available_timezones() if "/" in name and not name.startswith(("Etc/", "posix")))
    return [
        WantedSchedule(
            person=number % PEOPLE,
            cron=chance.choice(EVERY_MINUTE),
            zone=chance.choice(zones),
            kind="chaos.once" if number % 5 == 0 else "chaos.effect",
            overlap=chance.choice(("skip", "queue_one", "allow")),
            catch_up=chance.choice(("skip", "latest", "all")),
            jitter_s=chance.choice((0, 0, 0, 20)),
            seconds=_seconds(chance),
        )
        for number in range(SCHEDULES)
    ]


def _seconds(chance: random.Random) -> float:
    shortest, longest = chance.choices(((0.05, 1.0), (1.0, 5.0), (5.0, 30.0)), weights=(60, 30, 10))[0]
    return round(chance.uniform(shortest, longest), 2)


def faults(seed: int, minutes: float) -> list[PlannedFault]:
    """The faults of a run this long: every kind comes once before any comes twice."""
    chance = random.Random(f"faults {seed}")  # noqa: S311  # to be repeated
    pauses = (5.0, 9.0) if minutes <= 5 else (8.0, 22.0)
    at = FIRST_FAULT_S
    planned: list[PlannedFault] = []
    for kind in _decks(chance):
        if at >= minutes * 60:
            return planned
        planned.append(PlannedFault(round(at, 1), kind, chance.randrange(1000), round(_lasts(kind, chance), 1)))
        at += chance.uniform(*pauses)
    raise AssertionError("the decks never end")


def _decks(chance: random.Random) -> Iterator[str]:
    while True:
        yield from chance.sample(KINDS, len(KINDS))


def _lasts(kind: str, chance: random.Random) -> float:
    """How long it lasts; a stopped worker mostly loses its lease of 45 s."""
    if kind == "stop worker":
        return chance.uniform(40, 60)
    if kind.startswith("stop"):
        return chance.uniform(5, 60)
    if kind == "freeze PostgreSQL":
        return chance.uniform(3, 25)
    return chance.uniform(0.2, 6)
