"""What /help shows to whom, and what a fault says."""

import re

import pytest

from bot.app import COMMANDS
from bot.replies import help as words
from bot.replies import refusals
from domain.locales import LOCALES, speaking
from domain.users import Role
from notifications import markup

STRANGER = [each for each in COMMANDS if each.is_for(None)]
VIEWER = [each for each in COMMANDS if each.is_for(Role.VIEWER)]
ADMIN = [each for each in COMMANDS if each.is_for(Role.ADMIN)]


def named(text: str) -> set[str]:
    return set(re.findall(r"^/(\w+)", text, re.MULTILINE))


def test_the_overview_lists_the_commands_of_every_day_and_a_button_for_each_group() -> None:
    reply = words.overview(VIEWER, verified=True)
    assert named(reply.text) == {each.name for each in VIEWER if each.menu}
    assert [data for row in reply.buttons for _, data in row] == ["hp:jobs", "hp:runs", "hp:tell", "hp:account"]
    everything = words.overview(ADMIN, verified=True)
    assert [data for row in everything.buttons for _, data in row][-1] == "hp:admin"
    assert len(words.GROUPS) == 5


def test_a_stranger_sees_what_a_stranger_may_do_and_no_more() -> None:
    reply = words.overview(STRANGER, verified=False)
    assert named(reply.text) == {each.name for each in STRANGER}
    assert not reply.buttons


def test_every_command_stands_in_one_group_and_is_found_there() -> None:
    shown = [name for group in words.GROUPS for name in named(words.group(ADMIN, group).text)]
    assert sorted(shown) == sorted(each.name for each in ADMIN)


@pytest.mark.parametrize("locale", LOCALES)
def test_every_screen_of_the_help_can_be_sent(locale: str) -> None:
    with speaking(locale):
        replies = [words.overview(ADMIN, verified=True), *(words.group(ADMIN, group) for group in words.GROUPS)]
        replies += [words.command(each) for each in ADMIN] + [words.unknown("<b>", ["jobs"])]
    for reply in replies:
        assert markup.units(markup.read(reply.text).as_file) <= 4096
        assert all(len(data.encode()) <= 64 for row in reply.buttons for _, data in row)


def test_a_command_is_explained_with_two_examples_and_its_other_names() -> None:
    add = next(each for each in COMMANDS if each.name == "add")
    reply = words.command(add)
    assert "<code>/add</code>" in reply.text
    assert "GC=F every weekday 8:30</code>" in reply.text
    assert "/new" in reply.text


def test_the_help_is_spoken_in_german() -> None:
    with speaking("de"):
        reply = words.overview(VIEWER, verified=True)
    assert "/jobs – Deine Jobs" in reply.text


def test_a_fault_says_whether_anything_was_changed_and_gives_its_code() -> None:
    read, acted = refusals.broken("E-7F3A", acted=False), refusals.broken("E-7F3A", acted=True)
    assert "nothing was changed" in read.text
    assert "can't say what was changed" in acted.text
    assert all("E-7F3A" in reply.text for reply in (read, acted))


def test_an_unknown_command_offers_the_nearest_as_buttons() -> None:
    reply = refusals.unknown_command(["jobs", "job"])
    assert reply.buttons == [[("/jobs", "c:jobs"), ("/job", "c:job")]]
