"""The life of a run: market time, catch-up and overlap, turns, digests, sessions, a scheduler's lease.

Revision ID: 0002
Revises: 0001
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

SCHEDULES = """
ALTER TABLE job_schedules
    ADD COLUMN calendar TEXT,
    ADD COLUMN hours_only BOOLEAN DEFAULT false NOT NULL,
    ADD COLUMN catch_up TEXT DEFAULT 'latest' NOT NULL,
    ADD COLUMN overlap TEXT DEFAULT 'skip' NOT NULL,
    ADD COLUMN jitter_s INTEGER DEFAULT 0 NOT NULL,
    ADD COLUMN starts_at timestamptz,
    ADD COLUMN ends_at timestamptz,
    ADD COLUMN grace_s INTEGER DEFAULT 120 NOT NULL,
    ADD COLUMN repeatable BOOLEAN DEFAULT true NOT NULL,
    ADD COLUMN last_planned_for timestamptz,
    ADD COLUMN paused_reason TEXT,
    ADD COLUMN failure_told_at timestamptz,
    ADD CONSTRAINT ck_schedules_catch_up CHECK (catch_up IN ('skip', 'latest', 'all')),
    ADD CONSTRAINT ck_schedules_overlap CHECK (overlap IN ('skip', 'queue_one', 'allow')),
    ADD CONSTRAINT ck_schedules_jitter_s CHECK (jitter_s BETWEEN 0 AND 86400),
    ADD CONSTRAINT ck_schedules_grace_s CHECK (grace_s BETWEEN 10 AND 86400),
    DROP CONSTRAINT ck_schedules_job_type,
    ADD CONSTRAINT ck_schedules_job_type CHECK (job_type IN ('report', 'screener', 'alert', 'notification', 'data_processing', 'backup', 'bot') OR job_type ~ '^[a-z0-9_]+[.][a-z0-9_]+$'),
    SET (fillfactor = 85);
COMMENT ON COLUMN job_schedules.calendar IS 'Exchange on whose session days it runs; null for any day';
COMMENT ON COLUMN job_schedules.hours_only IS 'Whether it runs only while that exchange is open';
COMMENT ON COLUMN job_schedules.catch_up IS 'What becomes of due times missed in an outage, inside catch_up_window_s';
COMMENT ON COLUMN job_schedules.overlap IS 'What a due time meets while an earlier run is not over';
COMMENT ON COLUMN job_schedules.jitter_s IS 'A run starts up to this late, by a fixed hash of schedule and due time';
COMMENT ON COLUMN job_schedules.grace_s IS 'A run that has not started after this is told to its owner';
COMMENT ON COLUMN job_schedules.repeatable IS 'Whether an attempt whose outcome is unknown may be repeated';
COMMENT ON COLUMN job_schedules.last_planned_for IS 'The newest due time that was run; a quota counts from it';
COMMENT ON COLUMN job_schedules.paused_reason IS 'Why it paused itself; null when a person did';
COMMENT ON COLUMN job_schedules.failure_told_at IS 'When the owner was last told of the present row of failures';
"""

RUNS = """
ALTER TABLE job_schedule_runs
    ALTER COLUMN user_id DROP NOT NULL,
    ADD COLUMN local_slot TEXT,
    ADD COLUMN overlap TEXT DEFAULT 'allow' NOT NULL,
    ADD COLUMN covers_until timestamptz,
    ADD COLUMN retry_of BIGINT,
    ADD COLUMN events JSONB DEFAULT '[]'::jsonb NOT NULL,
    ADD COLUMN notice TEXT,
    ADD COLUMN late_told BOOLEAN DEFAULT false NOT NULL,
    ADD COLUMN grace_s INTEGER DEFAULT 120 NOT NULL,
    ADD CONSTRAINT ck_runs_overlap CHECK (overlap IN ('skip', 'queue_one', 'allow', 'in_turn')),
    DROP CONSTRAINT ck_runs_trigger,
    ADD CONSTRAINT ck_runs_trigger CHECK ("trigger" IN ('cron', 'catch_up', 'manual', 'backfill', 'api'));
DROP INDEX ix_runs_waiting;
CREATE INDEX ix_runs_planned ON job_schedule_runs (not_before) WHERE status = 'planned';
CREATE INDEX ix_runs_planned_user ON job_schedule_runs (user_id, not_before) WHERE status = 'planned';
CREATE INDEX ix_runs_enqueued ON job_schedule_runs (enqueued_at) WHERE status = 'enqueued';
CREATE INDEX ix_runs_busy ON job_schedule_runs (user_id) WHERE status IN ('enqueued', 'running');
CREATE INDEX ix_runs_turns ON job_schedule_runs (job_id, scheduled_for) WHERE overlap IN ('queue_one', 'in_turn') AND status IN ('planned', 'enqueued', 'running');
CREATE INDEX ix_runs_failed ON job_schedule_runs (user_id, id) WHERE status IN ('failed', 'timed_out', 'unknown');
CREATE INDEX ix_runs_notice ON job_schedule_runs (user_id) WHERE notice IS NOT NULL;
COMMENT ON COLUMN job_schedule_runs.user_id IS 'Whose it is; null for the platform''s own';
COMMENT ON COLUMN job_schedule_runs.local_slot IS 'Wall-clock time and zone of a fixed-time schedule: a fold cannot fire it twice';
COMMENT ON COLUMN job_schedule_runs.overlap IS 'The rule by which it shares its schedule with other runs';
COMMENT ON COLUMN job_schedule_runs.covers_until IS 'The last of the missed due times that this one row stands for';
COMMENT ON COLUMN job_schedule_runs.retry_of IS 'The run that this one repeats, at somebody''s wish';
COMMENT ON COLUMN job_schedule_runs.events IS 'What is not in the columns: rung again, attempts that failed or were lost, who cancelled it';
COMMENT ON COLUMN job_schedule_runs.notice IS 'What its owner is still to be told in a digest';
COMMENT ON COLUMN job_schedule_runs.late_told IS 'Whether its owner was told that it did not start in time';
"""

# Rules of one run beside another stand on each partition: a unique index of the whole table would need the due time.
PARTITIONS = """
CREATE FUNCTION openbell_guard_partition(child text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    EXECUTE format('CREATE UNIQUE INDEX IF NOT EXISTS %I ON %I (job_id, local_slot) '
        'WHERE local_slot IS NOT NULL', child || '_slot', child);
    EXECUTE format('CREATE UNIQUE INDEX IF NOT EXISTS %I ON %I (job_id) '
        'WHERE overlap = ''skip'' AND status IN (''planned'', ''enqueued'', ''running'')', child || '_one', child);
    EXECUTE format('CREATE UNIQUE INDEX IF NOT EXISTS %I ON %I (job_id) '
        'WHERE overlap = ''queue_one'' AND attempt = 0 AND status IN (''planned'', ''enqueued'')',
        child || '_next', child);
    EXECUTE format('CREATE UNIQUE INDEX IF NOT EXISTS %I ON %I (job_id) '
        'WHERE overlap IN (''queue_one'', ''in_turn'') AND status = ''running''', child || '_turn', child);
END $$;
COMMENT ON FUNCTION openbell_guard_partition(text) IS 'Puts the rules of one run beside another on a partition of runs.';
REVOKE EXECUTE ON FUNCTION openbell_guard_partition(text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION openbell_make_partitions() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    parent text;
    child text;
    first date;
BEGIN
    FOREACH parent IN ARRAY ARRAY['job_schedule_runs', 'telegram_command_audits'] LOOP
        FOR ahead IN -1..3 LOOP
            first := (date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => ahead))::date;
            child := parent || '_p' || to_char(first, 'YYYYMM');
            CONTINUE WHEN to_regclass(child) IS NOT NULL;
            BEGIN
                EXECUTE format(
                    'CREATE TABLE IF NOT EXISTS %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)',
                    child, parent, first::text || ' 00:00+00', (first + interval '1 month')::date::text || ' 00:00+00'
                );
                IF parent = 'job_schedule_runs' THEN
                    PERFORM openbell_guard_partition(child);
                END IF;
            EXCEPTION WHEN check_violation THEN
                RAISE WARNING 'the default partition of % holds rows of %, they stay there', parent, first;
            END;
        END LOOP;
    END LOOP;
END $$;

CREATE FUNCTION openbell_drop_partitions(months_kept integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    oldest text := to_char((now() AT TIME ZONE 'UTC') - make_interval(months => greatest(months_kept, 1)), 'YYYYMM');
    child text;
    dropped integer := 0;
BEGIN
    FOR child IN
        SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent IN ('job_schedule_runs'::regclass, 'telegram_command_audits'::regclass)
          AND c.relname ~ '_p[0-9]{6}$' AND right(c.relname, 6) < oldest
        ORDER BY c.relname
    LOOP
        EXECUTE format('DROP TABLE %I', child);
        dropped := dropped + 1;
    END LOOP;
    RETURN dropped;
END $$;
COMMENT ON FUNCTION openbell_drop_partitions(integer) IS 'Drops the months that lie wholly before the ones to keep.';
REVOKE EXECUTE ON FUNCTION openbell_drop_partitions(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION openbell_drop_partitions(integer) TO openbell_platform;

SELECT openbell_guard_partition(c.relname::text) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'job_schedule_runs'::regclass;
"""

NEW_TABLES = """
CREATE TABLE market_sessions (
    exchange TEXT NOT NULL,
    session_date DATE NOT NULL,
    opens_at timestamptz NOT NULL,
    closes_at timestamptz NOT NULL,
    early_close BOOLEAN DEFAULT false NOT NULL,
    note TEXT,
    PRIMARY KEY (exchange, session_date),
    CONSTRAINT ck_market_sessions_hours CHECK (opens_at < closes_at)
);
COMMENT ON TABLE market_sessions IS 'When exchanges are open: filled a year ahead, so that the scheduler only reads rows.';
CREATE TABLE market_closures (
    exchange TEXT NOT NULL,
    day DATE NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (exchange, day)
);
COMMENT ON TABLE market_closures IS 'Weekdays without a session, and what they are called.';
CREATE TABLE job_scheduler_leases (
    name TEXT NOT NULL,
    holder uuid NOT NULL,
    term BIGINT NOT NULL,
    lease_until timestamptz NOT NULL,
    PRIMARY KEY (name)
);
COMMENT ON TABLE job_scheduler_leases IS 'Which scheduler does the work at present; it saves work, the unique keys keep it right.';
GRANT SELECT ON market_sessions, market_closures TO openbell_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON market_sessions, market_closures TO openbell_platform;
GRANT SELECT, INSERT, UPDATE ON job_scheduler_leases TO openbell_platform;
GRANT USAGE ON SEQUENCE msg_messages_id_seq TO openbell_platform;
GRANT UPDATE (status, token, finished_at, lease_until, events, error) ON job_schedule_runs TO openbell_app;
ALTER TABLE msg_messages
    DROP CONSTRAINT ck_messages_category,
    ADD CONSTRAINT ck_messages_category CHECK (category IN ('code', 'alert', 'report', 'failure', 'health'));
"""

BACK = """
DROP TABLE job_scheduler_leases;
DROP TABLE market_closures;
DROP TABLE market_sessions;
REVOKE USAGE ON SEQUENCE msg_messages_id_seq FROM openbell_platform;
REVOKE UPDATE (status, token, finished_at, lease_until, events, error) ON job_schedule_runs FROM openbell_app;
DROP FUNCTION openbell_drop_partitions(integer);
DO $$
DECLARE
    child text;
    rule text;
BEGIN
    FOR child IN SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
                 WHERE i.inhparent = 'job_schedule_runs'::regclass LOOP
        FOREACH rule IN ARRAY ARRAY['_slot', '_one', '_next', '_turn'] LOOP
            EXECUTE format('DROP INDEX IF EXISTS %I', child || rule);
        END LOOP;
    END LOOP;
END $$;
CREATE OR REPLACE FUNCTION openbell_make_partitions() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    parent text;
    first date;
BEGIN
    FOREACH parent IN ARRAY ARRAY['job_schedule_runs', 'telegram_command_audits'] LOOP
        FOR ahead IN -1..3 LOOP
            first := (date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => ahead))::date;
            BEGIN
                EXECUTE format(
                    'CREATE TABLE IF NOT EXISTS %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)',
                    parent || '_p' || to_char(first, 'YYYYMM'), parent,
                    first::text || ' 00:00+00', (first + interval '1 month')::date::text || ' 00:00+00'
                );
            EXCEPTION WHEN check_violation THEN
                RAISE WARNING 'the default partition of % holds rows of %, they stay there', parent, first;
            END;
        END LOOP;
    END LOOP;
END $$;
DROP FUNCTION openbell_guard_partition(text);
DELETE FROM job_schedule_runs WHERE user_id IS NULL OR "trigger" IN ('backfill', 'api');
DROP INDEX ix_runs_planned, ix_runs_planned_user, ix_runs_enqueued, ix_runs_busy, ix_runs_turns, ix_runs_failed, ix_runs_notice;
ALTER TABLE job_schedule_runs
    ALTER COLUMN user_id SET NOT NULL,
    DROP COLUMN local_slot, DROP COLUMN overlap, DROP COLUMN covers_until, DROP COLUMN retry_of, DROP COLUMN events,
    DROP COLUMN notice, DROP COLUMN late_told, DROP COLUMN grace_s,
    DROP CONSTRAINT ck_runs_trigger,
    ADD CONSTRAINT ck_runs_trigger CHECK ("trigger" IN ('cron', 'manual', 'catch_up'));
CREATE INDEX ix_runs_waiting ON job_schedule_runs (not_before) WHERE status IN ('planned', 'enqueued');
DELETE FROM msg_messages WHERE category = 'health';
ALTER TABLE msg_messages
    DROP CONSTRAINT ck_messages_category,
    ADD CONSTRAINT ck_messages_category CHECK (category IN ('code', 'alert', 'report', 'failure'));
DELETE FROM job_schedules WHERE job_type LIKE '%.%' OR cron LIKE '@%(%';
ALTER TABLE job_schedules
    DROP COLUMN calendar, DROP COLUMN hours_only, DROP COLUMN catch_up, DROP COLUMN overlap, DROP COLUMN jitter_s,
    DROP COLUMN starts_at, DROP COLUMN ends_at, DROP COLUMN grace_s, DROP COLUMN repeatable,
    DROP COLUMN last_planned_for, DROP COLUMN paused_reason, DROP COLUMN failure_told_at,
    DROP CONSTRAINT ck_schedules_job_type,
    ADD CONSTRAINT ck_schedules_job_type CHECK (job_type IN ('report', 'screener', 'alert', 'notification', 'data_processing', 'backup', 'bot')),
    RESET (fillfactor);
"""


def upgrade() -> None:
    op.execute(SCHEDULES)
    op.execute(RUNS)
    op.execute(PARTITIONS)
    op.execute(NEW_TABLES)


def downgrade() -> None:
    op.execute(BACK)
