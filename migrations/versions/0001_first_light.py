"""People, schedules, runs, messages, health and the chat, with row-level security from the first day.

Revision ID: 0001
Revises:
"""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE usr_users (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    email VARCHAR(254) NOT NULL,
    role VARCHAR(16) DEFAULT 'viewer' NOT NULL,
    is_active BOOLEAN DEFAULT true NOT NULL,
    timezone TEXT DEFAULT 'UTC' NOT NULL,
    timezone_chosen_at timestamptz,
    locale TEXT,
    display_name TEXT DEFAULT '' NOT NULL,
    verified_at timestamptz,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    last_login timestamptz,
    PRIMARY KEY (id),
    CONSTRAINT ck_users_role CHECK (role IN ('admin', 'trader', 'viewer'))
);
CREATE UNIQUE INDEX ix_users_email ON usr_users (lower(email));
COMMENT ON TABLE usr_users IS 'People, by their e-mail address; verified once verified_at is set.';
COMMENT ON COLUMN usr_users.timezone IS 'IANA name; schedules are read in it';
COMMENT ON COLUMN usr_users.verified_at IS 'When the address was first proved';

CREATE TABLE usr_auth_identities (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    user_id BIGINT NOT NULL,
    provider VARCHAR(32) NOT NULL,
    external_id VARCHAR(255) NOT NULL,
    metadata JSONB DEFAULT '{}'::jsonb NOT NULL,
    disabled_at timestamptz,
    disabled_reason TEXT,
    created_at timestamptz DEFAULT now() NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT ix_auth_identities_provider_external UNIQUE (provider, external_id),
    CONSTRAINT ck_auth_identities_provider CHECK (provider IN ('telegram', 'email', 'api_token', 'web')),
    FOREIGN KEY(user_id) REFERENCES usr_users (id) ON DELETE CASCADE
);
CREATE INDEX ix_auth_identities_user_id ON usr_auth_identities (user_id);
COMMENT ON TABLE usr_auth_identities IS 'The ways a person is known; a Telegram user id stands in external_id.';
COMMENT ON COLUMN usr_auth_identities.disabled_at IS 'Set when the address refused us for good';

CREATE TABLE usr_verification_codes (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    user_id BIGINT NOT NULL,
    code VARCHAR(64) NOT NULL,
    link VARCHAR(64) NOT NULL,
    nonce VARCHAR(32) NOT NULL,
    sent_time BIGINT NOT NULL,
    provider VARCHAR(32) DEFAULT 'telegram' NOT NULL,
    external_id VARCHAR(255) NOT NULL,
    purpose VARCHAR(32) NOT NULL,
    expires_at timestamptz NOT NULL,
    attempts INTEGER DEFAULT 0 NOT NULL,
    consumed_at timestamptz,
    created_at timestamptz DEFAULT now() NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(user_id) REFERENCES usr_users (id) ON DELETE CASCADE
);
CREATE INDEX ix_verification_codes_external_id ON usr_verification_codes (external_id, sent_time);
CREATE INDEX ix_verification_codes_user_id ON usr_verification_codes (user_id);
CREATE UNIQUE INDEX ux_verification_codes_live ON usr_verification_codes (user_id, purpose, external_id) WHERE consumed_at IS NULL;
COMMENT ON TABLE usr_verification_codes IS 'Codes as keyed hashes; the code itself is derived from the nonce and the secret key.';
COMMENT ON COLUMN usr_verification_codes.code IS 'Keyed hash of the digits';
COMMENT ON COLUMN usr_verification_codes.link IS 'Keyed hash of the one-tap token';
COMMENT ON COLUMN usr_verification_codes.sent_time IS 'Epoch seconds';
COMMENT ON COLUMN usr_verification_codes.external_id IS 'The Telegram user who asked, and nobody else';

CREATE TABLE job_schedules (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    user_id BIGINT NOT NULL,
    name VARCHAR(100) NOT NULL,
    job_type VARCHAR(32) NOT NULL,
    target VARCHAR(255),
    task_params JSONB DEFAULT '{}'::jsonb NOT NULL,
    cron VARCHAR(100) NOT NULL,
    timezone TEXT NOT NULL,
    enabled BOOLEAN DEFAULT true NOT NULL,
    next_run_at timestamptz,
    last_run_at timestamptz,
    catch_up_window_s INTEGER DEFAULT 3600 NOT NULL,
    max_retries SMALLINT DEFAULT 2 NOT NULL,
    timeout_s INTEGER DEFAULT 120 NOT NULL,
    priority SMALLINT DEFAULT 0 NOT NULL,
    consecutive_failures INTEGER DEFAULT 0 NOT NULL,
    deleted_at timestamptz,
    version INTEGER DEFAULT 1 NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT ck_schedules_job_type CHECK (job_type IN ('report', 'screener', 'alert', 'notification', 'data_processing', 'backup', 'bot')),
    CONSTRAINT ck_schedules_max_retries CHECK (max_retries BETWEEN 0 AND 20),
    CONSTRAINT ck_schedules_timeout_s CHECK (timeout_s BETWEEN 1 AND 86400),
    FOREIGN KEY(user_id) REFERENCES usr_users (id) ON DELETE CASCADE
);
CREATE INDEX idx_schedules_enabled ON job_schedules (enabled);
CREATE INDEX idx_schedules_next_run_at ON job_schedules (next_run_at) WHERE enabled AND deleted_at IS NULL;
CREATE UNIQUE INDEX ux_schedules_user_name ON job_schedules (user_id, lower(name)) WHERE deleted_at IS NULL;
COMMENT ON TABLE job_schedules IS 'What people scheduled; next_run_at is the cursor, moved from due time to due time.';
COMMENT ON COLUMN job_schedules.target IS 'What the job is about: a symbol, a screener';
COMMENT ON COLUMN job_schedules.timezone IS 'IANA name of the zone that cron is read in';
COMMENT ON COLUMN job_schedules.catch_up_window_s IS 'A due time older than this is recorded as skipped';

CREATE TABLE job_schedule_runs (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    scheduled_for timestamptz NOT NULL,
    job_type TEXT NOT NULL,
    job_id BIGINT,
    user_id BIGINT NOT NULL,
    status TEXT DEFAULT 'planned' NOT NULL,
    trigger TEXT DEFAULT 'cron' NOT NULL,
    not_before timestamptz DEFAULT now() NOT NULL,
    enqueued_at timestamptz,
    started_at timestamptz,
    finished_at timestamptz,
    heartbeat_at timestamptz,
    lease_until timestamptz,
    deadline_at timestamptz,
    attempt INTEGER DEFAULT 0 NOT NULL,
    token BIGINT DEFAULT 0 NOT NULL,
    priority SMALLINT DEFAULT 0 NOT NULL,
    job_snapshot JSONB NOT NULL,
    result JSONB,
    error TEXT,
    skip_reason TEXT,
    worker_id VARCHAR(100),
    created_at timestamptz DEFAULT now() NOT NULL,
    PRIMARY KEY (id, scheduled_for),
    CONSTRAINT ck_runs_status CHECK (status IN ('planned', 'enqueued', 'running', 'succeeded', 'failed', 'timed_out', 'unknown', 'cancelled', 'skipped')),
    CONSTRAINT ck_runs_trigger CHECK ("trigger" IN ('cron', 'manual', 'catch_up')),
    FOREIGN KEY(job_id) REFERENCES job_schedules (id) ON DELETE SET NULL,
    FOREIGN KEY(user_id) REFERENCES usr_users (id) ON DELETE CASCADE
) PARTITION BY RANGE (scheduled_for);
CREATE INDEX ix_runs_leases ON job_schedule_runs (lease_until) WHERE status = 'running';
CREATE INDEX ix_runs_user_id ON job_schedule_runs (user_id, id);
CREATE INDEX ix_runs_waiting ON job_schedule_runs (not_before) WHERE status IN ('planned', 'enqueued');
CREATE UNIQUE INDEX ux_runs_job_scheduled_for ON job_schedule_runs (job_id, scheduled_for);
COMMENT ON TABLE job_schedule_runs IS 'One row for every due time, and what became of it.';
COMMENT ON COLUMN job_schedule_runs.token IS 'Raised by every claim: the fence';

CREATE TABLE telegram_command_audits (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    created_at timestamptz DEFAULT now() NOT NULL,
    telegram_user_id VARCHAR(255) NOT NULL,
    command VARCHAR(100) NOT NULL,
    full_message TEXT,
    is_registered_user BOOLEAN NOT NULL,
    user_id BIGINT,
    user_email VARCHAR(254),
    success BOOLEAN NOT NULL,
    error_message TEXT,
    response_time_ms INTEGER,
    PRIMARY KEY (id, created_at)
) PARTITION BY RANGE (created_at);
CREATE INDEX ix_telegram_command_audits_success ON telegram_command_audits (success);
CREATE INDEX ix_telegram_command_audits_telegram_user_id ON telegram_command_audits (telegram_user_id, created_at);
COMMENT ON TABLE telegram_command_audits IS 'Every command and press, who sent it, what came of it and how long the answer took.';
COMMENT ON COLUMN telegram_command_audits.full_message IS 'As it was sent, with codes and tokens redacted';

CREATE TABLE telegram_drafts (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    telegram_user_id BIGINT NOT NULL,
    user_id BIGINT,
    kind VARCHAR(32) NOT NULL,
    data JSONB DEFAULT '{}'::jsonb NOT NULL,
    consumed_at timestamptz,
    expires_at timestamptz NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    PRIMARY KEY (id)
);
CREATE INDEX ix_telegram_drafts_asker ON telegram_drafts (telegram_user_id, kind);
COMMENT ON TABLE telegram_drafts IS 'Forms that a person has begun: what was asked, what was answered, until when it holds.';

CREATE TABLE telegram_actions (
    key VARCHAR(200) NOT NULL,
    claimed_at timestamptz DEFAULT now() NOT NULL,
    finished_at timestamptz,
    PRIMARY KEY (key)
);
COMMENT ON TABLE telegram_actions IS 'What was already acted on, so that a message or press that comes twice acts once.';

CREATE TABLE telegram_settings (
    key VARCHAR(100) NOT NULL,
    value TEXT,
    PRIMARY KEY (key)
);
COMMENT ON TABLE telegram_settings IS 'Settings of the chat, such as the hash of the command menu last set.';

CREATE TABLE msg_messages (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    user_id BIGINT NOT NULL,
    category VARCHAR(32) NOT NULL,
    lane SMALLINT NOT NULL,
    template VARCHAR(64),
    payload JSONB NOT NULL,
    run_id BIGINT,
    dedupe_key VARCHAR(200),
    not_before timestamptz DEFAULT now() NOT NULL,
    expires_at timestamptz NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT ck_messages_category CHECK (category IN ('code', 'alert', 'report', 'failure')),
    CONSTRAINT ux_messages_dedupe_key UNIQUE (dedupe_key),
    FOREIGN KEY(user_id) REFERENCES usr_users (id) ON DELETE CASCADE
);
CREATE INDEX ix_messages_run_id ON msg_messages (run_id);
CREATE INDEX ix_messages_user_id ON msg_messages (user_id);
COMMENT ON TABLE msg_messages IS 'What is to be said to whom; how far it got stands in msg_delivery_status.';
COMMENT ON COLUMN msg_messages.payload IS 'Text, buttons and template parameters; no secrets';
COMMENT ON COLUMN msg_messages.run_id IS 'The run that made it';

CREATE TABLE msg_attachments (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    message_id BIGINT NOT NULL,
    user_id BIGINT NOT NULL,
    position SMALLINT NOT NULL,
    filename TEXT NOT NULL,
    content_type TEXT NOT NULL,
    content BYTEA NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT ux_attachments_message_position UNIQUE (message_id, position),
    FOREIGN KEY(message_id) REFERENCES msg_messages (id) ON DELETE CASCADE,
    FOREIGN KEY(user_id) REFERENCES usr_users (id) ON DELETE CASCADE
);
COMMENT ON TABLE msg_attachments IS 'Files that travel with a message, in the same commit.';

CREATE TABLE msg_delivery_status (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    message_id BIGINT NOT NULL,
    user_id BIGINT NOT NULL,
    channel VARCHAR(32) NOT NULL,
    address TEXT NOT NULL,
    lane SMALLINT NOT NULL,
    status VARCHAR(16) DEFAULT 'queued' NOT NULL,
    not_before timestamptz DEFAULT now() NOT NULL,
    attempts INTEGER DEFAULT 0 NOT NULL,
    owner VARCHAR(100),
    fence BIGINT DEFAULT 0 NOT NULL,
    lease_until timestamptz,
    called_at timestamptz,
    sent_at timestamptz,
    provider_message_id TEXT,
    possible_repeat BOOLEAN DEFAULT false NOT NULL,
    error_class TEXT,
    error TEXT,
    latency_ms INTEGER,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT ck_delivery_status CHECK (status IN ('queued', 'sending', 'sent', 'uncertain', 'failed', 'suppressed', 'expired', 'dead')),
    CONSTRAINT ux_delivery_message_channel_address UNIQUE (message_id, channel, address),
    FOREIGN KEY(message_id) REFERENCES msg_messages (id) ON DELETE CASCADE,
    FOREIGN KEY(user_id) REFERENCES usr_users (id) ON DELETE CASCADE
);
CREATE INDEX ix_delivery_leases ON msg_delivery_status (lease_until) WHERE status = 'sending';
CREATE INDEX ix_delivery_queued ON msg_delivery_status (lane, not_before) WHERE status = 'queued';
CREATE INDEX ix_delivery_user_id ON msg_delivery_status (user_id);
CREATE UNIQUE INDEX ux_delivery_one_sending ON msg_delivery_status (channel, address) WHERE status = 'sending';
COMMENT ON TABLE msg_delivery_status IS 'One row for a message, recipient and channel: the states of semantics.md, section 4.';
COMMENT ON COLUMN msg_delivery_status.called_at IS 'Set just before the provider is called';

CREATE TABLE msg_system_health (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    system VARCHAR(50) NOT NULL,
    component VARCHAR(100),
    status VARCHAR(20) NOT NULL,
    last_success timestamptz,
    last_failure timestamptz,
    failure_count INTEGER DEFAULT 0 NOT NULL,
    avg_response_time_ms INTEGER,
    error_message TEXT,
    metadata TEXT,
    checked_at timestamptz DEFAULT now() NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT ck_system_health_status CHECK (status IN ('HEALTHY', 'DEGRADED', 'DOWN', 'UNKNOWN'))
);
CREATE UNIQUE INDEX ux_system_health_current ON msg_system_health (system, component) NULLS NOT DISTINCT;
COMMENT ON TABLE msg_system_health IS 'The current health of every system; silence is judged by the age of checked_at.';
"""

PARTITIONS = """
CREATE FUNCTION openbell_make_partitions() RETURNS void
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
COMMENT ON FUNCTION openbell_make_partitions() IS 'Makes the partitions of the months around now; the scheduler calls it.';
REVOKE EXECUTE ON FUNCTION openbell_make_partitions() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION openbell_make_partitions() TO openbell_platform;
CREATE TABLE job_schedule_runs_default PARTITION OF job_schedule_runs DEFAULT;
CREATE TABLE telegram_command_audits_default PARTITION OF telegram_command_audits DEFAULT;
SELECT openbell_make_partitions();
"""

SECURITY = """
CREATE FUNCTION openbell_user_id() RETURNS bigint LANGUAGE sql STABLE
AS $$ SELECT NULLIF(current_setting('openbell.user_id', true), '')::bigint $$;
COMMENT ON FUNCTION openbell_user_id() IS 'Whom the transaction is for; null, and so no row, when nobody was named.';
"""

OWNED = {  # every table with a person's rows, and the column that says whose they are
    "usr_users": "id",
    "usr_auth_identities": "user_id",
    "usr_verification_codes": "user_id",
    "job_schedules": "user_id",
    "job_schedule_runs": "user_id",
    "telegram_command_audits": "user_id",
    "telegram_drafts": "user_id",
    "msg_messages": "user_id",
    "msg_attachments": "user_id",
    "msg_delivery_status": "user_id",
}
SHARED = ("telegram_actions", "telegram_settings", "msg_system_health")

GRANTS = """
GRANT SELECT ON usr_users, usr_auth_identities, job_schedules, job_schedule_runs, telegram_command_audits,
    msg_messages, msg_delivery_status, alembic_version TO openbell_app;
GRANT UPDATE (timezone, timezone_chosen_at, locale, display_name, updated_at) ON usr_users TO openbell_app;
GRANT INSERT, UPDATE ON job_schedules TO openbell_app;
GRANT INSERT ON job_schedule_runs TO openbell_app;
GRANT SELECT, INSERT, UPDATE ON telegram_drafts TO openbell_app;

GRANT SELECT ON alembic_version TO openbell_platform;
GRANT SELECT, INSERT, UPDATE ON usr_users, usr_auth_identities, usr_verification_codes, job_schedule_runs,
    telegram_drafts, telegram_actions, telegram_settings, msg_messages, msg_attachments, msg_delivery_status,
    msg_system_health TO openbell_platform;
GRANT SELECT, UPDATE ON job_schedules TO openbell_platform;
GRANT SELECT, INSERT ON telegram_command_audits TO openbell_platform;
GRANT DELETE ON telegram_actions, telegram_drafts TO openbell_platform;
"""


def upgrade() -> None:
    op.execute(TABLES)
    op.execute(SECURITY)
    for table, column in OWNED.items():
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY own_rows ON {table} TO openbell_app USING ({column} = openbell_user_id())")
        op.execute(f"CREATE POLICY platform ON {table} TO openbell_platform USING (true)")
        op.execute(f"CREATE POLICY owner ON {table} TO CURRENT_USER USING (true)")
    op.execute(PARTITIONS)
    op.execute(GRANTS)


def downgrade() -> None:
    for table in reversed([*OWNED, *SHARED]):
        op.execute(f"DROP TABLE {table} CASCADE")
    op.execute("DROP FUNCTION openbell_make_partitions()")
    op.execute("DROP FUNCTION openbell_user_id()")
