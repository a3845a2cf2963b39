"""The chat grows up: a durable inbox, forms edited in place, groups and topics, invitations, feedback, live settings.

Revision ID: 0004
Revises: 0003
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

INBOX = """
CREATE TABLE telegram_inbox (
    update_id BIGINT NOT NULL,
    chat_id BIGINT,
    body JSONB,
    received_at timestamptz DEFAULT now() NOT NULL,
    done_at timestamptz,
    PRIMARY KEY (update_id)
) WITH (fillfactor = 70);
CREATE INDEX ix_inbox_waiting ON telegram_inbox (update_id) WHERE done_at IS NULL;
CREATE INDEX ix_inbox_received_at ON telegram_inbox (received_at);
COMMENT ON TABLE telegram_inbox IS 'Every update that Telegram brought, kept before Telegram is told so; done once it was answered.';
COMMENT ON COLUMN telegram_inbox.body IS 'The update as it came; null once it is done, so that no text stays here';

CREATE TABLE telegram_leases (
    name TEXT NOT NULL,
    holder UUID NOT NULL,
    holder_name TEXT DEFAULT '' NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (name)
);
COMMENT ON TABLE telegram_leases IS 'Which of several copies of the bot hears: one at a time, the others stand by.';
"""

CHATS = """
CREATE TABLE telegram_destinations (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    user_id BIGINT,
    chat_id BIGINT NOT NULL,
    thread_id BIGINT DEFAULT 0 NOT NULL,
    title TEXT DEFAULT '' NOT NULL,
    topic TEXT,
    acting BOOLEAN DEFAULT false NOT NULL,
    state TEXT DEFAULT 'active' NOT NULL,
    reason TEXT,
    changed_at timestamptz DEFAULT now() NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT ux_destinations_place UNIQUE (chat_id, thread_id, user_id),
    CONSTRAINT ck_destinations_state CHECK (state IN ('active', 'degraded', 'disabled')),
    FOREIGN KEY(user_id) REFERENCES usr_users (id) ON DELETE CASCADE
);
CREATE INDEX ix_destinations_user_id ON telegram_destinations (user_id);
COMMENT ON TABLE telegram_destinations IS 'Groups and topics that verified group admins linked, so that jobs may be told there.';
COMMENT ON COLUMN telegram_destinations.user_id IS 'Who linked it';
COMMENT ON COLUMN telegram_destinations.thread_id IS 'The topic in the group; 0 for the group itself';
COMMENT ON COLUMN telegram_destinations.acting IS 'Whether verified members may act there, which an admin switched on';
COMMENT ON COLUMN telegram_destinations.state IS 'degraded: its topic is gone, so the group itself is used; disabled: nothing can be sent there';
"""

PEOPLE = """
ALTER TABLE usr_users
    ADD COLUMN waiting_since timestamptz,
    ADD COLUMN suspended_at timestamptz,
    ADD COLUMN suspended_reason TEXT;
CREATE INDEX ix_users_waiting ON usr_users (waiting_since) WHERE waiting_since IS NOT NULL;
COMMENT ON COLUMN usr_users.waiting_since IS 'Since when a person who proved an address waits for an admin to let them in';
COMMENT ON COLUMN usr_users.suspended_at IS 'Since when an admin keeps this person out; is_active is false then';

CREATE TABLE usr_invites (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    token VARCHAR(64) NOT NULL,
    purpose TEXT DEFAULT 'invite' NOT NULL,
    email VARCHAR(254) NOT NULL,
    role VARCHAR(16) DEFAULT 'viewer' NOT NULL,
    user_id BIGINT,
    invited_by VARCHAR(255) NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    used_by VARCHAR(255),
    PRIMARY KEY (id),
    CONSTRAINT ux_invites_token UNIQUE (token),
    CONSTRAINT ck_invites_purpose CHECK (purpose IN ('invite', 'connect')),
    CONSTRAINT ck_invites_role CHECK (role IN ('admin', 'trader', 'viewer')),
    FOREIGN KEY(user_id) REFERENCES usr_users (id) ON DELETE CASCADE
);
CREATE INDEX ix_invites_email ON usr_invites (lower(email));
CREATE INDEX ix_invites_user_id ON usr_invites (user_id);
COMMENT ON TABLE usr_invites IS 'Links that let one person in, once: an admin''s invitation, or the way of an account to another Telegram.';
COMMENT ON COLUMN usr_invites.token IS 'Keyed hash of the link''s token';
COMMENT ON COLUMN usr_invites.user_id IS 'The account that a link of the purpose connect belongs to';
COMMENT ON COLUMN usr_invites.used_by IS 'The Telegram user who used it';
"""

FEEDBACK = """
CREATE TABLE telegram_feedbacks (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    user_id BIGINT NOT NULL,
    type VARCHAR(32) DEFAULT 'feedback' NOT NULL,
    message TEXT NOT NULL,
    status VARCHAR(32) DEFAULT 'open' NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    message_id BIGINT,
    answered_at timestamptz,
    answered_by VARCHAR(255),
    answer TEXT,
    PRIMARY KEY (id),
    CONSTRAINT ck_feedbacks_status CHECK (status IN ('open', 'answered', 'closed')),
    FOREIGN KEY(user_id) REFERENCES usr_users (id) ON DELETE CASCADE
);
CREATE INDEX ix_feedbacks_user_id ON telegram_feedbacks (user_id);
CREATE INDEX ix_feedbacks_open ON telegram_feedbacks (id) WHERE status = 'open';
COMMENT ON TABLE telegram_feedbacks IS 'What people wrote to those who run this Openbell, and what they were answered.';
COMMENT ON COLUMN telegram_feedbacks.message_id IS 'The message in the person''s chat that the answer replies to';

ALTER TABLE telegram_settings
    ADD COLUMN updated_at timestamptz DEFAULT now() NOT NULL,
    ADD COLUMN updated_by VARCHAR(255);
ALTER TABLE telegram_command_audits
    ADD COLUMN chat_id BIGINT,
    ADD COLUMN reference VARCHAR(16);
CREATE INDEX ix_telegram_command_audits_reference ON telegram_command_audits (reference) WHERE reference IS NOT NULL;
CREATE INDEX ix_telegram_command_audits_user_id ON telegram_command_audits (user_id, created_at);
COMMENT ON COLUMN telegram_command_audits.reference IS 'The code, such as E-7F3A, that the person was shown';
"""

FORMS = """
ALTER TABLE telegram_drafts
    ADD COLUMN chat_id BIGINT,
    ADD COLUMN thread_id BIGINT,
    ADD COLUMN message_id BIGINT,
    ADD COLUMN step VARCHAR(32) DEFAULT '' NOT NULL,
    ADD COLUMN version INTEGER DEFAULT 1 NOT NULL;
COMMENT ON COLUMN telegram_drafts.message_id IS 'The one message that shows the form, edited in place';
COMMENT ON COLUMN telegram_drafts.step IS 'The question that is open';
COMMENT ON COLUMN telegram_drafts.version IS 'Counts the answers: a button of an earlier version is an old one';

ALTER TABLE job_schedules
    ADD COLUMN tags TEXT[] DEFAULT '{}' NOT NULL,
    ADD COLUMN deliver_to TEXT[],
    ADD COLUMN destination_id BIGINT,
    ADD COLUMN paused_until timestamptz,
    ADD CONSTRAINT fk_schedules_destination FOREIGN KEY (destination_id) REFERENCES telegram_destinations (id) ON DELETE SET NULL;
CREATE INDEX ix_schedules_tags ON job_schedules USING gin (tags);
CREATE INDEX ix_schedules_destination_id ON job_schedules (destination_id) WHERE destination_id IS NOT NULL;
COMMENT ON COLUMN job_schedules.tags IS 'Words to find it by, without the #';
COMMENT ON COLUMN job_schedules.deliver_to IS 'Channels its results go to, all of them; null for what its owner prefers';
COMMENT ON COLUMN job_schedules.destination_id IS 'The linked group or topic that its results go to, beside deliver_to';
COMMENT ON COLUMN job_schedules.paused_until IS 'It is planned again from this instant on; its cursor stands behind it already';

ALTER TABLE msg_messages ADD COLUMN destination_id BIGINT;
COMMENT ON COLUMN msg_messages.destination_id IS 'The linked group or topic it goes to';
"""

RIGHTS = """
GRANT SELECT, INSERT, UPDATE, DELETE ON telegram_inbox, telegram_leases TO openbell_platform;
GRANT SELECT, INSERT, UPDATE, DELETE ON telegram_destinations, usr_invites, telegram_feedbacks TO openbell_platform;
GRANT SELECT ON telegram_destinations, telegram_feedbacks TO openbell_app;
GRANT INSERT ON telegram_feedbacks TO openbell_app;
GRANT UPDATE (acting, state, reason, changed_at, title, topic) ON telegram_destinations TO openbell_app;
GRANT SELECT ON telegram_settings TO openbell_app;
GRANT DELETE ON telegram_settings, usr_users, usr_verification_codes TO openbell_platform;
GRANT UPDATE ON telegram_command_audits TO openbell_platform;
"""

OWNED = ("telegram_destinations", "usr_invites", "telegram_feedbacks")

BACK = """
REVOKE UPDATE ON telegram_command_audits FROM openbell_platform;
REVOKE DELETE ON telegram_settings, usr_users, usr_verification_codes FROM openbell_platform;
REVOKE SELECT ON telegram_settings FROM openbell_app;
ALTER TABLE msg_messages DROP COLUMN destination_id;
ALTER TABLE job_schedules
    DROP CONSTRAINT fk_schedules_destination,
    DROP COLUMN tags, DROP COLUMN deliver_to, DROP COLUMN destination_id, DROP COLUMN paused_until;
ALTER TABLE telegram_drafts
    DROP COLUMN chat_id, DROP COLUMN thread_id, DROP COLUMN message_id, DROP COLUMN step, DROP COLUMN version;
DROP INDEX ix_telegram_command_audits_reference, ix_telegram_command_audits_user_id;
ALTER TABLE telegram_command_audits DROP COLUMN chat_id, DROP COLUMN reference;
ALTER TABLE telegram_settings DROP COLUMN updated_at, DROP COLUMN updated_by;
DROP TABLE telegram_feedbacks;
DROP TABLE usr_invites;
DROP INDEX ix_users_waiting;
ALTER TABLE usr_users DROP COLUMN waiting_since, DROP COLUMN suspended_at, DROP COLUMN suspended_reason;
DROP TABLE telegram_destinations;
DROP TABLE telegram_leases;
DROP TABLE telegram_inbox;
"""


def upgrade() -> None:
    for part in (INBOX, CHATS, PEOPLE, FEEDBACK, FORMS, RIGHTS):
        op.execute(part)
    for table in OWNED:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY own_rows ON {table} TO openbell_app USING (user_id = openbell_user_id())")
        op.execute(f"CREATE POLICY platform ON {table} TO openbell_platform USING (true)")
        op.execute(f"CREATE POLICY owner ON {table} TO CURRENT_USER USING (true)")


def downgrade() -> None:
    op.execute(BACK)
