"""An admin's look at everybody's runs, and an admin's hand on them; nobody else's."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from db.engine import Database
from domain.errors import InvalidInput, NotAllowed, NotFound
from domain.job_filters import EVERYTHING, parse_filter
from domain.users import User
from services.agenda import AgendaService
from services.history import HistoryService
from services.jobs import JobsService
from services.operating import OperatingService
from services.planning import PlanningService
from services.runs import RunsService
from tests.factories import Rows

BERLIN = ZoneInfo("Europe/Berlin")


def now() -> datetime:
    return datetime.now(UTC)


def operating(database: Database) -> OperatingService:
    return OperatingService(database.for_platform())


@pytest.fixture
def people(rows: Rows) -> tuple[User, User]:
    """An admin, and somebody with runs."""
    return rows.person(), rows.person("bob@example.com", telegram=2000, role="viewer")


def run_of(database: Database, rows: Rows, user: User, name: str = "Bob's") -> int:
    schedule = rows.schedule(user, "0 9 * * *", name, telegram=2000, overlap="allow")
    return JobsService(database.for_user(user.id)).run_now(schedule.id, now=now())


def test_the_queue_counts_and_names_what_runs_waits_and_is_late(
    house_database: Database, rows: Rows, people: tuple[User, User]
) -> None:
    ada, bob = people
    running, waiting, late = (run_of(house_database, rows, bob, name) for name in ("runs", "waits", "is late"))
    PlanningService(house_database.for_platform()).ring_waiting()
    assert RunsService(house_database.for_platform()).start_run(running, 0, "host:1") is not None
    rows.execute("UPDATE job_schedule_runs SET not_before = now() - interval '1 hour' WHERE id = :id", id=late)
    found = operating(house_database).queue(ada)
    assert (found.running, found.waiting, found.late) == (1, 2, 1)
    assert [(run.id, run.late, run.owner) for run in found.runs] == [
        (running, False, "bob@example.com"),
        (waiting, False, "bob@example.com"),
        (late, True, "bob@example.com"),
    ]
    assert [run.id for run in operating(house_database).queue(ada, after=running, limit=1).runs] == [waiting]
    [worker] = operating(house_database).workers(ada).at_work
    assert (worker.worker_id, [run.id for run in worker.runs]) == ("host:1", [running])


def test_what_an_admin_does_to_anothers_run_stands_in_its_story(
    house_database: Database, rows: Rows, people: tuple[User, User]
) -> None:
    ada, bob = people
    run = run_of(house_database, rows, bob)
    assert operating(house_database).owner_of(ada, run) == "bob@example.com"
    operating(house_database).kill(ada, run, now=now())
    again = operating(house_database).retry(ada, run, now=now())
    his = HistoryService(house_database.for_user(bob.id))
    assert his.explain(run, BERLIN, now=now()).verdict == "It was cancelled by ada@example.com."
    told = [moment.text for moment in his.explain(again, BERLIN, now=now()).moments]
    assert f"Planned: ada@example.com asked to do run {run} once more." in told
    assert rows.all("SELECT user_id FROM job_schedule_runs WHERE id = :id", id=again)[0].user_id == bob.id
    _, owner = operating(house_database).story(ada, again, BERLIN, now=now())
    assert owner == "bob@example.com"


def test_an_admins_own_run_is_told_as_their_own(house_database: Database, rows: Rows) -> None:
    ada = rows.person()
    schedule = rows.schedule(ada, "0 9 * * *", overlap="allow")
    run = JobsService(house_database.for_user(ada.id)).run_now(schedule.id, now=now())
    operating(house_database).kill(ada, run, now=now())
    again = operating(house_database).retry(ada, run, now=now())
    told, owner = operating(house_database).story(ada, again, BERLIN, now=now())
    assert owner is None
    assert told.moments[0].text == f"Planned: you asked to do run {run} once more."


@pytest.mark.parametrize(
    "ask",
    [
        lambda service, user, run: service.queue(user),
        lambda service, user, run: service.workers(user),
        lambda service, user, run: service.kill(user, run, now=now()),
        lambda service, user, run: service.retry(user, run, now=now()),
        lambda service, user, run: service.story(user, run, BERLIN, now=now()),
        lambda service, user, run: service.failed(user),
        lambda service, user, run: service.owner(user, "bob"),
        lambda service, user, run: service.owner_of(user, run),
        lambda service, user, run: service.jobs_of(user, user.id, EVERYTHING),
        lambda service, user, run: service.job(user, 1),
    ],
)
def test_nobody_but_an_admin_of_this_moment_may(
    house_database: Database,
    rows: Rows,
    people: tuple[User, User],
    ask: Callable[[OperatingService, User, int], object],
) -> None:
    ada, bob = people
    run = run_of(house_database, rows, bob)
    with pytest.raises(NotAllowed):
        ask(operating(house_database), bob, run)
    rows.execute("UPDATE usr_users SET role = 'trader' WHERE id = :id", id=ada.id)
    with pytest.raises(NotAllowed):  # the row decides, not what was known of the person a moment ago
        ask(operating(house_database), ada, run)
    assert rows.all("SELECT status FROM job_schedule_runs WHERE id = :id", id=run)[0].status == "planned"


def test_a_person_is_found_by_number_address_or_a_part_of_it(
    house_database: Database, rows: Rows, people: tuple[User, User]
) -> None:
    ada, bob = people
    service = operating(house_database)
    for named in (str(bob.id), "bob@example.com", "BOB"):
        assert service.owner(ada, named) == (bob.id, "bob@example.com")
    with pytest.raises(InvalidInput, match="More than one"):
        service.owner(ada, "example.com")
    with pytest.raises(NotFound):
        service.owner(ada, "carol")


def test_jobs_are_listed_by_tag_state_and_name(house_database: Database, rows: Rows) -> None:
    ada = rows.person()
    jobs = JobsService(house_database.for_user(ada.id))
    gold, silver, once = (rows.schedule(ada, "0 9 * * *", name) for name in ("100 % gold", "silver", "once"))
    jobs.tag(gold.id, ["#metal", "#daily"])
    jobs.pause(silver.id, now() + timedelta(days=1))
    rows.execute(
        "UPDATE job_schedules SET next_run_at = NULL, ends_at = now() - interval '1 h' WHERE id = :id", id=once.id
    )
    rows.execute("UPDATE job_schedules SET consecutive_failures = 2 WHERE id IN (:a, :b)", a=gold.id, b=once.id)

    def listed(words: str, after: int = 0, limit: int = 8) -> list[int]:
        found = AgendaService(house_database.for_user(ada.id)).page(parse_filter(words), after=after, limit=limit)
        return [schedule.id for schedule, _ in found]

    assert listed("") == [gold.id, silver.id]
    assert listed("#metal") == [gold.id]
    assert listed("#metals") == []
    assert listed("paused") == [silver.id]
    assert listed("failed") == [gold.id]
    assert listed("done") == [once.id]
    assert listed("100 %") == [gold.id]
    assert listed("100_%") == []
    assert listed("", after=gold.id) == [silver.id]
    assert listed("", limit=1) == [gold.id]


def test_a_copy_is_like_the_job_but_paused_and_under_a_free_name(house_database: Database, rows: Rows) -> None:
    ada = rows.person()
    schedule = rows.schedule(ada, "0 9 * * *", "Gold", overlap="allow", jitter_s=60, grace_s=300)
    jobs = JobsService(house_database.for_user(ada.id))
    jobs.tag(schedule.id, ["#metal"])
    copied = jobs.copy(ada, schedule.id, now=now())
    assert (copied.name, copied.enabled, copied.next_run_at) == ("Gold 2", False, None)
    assert (copied.overlap, copied.grace_s, copied.tags, copied.params) == ("allow", 300, ("metal",), schedule.params)
    assert copied.timing.jitter_s == 60
    assert jobs.resume(copied.id, now=now()).next_run_at is not None


def test_leaving_out_several_runs_gives_each_its_row(house_database: Database, rows: Rows) -> None:
    ada = rows.person()
    schedule = rows.schedule(ada, "0 9 * * *")
    jobs = JobsService(house_database.for_user(ada.id))
    after, left_out = jobs.skip(schedule.id, 3)
    found = rows.all("SELECT scheduled_for, skip_reason FROM job_schedule_runs ORDER BY scheduled_for")
    assert [row.scheduled_for for row in found] == left_out
    assert {row.skip_reason for row in found} == {"skipped_by_owner"}
    assert after.next_run_at == next(schedule.timing.upcoming(left_out[-1])).at
    with pytest.raises(InvalidInput, match="between 1 and 30"):
        jobs.skip(schedule.id, 31)


def test_anothers_job_is_not_found_by_any_of_these(
    house_database: Database, rows: Rows, people: tuple[User, User]
) -> None:
    ada, bob = people
    schedule = rows.schedule(ada, "0 9 * * *")
    his = JobsService(house_database.for_user(bob.id))
    for act in (
        lambda: his.rename(schedule.id, "mine"),
        lambda: his.tag(schedule.id, ["#mine"]),
        lambda: his.copy(bob, schedule.id, now=now()),
        lambda: his.skip(schedule.id, 1),
        lambda: his.pause(schedule.id, now() + timedelta(hours=1)),
        lambda: HistoryService(house_database.for_user(bob.id)).for_export(schedule_id=schedule.id, user_id=bob.id),
    ):
        with pytest.raises(NotFound, match="among yours"):
            act()
