"""The tour of the README, played as it is written there."""

import re
from pathlib import Path

from tests.e2e.house import House
from tests.e2e.transcript import Stage, lines_of

README = Path(__file__).parents[2] / "README.md"


async def test_the_tour_of_the_readme_is_true(house: House) -> None:
    [tour] = re.findall(r"```chat\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert len(list(lines_of(tour))) > 40, "the tour is whole"
    await Stage(house).play(tour)
