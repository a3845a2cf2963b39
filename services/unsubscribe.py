"""What a signed link in a mail may do: take its person out of a category of messages, and back in."""

from db.opt_outs import set_opt_out
from db.unit_of_work import UnitOfWork
from domain.errors import NotFound
from domain.messages import Category
from domain.preferences import ADJUSTABLE
from domain.unsubscribe import OptOut


class LinkOver(NotFound):
    """This link doesn't work any more."""


class UnsubscribeService:
    """The one thing that is done for somebody who only holds a link; each method is one transaction."""

    def __init__(self, uow: UnitOfWork) -> None:
        self.uow = uow

    def opt(self, what: OptOut, *, out: bool) -> None:
        """Send no more messages of that category, or again with `out` False; LinkOver when nobody is meant by it."""
        with self.uow as uow:
            if not set_opt_out(uow.session, what.user_id, category_of(what), out=out):
                raise LinkOver
            uow.commit()


def category_of(what: OptOut) -> Category:
    """The category that the link is about; LinkOver for one that nobody can opt out of."""
    if what.category not in ADJUSTABLE:
        raise LinkOver
    return Category(what.category)
