"""What is for admins alone, looked at in the transaction that does it."""

from db.unit_of_work import UnitOfWork
from domain.errors import NotAllowed
from domain.users import Role, Standing, User


def require_admin(uow: UnitOfWork, user: User) -> None:
    """NotAllowed unless this person is an admin at this moment."""
    row = uow.users.get_by_id(user.id)
    if row is None or row.standing is not Standing.ACTIVE or row.role != Role.ADMIN:
        raise NotAllowed
