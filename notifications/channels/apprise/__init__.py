"""By Apprise to services that have no channel of their own here: an optional extra, and best effort."""

from notifications.channels.apprise.channel import AppriseChannel
from notifications.channels.apprise.kind import CHANNEL

__all__ = ["CHANNEL", "AppriseChannel"]
