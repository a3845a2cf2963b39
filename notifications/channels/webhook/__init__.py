"""Signed outgoing webhooks."""

from notifications.channels.webhook.channel import WebhookChannel
from notifications.channels.webhook.kind import CHANNEL
from notifications.channels.webhook.payload import signing_secret
from notifications.channels.webhook.targets import Allowed

__all__ = ["CHANNEL", "Allowed", "WebhookChannel", "signing_secret"]
