"""Opting out of a category of messages, and back in."""

from sqlalchemy import text
from sqlalchemy.orm import Session

SET = text("""
INSERT INTO msg_preferences (user_id, category, opted_out)
SELECT id, :category, :out FROM usr_users WHERE id = :user_id
ON CONFLICT (user_id, category) DO UPDATE SET opted_out = excluded.opted_out, updated_at = now()
RETURNING user_id
""")


def set_opt_out(session: Session, user_id: int, category: str, *, out: bool) -> bool:
    """Write it; False when there is no such person. Their other wishes for the category stay."""
    found = session.execute(SET, {"user_id": user_id, "category": category, "out": out})
    return found.first() is not None
