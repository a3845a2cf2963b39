"""A message is found by the chat's own number for it, by its person alone, and its story is told."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from db.engine import Database
from domain.errors import NotFound
from domain.messages import Category, Outgoing
from domain.preferences import Gather
from domain.users import User
from notifications import deliveries, outbox
from notifications.delivery import Delivery, Sent
from services.history import HistoryService
from services.message_timeline import MessageStory
from services.preferences import PreferencesService
from tests.factories import Rows

BERLIN = ZoneInfo("Europe/Berlin")


class Post:
    """One person, and a sender in the hands of the test."""

    def __init__(self, database: Database, rows: Rows) -> None:
        self.database = database
        self.rows = rows
        self.ada = rows.person()

    def queue(self, text: str, category: Category = Category.REPORT) -> None:
        with self.database.for_platform() as uow:
            outbox.enqueue(uow, Outgoing(category, self.ada.id, text), datetime.now(UTC))
            uow.commit()

    def claim(self) -> Delivery:
        [found] = deliveries.claim(self.database, "sender", channels=["telegram"], most=1, bulk=0)
        return found

    def send(self, number: str, *parts: str) -> None:
        found = self.claim()
        assert deliveries.mark_called(self.database, found)
        for place, part in enumerate(parts):
            deliveries.record_part(self.database, found, place, part)
        assert deliveries.record_sent(self.database, found, Sent(number, None, timedelta(milliseconds=80)))

    def let_go(self) -> None:
        self.rows.execute("UPDATE msg_delivery_status SET not_before = now() WHERE held")

    def why(self, number: int, who: User | None = None) -> MessageStory:
        service = HistoryService(self.database.for_platform())
        return service.explain_message((who or self.ada).id, "1000", number, BERLIN)


@pytest.fixture
def post(house_database: Database, rows: Rows) -> Post:
    return Post(house_database, rows)


def test_each_part_of_a_long_message_leads_to_its_story(post: Post) -> None:
    post.queue("long")
    post.send("72", "70", "71")
    assert post.why(70) == post.why(71) == post.why(72)
    assert post.why(72).verdict == "It is a report. It came at once."


def test_nobody_is_told_of_another_persons_message(post: Post) -> None:
    post.queue("mine")
    post.send("70")
    eve = post.rows.person("eve@example.com", telegram=2000)
    for who, number in ((eve, 70), (None, 71)):
        with pytest.raises(NotFound, match="my answer"):
            post.why(number, who)


def test_a_digest_says_what_it_gathers_and_why_it_waited(post: Post) -> None:
    service = PreferencesService(post.database.for_user(post.ada.id))
    service.gather(post.ada, "report", Gather.HOURLY, None)
    post.queue("<b>GOLD</b> is up")
    post.queue("SILVER is down")
    post.let_go()
    post.send("80")
    told = post.why(80)
    [holds] = [each.text for each in told.moments if each.what == "gathered"]
    assert "It gathers 2 messages: " in holds
    assert "GOLD is up; " in holds
    assert "SILVER is down" in holds


def test_what_quiet_hours_held_back_says_so_when_it_came(post: Post) -> None:
    now = datetime.now(BERLIN)
    begins, ends = (now - timedelta(hours=1)).time(), (now + timedelta(hours=2)).time()
    service = PreferencesService(post.database.for_user(post.ada.id))
    service.be_quiet(post.ada, time(begins.hour, begins.minute), time(ends.hour, ends.minute))
    post.queue("held")
    post.rows.execute(
        "UPDATE msg_messages SET created_at = now() - interval '1 h', not_before = now() - interval '1 h'"
    )
    PreferencesService(post.database.for_user(post.ada.id)).be_quiet(post.ada, None, None)
    post.let_go()
    post.send("90")
    told = post.why(90)
    assert "after it was ready: quiet hours until" in told.verdict
    assert "(you chose that with /quiet)" in told.verdict
