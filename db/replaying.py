"""Deliveries that came to nothing: found by what is known of them, and put back into the queue."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

STUCK = ("dead", "failed", "uncertain")
KEEPS = timedelta(hours=24)


@dataclass(frozen=True)
class Filter:
    """Which deliveries: those of which all that is given here is true."""

    states: tuple[str, ...] = STUCK
    channel: str | None = None
    error_class: str | None = None
    since: datetime | None = None
    broadcast: int | None = None
    numbers: tuple[int, ...] = ()
    after: int | None = None
    """Only those with a smaller number; a page goes on so."""


_WHICH = """
d.status = ANY(CAST(:states AS text[]))
    AND (CAST(:channel AS text) IS NULL OR d.channel = :channel)
    AND (CAST(:error_class AS text) IS NULL OR d.error_class = :error_class)
    AND (CAST(:since AS timestamptz) IS NULL OR d.updated_at >= :since)
    AND (CAST(:broadcast AS bigint) IS NULL OR d.broadcast_id = :broadcast)
    AND (cardinality(CAST(:numbers AS bigint[])) = 0 OR d.id = ANY(CAST(:numbers AS bigint[])))
    AND d.id < coalesce(:after, 9223372036854775807)
"""

_FIND = text(f"""
SELECT d.id, d.message_id, d.channel, d.address, d.status, d.error_class, d.error, d.attempts, d.possible_repeat,
    d.broadcast_id, d.created_at, d.updated_at, d.sent_at, m.category, m.run_id, u.email
FROM msg_delivery_status d JOIN msg_messages m ON m.id = d.message_id JOIN usr_users u ON u.id = d.user_id
WHERE {_WHICH} ORDER BY d.id DESC LIMIT :limit
""")  # noqa: S608  # composed of our own constants

_REPLAY = text("""
WITH again AS (
    SELECT d.id, d.message_id, d.status FROM msg_delivery_status d
    WHERE d.id = ANY(CAST(:ids AS bigint[])) AND d.status IN ('dead', 'failed', 'uncertain') FOR UPDATE),
kept AS (
    UPDATE msg_messages m SET expires_at = greatest(m.expires_at, now() + :keeps)
    FROM (SELECT DISTINCT message_id FROM again) a WHERE m.id = a.message_id)
UPDATE msg_delivery_status d
SET status = 'queued', attempts = 0, called_at = NULL, held = false, not_before = now(), owner = NULL,
    lease_until = NULL, fence = d.fence + 1, reason = NULL, updated_at = now(),
    possible_repeat = d.possible_repeat OR again.status = 'uncertain',
    attempts_log = d.attempts_log || jsonb_build_array(
        jsonb_build_object('at', now(), 'outcome', 'replayed', 'said', 'it was replayed by an admin'))
FROM again WHERE d.id = again.id
RETURNING d.id
""")


def find(session: Session, which: Filter, limit: int) -> list[Any]:
    """These deliveries, newest first, each with its message's category, its run and its person."""
    given = {
        "states": list(which.states),
        "channel": which.channel,
        "error_class": which.error_class,
        "since": which.since,
        "broadcast": which.broadcast,
        "numbers": list(which.numbers),
        "after": which.after,
        "limit": limit,
    }
    return list(session.execute(_FIND, given))


def replay(session: Session, numbers: list[int]) -> list[int]:
    """Put these back into the queue; those that somebody else replayed meanwhile are left as they are."""
    return sorted(session.execute(_REPLAY, {"ids": numbers, "keeps": KEEPS}).scalars())
