"""Growth: a thousand due among ever more schedules, rung by a scheduler that was idle; and what idling costs it."""

from dataclasses import dataclass

from bench import rows
from bench.dispatch import NAME, seconds_until
from bench.house import House, resident_mb, share_of_a_core
from bench.table import Section


@dataclass(frozen=True)
class Size:
    """How many schedules there are at each step, how many are due, how often, and how long it then idles."""

    steps: tuple[int, ...]
    due: int
    rounds: int
    idle_s: float


FULL = Size((10_000, 100_000, 1_000_000), 1000, 5, 20)
QUICK = Size((1_000, 4_000), 100, 1, 2)


def measure(house: House, size: Size) -> Section:
    """Seconds from the due instant until all are rung, for each number of schedules."""
    section = Section(f"Growth: {size.due:,} due in one instant among ever more schedules")
    before = None
    for schedules in size.steps:
        rows.fill(house, schedules)
        with house.scheduler() as child:
            seconds = []
            for _ in range(size.rounds):
                rows.clear(house)
                at = rows.let_be_due(house, schedules, size.due).timestamp()
                seconds.append(seconds_until(house, NAME, size.due, at))
            line = section.add(f"among {schedules:,}: from due to all rung", "s", seconds)
            if before is not None:
                grown = line.median / before
                section.expect(f"no more than a fifth slower among {schedules:,}", f"{grown - 1:+.0%}", grown <= 1.2)
            before = line.median
            if schedules == size.steps[-1]:
                _idle(house, section, child.pid, schedules, size)
    section.expect(f"{size.due:,} rung within 0.25 s of their instant", f"{line.median:.3f} s", line.median <= 0.25)
    return section


def _idle(house: House, section: Section, pid: int, schedules: int, size: Size) -> None:
    rows.clear(house)
    share = share_of_a_core(pid, size.idle_s) * 100
    used = resident_mb(pid)
    section.add(f"idle with {schedules:,}: processor", "% of a core", [share])
    section.add(f"idle with {schedules:,}: resident memory", "MB", [used])
    section.expect("an idle scheduler under 1 % of a core", f"{share:.2f} %", share < 1)
    section.expect("an idle scheduler under 100 MB", f"{used:.0f} MB", used < 100)
