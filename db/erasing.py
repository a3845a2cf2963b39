"""Erasing a person: their rows go with their account, and what must stay forgets who they were."""

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.orm import Session

PATIENCE = text("SET LOCAL statement_timeout = '50s'")
"""A long history takes a while; the transaction ends all the same after a minute."""

FORGOTTEN = "erased"

# The rows of these have no foreign key to the account, or belong to others and name the person.
BEFORE = (
    """
    UPDATE telegram_command_audits
    SET telegram_user_id = 'erased', user_id = NULL, user_email = NULL, full_message = NULL, error_message = NULL,
        chat_id = NULL
    WHERE user_id = :user_id OR telegram_user_id = ANY(CAST(:telegram AS text[]))
    """,
    """
    DELETE FROM telegram_drafts
    WHERE user_id = :user_id OR telegram_user_id::text = ANY(CAST(:telegram AS text[]))
    """,
    """
    DELETE FROM telegram_actions WHERE split_part(key, ':', 2) = ANY(CAST(:telegram AS text[]))
    """,
    """
    UPDATE telegram_inbox SET chat_id = NULL WHERE chat_id = ANY(CAST(:telegram AS bigint[]))
    """,
    """
    DELETE FROM telegram_settings
    WHERE key LIKE 'menu:%' AND string_to_array(key, ':') && CAST(:telegram AS text[])
    """,
    "UPDATE telegram_settings SET updated_by = 'erased' WHERE lower(updated_by) = lower(:email)",
    "UPDATE msg_channel_configs SET updated_by = 'erased' WHERE lower(updated_by) = lower(:email)",
    """
    UPDATE telegram_broadcasts SET sent_by = 'erased', chat_id = NULL, progress_message_id = NULL
    WHERE user_id = :user_id OR lower(sent_by) = lower(:email)
    """,
    "UPDATE telegram_feedbacks SET answered_by = 'erased' WHERE lower(answered_by) = lower(:email)",
    "DELETE FROM usr_invites WHERE lower(email) = lower(:email)",
    "UPDATE usr_invites SET invited_by = 'erased' WHERE lower(invited_by) = lower(:email)",
    "UPDATE usr_invites SET used_by = 'erased' WHERE used_by = ANY(CAST(:telegram AS text[]))",
    "DELETE FROM usr_verification_codes WHERE external_id = ANY(CAST(:telegram AS text[]))",
    """
    DELETE FROM msg_messages
    WHERE dedupe_key LIKE 'about:' || :user_id || ':%' OR dedupe_key LIKE 'waits:' || :user_id || ':%'
    """,
    """
    UPDATE job_schedule_runs
    SET events = replace(events::text, to_json(CAST(:email AS text))::text, '"erased"')::jsonb
    WHERE user_id IS DISTINCT FROM :user_id AND strpos(events::text, to_json(CAST(:email AS text))::text) > 0
    """,
)

ACCOUNT = text("DELETE FROM usr_users WHERE id = :user_id")

UNPROVED = text("""
DELETE FROM usr_users u
WHERE u.verified_at IS NULL AND u.waiting_since IS NULL AND u.is_active AND u.role = 'viewer'
    AND u.created_at < now() - make_interval(days => :days)
    AND NOT EXISTS (SELECT FROM usr_verification_codes c
        WHERE c.user_id = u.id AND c.created_at > now() - make_interval(days => :days))
    AND NOT EXISTS (SELECT FROM usr_invites i WHERE i.user_id = u.id)
    AND NOT EXISTS (SELECT FROM usr_auth_identities a WHERE a.user_id = u.id AND a.provider = 'telegram')
""")


def forget_unproved(session: Session, days: int) -> None:
    """Delete the addresses that somebody sent that long ago, and nobody proved, was promised or waits with."""
    session.execute(UNPROVED, {"days": days})


def erase(session: Session, user_id: int, email: str, telegram: Sequence[int], *, acted_on_others: bool) -> None:
    """Delete the account, and every row of it by cascade; what stays (the audit, others' rows) names nobody.

    `acted_on_others`: an admin, whose address may stand in the stories of others' runs.
    """
    values = {"user_id": user_id, "email": email, "telegram": [str(each) for each in telegram]}
    session.execute(PATIENCE)
    for statement in BEFORE if acted_on_others else BEFORE[:-1]:
        names = {name: value for name, value in values.items() if f":{name}" in statement}
        session.execute(text(statement), names)
    session.execute(ACCOUNT, {"user_id": user_id})
