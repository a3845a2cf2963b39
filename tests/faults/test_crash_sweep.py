"""The real scheduler, worker and sender, killed at every write to the network that one piece of work takes.

However far the killed one had come: one row for the due time, one result, one message, and the message is sent.
"""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from chaos.house import House
from chaos.script import WantedSchedule
from tests.faults.sweep import Flow, Point, cannot

pytestmark = pytest.mark.skipif(bool(why := cannot()), reason=f"no crash sweep: {why}")

SCHEDULE = WantedSchedule(0, "* 0 1 1 *", "UTC", "chaos.effect", "allow", "latest", 0, 0.0)
SWEEPS = 3
LEASES = """
UPDATE job_scheduler_leases SET lease_until = now() - interval '1 s';
UPDATE job_schedule_runs SET lease_until = now() - interval '1 s' WHERE status = 'running';
UPDATE job_schedule_runs SET enqueued_at = now() - interval '1 min' WHERE status = 'enqueued';
UPDATE msg_delivery_status SET lease_until = now() - interval '1 s' WHERE status = 'sending';
SELECT pg_notify('openbell_runs', ''), pg_notify('openbell_messages', '')
"""


class Case:
    """One due time after another, and what became of the newest."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.due: datetime | None = None

    def make_due(self) -> None:
        """Make the schedule due, as if its time had come this very moment."""
        with self.house.superuser() as cursor:
            cursor.execute(
                "UPDATE job_schedules SET last_planned_for = NULL, next_run_at = date_trunc('milliseconds', now()) "
                "RETURNING next_run_at"
            )
            self.due = cursor.fetchone()[0]
            cursor.execute("SELECT pg_notify('openbell_runs', '')")

    def make_old(self) -> None:
        """What the dead process held is over at once, instead of in a minute."""
        with self.house.superuser() as cursor:
            cursor.execute(LEASES)

    def has_succeeded(self) -> bool:
        return self._one("SELECT bool_or(status = 'succeeded') FROM job_schedule_runs WHERE scheduled_for = %s")

    def is_sent(self) -> bool:
        return self._one(
            "SELECT bool_or(d.status = 'sent') FROM job_schedule_runs r JOIN msg_messages m ON m.run_id = r.id "
            "JOIN msg_delivery_status d ON d.message_id = m.id WHERE r.scheduled_for = %s"
        )

    def _one(self, question: str) -> bool:
        with self.house.superuser() as cursor:
            cursor.execute(question, (self.due,))
            return bool(cursor.fetchone()[0])

    def check(self, point: Point) -> None:
        """One row, one result, one message, one effect of the attempt that stored its result, none twice."""
        with self.house.superuser() as cursor:
            cursor.execute(
                "SELECT r.status, r.attempt, r.result ->> 'mark', "
                "(SELECT array_agg(m.payload ->> 'text') FROM msg_messages m WHERE m.run_id = r.id), "
                "(SELECT array_agg(f.mark) FROM chaos.effects f WHERE f.run_id = r.id), "
                "(SELECT count(DISTINCT f.attempt) FROM chaos.effects f WHERE f.run_id = r.id) "
                "FROM job_schedule_runs r WHERE r.scheduled_for = %s",
                (self.due,),
            )
            rows = cursor.fetchall()
        assert len(rows) == 1, f"{rows} after {point}"
        [(status, attempt, mark, messages, effects, attempts)] = rows
        assert status == "succeeded", f"{status} after {point}"
        assert len(messages) == 1, f"{messages} after {point}"
        assert messages[0].endswith(mark), f"{messages} after {point}"
        assert effects.count(mark) == 1, f"{effects} after {point}"
        assert len(effects) == attempts <= attempt <= 2, f"{effects} of {attempt} attempts after {point}"

    def check_chat(self, point: Point) -> None:
        """In the person's chat it is once, or twice where the call's outcome was not known, and then it says so."""
        self.check(point)
        with self.house.superuser() as cursor:
            cursor.execute(
                "SELECT r.result ->> 'mark', d.possible_repeat, d.address FROM job_schedule_runs r "
                "JOIN msg_messages m ON m.run_id = r.id JOIN msg_delivery_status d ON d.message_id = m.id "
                "WHERE r.scheduled_for = %s",
                (self.due,),
            )
            [(mark, repeat, chat)] = cursor.fetchall()
        page = self.house.ask(f"/api/chats/{chat}/messages")["messages"]
        seen = [message for message in page if mark in str(message)]
        assert 1 <= len(seen) <= (2 if repeat else 1), f"{len(seen)} copies after {point}"


@pytest.fixture
def house(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[House]:
    """Servers, the sandbox, one person with one schedule, and the roles that are not under test."""
    tmp_path.chmod(0o711)
    for folder in tmp_path.parents:
        if folder.stat().st_mode & 0o011 != 0o011 and folder.name.startswith("pytest"):
            folder.chmod(folder.stat().st_mode | 0o011)
    made = House(tmp_path, seed=0)
    try:
        made.open([SCHEDULE], people=1, members=request.param)
        yield made
    finally:
        made.close()


def told(flow: Flow) -> str:
    return "\n".join(f"{point.threads} {point.number}: {point.write}" for point in flow.points)


def at_commit_and_ring(flow: Flow) -> bool:
    """Whether two of the deaths were at a commit and at the ring that follows it.

    On a busy machine a write that the clock asks for may stand between them; then they are swept again.
    """
    rings = [point.number for point in flow.points if "EVAL" in point.write and "COMMIT" in point.before]
    commits = [point.number for point in flow.points if "COMMIT" in point.write]
    return any(ring - 1 in commits for ring in rings)


@pytest.mark.parametrize("house", [("worker1", "notifications1")], indirect=True)
def test_a_scheduler_may_die_at_any_write_of_a_dispatch(house: House) -> None:
    case = Case(house)
    flow = Flow(
        house, "scheduler10", ("",), case.make_due, case.has_succeeded, case.make_old, case.check,
        stops_the_other=False, beside=("job_scheduler_leases", "msg_system_health"),
    )  # fmt: skip
    for _ in range(SWEEPS):
        flow.sweep()
        print(told(flow))
        if at_commit_and_ring(flow):
            break
    assert at_commit_and_ring(flow), f"not killed at the commit and at the ring:\n{told(flow)}"


@pytest.mark.parametrize("house", [("scheduler1", "notifications1")], indirect=True)
def test_a_worker_may_die_at_any_write_of_a_run(house: House) -> None:
    case = Case(house)
    threads = ("ConsumerThread", "starts", "WorkerThread", "ends")
    flow = Flow(
        house, "worker10", threads, case.make_due, case.has_succeeded, case.make_old, case.check,
        most={"ConsumerThread": 4},
    )  # fmt: skip
    flow.sweep()
    print(told(flow))
    assert {point.threads for point in flow.points} == set(threads)


@pytest.mark.parametrize("house", [("scheduler1", "worker1")], indirect=True)
def test_a_sender_may_die_at_any_write_of_a_delivery(house: House) -> None:
    case = Case(house)
    flow = Flow(
        house, "notifications10", ("", "notifications-*"), case.make_due, case.is_sent, case.make_old, case.check_chat
    )
    flow.sweep()
    print(told(flow))
    assert {point.threads for point in flow.points} == set(flow.threads) - {""} | {"main"}
