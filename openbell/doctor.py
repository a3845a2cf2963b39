"""`openbell doctor`: what is healthy, what is not, and the exact thing to do about it."""

import importlib.metadata
import json
import os
import platform
import shutil
import smtplib
import ssl
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from time import sleep, time
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from openbell.data_dir import DataDir
from openbell.instance import database_url, secret_key
from openbell.logs import mask
from openbell.processes import ProcessId
from openbell.settings import Settings, relay_urls
from openbell.supervisor import command

LOCK = Path(__file__).resolve().parents[1] / "requirements" / "run.txt"
ANSWER_WITHIN_S = 5.0
MEGABYTE = 1_048_576
EXPECTED = ("telegram_bot", "scheduler", "worker", "notification")
OFTEN_RESTARTED = 3
COMING_UP = ("Process ", "Beat ")
STARTING_S = 15.0
PAUSE_S = 0.3


@dataclass(frozen=True)
class Finding:
    """One line of the examination."""

    name: str
    state: Literal["ok", "warn", "fail"]
    text: str
    fix: str = ""

    def as_dict(self) -> dict[str, str]:
        """The finding for a program."""
        return asdict(self)


Check = Callable[[Settings], list[Finding]]


def examine(settings: Settings, only: str = "") -> list[Finding]:
    """Make every check whose name contains `only`; one that breaks is itself a finding."""
    wanted = {name: check for name, check in CHECKS.items() if only.lower() in name.lower()}
    with ThreadPoolExecutor(len(CHECKS)) as pool:
        results = pool.map(lambda item: _guarded(item[0], item[1], settings), wanted.items())
    return [finding for found in results for finding in found]


def examine_patiently(settings: Settings, only: str = "") -> list[Finding]:
    """Make the checks, again while what they miss may only not have come up yet."""
    findings = examine(settings, only)
    while any(one.state == "fail" and one.name.startswith(COMING_UP) for one in findings) and _starting(settings):
        sleep(PAUSE_S)
        findings = examine(settings, only)
    return findings


def _starting(settings: Settings) -> bool:
    """Whether a child of a running supervisor was started just now."""
    recorded = _recorded(DataDir(settings.data_dir))
    return any(_alive(child) and time() - child["started_at"] < STARTING_S for child in recorded)


def _recorded(data: DataDir) -> list[dict[str, Any]]:
    """The children of the supervisor that runs on `data`; none when none runs."""
    try:
        recorded = json.loads(data.processes.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return list(recorded["children"]) if _alive(recorded["up"]) else []


def _guarded(name: str, check: Check, settings: Settings) -> list[Finding]:
    try:
        return check(settings)
    except Exception as problem:  # noqa: BLE001 - whatever breaks is what the person wants to hear about
        reason = mask(str(problem)).strip().splitlines() or [type(problem).__name__]
        return [Finding(name, "fail", reason[0], FIXES.get(name, "").format(command=command()))]


def check_packages(_: Settings) -> list[Finding]:
    """Installed packages against the lock."""
    name, python = "Python", platform.python_version()
    if not LOCK.exists():
        return [Finding(name, "ok", python)]
    locked = _locked()
    different = sorted(package for package, version in locked.items() if _installed(package) != version)
    if different:
        return [Finding(name, "fail", f"{python}, but not as locked: {', '.join(different[:5])}", "run: make setup")]
    return [Finding(name, "ok", f"{python}, {len(locked)} packages match the lock")]


def _locked() -> dict[str, str]:
    from packaging.requirements import Requirement

    lines = [line.split(" \\")[0].strip() for line in LOCK.read_text(encoding="utf-8").splitlines() if "==" in line]
    requirements = [Requirement(line) for line in lines if not line.startswith(("#", "--"))]
    return {
        requirement.name: next(iter(requirement.specifier)).version
        for requirement in requirements
        if requirement.marker is None or requirement.marker.evaluate()
    }


def _installed(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def check_job_types(_: Settings) -> list[Finding]:
    """The kinds of jobs, ours and those of plug-ins."""
    from services.job_kinds import kinds, problems

    found = [Finding("Job types", "ok", ", ".join(kinds()))]
    fix = "mend or remove the package it comes from"
    return found + [Finding(f"Job type {name}", "fail", reason, fix) for name, reason in problems().items()]


def check_processes(settings: Settings) -> list[Finding]:
    """The supervisor and its children."""
    name, data = "Processes", DataDir(settings.data_dir)
    recorded = _recorded(data)
    if not recorded:
        if settings.db_url and "DB_URL" in os.environ:
            return [Finding(name, "warn", f"`openbell up` does not run on {data.root}; roles may run elsewhere")]
        return [Finding(name, "fail", f"`openbell up` does not run on {data.root}", "start it: make run")]
    return [_process(child, data) for child in recorded]


def _alive(process: dict[str, Any]) -> bool:
    return bool(process["pid"]) and ProcessId(process["pid"], process["started"]).alive()


def _process(child: dict[str, Any], data: DataDir) -> Finding:
    name, log = f"Process {child['name']}", f"read {data.logs / child['name']}.log"
    if not _alive(child) or not child["ready"]:
        return Finding(name, "fail", "not ready", log)
    if child["restarts"] >= OFTEN_RESTARTED:
        return Finding(name, "warn", f"restarted {child['restarts']} times", log)
    return Finding(name, "ok", f"running (process {child['pid']})")


def check_postgres(settings: Settings) -> list[Finding]:
    """The server's answer, and its schema."""
    import psycopg2

    from db.engine import role_url
    from db.migrate import current_and_head
    from db.roles import PLATFORM

    address = role_url(database_url(settings), PLATFORM, secret_key(settings))
    plain = address.set(drivername="postgresql").render_as_string(hide_password=False)
    connection = psycopg2.connect(plain, connect_timeout=int(ANSWER_WITHIN_S))
    version = str(connection.server_version // 10_000) + f".{connection.server_version % 10_000}"
    connection.close()
    current, head = current_and_head(address)
    if current != head:
        return [
            Finding("PostgreSQL", "fail", f"{version}, schema at {current}, not {head}", f"run: {command()} db upgrade")
        ]
    return [Finding("PostgreSQL", "ok", f"{version}, schema at head ({head})")]


def check_valkey(settings: Settings) -> list[Finding]:
    """The server's answer, and whether it may forget what we gave it."""
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    if settings.redis_url is None:
        return [Finding("Valkey", "fail", "REDIS_URL is not set and nothing runs here", "start it: make run")]
    client = redis.Redis.from_url(
        settings.redis_url.get_secret_value(), socket_timeout=ANSWER_WITHIN_S, retry=Retry(NoBackoff(), 0)
    )
    server, memory = client.info("server"), client.info("memory")
    client.close()
    version = server.get("valkey_version") or server.get("redis_version")
    policy = memory.get("maxmemory_policy", "unknown")
    if policy != "noeviction":
        fix = "set maxmemory-policy noeviction in its configuration; else queued work can vanish"
        return [Finding("Valkey", "fail", f"{version}, maxmemory-policy {policy}", fix)]
    return [Finding("Valkey", "ok", f"{version}, {memory['used_memory_human']} used, noeviction")]


def check_beats(settings: Settings) -> list[Finding]:
    """What every role last said of itself."""
    from openbell.instance import connected
    from services.health import HealthService

    with connected(settings) as database:
        rows = HealthService(database.for_platform()).current()
    findings = [_beat(row) for row in rows]
    missing = [system for system in EXPECTED if system not in {row.system for row in rows}]
    return findings + [
        Finding(f"Beat {system}", "fail", "has not reported yet", "wait a few seconds; else read its log")
        for system in missing
    ]


def _beat(row: Any) -> Finding:
    name = "Beat " + (f"{row.system}/{row.component}" if row.component else row.system)
    age = f"{row.age.total_seconds():.0f} s ago"
    if row.status == "HEALTHY":
        return Finding(name, "ok", f"healthy, {age}")
    if row.status == "DEGRADED":
        return Finding(name, "warn", f"degraded, {age}: {row.error_message or 'no reason given'}")
    if row.status == "UNKNOWN" and not row.is_watched:
        return Finding(name, "ok", f"last asked {age}")
    if row.status == "UNKNOWN":
        return Finding(name, "fail", f"silent; last heard {age}", "start it, or read its log in DATA_DIR/logs")
    return Finding(
        name, "fail", f"down, {age}: {row.error_message or 'no reason given'}", "read its log in DATA_DIR/logs"
    )


def check_telegram(settings: Settings) -> list[Finding]:
    """Whether the Bot API knows our token."""
    import httpx

    name = "Telegram"
    if settings.telegram_token is None:
        return [Finding(name, "fail", "TELEGRAM_TOKEN is not set and nothing runs here", "start it: make run")]
    url = f"{settings.telegram_api_url}/bot{settings.telegram_token.get_secret_value()}/getMe"
    try:
        answer = httpx.get(url, timeout=ANSWER_WITHIN_S)
        told = answer.json()
    except httpx.HTTPError as problem:
        fix = "check the network, or TELEGRAM_API_URL"
        return [Finding(name, "fail", f"{settings.telegram_api_url} cannot be reached ({type(problem).__name__})", fix)]
    except ValueError:
        return [Finding(name, "fail", f"{settings.telegram_api_url} is no Bot API server", "check TELEGRAM_API_URL")]
    if not told.get("ok"):
        fix = "ask @BotFather for the token and set TELEGRAM_TOKEN"
        return [Finding(name, "fail", f"the token is refused: {told.get('description', answer.status_code)}", fix)]
    who = f"@{told['result'].get('username', '?')}"
    if settings.sandbox:
        return [
            Finding(name, "warn", f"sandbox, {who} answers on this machine only", "for a real bot: set TELEGRAM_TOKEN")
        ]
    return [Finding(name, "ok", f"{who} is known")]


def check_smtp(settings: Settings) -> list[Finding]:
    """Whether the mail relays let us in."""
    if settings.smtp_url is None:
        return [Finding("SMTP", "fail", "SMTP_URL is not set: nobody can get a code", "set SMTP_URL; see .env.example")]
    return [_relay(url, settings) for url in relay_urls(settings.smtp_url.get_secret_value())]


def _relay(url: str, settings: Settings) -> Finding:
    parts = urlsplit(url)
    host, port = parts.hostname or "localhost", parts.port or {"smtps": 465, "smtp": 587}.get(parts.scheme, 25)
    try:
        if parts.scheme == "smtps":
            server: smtplib.SMTP = smtplib.SMTP_SSL(host, port, timeout=ANSWER_WITHIN_S, context=_tls())
        else:
            server = smtplib.SMTP(host, port, timeout=ANSWER_WITHIN_S)
        with server:
            server.ehlo()
            if parts.scheme == "smtp":
                server.starttls(context=_tls())
            if parts.username:
                server.login(unquote(parts.username), unquote(parts.password or ""))
            server.noop()
    except smtplib.SMTPAuthenticationError as problem:
        text = f"{problem.smtp_code} login refused by {host}:{port}"
        return Finding(
            "SMTP", "fail", text, f"check user and password in SMTP_URL, then: {command()} doctor --only smtp"
        )
    except (OSError, smtplib.SMTPException) as problem:
        return Finding("SMTP", "fail", f"{host}:{port}: {problem}", "check host, port and scheme of SMTP_URL")
    return Finding("SMTP", "ok", f"{host}:{port} takes mail" + (" (sandbox)" if settings.sandbox else ""))


def _tls() -> ssl.SSLContext:
    """Looks at certificates, as the sender of mail does; smtplib by itself does not."""
    return ssl.create_default_context()


def check_disk(settings: Settings) -> list[Finding]:
    """Room for the database."""
    place = DataDir(settings.data_dir).root
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free // MEGABYTE
    if free < 256:
        fix = f"free some space; if PostgreSQL does not start: {command()} ballast release"
        return [Finding("Disk", "fail", f"{free} MB free at {place}", fix)]
    state: Literal["ok", "warn"] = "warn" if free < 1024 else "ok"
    return [Finding("Disk", state, f"{free / 1024:.1f} GB free", "free some space soon" if state == "warn" else "")]


def check_secrets(settings: Settings) -> list[Finding]:
    """Whether others on this machine can read what they must not."""
    data = DataDir(settings.data_dir)
    files = [data.secret_key, data.environment, data.root / "valkey" / "valkey.conf", Path(".env")]
    files += sorted(data.secrets.glob("*")) if data.secrets.exists() else []
    open_ones = [str(file) for file in files if file.exists() and stat.S_IMODE(file.stat().st_mode) & 0o077]
    if open_ones:
        return [
            Finding(
                "Secrets", "fail", f"others can read {', '.join(open_ones)}", f"run: chmod 600 {' '.join(open_ones)}"
            )
        ]
    return [Finding("Secrets", "ok", "readable by this account only")]


def check_feed(settings: Settings) -> list[Finding]:
    """Where prices come from."""
    if settings.market_feed == "csv":
        bars = DataDir(settings.data_dir).root / "bars"
        count = sum(1 for file in bars.rglob("*") if file.is_file()) if bars.exists() else 0
        if not count:
            fix = f"import an exported file: {command()} import-bars FILE"
            return [Finding("Feed", "fail", f"csv, but {bars} holds no file", fix)]
        return [Finding("Feed", "ok", f"csv, {count} files")]
    text = {
        "sim": "sim: a simulated market, labelled so in every report",
        "yahoo": "yahoo, asked when a report is made",
    }
    return [Finding("Feed", "ok", text[settings.market_feed])]


CHECKS: dict[str, Check] = {
    "Python": check_packages,
    "Job types": check_job_types,
    "Processes": check_processes,
    "PostgreSQL": check_postgres,
    "Valkey": check_valkey,
    "Beats": check_beats,
    "Telegram": check_telegram,
    "SMTP": check_smtp,
    "Feed": check_feed,
    "Disk": check_disk,
    "Secrets": check_secrets,
}
FIXES = {
    "PostgreSQL": "start it: make run; or check DB_URL and SECRET_KEY",
    "Valkey": "start it: make run; or check REDIS_URL",
    "Beats": "mend PostgreSQL first, then: {command} doctor",
}
