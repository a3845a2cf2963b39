"""Telegram: texts of any length, pictures, albums and files with buttons, and edits of what was sent before."""

from notifications.channels.telegram.carrier import keyboard_of
from notifications.channels.telegram.channel import TelegramChannel
from notifications.channels.telegram.kind import CHANNEL
from notifications.channels.telegram.wire import request

__all__ = ["CHANNEL", "TelegramChannel", "keyboard_of", "request"]
