"""Places, what Telegram says of them, and which buttons act in a group."""

import pytest

from domain.destinations import Destination, Place, State, Trouble, is_group, job_acted_on, read_place, trouble_of
from domain.ids import UserId
from domain.locales import speaking

REFUSALS = [
    ("Forbidden: bot was kicked from the group chat", Trouble.REMOVED),
    ("Forbidden: bot was kicked from the supergroup chat", Trouble.REMOVED),
    ("Forbidden: bot is not a member of the supergroup chat", Trouble.REMOVED),
    ("Bad Request: not enough rights to send text messages to the chat", Trouble.RIGHTS),
    ("Bad Request: have no rights to send a message", Trouble.RIGHTS),
    ("Bad Request: CHAT_WRITE_FORBIDDEN", Trouble.RIGHTS),
    ("Bad Request: CHAT_RESTRICTED", Trouble.RIGHTS),
    ("Forbidden: the group chat was deleted", Trouble.GONE),
    ("Bad Request: chat not found", Trouble.GONE),
    ("Bad Request: group chat was deactivated", Trouble.GONE),
]


@pytest.mark.parametrize(("said", "trouble"), REFUSALS)
def test_a_refusal_of_a_group_is_read(said: str, trouble: Trouble) -> None:
    assert trouble_of(said) is trouble


@pytest.mark.parametrize("place", [Place(-1001), Place(-1001, 77)])
def test_an_address_leads_back_to_its_place(place: Place) -> None:
    assert read_place(place.address) == place
    assert is_group(place.address)


def test_a_person_is_no_group() -> None:
    assert not is_group("4503599627370498")
    assert not is_group("ada@example.com")


def destination(state: State, thread: int = 77) -> Destination:
    return Destination(1, UserId(1), -1001, thread, "Desk", "Gold", acting=False, state=state, reason=None)


def test_a_topic_that_is_gone_is_sent_to_as_its_group() -> None:
    assert destination(State.ACTIVE).address == "-1001/77"
    assert destination(State.DEGRADED).address == "-1001"
    assert not destination(State.DISABLED).usable


def test_a_destination_is_named_by_group_and_topic() -> None:
    assert destination(State.ACTIVE).name == "Desk › Gold"
    assert destination(State.ACTIVE, thread=0).name == "Desk"


@pytest.mark.parametrize("data", ["j:7:run:12", "j:7:pause:c18f", "j:7:resume:0"])
def test_what_runs_pauses_or_resumes_a_job_may_act_in_a_group(data: str) -> None:
    assert job_acted_on(data) == 7


@pytest.mark.parametrize(
    "data",
    [
        None,
        "",
        "j:7:show:0",
        "j:7:delete:0",
        "j::run:",
        "j:x:run:1",
        "x:7:retry",
        "pa:all",
        "j:7:run:1:2",
        "j:7:run:A\n",
    ],
)
def test_every_other_button_stays_out_of_groups(data: str | None) -> None:
    assert job_acted_on(data) is None


@pytest.mark.parametrize("trouble", list(Trouble))
def test_every_trouble_has_words(trouble: Trouble) -> None:
    with speaking("en"):
        assert trouble.words.endswith(".")
