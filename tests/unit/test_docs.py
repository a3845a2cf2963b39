"""What the documents claim, held against the code."""

import re
from pathlib import Path

import pytest

from bot.app import COMMANDS
from domain.runs import TRANSITIONS
from openbell.settings import Settings

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_the_settings_page_lists_every_setting_and_no_other() -> None:
    listed = set(re.findall(r"^\| `([A-Z_]+)`", read("docs/reference/settings.md"), re.MULTILINE))
    assert listed == {name.upper() for name in Settings.model_fields} - {"SANDBOX"}


def test_the_settings_page_says_what_the_model_says() -> None:
    page = read("docs/reference/settings.md")
    for name, field in Settings.model_fields.items():
        if name != "sandbox":
            assert f"| `{name.upper()}` | {field.description} |" in page


def test_the_chat_page_lists_every_command() -> None:
    listed = re.findall(r"^\| `/(\w+)` \| (.*?) \|", read("docs/reference/chat.md"), re.MULTILINE)
    assert listed == [(command.name, command.help) for command in COMMANDS]


def test_the_state_diagram_is_the_codes_own() -> None:
    drawn = {
        source: set(targets.split())
        for source, targets in re.findall(r"^(\w+) +-> ((?:\w+ *)+)$", read("docs/internals.md"), re.MULTILINE)
        if source in {status.value for status in TRANSITIONS}
    }
    assert drawn == {source.value: {target.value for target in targets} for source, targets in TRANSITIONS.items()}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
        if not target.startswith(("http://", "https://")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
        else:
            assert not target.endswith((".png", ".svg", ".jpg")), "pictures come from the repository"


def test_every_make_target_named_in_the_readme_exists() -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", read("Makefile"), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z0-9-]+)`", read("README.md"))) <= targets
