"""Three fates of failure: show it, try again later, give up. Anything else is a bug."""

from datetime import timedelta

from domain.locales import t


class OpenbellError(Exception):
    """The root of every failure we foresee; the docstring of a subclass is its default text."""

    def __init__(self, message: str | None = None) -> None:
        default = " ".join((type(self).__doc__ or "").split())
        super().__init__(message or t(default))


class UserError(OpenbellError):
    """Shown to the person as it is: what happened, why, what to do."""


class NotVerified(UserError):
    """You're not verified yet. Send /start and I'll ask for your e-mail address."""


class NotAllowed(UserError):
    """I don't know that command here. /help lists what I understand."""


class NotFound(UserError):
    """I can't find that among yours."""


class InvalidInput(UserError):
    """I couldn't read that."""


class RetryLater(OpenbellError):
    """A passing fault: the same work may succeed later."""

    def __init__(self, message: str | None = None, after: timedelta = timedelta(seconds=30)) -> None:
        super().__init__(message)
        self.after = after


class GiveUp(OpenbellError):
    """A final fault: repeating the same work cannot succeed; the text is the reason."""
