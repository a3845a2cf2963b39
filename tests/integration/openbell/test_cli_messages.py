"""Messages by command line: what came to nothing, doing it again once, and a test through the real queue."""

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from db.engine import Database
from domain.messages import Category, Outgoing
from domain.users import User
from notifications import deliveries, outbox
from openbell import cli
from tests.factories import Rows


class Done(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


SOON = timedelta(microseconds=1)
Openbell = Callable[..., Done]


@pytest.fixture
def openbell(
    tmp_path: Path,
    database_url: str,
    secret_key: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Openbell:
    """The command in this process, against the test's database."""
    for name, value in {"DB_URL": database_url, "SECRET_KEY": secret_key, "DATA_DIR": str(tmp_path / "data")}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["openbell", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        captured = capsys.readouterr()
        return Done(int(ended.value.code or 0), captured.out, captured.err)

    return run


@pytest.fixture
def ada(rows: Rows) -> User:
    return rows.person()


def ended(database: Database, user: User, state: str, category: Category = Category.REPORT) -> int:
    """A delivery that ended so, by the steps a sender takes."""
    with database.for_platform() as uow:
        outbox.enqueue(uow, Outgoing(category, user.id, "hello", channels=("telegram",)), datetime.now(UTC))
        uow.commit()
    [found] = deliveries.claim(database, "sender", channels=["telegram"], most=1, bulk=1)
    assert deliveries.mark_called(database, found)
    match state:
        case "failed":
            deliveries.record_refused(database, found, "the text can't be sent", "Refused")
        case "uncertain":
            deliveries.record_uncertain(database, found, "no answer came", "Uncertain")
        case _:
            for _ in range(deliveries.MOST_ATTEMPTS - 1):
                deliveries.record_postponed(database, found, "502", "Postponed", after=SOON, counts=True)
                [found] = deliveries.claim(database, "sender", channels=["telegram"], most=1, bulk=1)
                assert deliveries.mark_called(database, found)
            deliveries.record_postponed(database, found, "502", "Postponed", after=SOON, counts=True)
    return found.id


def state_of(rows: Rows, number: int) -> Any:
    [row] = rows.all("SELECT * FROM msg_delivery_status WHERE id = :id", id=number)
    return row


def test_what_came_to_nothing_is_listed_by_what_is_known_of_it(
    openbell: Openbell, house_database: Database, rows: Rows, ada: User
) -> None:
    assert "Nothing of that kind" in openbell("messages", "list").out
    dead = ended(house_database, ada, "dead")
    failed = ended(house_database, ada, "failed")
    doubtful = ended(house_database, ada, "uncertain", Category.BROADCAST)
    shown = openbell("messages", "list")
    assert shown.code == 0
    assert "the text can't be sent" in shown.out

    def listed(*options: str) -> list[int]:
        return [each["id"] for each in openbell("messages", "list", "--json", *options).json]

    assert listed() == [doubtful, failed, dead]
    assert listed("--state", "dead", "--state", "failed") == [failed, dead]
    assert listed("--class", "Refused") == [failed]
    assert listed("--channel", "email") == []
    assert listed("--since", "1h", "--after", str(failed)) == [dead]
    rows.execute("UPDATE msg_delivery_status SET updated_at = now() - interval '2 days' WHERE id = :id", id=dead)
    assert listed("--since", "1d") == [doubtful, failed]
    assert openbell("messages", "list", "--state", "lost").code == 2
    assert openbell("messages", "list", "--since", "yesterday").code == 2


def test_one_is_shown_with_every_try(openbell: Openbell, house_database: Database, ada: User) -> None:
    number = ended(house_database, ada, "dead")
    shown = openbell("messages", "show", str(number))
    assert f"delivery {number} to ada@example.com by telegram  (dead)" in shown.out
    assert shown.out.count("A try came to nothing: 502.") == 8
    told = openbell("messages", "show", str(number), "--json").json
    assert told["moments"][0]["what"] == "message"
    assert openbell("messages", "show", "999").code == 4


def test_the_dead_go_again_once_and_only_they_unless_others_are_asked_for(
    openbell: Openbell, house_database: Database, rows: Rows, ada: User
) -> None:
    dead = ended(house_database, ada, "dead")
    failed = ended(house_database, ada, "failed")
    rows.execute("UPDATE msg_messages SET expires_at = now() - interval '1 h'")
    assert "1 delivery would go again" in openbell("messages", "replay", "--dry-run").out
    assert state_of(rows, dead).status == "dead"
    assert "1 delivery back in the queue" in openbell("messages", "replay").out
    assert "nothing of that kind" in openbell("messages", "replay").out
    assert (state_of(rows, dead).status, state_of(rows, dead).possible_repeat) == ("queued", False)
    assert state_of(rows, failed).status == "failed"
    [again] = deliveries.claim(house_database, "sender", channels=["telegram"], most=5, bulk=0)
    assert again.id == dead, "its hour is not over"
    assert [each["id"] for each in openbell("messages", "replay", str(failed), "--json").json] == [failed]
    assert state_of(rows, failed).attempts_log[-1]["outcome"] == "replayed"


def test_what_was_in_doubt_says_that_it_may_be_a_repeat(
    openbell: Openbell, house_database: Database, rows: Rows, ada: User
) -> None:
    number = ended(house_database, ada, "uncertain", Category.BROADCAST)
    assert openbell("messages", "replay", "--state", "uncertain").code == 0
    assert state_of(rows, number).possible_repeat
    [again] = deliveries.claim(house_database, "sender", channels=["telegram"], most=0, bulk=5)
    assert again.possible_repeat


def test_a_test_goes_through_the_queue_to_a_person_or_an_address(openbell: Openbell, rows: Rows, ada: User) -> None:
    shown = openbell("messages", "test", "telegram", ada.email, "--wait", "0", "--json")
    assert shown.code == 1, "no sender runs in this test"
    assert "Is `openbell up`" in shown.err
    assert (shown.json["status"], shown.json["address"], shown.json["category"]) == ("queued", "1000", "health")
    bare = openbell("messages", "test", "email", "ops@example.org", "--wait", "0", "--json")
    assert (bare.json["address"], bare.json["status"]) == ("ops@example.org", "queued")
    assert openbell("messages", "test", "pigeon", "roof").code == 1
    refused = openbell("messages", "test", "telegram", "not a chat", "--wait", "0")
    assert refused.code == 1
    assert "not a chat" in refused.err
    rows.execute("UPDATE usr_auth_identities SET disabled_at = now(), disabled_reason = 'blocked'")
    assert openbell("messages", "test", "telegram", ada.email, "--wait", "0").code == 4
