"""Everything the bot says, in Telegram HTML, by subject; whatever came from people is escaped here."""

from bot.replies import forms, groups, health, jobs, people, refusals, reports, runs, schedules
from bot.replies.reply import Buttons, Reply, replace, send

__all__ = [
    "Buttons",
    "Reply",
    "forms",
    "groups",
    "health",
    "jobs",
    "people",
    "refusals",
    "replace",
    "reports",
    "runs",
    "schedules",
    "send",
]
