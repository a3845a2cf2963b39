"""What the documents claim, held against the code."""

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from bot.app import COMMANDS
from domain.messages import DeliveryStatus
from domain.runs import TRANSITIONS
from openbell.cli import ROLES
from openbell.cli import app as command_line
from openbell.settings import Settings

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
SETTINGS = {name.upper(): field for name, field in Settings.model_fields.items() if name != "sandbox"}


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def rows(name: str) -> list[list[str]]:
    """The cells of every table row of a page that begins with code."""
    lines = [line for line in read(name).splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def arrows(heading: str) -> set[tuple[str, str]]:
    """The arrows of the drawing below a heading of the internals; [*] is left out."""
    chapter = read("docs/internals.md").split(f"## {heading}\n")[1].split("\n## ")[0]
    return set(re.findall(r"^ +(\w+) --> (\w+)", chapter, re.MULTILINE))


def commands(command: Any, name: str = "openbell") -> Iterator[tuple[str, set[str]]]:
    """Every command of the command line, with its options."""
    below = getattr(command, "commands", None)
    if below is None:
        yield name, {option for each in command.params for option in each.opts if option.startswith("--")}
        return
    for part, child in below.items():
        yield from commands(child, f"{name} {part}")


def targets(page: str) -> list[str]:
    """Where the links and pictures of a page lead, without what stands in code."""
    prose = re.sub(r"```.*?```|`[^`\n]*`", "", page, flags=re.DOTALL)
    return re.findall(r"\]\(([^)\s]+)\)", prose) + re.findall(r'(?:src|href)="([^"]+)"', prose)


def test_the_settings_page_says_what_the_model_says_and_no_more() -> None:
    default = {name: field.default for name, field in SETTINGS.items()}
    assert {tuple(row) for row in rows("docs/reference/settings.md")} == {
        (f"`{name}`", field.description, "" if default[name] is None else f"`{default[name]}`")
        for name, field in SETTINGS.items()
    }


def test_the_chat_page_says_what_the_table_of_commands_says() -> None:
    assert rows("docs/reference/chat.md") == [
        [
            f"`/{command.name}`",
            command.help,
            command.role.value if command.role else "everybody",
            f"`{command.example}`" if command.example else "",
        ]
        for command in COMMANDS
    ]


def test_the_command_line_page_lists_every_command_with_its_options() -> None:
    listed = {}
    for usage, _ in rows("docs/reference/cli.md"):
        name = re.match(r"`(openbell(?: [a-z-]+)+)", usage)
        assert name, usage
        listed[name[1]] = set(re.findall(r"--[a-z-]+", usage))
    assert listed == dict(commands(get_command(command_line)))


def test_the_command_line_page_names_every_role() -> None:
    (row,) = [row for row in rows("docs/reference/cli.md") if row[0].startswith("`openbell run ")]
    assert set(re.findall(r"`(\w+)`", row[1])) == set(ROLES)


def test_the_readme_names_every_command_of_the_chat_and_of_the_command_line() -> None:
    said = read("README.md").split("## What you can say\n")[1].split("\n## ")[0]
    assert set(re.findall(r"`/(\w+)`", said)) == {command.name for command in COMMANDS}
    assert set(re.findall(r"`(openbell [^`]+)`", said)) == {name for name, _ in commands(get_command(command_line))}


def test_the_drawing_of_a_runs_life_is_the_codes_own() -> None:
    assert arrows("The life of a run") == {(source, target) for source in TRANSITIONS for target in TRANSITIONS[source]}


def test_the_drawing_of_a_messages_life_has_every_state() -> None:
    drawn = arrows("The life of a message")
    assert {state for arrow in drawn for state in arrow} == set(DeliveryStatus)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    for target in targets(page.read_text(encoding="utf-8")):
        if not target.startswith(("http://", "https://")):
            assert (page.parent / target.partition("#")[0]).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_pictures_come_from_the_repository(page: Path) -> None:
    pictures = (".png", ".svg", ".jpg", ".jpeg", ".gif", ".webp")
    text = page.read_text(encoding="utf-8")
    assert not re.findall(r"!\[[^\]]*\]\(https?:", text)
    assert not [each for each in targets(text) if each.startswith("http") and each.lower().endswith(pictures)]


def test_the_readme_shows_the_chat() -> None:
    assert "](docs/images/chat-desktop.png)" in read("README.md")


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_every_make_target_that_is_named_exists(page: str) -> None:
    known = set(re.findall(r"^([a-z0-9-]+):", read("Makefile"), re.MULTILINE))
    named = set(re.findall(r"`make ([a-z0-9-]+)", read(page)))
    assert named
    assert named <= known


def test_the_decisions_are_numbered_without_a_gap() -> None:
    numbers = sorted(int(page.name[:4]) for page in (ROOT / "docs/decisions").glob("*.md"))
    assert numbers[0] == 1
    assert all(later == earlier + 1 for earlier, later in pairwise(numbers))


def test_the_licence_is_the_one_that_the_package_names() -> None:
    assert 'license = "Apache-2.0"' in read("pyproject.toml")
    text = read("LICENSE")
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text
    assert "APPENDIX: How to apply the Apache License to your work." in text
