"""Results for groups: whom they go to, what Telegram's refusals make of a group, and what its owner is told."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest

from db.engine import Database
from domain.destinations import Destination, Place, State, Trouble
from domain.errors import NotAllowed, NotFound
from domain.messages import Button, Category, Outgoing
from domain.runs import Outcome
from domain.users import User
from notifications import deliveries, outbox
from notifications.delivery import Delivery, Sent
from services.destinations import DestinationsService
from services.jobs import JobsService
from services.runs import RunsService
from tests.factories import Rows

DESK, GOLD = -1001900000001, 77
NOW = datetime.now(UTC)


@pytest.fixture
def ada(rows: Rows) -> User:
    return rows.person()


@pytest.fixture
def desk(house_database: Database, ada: User) -> Destination:
    return linked(house_database, ada)


def linked(database: Database, user: User, chat: int = DESK, thread: int = GOLD) -> Destination:
    return DestinationsService(database.for_platform()).link(
        user, chat, thread, title="Desk", topic="Gold" if thread else None, now=NOW
    )


def again(database: Database, destination: Destination) -> Destination:
    """The destination as it is now."""
    with database.for_platform() as uow:
        return uow.destinations.by_ids([destination.id])[destination.id]


def send(database: Database, user: User, destination: Destination, **values: Any) -> None:
    with database.for_platform() as uow:
        message = Outgoing(Category.REPORT, user.id, "<b>GOLD</b> 2,400", destination_id=destination.id, **values)
        outbox.enqueue(uow, message, datetime.now(UTC))
        uow.commit()


def claim(database: Database) -> list[Delivery]:
    return deliveries.claim(database, "sender", channels=["telegram", "email"], most=10, bulk=0)


def called(database: Database) -> Delivery:
    """The one delivery that is ready, about to be sent."""
    [delivery] = claim(database)
    assert deliveries.mark_called(database, delivery)
    return delivery


def told(rows: Rows) -> list[tuple[str, str, str]]:
    found = rows.all(
        "SELECT d.address, d.status, m.category FROM msg_delivery_status d JOIN msg_messages m ON m.id = d.message_id "
        "ORDER BY d.id"
    )
    return [(row.address, row.status, row.category) for row in found]


def said(rows: Rows, category: str = "health") -> list[str]:
    found = rows.all("SELECT payload FROM msg_messages WHERE category = :category ORDER BY id", category=category)
    return [row.payload["text"] for row in found]


def test_a_result_goes_into_the_topic_and_not_to_its_owner(
    house_database: Database, rows: Rows, ada: User, desk: Destination
) -> None:
    send(house_database, ada, desk)
    assert told(rows) == [(f"{DESK}/{GOLD}", "queued", "report")]


def test_a_result_goes_into_the_topic_and_to_its_owner_who_named_both(
    house_database: Database, rows: Rows, ada: User, desk: Destination
) -> None:
    send(house_database, ada, desk, channels=("telegram", "email"))
    assert {address for address, _, _ in told(rows)} == {f"{DESK}/{GOLD}", "1000", "ada@example.com"}


def test_what_an_owner_chose_for_themselves_holds_no_group_back(
    house_database: Database, rows: Rows, ada: User, desk: Destination
) -> None:
    rows.execute(
        "INSERT INTO msg_preferences (user_id, category, quiet_from, quiet_until, muted_until, digest) "
        "VALUES (:id, '*', :from, :until, :muted, 'hourly')",
        **{"id": ada.id, "from": time(0), "until": time(23, 59), "muted": NOW + timedelta(hours=3)},
    )
    send(house_database, ada, desk)
    [delivery] = claim(house_database)
    assert delivery.to_group


def test_a_job_s_results_go_where_its_owner_said(
    house_database: Database, rows: Rows, ada: User, desk: Destination
) -> None:
    job = rows.schedule(ada, destination_id=desk.id)
    other = rows.schedule(ada, name="other", deliver_to=["email"])
    rows.execute("DELETE FROM msg_messages")
    for schedule in (job, other):
        run_of(house_database, rows, schedule.id, ada)
    assert [address for address, _, _ in told(rows)] == [f"{DESK}/{GOLD}", "ada@example.com"]


def run_of(database: Database, rows: Rows, job_id: int, user: User) -> None:
    """A run of a job, done with one message."""
    run_id = JobsService(database.for_user(user.id)).run_now(job_id, now=NOW)
    rows.execute("UPDATE job_schedule_runs SET status = 'enqueued', attempt = 0 WHERE id = :id", id=run_id)
    service = RunsService(database.for_platform())
    claimed = service.start_run(run_id, 0, "worker")
    assert claimed is not None
    outcome = Outcome({}, (Outgoing(Category.REPORT, user.id, "done"),))
    assert service.finish_run(claimed, outcome, now=datetime.now(UTC))


def test_in_a_group_nothing_can_be_pressed_and_nothing_is_edited(
    house_database: Database, ada: User, desk: Destination
) -> None:
    buttons = ((Button("Run again", data="j:7:run:3"), Button("Show job", data="j:7:show:0")),)
    send(house_database, ada, desk, buttons=buttons, edits="12")
    delivery = called(house_database)
    assert (delivery.buttons, delivery.edits) == ((), None)
    DestinationsService(house_database.for_platform()).set_acting(ada, desk.id, acting=True, now=NOW)
    deliveries.give_back(house_database, delivery, timedelta(0), "not now")
    assert called(house_database).buttons == ((Button("Run again", data="j:7:run:3"),),)


def test_a_group_that_put_us_out_is_disabled_and_its_owner_gets_the_result_and_the_news(
    house_database: Database, rows: Rows, ada: User, desk: Destination
) -> None:
    rows.schedule(ada, destination_id=desk.id)
    send(house_database, ada, desk)
    deliveries.record_address_gone(
        house_database, called(house_database), "Forbidden: bot was kicked from the supergroup chat", "AddressGone"
    )
    assert told(rows) == [
        (f"{DESK}/{GOLD}", "suppressed", "report"),
        ("1000", "queued", "report"),
        ("1000", "queued", "health"),
    ]
    assert (again(house_database, desk).state, again(house_database, desk).reason) == (State.DISABLED, Trouble.REMOVED)
    [news] = said(rows)
    assert "Desk › Gold" in news
    assert "I am not a member of that group any more." in news
    assert "Jobs concerned: 1." in news


def test_what_waits_for_a_group_that_is_disabled_goes_to_its_owner(
    house_database: Database, rows: Rows, ada: User, desk: Destination
) -> None:
    send(house_database, ada, desk)
    service = DestinationsService(house_database.for_platform())
    assert service.disabled(DESK, Trouble.RIGHTS, now=NOW) == 1
    assert service.disabled(DESK, Trouble.RIGHTS, now=NOW) == 0, "it is told once"
    claim(house_database)
    send(house_database, ada, desk)
    assert ("1000", "queued", "report") in told(rows)
    assert not [each for each in claim(house_database) if each.to_group]
    assert service.back(DESK, now=NOW) == 1
    send(house_database, ada, desk)
    assert [each for each in claim(house_database) if each.to_group]


def test_what_waits_for_a_group_that_was_unlinked_goes_to_its_owner(
    house_database: Database, rows: Rows, ada: User, desk: Destination
) -> None:
    job = rows.schedule(ada, destination_id=desk.id)
    send(house_database, ada, desk)
    ended = DestinationsService(house_database.for_platform()).unlink(ada, desk.id, now=NOW)
    assert ended.jobs == 1
    claim(house_database)
    assert told(rows) == [(f"{DESK}/{GOLD}", "suppressed", "report"), ("1000", "queued", "report")]
    assert rows.all("SELECT destination_id FROM job_schedules WHERE id = :id", id=job.id)[0].destination_id is None


def test_a_topic_that_is_gone_lets_the_group_itself_be_used_from_then_on(
    house_database: Database, rows: Rows, ada: User, desk: Destination
) -> None:
    for _ in range(2):
        send(house_database, ada, desk)
        receipt = Sent("5", "sent outside the topic, which can't be written to", timedelta(0), left_topic=True)
        [delivery] = [each for each in claim(house_database) if each.to_group]
        assert deliveries.mark_called(house_database, delivery)
        assert deliveries.record_sent(house_database, delivery, receipt)
    assert [address for address, _, category in told(rows) if category == "report"] == [f"{DESK}/{GOLD}", str(DESK)]
    assert again(house_database, desk).state is State.DEGRADED
    assert len(said(rows)) == 1


def test_a_group_that_became_a_supergroup_has_its_new_number_everywhere(house_database: Database, rows: Rows) -> None:
    ada, bob = rows.person(), rows.person("bob@example.com", telegram=2000)
    old, new = -4900001, -1001900000009
    mine, his = linked(house_database, ada, old, 0), linked(house_database, bob, old, 0)
    already = linked(house_database, bob, new, 0)
    job = rows.schedule(bob, telegram=2000, destination_id=his.id)
    send(house_database, ada, mine)
    send(house_database, ada, mine)
    send(house_database, bob, his)
    deliveries.record_moved(house_database, called_first(house_database), "the group is new now", str(new))
    assert {address for address, _, _ in told(rows)} == {str(new)}
    assert again(house_database, mine).chat_id == new
    assert [row.id for row in rows.all("SELECT id FROM telegram_destinations ORDER BY id")] == [mine.id, already.id]
    assert (
        rows.all("SELECT destination_id FROM job_schedules WHERE id = :id", id=job.id)[0].destination_id == already.id
    )
    assert DestinationsService(house_database.for_platform()).moved(old, new, now=NOW) == 0


def called_first(database: Database) -> Delivery:
    delivery = deliveries.claim(database, "sender", channels=["telegram"], most=1, bulk=0)[0]
    assert deliveries.mark_called(database, delivery)
    return delivery


def test_a_destination_is_its_owner_s_alone(house_database: Database, rows: Rows, desk: Destination) -> None:
    eve = rows.person("eve@example.com", telegram=666, role="viewer")
    service = DestinationsService(house_database.for_platform())
    with pytest.raises(NotFound):
        service.get(eve, desk.id)
    with pytest.raises(NotFound):
        service.unlink(eve, desk.id, now=NOW)
    with pytest.raises(NotFound):
        service.test(eve, desk.id, now=NOW)
    with pytest.raises(NotAllowed):
        service.set_acting(eve, desk.id, acting=True, now=NOW)
    assert service.unlink_place(eve, DESK, GOLD, in_charge=False, now=NOW) == []
    assert DestinationsService(house_database.for_user(eve.id)).of_place(DESK, GOLD) is None
    assert service.linked(eve.id) == []
    send(house_database, eve, desk)
    assert told(rows)[-1][0] == "666", "a job cannot name somebody else's group"


def test_who_is_in_charge_of_a_group_ends_what_others_linked_and_they_hear_of_it(
    house_database: Database, rows: Rows, desk: Destination
) -> None:
    bob = rows.person("bob@example.com", telegram=2000, role="viewer")
    ended = DestinationsService(house_database.for_platform()).unlink_place(bob, DESK, GOLD, in_charge=True, now=NOW)
    assert [each.destination.id for each in ended] == [desk.id]
    assert "bob@example.com unlinked <b>Desk › Gold</b>" in said(rows)[0]


def test_two_people_link_one_group_each_for_themselves(house_database: Database, rows: Rows, desk: Destination) -> None:
    bob = rows.person("bob@example.com", telegram=2000, role="viewer")
    service = DestinationsService(house_database.for_platform())
    his = linked(house_database, bob)
    assert his.id != desk.id
    assert DestinationsService(house_database.for_user(bob.id)).of_place(DESK, GOLD) == his
    assert linked(house_database, bob).id == his.id, "linked twice it is the same"
    assert [each.destination.id for each in service.shown(bob)] == [his.id]


def test_acting_needs_an_admin_s_leave_and_a_job_that_is_told_there(
    house_database: Database, rows: Rows, ada: User, desk: Destination
) -> None:
    here = rows.schedule(ada, destination_id=desk.id)
    elsewhere = rows.schedule(ada, name="elsewhere")
    service = DestinationsService(house_database.for_platform())
    assert not service.may_act(ada.id, DESK, GOLD, here.id)
    service.set_acting(ada, desk.id, acting=True, now=NOW)
    assert service.may_act(ada.id, DESK, GOLD, here.id)
    assert not service.may_act(ada.id, DESK, GOLD, elsewhere.id)
    assert not service.may_act(ada.id, DESK, None, here.id)
    bob = rows.person("bob@example.com", telegram=2000)
    assert not service.may_act(bob.id, DESK, GOLD, here.id)


def test_the_general_topic_is_the_group_itself() -> None:
    assert Place.of(DESK, 1) == Place.of(DESK, None) == Place(DESK)
    assert Place(DESK).address == str(DESK)
