"""One person's affairs at a glance."""

from db.status import Glance, glance
from db.unit_of_work import UnitOfWork
from domain.ids import UserId


class StatusService:
    """Asks; it changes nothing."""

    def __init__(self, uow: UnitOfWork) -> None:
        self.uow = uow

    def mine(self, user_id: UserId) -> Glance:
        """What this person has planned, what is under way, and what comes next."""
        with self.uow as uow:
            return glance(uow.session, user_id)
