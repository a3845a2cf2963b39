"""What keeps the door closed."""

from domain.errors import OpenbellError


class AddressTaken(OpenbellError):
    """HTTP_ADDR cannot be listened on."""
