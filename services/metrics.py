"""Figures about the platform, for whoever watches it from outside."""

from db.metrics import Figures, MetricsRepo
from db.unit_of_work import UnitOfWork


class MetricsService:
    """Counts; it changes nothing."""

    def __init__(self, uow: UnitOfWork) -> None:
        self.uow = uow

    def figures(self) -> Figures:
        """What can be counted now, as of one instant."""
        with self.uow as uow:
            return MetricsRepo(uow.session).figures()
