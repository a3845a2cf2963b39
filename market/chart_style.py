"""How charts look: two palettes, the bundled typeface, and text that is drawn as it is written."""

import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import matplotlib
from matplotlib.font_manager import FontProperties
from matplotlib.ft2font import FT2Font

Theme = Literal["light", "dark"]


@dataclass(frozen=True, slots=True)
class Palette:
    """A theme's colours; rising and falling also differ by fill and sign, averages by dash."""

    paper: str
    ink: str
    muted: str
    grid: str
    rise: str
    fall: str
    averages: tuple[str, str, str]
    notice: str
    notice_paper: str


PALETTES: dict[Theme, Palette] = {
    "light": Palette(
        paper="#ffffff",
        ink="#14181f",
        muted="#5b6472",
        grid="#e6e9ee",
        rise="#0b7a5b",
        fall="#c2362b",
        averages=("#b26a00", "#6a3fb5", "#1f5fbf"),
        notice="#7a4b00",
        notice_paper="#ffedc7",
    ),
    "dark": Palette(
        paper="#12161d",
        ink="#eef1f6",
        muted="#9aa4b4",
        grid="#252c38",
        rise="#3ecf9f",
        fall="#ff7b6e",
        averages=("#f0b44c", "#b79bff", "#6ea8ff"),
        notice="#ffd98a",
        notice_paper="#4a3a12",
    ),
}
DASHES: tuple[tuple[float, tuple[float, ...] | None], ...] = ((0, None), (0, (5, 2)), (0, (1.5, 1.5)))
"""One per average: solid, dashed, dotted."""

_FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
_FILES = {"normal": _FONTS / "DejaVuSans.ttf", "bold": _FONTS / "DejaVuSans-Bold.ttf"}


def font(size: float, weight: Literal["normal", "bold"] = "normal") -> FontProperties:
    """Matplotlib's own DejaVu Sans, so that a chart looks the same on every machine."""
    return FontProperties(fname=str(_FILES[weight]), size=size)


@lru_cache(maxsize=1)
def _drawable() -> frozenset[int]:
    return frozenset.intersection(*(frozenset(FT2Font(str(path)).get_charmap()) for path in _FILES.values()))


def plain(text: str, longest: int) -> str:
    """The text on one line, cut to length; a sign that the typeface lacks becomes a box, a control character goes."""
    kept: list[str] = []
    for sign in unicodedata.normalize("NFC", text):
        if sign.isspace():
            kept.append(" ")
        elif unicodedata.category(sign)[0] not in "CM":
            kept.append(sign if ord(sign) in _drawable() else "\N{WHITE SQUARE}")
    line = " ".join("".join(kept).split())
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"
