"""Everything that is a person's own, read row by row as that person: row-level security says what is theirs."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

AT_ONCE = 500

ACCOUNT = {
    "account": """
        SELECT id, email, role, display_name, timezone, locale, verified_at, created_at, last_login FROM usr_users
    """,
    "identities": """
        SELECT provider, external_id, metadata, disabled_at, disabled_reason, created_at
        FROM usr_auth_identities ORDER BY id
    """,
    "preferences": """
        SELECT category, channels, quiet_from, quiet_until, digest, digest_at, muted_until, opted_out
        FROM msg_preferences ORDER BY category
    """,
    "groups": """
        SELECT id, chat_id, thread_id, title, topic, acting, state, reason, created_at
        FROM telegram_destinations ORDER BY id
    """,
}
"""What stands in account.json: a few rows each."""

TABLES = {
    "jobs": """
        SELECT id, name, job_type, target, task_params, cron, timezone, calendar, enabled, next_run_at, last_run_at,
            paused_until, tags, deliver_to, destination_id, catch_up, overlap, starts_at, ends_at, created_at,
            updated_at, deleted_at
        FROM job_schedules ORDER BY id
    """,
    "runs": """
        SELECT id, job_id, job_type, job_snapshot ->> 'name' AS name, scheduled_for, status, trigger, attempt,
            started_at, finished_at, result, error, skip_reason
        FROM job_schedule_runs ORDER BY scheduled_for DESC, id DESC
    """,
    "messages": """
        SELECT m.id, m.created_at, m.category, m.subject, m.payload ->> 'text' AS text, m.run_id, d.channel, d.address,
            d.status, d.sent_at, d.error
        FROM msg_messages m LEFT JOIN msg_delivery_status d ON d.message_id = m.id ORDER BY m.id DESC, d.id
    """,
    "feedback": """
        SELECT id, created_at, message, status, answered_at, answer FROM telegram_feedbacks ORDER BY id DESC
    """,
    "commands": """
        SELECT id, created_at, command, full_message, success, error_message, response_time_ms, reference
        FROM telegram_command_audits ORDER BY created_at DESC, id DESC
    """,
}
"""What becomes a table each; of what grows for ever, the newest rows come first."""


def names(table: str) -> list[str]:
    """The columns of that table, as they are exported."""
    select = TABLES[table].split("FROM", 1)[0].split("SELECT", 1)[1]
    return [each.split(" AS ")[-1].strip().rpartition(".")[2] for each in select.split(",")]


def account(session: Session) -> dict[str, list[dict[str, Any]]]:
    """The few rows that say who the person is."""
    return {name: [dict(row) for row in session.execute(text(query)).mappings()] for name, query in ACCOUNT.items()}


def rows(session: Session, table: str, most: int) -> Iterator[tuple[Any, ...]]:
    """The rows of that table, a few hundred in memory at a time."""
    query = text(f"{TABLES[table]} LIMIT :most")  # the text is ours
    found = session.execute(query, {"most": most}, execution_options={"yield_per": AT_ONCE})
    for row in found:
        yield tuple(row)
