"""The bot: one table of commands, one of buttons, one of questions, and the application around them."""

from typing import Any

from telegram.ext import (
    Application,
    ApplicationBuilder,
    CallbackQueryHandler,
    ChatMemberHandler,
    ContextTypes,
    MessageHandler,
    filters,
)

from bot import errors, journey
from bot.commands import (
    account,
    adding,
    agenda,
    backfills,
    broadcasts,
    editing,
    feedback,
    general,
    governing,
    groups,
    health,
    job_options,
    jobs,
    operating,
    people,
    preferences,
    reports,
    runs,
    schedules,
    users,
    zones,
)
from bot.context import Asked, BotContext, Command, Parts, Press
from bot.rates import FloodRequest, SharedRateLimiter
from domain.locales import mark as _
from domain.users import Role
from notifications.channels.telegram import request
from notifications.rates import Rates

App = Application[Any, Any, Any, Any, Any, Any]

UPDATES = ["message", "edited_message", "callback_query", "my_chat_member"]

VIEWER, ADMIN = Role.VIEWER, Role.ADMIN

# In the order of their use: the menu that Telegram shows takes the first twelve that a person may use.
COMMANDS = (
    Command("add", _("Make a job, step by step"), VIEWER, adding.add, group="jobs", aliases=("new",), menu=True,
            example='/add "Gold" report GC=F every weekday 8:30'),
    Command("jobs", _("Your jobs"), VIEWER, jobs.jobs, group="jobs", aliases=("ls",), menu=True, anywhere=True,
            example="/jobs #gold"),
    Command("next", _("What comes next"), VIEWER, agenda.next_runs, group="jobs", aliases=("n",), menu=True,
            anywhere=True, example="/next 24h"),
    Command("report", _("A market report now"), VIEWER, reports.report, group="jobs", acts=True, menu=True,
            example="/report GOLD dark"),
    Command("remind", _("Make a reminder"), VIEWER, schedules.remind, group="jobs", menu=True,
            example="/remind check margins every day at 9"),
    Command("run", _("Run a job once, now"), VIEWER, jobs.run, group="jobs", acts=True, menu=True, in_groups=True,
            example="/run 7"),
    Command("pause", _("Pause a job, or all of them"), VIEWER, jobs.pause, group="jobs", acts=True, menu=True,
            in_groups=True, example="/pause all until Monday 8:00"),
    Command("resume", _("Let a paused job go on"), VIEWER, jobs.resume, group="jobs", acts=True, menu=True,
            in_groups=True, example="/resume 7"),
    Command("history", _("What was run"), VIEWER, runs.history, group="runs", menu=True, example="/history 7"),
    Command("why", _("The whole story of a run, or of the message it answers"), VIEWER, runs.why, group="runs",
            menu=True, example="/why 12"),
    Command("settings", _("How I treat you, on one card"), VIEWER, account.settings, group="tell", menu=True),
    Command("help", _("What I can do"), None, general.help_, group="account", menu=True, anywhere=True,
            example="/help add"),
    Command("job", _("One job, with its buttons"), VIEWER, jobs.job, group="jobs", aliases=("j",), example="/job 7"),
    Command("schedule", _("Make a job, in words or from a cron line"), VIEWER, schedules.schedule, group="jobs",
            example="/schedule every weekday at 8:30 the gold report"),
    Command("alert", _("Make a price alert"), VIEWER, adding.alert, group="jobs"),
    Command("screener", _("Make a screener"), VIEWER, adding.screener, group="jobs"),
    Command("backup", _("Make a backup job"), ADMIN, adding.backup, group="jobs"),
    Command("paper", _("Make a paper trading bot"), Role.TRADER, adding.paper, group="jobs"),
    Command("skip", _("Leave out a job's next runs"), VIEWER, jobs.skip, group="jobs", acts=True, example="/skip 7 2"),
    Command("edit", _("Change a job, field by field"), VIEWER, editing.edit, group="jobs", example="/edit 7"),
    Command("rename", _("Give a job another name"), VIEWER, jobs.rename, group="jobs", acts=True,
            example="/rename 7 Morning gold"),
    Command("tag", _("Put tags on a job"), VIEWER, jobs.tag, group="jobs", acts=True, example="/tag 7 #gold #daily"),
    Command("copy", _("Make a job like another"), VIEWER, jobs.copy, group="jobs", acts=True, example="/copy 7"),
    Command("delete", _("Delete a job (can be undone)"), VIEWER, jobs.delete, group="jobs", acts=True, aliases=("rm",),
            example="/delete 7"),
    Command("test", _("What a time means, and when it is due"), VIEWER, schedules.test, group="jobs",
            example="/test first Monday of the month at 9"),
    Command("failed", _("What went wrong"), VIEWER, runs.failed, group="runs"),
    Command("logs", _("The steps of a run, line by line"), VIEWER, runs.logs, group="runs", example="/logs 12"),
    Command("retry", _("Do a run once more"), VIEWER, runs.retry, group="runs", acts=True, example="/retry 12"),
    Command("kill", _("Stop a run"), VIEWER, runs.kill, group="runs", acts=True, example="/kill 12"),
    Command("backfill", _("Run a job for days that are over"), VIEWER, backfills.backfill, group="runs",
            example="/backfill 7 2026-11-02 2026-11-06"),
    Command("notify", _("How I tell you what"), VIEWER, preferences.notify, group="tell",
            example="/notify report mail"),
    Command("quiet", _("Hours in which I hold back"), VIEWER, preferences.quiet, group="tell",
            example="/quiet 22:00-07:00"),
    Command("mute", _("Leave you alone for a while"), VIEWER, preferences.mute, group="tell", example="/mute 2h"),
    Command("digest", _("Gather messages into one"), VIEWER, preferences.digest, group="tell",
            example="/digest report hourly"),
    Command("timezone", _("Your time zone"), VIEWER, zones.timezone, group="tell", aliases=("tz",),
            example="/timezone Zurich"),
    Command("language", _("Your language"), None, account.language, group="tell", example="/language de"),
    Command("link", _("Let me write into this group or topic"), VIEWER, groups.link, group="tell", anywhere=True),
    Command("unlink", _("Write into this group or topic no more"), VIEWER, groups.unlink, group="tell", anywhere=True),
    Command("status", _("Your things at a glance"), VIEWER, health.status, group="account", anywhere=True),
    Command("whoami", _("Who you are to me"), None, users.whoami, group="account", anywhere=True),
    Command("feedback", _("Write to those who run this"), VIEWER, feedback.feedback, group="account", acts=True,
            example="/feedback The gold chart is too small"),
    Command("export", _("All I know of you, as a file"), VIEWER, account.export, group="account"),
    Command("deleteme", _("Erase your account"), VIEWER, account.deleteme, group="account"),
    Command("privacy", _("What I keep, and for how long"), None, account.privacy, group="account"),
    Command("verify", _("Prove your e-mail address"), None, users.verify, group="account",
            example="/verify ada@example.com"),
    Command("resend", _("A new code"), None, users.resend, group="account"),
    Command("cancel", _("Leave what was begun"), None, users.cancel, group="account"),
    Command("start", _("Begin"), None, users.start, group="account"),
    Command("health", _("Whether everything works"), None, health.health, group="account"),
    Command("users", _("Everybody here"), ADMIN, people.users, group="admin", example="/users waiting"),
    Command("user", _("One person, with buttons"), ADMIN, people.user, group="admin", example="/user ada@example.com"),
    Command("invite", _("Let somebody in, by a link"), ADMIN, people.invite, group="admin", acts=True,
            example="/invite ada@example.com trader"),
    Command("role", _("Give a person a role"), ADMIN, people.role, group="admin", acts=True,
            example="/role ada@example.com trader"),
    Command("suspend", _("Keep a person out"), ADMIN, people.suspend, group="admin", acts=True,
            example="/suspend ada@example.com"),
    Command("broadcast", _("Tell everybody something"), ADMIN, broadcasts.broadcast, group="admin",
            example="/broadcast role:trader The feed is down until 18:00."),
    Command("broadcasts", _("What was broadcast, and how far it is"), ADMIN, broadcasts.broadcasts, group="admin",
            example="/broadcasts 3"),
    Command("audit", _("Who did what"), ADMIN, governing.audit, group="admin", example="/audit ada /run 7d"),
    Command("feedbacks", _("What people wrote"), ADMIN, feedback.feedbacks, group="admin"),
    Command("set", _("Settings of this Openbell, live"), ADMIN, governing.set_, group="admin", acts=True,
            example="/set access_mode invite"),
    Command("maintenance", _("Hold back all commands but yours"), ADMIN, governing.maintenance, group="admin",
            acts=True, example="/maintenance on until 18:00"),
    Command("queue", _("What runs and what waits, of everybody"), ADMIN, operating.queue, group="admin"),
    Command("workers", _("Who works, and on what"), ADMIN, operating.workers, group="admin"),
)  # fmt: skip

PRESSES = (
    Press("v", None, users.verification_pressed, acts=True),
    Press("z", VIEWER, zones.zone_pressed),
    Press("zj", VIEWER, zones.jobs_pressed, acts=True),
    Press("r", VIEWER, reports.report_pressed, acts=True),
    Press("i", VIEWER, reports.instruments_pressed),
    Press("p", VIEWER, schedules.pressed),
    Press("t", VIEWER, schedules.test_pressed),
    Press("wz", VIEWER, adding.pressed, acts=True),
    Press("ed", VIEWER, editing.pressed, acts=True),
    Press("j", VIEWER, jobs.job_pressed, acts=True, looks="show"),
    Press("o", VIEWER, job_options.pressed),
    Press("l", VIEWER, jobs.jobs_pressed, anywhere=True),
    Press("pa", VIEWER, jobs.all_pressed, acts=True),
    Press("n", VIEWER, agenda.next_pressed, anywhere=True),
    Press("h", VIEWER, runs.history_pressed),
    Press("f", VIEWER, runs.failed_pressed),
    Press("w", VIEWER, runs.why_pressed),
    Press("x", VIEWER, runs.run_pressed, acts=True),
    Press("lg", VIEWER, runs.logs_pressed),
    Press("b", VIEWER, backfills.pressed, acts=True),
    Press("m", VIEWER, preferences.pressed),
    Press("st", VIEWER, account.settings_pressed),
    Press("la", None, account.language_pressed),
    Press("dm", VIEWER, account.deleteme_pressed, acts=True),
    Press("gr", VIEWER, groups.pressed, acts=True, looks="show"),
    Press("y", ADMIN, broadcasts.pressed, acts=True, looks="show"),
    Press("us", ADMIN, people.pressed, acts=True, looks="show"),
    Press("rq", ADMIN, people.request_pressed, acts=True),
    Press("au", ADMIN, governing.audit_pressed),
    Press("se", ADMIN, governing.set_pressed, acts=True, looks="show"),
    Press("fb", ADMIN, feedback.pressed, acts=True, looks="show"),
    Press("qu", ADMIN, operating.pressed, acts=True, looks="show"),
    Press("hp", None, general.help_pressed, anywhere=True),
    Press("c", None, general.command_pressed),
    Press("a", VIEWER, general.stale_pressed),
)

ASKED = (
    Asked("ask_zone", zones.zone_asked),
    Asked("ask_send", broadcasts.confirmed),
    Asked("ask_add", adding.answered),
    Asked("ask_edit", editing.answered),
    Asked("ask_erase", account.erase_typed),
    Asked("ask_feedback", feedback.feedback_typed),
    Asked("ask_answer", feedback.answer_typed),
    Asked("ask_setting", governing.setting_typed),
)
"""The questions that a typed text answers, by the kind of the form that is open."""


def build_application(token: str, api_url: str, parts: Parts, rates: Rates) -> App:
    """The bot, wired to `parts`; nothing is asked of Telegram or the database before it is initialised."""
    root = api_url.rstrip("/")
    builder = (
        ApplicationBuilder()
        .token(token)
        .base_url(f"{root}/bot")
        .base_file_url(f"{root}/file/bot")
        .context_types(ContextTypes(context=BotContext))
        .rate_limiter(SharedRateLimiter(rates))
        .request(
            request(
                FloodRequest,
                connection_pool_size=32,
                connect_timeout=5,
                read_timeout=20,
                write_timeout=20,
                pool_timeout=5,
            )
        )
        .updater(None)  # what comes goes through the inbox first: bot.receiving
    )
    application: App = builder.build()
    application.bot_data["parts"] = parts
    application.bot_data["tables"] = journey.Tables(COMMANDS, PRESSES, ASKED)
    message = filters.UpdateType.MESSAGE
    around = journey.around
    application.add_handler(MessageHandler(filters.UpdateType.EDITED_MESSAGE, around(journey.edited)))
    application.add_handler(MessageHandler(message & filters.COMMAND, around(journey.command)))
    application.add_handler(MessageHandler(message & filters.TEXT, around(journey.text)))
    application.add_handler(MessageHandler(message & ~filters.StatusUpdate.ALL, around(journey.other)))
    application.add_handler(MessageHandler(message & filters.StatusUpdate.MIGRATE, around(groups.migrated)))
    application.add_handler(CallbackQueryHandler(around(journey.press)))
    application.add_handler(ChatMemberHandler(around(groups.membership), ChatMemberHandler.MY_CHAT_MEMBER))
    application.add_error_handler(errors.handle)
    return application
