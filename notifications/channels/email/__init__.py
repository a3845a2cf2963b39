"""Mail by SMTP: text and HTML with charts inside, by the first relay that takes it."""

from notifications.channels.email.channel import EmailChannel
from notifications.channels.email.kind import CHANNEL

__all__ = ["CHANNEL", "EmailChannel"]
