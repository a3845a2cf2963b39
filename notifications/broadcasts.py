"""Broadcasts on their way: whom they reach, the step that moves them on, and their progress in the admin's chat."""

from datetime import datetime, timedelta
from html import escape

import structlog

from db.broadcasts import BroadcastRow, Reach, Recipient
from db.engine import Database
from db.preferences import Reader
from db.unit_of_work import UnitOfWork
from domain.broadcasts import (
    KEEPS,
    Audience,
    Broadcast,
    BroadcastStatus,
    Segment,
    duration,
    is_bad_canary,
    parse_segment,
)
from domain.ids import UserId
from domain.locales import DEFAULT, format_number, speaking, t, tn
from domain.messages import Button, Category, Outgoing, Rows
from notifications import outbox
from notifications.pacing import REAL

log = structlog.get_logger(__name__)

PER_SECOND = REAL.bot * REAL.bulk_share
"""What a broadcast is allowed while other messages go beside it."""
SHOWN_EVERY = timedelta(seconds=5)
FIRST_SHOWN_BY_US = timedelta(seconds=10)
"""The bot shows the first progress itself; when it did not for so long, we do."""
CHUNKS_A_STEP = 5
PAUSED = "the broadcast is paused"
CANCELLED = "the broadcast was cancelled"
COUNTED = ("sent", "failed", "blocked", "uncertain", "cancelled", "waiting", "asleep")
_BAR = 12


def recipients(uow: UnitOfWork, segment: Segment, now: datetime) -> tuple[Audience, list[Recipient]]:
    """Whom a broadcast would go to now: who is awake first, who is asleep next, who can't be reached last."""
    awake: list[Recipient] = []
    asleep: list[Recipient] = []
    unreachable: list[Recipient] = []
    opted_out = 0
    for members in uow.broadcasts.members(segment):
        readers = uow.preferences.readers(members)
        for member in members:
            recipient, waits, left = _recipient(readers[member], now)
            opted_out += left
            (unreachable if recipient.error is not None else asleep if waits else awake).append(recipient)
    found = [*awake, *asleep, *unreachable]
    return Audience(len(found), len(asleep), len(unreachable) - opted_out, opted_out), found


def _recipient(reader: Reader, now: datetime) -> tuple[Recipient, bool, bool]:
    """One person's delivery to be; whether it would wait; whether they opted out."""
    decision = reader.preferences.decide(Category.BROADCAST, now, person=reader.user_id)
    first = decision.channels[0]
    nowhere = f"none:{reader.user_id}"
    if decision.suppressed is not None:
        found = reader.addresses.get(first)
        address = found.address if found is not None else nowhere
        return Recipient(reader.user_id, first, address, decision.suppressed), False, True
    for channel in decision.channels:
        found = reader.addresses.get(channel)
        if found is not None and found.disabled is None:
            waits = decision.digest_key is not None or decision.not_before > now
            return Recipient(reader.user_id, channel, found.address), waits, False
    found = reader.addresses.get(first)
    why = f"the person has no {first} address" if found is None else f"the address is disabled: {found.disabled}"
    return Recipient(reader.user_id, first, found.address if found is not None else nowhere, why), False, False


# the step


def drive(database: Database) -> int:
    """Move every open broadcast on by one step, each in a transaction; how many are open.

    Any number of processes may drive: whichever has a broadcast's row moves it on, the others pass it over. Nothing is
    remembered outside of the database, so that after a crash the next step goes on where the last commit was.
    """
    with database.for_platform() as uow:
        numbers = uow.broadcasts.open()
    for number in numbers:
        with database.for_platform() as uow:
            row = uow.broadcasts.take(number)
            if row is not None:
                _move_on(uow, row, uow.planning.database_now())
                uow.commit()
    return len(numbers)


def _move_on(uow: UnitOfWork, row: BroadcastRow, now: datetime) -> None:
    match BroadcastStatus(row.status):
        case BroadcastStatus.CANARY:
            _judge_the_first(uow, row, now)
        case BroadcastStatus.RUNNING:
            _let_go(uow, row, now)
            uow.broadcasts.expire(row.id)
        case BroadcastStatus.PAUSED:
            uow.broadcasts.hold(row.id, PAUSED)
        case _:
            uow.broadcasts.cancel(row.id, CANCELLED)
    uow.session.flush()
    found = uow.broadcasts.view(row.id)
    if found is not None and found.waiting == 0 and _can_be_shown(row, now):
        ends = BroadcastStatus.CANCELLED if found.status is BroadcastStatus.CANCELLED else BroadcastStatus.DONE
        change(row, ends, row.reason, now)
        row.finished_at = now
        uow.session.flush()
        log.info("broadcast_finished", broadcast_id=row.id, status=str(ends), sent=found.sent, failed=found.failed)
    _show(uow, row, now)


def change(row: BroadcastRow, status: BroadcastStatus, reason: str | None, now: datetime) -> None:
    """A broadcast is in another state from now on; buttons of before act no more."""
    row.status, row.reason, row.changed_at = str(status), reason, now


def _judge_the_first(uow: UnitOfWork, row: BroadcastRow, now: datetime) -> None:
    """Let the others go once the first have arrived; hold them when too many did not."""
    first = uow.broadcasts.first(row)
    why = None
    with speaking(_reads(uow, row)):
        if first.flooded:
            why = t("Telegram asked for fewer messages while the first were sent")
        elif is_bad_canary(first.failed, first.size):
            why = t("{count} of the first {size} failed", count=first.failed, size=first.size)
    if why is not None:
        change(row, BroadcastStatus.PAUSED, why, now)
        uow.broadcasts.hold(row.id, PAUSED)
        log.warning("broadcast_held", broadcast_id=row.id, reason=why)
    elif first.waiting == 0:
        change(row, BroadcastStatus.RUNNING, None, now)
        _let_go(uow, row, now)


def _reads(uow: UnitOfWork, row: BroadcastRow) -> str:
    """The language of the admin whose broadcast it is."""
    return uow.preferences.locale_of(row.user_id) if row.user_id is not None else DEFAULT


def _let_go(uow: UnitOfWork, row: BroadcastRow, now: datetime) -> None:
    """Let a few thousand more go, each at its person's hour."""
    for _ in range(CHUNKS_A_STEP):
        held = uow.broadcasts.held(row.id)
        if not held:
            return
        readers = uow.preferences.readers(each.user_id for each in held)
        uow.broadcasts.let_go([_moment(each, readers.get(each.user_id), now) for each in held])
    uow.jobs.wake("messages")


def _moment(held: Reach, reader: Reader | None, now: datetime) -> tuple[int, datetime, str | None]:
    if reader is None:
        return held.delivery_id, now, None
    decision = reader.preferences.decide(Category.BROADCAST, now, person=held.user_id)
    return held.delivery_id, decision.not_before, decision.reason


# its progress


def progress_key(broadcast_id: int) -> str:
    """What its progress messages have in common: a newer one takes the place of one not sent yet."""
    return f"broadcast:{broadcast_id}:progress"


def _can_be_shown(row: BroadcastRow, now: datetime) -> bool:
    """Whether the bot has shown the first progress, or will not do so any more."""
    return row.progress_message_id is not None or now - row.created >= FIRST_SHOWN_BY_US


def _show(uow: UnitOfWork, row: BroadcastRow, now: datetime) -> None:
    """Edit the progress in the admin's chat, every few seconds and whenever its state changed."""
    found = uow.broadcasts.view(row.id)
    if found is None or found.user_id is None:
        return
    with speaking(_reads(uow, row)):
        said, buttons = card(found)
    changed = row.shown_at is None or row.shown_at < row.changed_at
    recently = row.shown_at is not None and now - row.shown_at < SHOWN_EVERY
    if not changed and (recently or row.shown == said):  # after a change the bot may have shown something in between
        return
    if row.progress_message_id is None:
        row.progress_message_id = uow.broadcasts.first_shown(found.user_id, progress_key(row.id))
    if not _can_be_shown(row, now):
        return
    number = row.progress_message_id
    row.shown, row.shown_at = said, now
    message = Outgoing(
        Category.HEALTH,
        UserId(found.user_id),
        said,
        buttons=buttons,
        channels=("telegram",),
        supersede_key=progress_key(row.id),
        silent=True,
        edits=str(number) if number is not None else None,
    )
    outbox.enqueue(uow, message, now)


def card(found: Broadcast) -> tuple[str, Rows]:
    """How a broadcast stands, in Telegram HTML, and what can be done to it."""
    whom = escape(parse_segment(found.segment).words)
    lines = [t("<b>Broadcast {number}</b> to {whom}", number=found.id, whom=whom), standing(found), ""]
    lines += [_bar(found), *_counts(found)]
    left = found.waiting - found.asleep
    if found.status in (BroadcastStatus.CANARY, BroadcastStatus.RUNNING) and left > PER_SECOND * 10:
        lines.append(t("About {span} more.", span=_minutes(duration(left, PER_SECOND))))
    return "\n".join(lines), _buttons(found)


def standing(found: Broadcast) -> str:
    """In what state it is, in a sentence."""
    match found.status:
        case BroadcastStatus.CANARY:
            return t("The first go; the others wait for them.")
        case BroadcastStatus.RUNNING if found.waiting and found.waiting == found.asleep:
            return t("Everybody awake is served; the others get it when their quiet hours end.")
        case BroadcastStatus.RUNNING:
            return t("It is going.")
        case BroadcastStatus.PAUSED:
            return f"{_with_reason(t('Paused'), found.reason)}. {t('Nobody gets it before you resume it.')}"
        case BroadcastStatus.CANCELLED:
            return t("Cancelled. What had been sent stays sent.") if found.finished_at else t("Being cancelled.")
        case _:
            return f"{_with_reason(t('Done'), found.reason)}."


def _with_reason(state: str, reason: str | None) -> str:
    return f"{state}: {escape(reason)}" if reason else state


def _bar(found: Broadcast) -> str:
    share = found.ended / found.total if found.total else 1.0
    full = int(share * _BAR)
    done = t("{percent} % of {total}", percent=int(share * 100), total=format_number(found.total))
    return f"{'▓' * full}{'░' * (_BAR - full)} {done}"


def _counts(found: Broadcast) -> list[str]:
    counts = {name: format_number(getattr(found, name)) for name in COUNTED}
    waiting = t("… {count} waiting", count=counts["waiting"])
    if found.asleep:
        waiting += t(", {count} of them in their quiet hours", count=counts["asleep"])
    counted = (
        (found.sent, t("✓ {count} delivered", count=counts["sent"])),
        (found.failed, t("✗ {count} failed", count=counts["failed"])),
        (found.blocked, t("– {count} blocked or opted out", count=counts["blocked"])),
        (found.uncertain, t("? {count} in doubt, perhaps delivered", count=counts["uncertain"])),
        (found.cancelled, t("■ {count} cancelled", count=counts["cancelled"])),
        (found.waiting, waiting),
    )
    return [words for count, words in counted if count]


def _buttons(found: Broadcast) -> Rows:
    def button(label: str, action: str) -> Button:
        return Button(label, data=f"y:{found.id}:{action}:{found.nonce}")

    labels = (("pause", t("Pause")), ("resume", t("Resume")), ("cancel", t("Cancel it")))
    first = tuple(button(label, action) for action, label in labels if found.may(action))
    second = []
    if found.uncertain and found.status is not BroadcastStatus.CANCELLED:
        second.append(button(tn("Again to {n} person", "Again to {n} people", found.uncertain), "again"))
    if found.failed or found.blocked or found.uncertain:
        second.append(Button(t("Failures as a file"), data=f"y:{found.id}:show:csv"))
    return tuple(row for row in (first, tuple(second)) if row)


def _minutes(length: timedelta) -> str:
    minutes = max(round(length.total_seconds() / 60), 1)
    if minutes < 90:
        return t("{minutes} min", minutes=minutes)
    return t("{hours} h {minutes} min", hours=minutes // 60, minutes=minutes % 60)


def estimate(count: int) -> str:
    """How long so many take, in words."""
    took = duration(count, PER_SECOND)
    return t("{seconds} s", seconds=int(took.total_seconds())) if took < timedelta(seconds=90) else _minutes(took)


def keeps(count: int) -> timedelta:
    """For how long a broadcast to so many is of use."""
    return KEEPS + duration(count, PER_SECOND)
