"""The notification module: lanes with turns, parts, digests, broadcasts, preferences, quotas, channels' settings.

Revision ID: 0003
Revises: 0002
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

MESSAGES = """
ALTER TABLE msg_messages
    ADD COLUMN channels TEXT[],
    ADD COLUMN subject TEXT,
    ADD COLUMN supersede_key VARCHAR(200),
    ADD COLUMN broadcast_id BIGINT,
    ADD COLUMN timed_by_user BOOLEAN DEFAULT false NOT NULL,
    DROP CONSTRAINT ck_messages_category,
    ADD CONSTRAINT ck_messages_category CHECK (category IN ('code', 'alert', 'fill', 'report', 'failure', 'health', 'reminder', 'broadcast', 'digest'));
CREATE INDEX ix_messages_supersede_key ON msg_messages (user_id, supersede_key) WHERE supersede_key IS NOT NULL;
CREATE INDEX ix_messages_broadcast_id ON msg_messages (broadcast_id) WHERE broadcast_id IS NOT NULL;
COMMENT ON COLUMN msg_messages.channels IS 'Where it was told to go; null for what the person prefers';
COMMENT ON COLUMN msg_messages.supersede_key IS 'A newer message of this key takes the place of one not sent yet';
COMMENT ON COLUMN msg_messages.timed_by_user IS 'Whether the person chose its hour, so that quiet hours let it pass';
"""

DELIVERIES = """
ALTER TABLE msg_delivery_status
    ADD COLUMN held BOOLEAN DEFAULT false NOT NULL,
    ADD COLUMN place INTEGER DEFAULT 0 NOT NULL,
    ADD COLUMN part SMALLINT DEFAULT 0 NOT NULL,
    ADD COLUMN parts JSONB DEFAULT '[]'::jsonb NOT NULL,
    ADD COLUMN reason TEXT,
    ADD COLUMN merged_into BIGINT,
    ADD COLUMN digest_key TEXT,
    ADD COLUMN broadcast_id BIGINT,
    ADD COLUMN attempts_log JSONB DEFAULT '[]'::jsonb NOT NULL,
    DROP CONSTRAINT ck_delivery_status,
    ADD CONSTRAINT ck_delivery_status CHECK (status IN ('queued', 'sending', 'sent', 'uncertain', 'failed', 'suppressed', 'expired', 'dead', 'bounced', 'cancelled', 'merged')),
    SET (fillfactor = 80);
UPDATE msg_delivery_status SET held = true WHERE status = 'queued' AND not_before > now();
DROP INDEX ix_delivery_queued;
CREATE INDEX ix_delivery_ready ON msg_delivery_status (lane, place, id) WHERE status = 'queued' AND NOT held;
CREATE INDEX ix_delivery_held ON msg_delivery_status (not_before) WHERE status = 'queued' AND held;
CREATE INDEX ix_delivery_order ON msg_delivery_status (channel, address, lane, id) WHERE status IN ('queued', 'sending');
CREATE INDEX ix_delivery_broadcast ON msg_delivery_status (broadcast_id, status) WHERE broadcast_id IS NOT NULL;
CREATE INDEX ix_delivery_merged_into ON msg_delivery_status (merged_into) WHERE merged_into IS NOT NULL;
CREATE INDEX ix_delivery_provider ON msg_delivery_status (channel, address, provider_message_id) WHERE provider_message_id IS NOT NULL;
CREATE INDEX ix_delivery_stuck ON msg_delivery_status (status, id) WHERE status IN ('dead', 'uncertain', 'failed');
CREATE UNIQUE INDEX ux_delivery_open_digest ON msg_delivery_status (user_id, channel, digest_key) WHERE digest_key IS NOT NULL AND status = 'queued';
COMMENT ON COLUMN msg_delivery_status.held IS 'Whether it waits for not_before; what is due is found without looking at what waits';
COMMENT ON COLUMN msg_delivery_status.place IS 'Its place in its broadcast: the n-th of each go side by side';
COMMENT ON COLUMN msg_delivery_status.part IS 'The first part that the provider has not taken yet';
COMMENT ON COLUMN msg_delivery_status.parts IS 'The provider''s numbers of the parts it took';
COMMENT ON COLUMN msg_delivery_status.reason IS 'Why it waits';
COMMENT ON COLUMN msg_delivery_status.merged_into IS 'The delivery that carries it: a digest, or the newer message that took its place';
COMMENT ON COLUMN msg_delivery_status.digest_key IS 'Set on an open digest, which gathers until its not_before';
COMMENT ON COLUMN msg_delivery_status.attempts_log IS 'Every attempt: when, how long, what came of it, what was said';
"""

BROADCASTS = """
CREATE TABLE telegram_broadcasts (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    message TEXT NOT NULL,
    sent_by VARCHAR(255) NOT NULL,
    created timestamptz DEFAULT now() NOT NULL,
    user_id BIGINT,
    chat_id BIGINT,
    progress_message_id BIGINT,
    status TEXT DEFAULT 'canary' NOT NULL,
    segment TEXT NOT NULL,
    buttons JSONB DEFAULT '[]'::jsonb NOT NULL,
    reason TEXT,
    first_place INTEGER DEFAULT 0 NOT NULL,
    started_at timestamptz,
    changed_at timestamptz DEFAULT now() NOT NULL,
    finished_at timestamptz,
    shown_at timestamptz,
    shown TEXT,
    PRIMARY KEY (id),
    CONSTRAINT ck_broadcasts_status CHECK (status IN ('canary', 'running', 'paused', 'cancelled', 'done')),
    FOREIGN KEY(user_id) REFERENCES usr_users (id) ON DELETE SET NULL
);
CREATE INDEX ix_broadcasts_open ON telegram_broadcasts (id) WHERE finished_at IS NULL;
COMMENT ON TABLE telegram_broadcasts IS 'Every broadcast: what, by whom, to whom, and how it stands; the view telegram_broadcast_logs counts beside it.';
COMMENT ON COLUMN telegram_broadcasts.user_id IS 'The admin who sent it';
COMMENT ON COLUMN telegram_broadcasts.progress_message_id IS 'The message in the admin''s chat that shows its progress, edited in place';
COMMENT ON COLUMN telegram_broadcasts.first_place IS 'Its recipients take their places behind this one, beside those whose turn it is now';
COMMENT ON COLUMN telegram_broadcasts.changed_at IS 'When it last began, paused, went on or ended';
COMMENT ON COLUMN telegram_broadcasts.shown IS 'The progress as it was last shown';

CREATE VIEW telegram_broadcast_logs WITH (security_invoker = true) AS
SELECT b.id, b.message, b.sent_by, c.success_count, c.total_count, b.created, b.user_id, b.chat_id,
    b.progress_message_id, b.status, b.segment, b.buttons, c.failed_count, c.blocked_count, c.uncertain_count,
    c.cancelled_count, c.waiting_count, b.reason, b.started_at, b.finished_at
FROM telegram_broadcasts b CROSS JOIN LATERAL (
    SELECT count(*)::integer AS total_count,
        count(*) FILTER (WHERE d.status IN ('sent', 'merged'))::integer AS success_count,
        count(*) FILTER (WHERE d.status IN ('failed', 'dead', 'expired', 'bounced'))::integer AS failed_count,
        count(*) FILTER (WHERE d.status = 'suppressed')::integer AS blocked_count,
        count(*) FILTER (WHERE d.status = 'uncertain')::integer AS uncertain_count,
        count(*) FILTER (WHERE d.status = 'cancelled')::integer AS cancelled_count,
        count(*) FILTER (WHERE d.status IN ('queued', 'sending'))::integer AS waiting_count
    FROM msg_delivery_status d WHERE d.broadcast_id = b.id) c;
COMMENT ON VIEW telegram_broadcast_logs IS 'Every broadcast with what became of its recipients, counted as it is asked, so that it is true at every moment.';
COMMENT ON COLUMN telegram_broadcast_logs.blocked_count IS 'Recipients who had blocked the bot or opted out';
"""

PREFERENCES = """
CREATE TABLE msg_preferences (
    user_id BIGINT NOT NULL,
    category TEXT NOT NULL,
    channels TEXT[],
    quiet_from TIME,
    quiet_until TIME,
    digest TEXT DEFAULT 'off' NOT NULL,
    digest_at TIME,
    muted_until timestamptz,
    opted_out BOOLEAN DEFAULT false NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    PRIMARY KEY (user_id, category),
    CONSTRAINT ck_preferences_digest CHECK (digest IN ('off', 'hourly', 'daily')),
    FOREIGN KEY(user_id) REFERENCES usr_users (id) ON DELETE CASCADE
);
COMMENT ON TABLE msg_preferences IS 'How a person wants to be told, by category; the category * holds for all others.';
COMMENT ON COLUMN msg_preferences.quiet_from IS 'Wall time in the person''s own zone, as quiet_until';

CREATE TABLE msg_rate_limits (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    user_id BIGINT NOT NULL,
    channel VARCHAR(32) NOT NULL,
    tokens DOUBLE PRECISION NOT NULL,
    last_refill timestamptz DEFAULT now() NOT NULL,
    max_tokens INTEGER NOT NULL,
    refill_rate DOUBLE PRECISION NOT NULL,
    held_back INTEGER DEFAULT 0 NOT NULL,
    told_at timestamptz,
    PRIMARY KEY (id),
    CONSTRAINT ux_rate_limits_user_channel UNIQUE (user_id, channel),
    FOREIGN KEY(user_id) REFERENCES usr_users (id) ON DELETE CASCADE
);
COMMENT ON TABLE msg_rate_limits IS 'How many messages a person may receive by a channel: a bucket that outlives Valkey.';
COMMENT ON COLUMN msg_rate_limits.refill_rate IS 'Tokens an hour';
COMMENT ON COLUMN msg_rate_limits.held_back IS 'Messages that waited for a token since the person was last told';

CREATE TABLE msg_channel_configs (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    channel VARCHAR(50) NOT NULL,
    enabled BOOLEAN DEFAULT true NOT NULL,
    rate_limit_per_minute INTEGER,
    max_retries INTEGER,
    timeout_seconds INTEGER,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    updated_by VARCHAR(255),
    PRIMARY KEY (id),
    CONSTRAINT ux_channel_configs_channel UNIQUE (channel),
    CONSTRAINT ck_channel_configs_limits CHECK (rate_limit_per_minute > 0 AND max_retries >= 0 AND timeout_seconds > 0)
);
COMMENT ON TABLE msg_channel_configs IS 'What an admin set for a channel; secrets stand in the environment only.';
"""

RIGHTS = """
ALTER TABLE usr_auth_identities
    DROP CONSTRAINT ck_auth_identities_provider,
    ADD CONSTRAINT ck_auth_identities_provider CHECK (provider IN ('telegram', 'email', 'api_token', 'web') OR provider LIKE 'channel:%');
GRANT SELECT, INSERT, UPDATE, DELETE ON msg_preferences TO openbell_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON msg_preferences, msg_rate_limits, msg_channel_configs TO openbell_platform;
GRANT SELECT, INSERT, UPDATE ON telegram_broadcasts TO openbell_platform;
GRANT SELECT ON telegram_broadcast_logs TO openbell_platform;
GRANT DELETE ON usr_auth_identities TO openbell_platform;
GRANT DELETE ON msg_messages, msg_attachments, msg_delivery_status TO openbell_platform;
"""

OWNED = ("msg_preferences", "msg_rate_limits", "telegram_broadcasts")

BACK = """
DROP TABLE msg_channel_configs;
DROP TABLE msg_rate_limits;
DROP TABLE msg_preferences;
DROP VIEW telegram_broadcast_logs;
DROP TABLE telegram_broadcasts;
REVOKE DELETE ON usr_auth_identities FROM openbell_platform;
REVOKE DELETE ON msg_messages, msg_attachments, msg_delivery_status FROM openbell_platform;
DELETE FROM usr_auth_identities WHERE provider LIKE 'channel:%';
ALTER TABLE usr_auth_identities
    DROP CONSTRAINT ck_auth_identities_provider,
    ADD CONSTRAINT ck_auth_identities_provider CHECK (provider IN ('telegram', 'email', 'api_token', 'web'));
DELETE FROM msg_messages WHERE category IN ('fill', 'reminder', 'broadcast', 'digest');
DELETE FROM msg_delivery_status WHERE status IN ('bounced', 'cancelled', 'merged');
DROP INDEX ix_delivery_ready, ix_delivery_held, ix_delivery_order, ix_delivery_broadcast,
    ix_delivery_merged_into, ix_delivery_provider, ix_delivery_stuck, ux_delivery_open_digest;
CREATE INDEX ix_delivery_queued ON msg_delivery_status (lane, not_before) WHERE status = 'queued';
ALTER TABLE msg_delivery_status
    DROP CONSTRAINT ck_delivery_status,
    ADD CONSTRAINT ck_delivery_status CHECK (status IN ('queued', 'sending', 'sent', 'uncertain', 'failed', 'suppressed', 'expired', 'dead')),
    DROP COLUMN held, DROP COLUMN place, DROP COLUMN part, DROP COLUMN parts, DROP COLUMN reason, DROP COLUMN merged_into,
    DROP COLUMN digest_key, DROP COLUMN broadcast_id, DROP COLUMN attempts_log, RESET (fillfactor);
DROP INDEX ix_messages_supersede_key, ix_messages_broadcast_id;
ALTER TABLE msg_messages
    DROP CONSTRAINT ck_messages_category,
    ADD CONSTRAINT ck_messages_category CHECK (category IN ('code', 'alert', 'report', 'failure', 'health')),
    DROP COLUMN channels, DROP COLUMN subject, DROP COLUMN supersede_key, DROP COLUMN broadcast_id, DROP COLUMN timed_by_user;
"""


def upgrade() -> None:
    op.execute(MESSAGES)
    op.execute(DELIVERIES)
    op.execute(BROADCASTS)
    op.execute(PREFERENCES)
    op.execute(RIGHTS)
    for table in OWNED:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY own_rows ON {table} TO openbell_app USING (user_id = openbell_user_id())")
        op.execute(f"CREATE POLICY platform ON {table} TO openbell_platform USING (true)")
        op.execute(f"CREATE POLICY owner ON {table} TO CURRENT_USER USING (true)")


def downgrade() -> None:
    op.execute(BACK)
