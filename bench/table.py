"""What was measured, for people and for programs: medians of the rounds, ratios, and targets held or missed."""

import statistics
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Line:
    """One contender in one measurement: a value for each round."""

    name: str
    unit: str
    rounds: tuple[float, ...]
    note: str = ""

    @property
    def median(self) -> float:
        return statistics.median(self.rounds)

    def __str__(self) -> str:
        spread = f"{_short(min(self.rounds))}–{_short(max(self.rounds))}" if len(self.rounds) > 1 else ""
        return f"| {self.name} | {_short(self.median)} {self.unit} | {spread} | {self.note} |"


@dataclass(frozen=True)
class Target:
    """What is aimed at, what was found, and whether that will do."""

    what: str
    found: str
    reached: bool

    def __str__(self) -> str:
        return f"- {'reached' if self.reached else 'NOT reached'}: {self.what}; found {self.found}"


@dataclass
class Section:
    """One measurement beside its peers."""

    title: str
    lines: list[Line] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)

    def add(self, name: str, unit: str, rounds: list[float], note: str = "") -> Line:
        line = Line(name, unit, tuple(rounds), note)
        self.lines.append(line)
        return line

    def expect(self, what: str, found: str, reached: bool) -> None:
        self.targets.append(Target(what, found, reached))

    def __str__(self) -> str:
        head = [f"## {self.title}", "", "| | median | rounds | |", "|---|---|---|---|"]
        return "\n".join([*head, *map(str, self.lines), "", *map(str, self.targets), ""])


def as_json(sections: list[Section]) -> list[dict[str, Any]]:
    """The sections for a program, medians included."""
    found = []
    for section in sections:
        lines = [asdict(line) | {"median": line.median} for line in section.lines]
        found.append({"title": section.title, "lines": lines, "targets": [asdict(each) for each in section.targets]})
    return found


def percentile(values: list[float], share: float) -> float:
    """The value below which `share` of them lie."""
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


def _short(value: float) -> str:
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"
