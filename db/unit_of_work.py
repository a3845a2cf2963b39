"""One transaction: leave without committing and everything rolls back."""

from types import TracebackType
from typing import Self

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, sessionmaker

from db.broadcasts import BroadcastsRepo
from db.deliveries import DeliveriesRepo
from db.destinations import DestinationsRepo
from db.feedbacks import FeedbacksRepo
from db.health import HealthRepo
from db.inbox import InboxRepo
from db.invites import InvitesRepo
from db.jobs import JobsRepo
from db.market import MarketRepo
from db.messages import MessagesRepo
from db.planning import PlanningRepo
from db.preferences import PreferencesRepo
from db.runs import RunsRepo
from db.telegram import TelegramRepo
from db.users import UsersRepo
from domain.errors import RetryLater
from domain.ids import UserId


class CommitUnknown(RetryLater):
    """The database went away while it was saving, so I can't tell whether that was saved. Look before you repeat it."""


class UnitOfWork:
    """The repositories of one transaction, and who it is for: the row-level security of that person applies to it."""

    users: UsersRepo
    jobs: JobsRepo
    runs: RunsRepo
    planning: PlanningRepo
    market: MarketRepo
    telegram: TelegramRepo
    messages: MessagesRepo
    deliveries: DeliveriesRepo
    broadcasts: BroadcastsRepo
    preferences: PreferencesRepo
    health: HealthRepo
    inbox: InboxRepo
    destinations: DestinationsRepo
    invites: InvitesRepo
    feedbacks: FeedbacksRepo
    session: Session

    def __init__(self, sessions: sessionmaker[Session], user_id: UserId | None) -> None:
        self._sessions = sessions
        self.user_id = user_id

    def __enter__(self) -> Self:
        self.session = self._sessions()
        if self.user_id is not None:
            who = text("SELECT set_config('openbell.user_id', :id, true)")
            self.session.execute(who, {"id": str(self.user_id)})
        self.users = UsersRepo(self.session)
        self.jobs = JobsRepo(self.session)
        self.runs = RunsRepo(self.session)
        self.planning = PlanningRepo(self.session)
        self.market = MarketRepo(self.session)
        self.telegram = TelegramRepo(self.session)
        self.messages = MessagesRepo(self.session)
        self.deliveries = DeliveriesRepo(self.session)
        self.broadcasts = BroadcastsRepo(self.session)
        self.preferences = PreferencesRepo(self.session)
        self.health = HealthRepo(self.session)
        self.inbox = InboxRepo(self.session)
        self.destinations = DestinationsRepo(self.session)
        self.invites = InvitesRepo(self.session)
        self.feedbacks = FeedbacksRepo(self.session)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.session.close()  # rolls back what was not committed

    def commit(self) -> None:
        """Make it so. CommitUnknown when the connection was lost before the answer came."""
        self.session.flush()  # what fails in here was not saved, and may be repeated
        try:
            self.session.commit()
        except DBAPIError as problem:
            if problem.connection_invalidated:
                raise CommitUnknown from problem
            raise
