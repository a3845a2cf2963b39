"""What installed packages offer under a group of entry points: ours first, each name once, broken ones with why."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType
from typing import Generic, Protocol, TypeVar

OURS = "openbell"


class Named(Protocol):
    """A kind says what it is called."""

    @property
    def name(self) -> str: ...


Kind = TypeVar("Kind", bound=Named)


@dataclass(frozen=True)
class Group(Generic[Kind]):
    """One sort of plug-in: its group of entry points, what each of them must lead to, and which names are ours."""

    name: str
    kind: type[Kind]
    what: str
    """A plug-in's name for people, with its article left out: ``job type``, ``channel``."""
    pattern: str
    """Names of plug-ins; those of ours, which are in `own`, need no point."""
    shape: str
    """What such a name looks like: ``vendor.kind``."""
    own: Sequence[str]

    def read(self) -> "Found[Kind]":
        """Everything that is installed; whatever can't be used is left out, and its reason kept."""
        found: dict[str, Kind] = {}
        left_out: dict[str, str] = {}
        faults: list[Fault] = []
        for entry in sorted(entry_points(group=self.name), key=self._order):
            if entry.name in found or entry.name in left_out:
                left_out.setdefault(f"{entry.name} ({entry.value})", f"another plug-in has a {self.what} of that name")
                faults.append(Fault(entry.name, entry.value, "the name is taken"))
                continue
            try:
                found[entry.name] = self._load(entry)
            except Exception as problem:  # noqa: BLE001  # foreign code may fail in any way
                left_out[entry.name] = f"its plug-in {entry.value} is broken ({problem}). Mend or remove it."
                faults.append(Fault(entry.name, entry.value, repr(problem)))
        for name in self.own:
            if name not in found:
                left_out.setdefault(name, "it is missing from this installation. Install Openbell anew.")
        return Found(MappingProxyType(found), MappingProxyType(left_out), tuple(faults))

    def _order(self, entry: EntryPoint) -> tuple[bool, int, str, str]:
        place = self.own.index(entry.name) if entry.name in self.own else len(self.own)
        return not _is_ours(entry), place, entry.name, entry.value

    def _load(self, entry: EntryPoint) -> Kind:
        if entry.name not in self.own and not re.fullmatch(self.pattern, entry.name):
            raise ValueError(f"a plug-in's {self.what} is named {self.shape}, in small letters, digits and _")
        if entry.name in self.own and not _is_ours(entry):
            raise ValueError(f"names without a point are Openbell's own; name it {self.shape}")
        kind = entry.load()
        if not isinstance(kind, self.kind):
            raise TypeError(f"it is a {type(kind).__name__}, not a {self.kind.__name__}")
        if kind.name != entry.name:
            raise ValueError(f"it calls itself {kind.name}, its entry point {entry.name}")
        return kind


@dataclass(frozen=True)
class Fault:
    """An entry point that was left out, for the log."""

    name: str
    plug_in: str
    reason: str


@dataclass(frozen=True)
class Found(Generic[Kind]):
    """What was found, by name; what was left out, by name, for people; and the same for the log."""

    kinds: Mapping[str, Kind]
    left_out: Mapping[str, str]
    faults: tuple[Fault, ...]


def _is_ours(entry: EntryPoint) -> bool:
    return entry.dist is not None and entry.dist.name.lower() == OURS
