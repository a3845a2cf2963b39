"""How people want to be told: their own choices, each change one transaction."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta

from db.preferences import Address, PreferenceRow
from db.unit_of_work import UnitOfWork
from domain.errors import InvalidInput, NotFound
from domain.locales import t
from domain.messages import Category
from domain.preferences import ADJUSTABLE, ALL, Gather, Preferences
from domain.users import User

LONGEST_MUTE = timedelta(days=31)


@dataclass(frozen=True)
class Wishes:
    """What a person chose, and the channels that they can be reached by."""

    preferences: Preferences
    addresses: dict[str, Address]


class PreferencesService:
    """Use cases around being told; the unit of work is the person's own."""

    def __init__(self, uow: UnitOfWork) -> None:
        self.uow = uow

    def get(self, user: User) -> Wishes:
        """Everything that this person chose."""
        with self.uow as uow:
            return _wishes(uow, user)

    def use(self, user: User, category: str, channels: tuple[str, ...]) -> Wishes:
        """Send this category (or ``*``, all) by these channels, the first that works; they must lead somewhere."""
        with self.uow as uow:
            reachable = _wishes(uow, user).addresses
            for channel in channels:
                if channel not in reachable:
                    raise InvalidInput(
                        t(
                            "I have no {channel} address of yours. I can reach you by {names}.",
                            channel=channel,
                            names=", ".join(sorted(reachable)),
                        )
                    )
            row = _chosen(uow, user, category)
            row.channels, row.opted_out = list(channels), False
            return _saved(uow, user)

    def link(self, user: User, channel: str, address: str) -> Wishes:
        """Reach this person at an address of theirs in another channel, which it takes the place of."""
        with self.uow as uow:
            uow.users.unlink_channel(user.id, channel)
            uow.users.link(user.id, f"channel:{channel}", f"{user.id}:{address}", chat_id=address)
            return _saved(uow, user)

    def leave(self, user: User, category: str) -> Wishes:
        """Send nothing of this category any more; other categories stay as they are."""
        if category == ALL:
            raise InvalidInput(t("All at once can't be left. /mute keeps me silent for a while."))
        with self.uow as uow:
            _chosen(uow, user, category).opted_out = True
            return _saved(uow, user)

    def be_quiet(self, user: User, begins: time | None, ends: time | None) -> Wishes:
        """Hold back what is not urgent between these wall times, every day; None and None: no quiet hours."""
        if begins is not None and begins == ends:
            raise InvalidInput(t("Quiet hours that end when they begin would never end. Example: /quiet 22:00-07:00"))
        with self.uow as uow:
            row = _chosen(uow, user, ALL)
            row.quiet_from, row.quiet_until = begins, ends
            return _saved(uow, user)

    def mute(self, user: User, until: datetime | None, *, now: datetime) -> Wishes:
        """Hold back what is not urgent until then; None: not any more."""
        if until is not None and not now < until <= now + LONGEST_MUTE:
            raise InvalidInput(t("A mute ends within 31 days. Examples: /mute 2h, /mute until 18:00, /mute off"))
        with self.uow as uow:
            _chosen(uow, user, ALL).muted_until = until
            return _saved(uow, user)

    def gather(self, user: User, category: str, pace: Gather, at: time | None) -> Wishes:
        """Send this category at once, or gathered once an hour or once a day."""
        with self.uow as uow:
            row = _chosen(uow, user, category)
            row.digest, row.digest_at = pace.value, at if pace is Gather.DAILY else None
            return _saved(uow, user)


def _chosen(uow: UnitOfWork, user: User, category: str) -> PreferenceRow:
    if category != ALL and category not in [each.value for each in ADJUSTABLE]:
        known = ", ".join(each.value for each in ADJUSTABLE)
        raise NotFound(t("There is no category “{name}”. There are {known}.", name=category[:20], known=known))
    return uow.preferences.chosen(user.id, category)


def _saved(uow: UnitOfWork, user: User) -> Wishes:
    uow.session.flush()
    found = _wishes(uow, user)
    uow.commit()
    return found


def _wishes(uow: UnitOfWork, user: User) -> Wishes:
    reader = uow.preferences.readers([user.id])[user.id]
    reachable = {channel: each for channel, each in reader.addresses.items() if each.disabled is None}
    return Wishes(reader.preferences, reachable)


def held_back(wishes: Wishes, now: datetime) -> str | None:
    """Why something that is not urgent would wait now; None when it would not."""
    return wishes.preferences.decide(Category.REPORT, now, person=0).reason
