"""What must be true after a drill: what the database says of each message, held to what was really received."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from chaos.proofs import Proof

MARK = "(I may have sent this already."
DRAWN = {("queued", "sending"), ("sending", "queued"), ("sending", "sent"), ("sending", "uncertain")}

WATCHED = """
CREATE SCHEMA drill;
CREATE TABLE drill.trail (
    n BIGINT GENERATED ALWAYS AS IDENTITY, delivery_id BIGINT NOT NULL, was TEXT NOT NULL, became TEXT NOT NULL,
    owner TEXT, doubt BOOLEAN NOT NULL, uncalled BOOLEAN NOT NULL);
CREATE FUNCTION drill.note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    INSERT INTO drill.trail (delivery_id, was, became, owner, doubt, uncalled)
    VALUES (NEW.id, OLD.status, NEW.status, OLD.owner,
        OLD.status = 'sending' AND OLD.called_at IS NOT NULL AND NEW.status <> 'sent',
        OLD.status = 'sending' AND OLD.called_at IS NULL AND OLD.lease_until < now());
    RETURN NULL;
END $$;
CREATE TRIGGER drill_note AFTER UPDATE ON msg_delivery_status FOR EACH ROW
    WHEN (OLD.status <> NEW.status) EXECUTE FUNCTION drill.note();
"""
"""Each change of a delivery's state and who owned it till then: a doubt if that owner called and had no answer,
uncalled if its lease lapsed before it called."""

ROWS = """
SELECT d.id, m.category, d.address, d.status, d.attempts, d.provider_message_id,
    ARRAY(SELECT t.owner FROM drill.trail t WHERE t.delivery_id = d.id AND t.doubt ORDER BY t.n),
    ARRAY(SELECT t.was || ' ' || t.became FROM drill.trail t WHERE t.delivery_id = d.id ORDER BY t.n),
    (SELECT count(*)::int FROM drill.trail t WHERE t.delivery_id = d.id AND t.uncalled)
FROM msg_delivery_status d JOIN msg_messages m ON m.id = d.message_id ORDER BY d.id
"""


@dataclass(frozen=True)
class Row:
    """A delivery as the database has it in the end."""

    id: int
    category: str
    address: str
    status: str
    attempts: int
    provider_id: str | None
    doubts: list[str] = field(default_factory=list)
    """The senders whose call for it was not answered, each as its owner's name."""
    steps: list[str] = field(default_factory=list)
    uncalled: int = 0
    """How often its sender was gone before it called."""

    @property
    def is_alert(self) -> bool:
        return self.category == "alert"


@dataclass(frozen=True)
class Received:
    """What the receiving end took: chat and text, in order."""

    taken: Sequence[tuple[str, str]]

    def copies(self) -> Counter[str]:
        """How often each chat got its message."""
        return Counter(chat for chat, _ in self.taken)

    def marked(self) -> Counter[str]:
        """How many of them said that they may be a repeat."""
        return Counter(chat for chat, text in self.taken if text.removeprefix("<i>").startswith(MARK))

    def chat_of(self, number: str | None) -> str | None:
        """Whom the message with this number went to; None when there is no such message."""
        place = int(number) - 1 if number is not None and number.isdigit() else -1
        return self.taken[place][0] if 0 <= place < len(self.taken) else None


def prove(rows: Sequence[Row], received: Received, wanted: int, kills: int) -> list[Proof]:
    """Every promise with the rows that break it; each chat has one message, `wanted` are there in all."""
    copies, marked = received.copies(), received.marked()
    alerts = [row for row in rows if row.is_alert]
    bulk = [row for row in rows if not row.is_alert]
    lost = Counter(owner for row in rows for owner in set(row.doubts))
    return [
        Proof("every message is in the database", wanted, [] if len(rows) == wanted else [(len(rows), "of", wanted)]),
        _proof("nothing is left queued or sending", rows, (
            (row.id, row.status) for row in rows if row.status in ("queued", "sending"))),
        _proof("no alert is missing", alerts, (
            (row.id, row.address, row.status) for row in alerts if not copies[row.address])),
        _proof("an alert came once, and once more and marked for each kill that fell into its call at most", alerts, (
            (row.id, row.address, f"{copies[row.address]} copies", f"{marked[row.address]} marked",
             f"{len(row.doubts)} doubts")
            for row in alerts if not _repeats_are_right(row, copies[row.address], marked[row.address]))),
        _proof("an alert ends as sent, or uncertain after a second doubt", alerts, (
            (row.id, row.status, f"{len(row.doubts)} doubts")
            for row in alerts if row.status != ("uncertain" if len(row.doubts) > 1 else "sent"))),
        _proof("the broadcast came to nobody twice, and unmarked", bulk, (
            (row.id, row.address, f"{copies[row.address]} copies", f"{marked[row.address]} marked")
            for row in bulk if copies[row.address] > 1 or marked[row.address])),
        _proof("a call of the broadcast that a kill cut off is listed as uncertain, and nothing else is", bulk, (
            (row.id, row.address, row.status, f"{len(row.doubts)} doubts")
            for row in bulk if (row.status == "uncertain") != bool(row.doubts))),
        _proof("whom the broadcast did not reach is listed as uncertain", bulk, (
            (row.id, row.address, row.status)
            for row in bulk if not copies[row.address] and row.status != "uncertain")),
        _proof("what counts as sent was received, by the chat it was for", rows, (
            (row.id, row.address, f"number {row.provider_id}", f"in chat {received.chat_of(row.provider_id)}")
            for row in rows if row.status == "sent" and received.chat_of(row.provider_id) != row.address)),
        _proof("nothing was received that the database does not know of", received.taken, _unknown(rows, copies)),
        _proof("no more senders left calls unanswered than were killed", lost, [
            (f"{len(lost)} senders", f"{kills} kills")] if len(lost) > kills else []),
        _proof("no state changed in a way that is not drawn", rows, (
            (row.id, step) for row in rows for step in row.steps if tuple(step.split()) not in DRAWN)),
    ]  # fmt: skip


def figures(rows: Sequence[Row], received: Received) -> dict[str, Any]:
    """The counts of both ends."""
    copies, marked = received.copies(), received.marked()
    alerts = [row for row in rows if row.is_alert]
    bulk = [row for row in rows if not row.is_alert]
    of_a_kill = Counter(owner for row in alerts for owner in row.doubts)
    held = [row for row in bulk if row.status == "uncertain"]
    return {
        "received": len(received.taken),
        "alerts": _counts(row.status for row in alerts),
        "alerts received": sum(copies[row.address] for row in alerts),
        "alerts cut off in their call": sum(len(row.doubts) for row in alerts),
        "alerts received twice, the second marked": sum(
            copies[row.address] == 2 and marked[row.address] > 0 for row in alerts
        ),
        "alerts received once, and marked": sum(copies[row.address] == 1 == marked[row.address] for row in alerts),
        "most alerts cut off by one kill": max(of_a_kill.values(), default=0),
        "broadcast": _counts(row.status for row in bulk),
        "broadcast received": sum(copies[row.address] for row in bulk),
        "held as uncertain, received": sum(copies[row.address] for row in held),
        "held as uncertain, not received": sum(not copies[row.address] for row in held),
        "claimed by a killed sender, not called yet": sum(row.uncalled for row in rows),
        "kills that cut a call off": len({owner for row in rows for owner in row.doubts}),
    }


def _proof(promise: str, looked_at: Sequence[Any] | Counter[str], broken: Iterable[tuple[Any, ...]]) -> Proof:
    return Proof(promise, len(looked_at), list(broken))


def _repeats_are_right(row: Row, copies: int, marked: int) -> bool:
    """One copy as it was written at most; a marked one for each sender that was killed in the call before."""
    return copies - marked <= 1 and marked <= len(row.doubts) == len(set(row.doubts)) and copies <= row.attempts


def _unknown(rows: Sequence[Row], copies: Counter[str]) -> Iterator[tuple[Any, ...]]:
    """Chats that got something although no call for them is on record."""
    called = Counter({row.address: row.attempts for row in rows})
    for chat, number in copies.items():
        if number > called[chat]:
            yield chat, f"{number} copies", f"{called[chat]} calls"


def _counts(words: Iterable[str]) -> dict[str, int]:
    return dict(Counter(words).most_common())
