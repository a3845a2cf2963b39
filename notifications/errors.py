"""What a channel says of a send that did not simply succeed; the sender decides by the class, never by the text."""

from datetime import timedelta

from domain.errors import OpenbellError


class SendError(OpenbellError):
    """A send did not succeed."""


class Postponed(SendError):
    """A definite no for now: not delivered, and worth another try after `after` (None: the usual back-off)."""

    def __init__(self, message: str, after: timedelta | None = None, *, counts: bool = True) -> None:
        super().__init__(message)
        self.after = after
        self.counts = counts


class Flooded(Postponed):
    """Too many calls for the provider: nothing may go to this address before `after` is over; it costs no attempt."""

    def __init__(self, message: str, after: timedelta) -> None:
        super().__init__(message, after, counts=False)


class AddressMoved(SendError):
    """The address is another one now, for good."""

    def __init__(self, message: str, new_address: str) -> None:
        super().__init__(message)
        self.new_address = new_address


class Refused(SendError):
    """A definite no for this message: repeating it cannot succeed."""


class AddressGone(SendError):
    """A definite no for this address, until its person writes to us again."""


class Uncertain(SendError):
    """The provider may have taken it; no answer came."""


class ChannelFault(SendError):
    """Nothing can be sent by this channel now, whoever it is for: a refused login, no connection."""
