"""History by months: made ahead with their rules, dropped after their time, read without counting."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from db.engine import Database
from services.planning import PlanningService
from tests.factories import Rows


def months(rows: Rows) -> list[str]:
    found = rows.all(
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
        "WHERE i.inhparent = 'job_schedule_runs'::regclass AND c.relname ~ '_p[0-9]{6}$' ORDER BY 1"
    )
    return [row.relname[-6:] for row in found]


def month(rows: Rows, ahead: int) -> str:
    [row] = rows.all("SELECT to_char(date_trunc('month', now()) + make_interval(months => :n), 'YYYYMM') AS m", n=ahead)
    return str(row.m)


def test_the_next_months_stand_ready_with_their_rules(house_database: Database, rows: Rows) -> None:
    rows.execute(f"DROP TABLE job_schedule_runs_p{month(rows, 2)}")
    PlanningService(house_database.for_platform()).housekeep(12)
    assert set(months(rows)) >= {month(rows, ahead) for ahead in range(4)}
    made = f"job_schedule_runs_p{month(rows, 2)}"
    found = {row.indexname for row in rows.all("SELECT indexname FROM pg_indexes WHERE tablename = :t", t=made)}
    assert found >= {f"{made}_{rule}" for rule in ("slot", "one", "next", "turn")}


def test_months_past_their_time_are_dropped_and_the_others_stay(house_database: Database, rows: Rows) -> None:
    for name, since, until in (("202001", "2020-01-01", "2020-02-01"), ("202002", "2020-02-01", "2020-03-01")):
        rows.execute(
            f"CREATE TABLE job_schedule_runs_p{name} PARTITION OF job_schedule_runs "
            f"FOR VALUES FROM ('{since} 00:00+00') TO ('{until} 00:00+00')"
        )
    before = months(rows)
    PlanningService(house_database.for_platform()).housekeep(12)
    assert months(rows) == [name for name in before if not name.startswith("2020")]
    PlanningService(house_database.for_platform()).housekeep(12)
    assert months(rows) == [name for name in before if not name.startswith("2020")]


def test_the_database_itself_keeps_a_second_run_from_starting(house_database: Database, rows: Rows) -> None:
    schedule = rows.schedule(rows.person())
    rows.due_ago(schedule, timedelta(0))
    PlanningService(house_database.for_platform()).plan_due_runs()
    again = (
        "INSERT INTO job_schedule_runs (job_id, user_id, job_type, scheduled_for, overlap, status, job_snapshot) "
        "SELECT job_id, user_id, job_type, scheduled_for + interval '1 s', overlap, 'enqueued', job_snapshot "
        "FROM job_schedule_runs"
    )
    with pytest.raises(IntegrityError, match="_one"):
        rows.execute(again)


def test_a_page_of_history_reads_by_its_key_alone(house_database: Database, rows: Rows) -> None:
    user = rows.person()
    schedule = rows.schedule(user, "0 0 1 1 *")
    rows.execute(
        "INSERT INTO job_schedule_runs (job_id, user_id, job_type, scheduled_for, overlap, status, job_snapshot) "
        "SELECT :job, :user, 'report', date_trunc('minute', now()) - make_interval(mins => n), 'allow', "
        "CASE WHEN n % 50 = 0 THEN 'failed' ELSE 'succeeded' END, '{\"name\": \"GOLD\"}' "
        "FROM generate_series(1, 20000) n",
        job=schedule.id,
        user=user.id,
    )
    rows.execute("ANALYZE job_schedule_runs")
    pages: tuple[dict[str, Any], ...] = (
        {},
        {"schedule_id": schedule.id},
        {"statuses": ("failed", "timed_out", "unknown")},
    )
    for page in pages:
        before = _rows_read(rows)
        with house_database.for_user(user.id) as uow:
            assert len(uow.runs.history(limit=8, user_id=user.id, **page)) == 8
            uow.session.execute(text("SELECT pg_stat_force_next_flush()"))
            uow.commit()
        assert 8 <= _rows_read(rows) - before < 200


def _rows_read(rows: Rows) -> int:
    [row] = rows.all(
        "SELECT coalesce(sum(seq_tup_read + coalesce(idx_tup_fetch, 0)), 0) AS n FROM pg_stat_user_tables "
        "WHERE relname LIKE 'job_schedule_runs%'"
    )
    return int(row.n)
