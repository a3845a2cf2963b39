"""Logs as data: structlog over the standard library, one line an event, secrets masked on every way out."""

import logging
import re
import sys
from typing import Any

import structlog
from structlog.types import EventDict, Processor

_SECRETS = re.compile(
    r"(?P<token>(?<!\d)\d{3,}:[A-Za-z0-9_-]{8,})"  # a bot token, also behind the "bot" of a Bot API address
    r"|(?P<url>\b[a-z][a-z0-9+.-]*://[^\s/:@]*:)[^\s/@]+(?=@)"  # a password inside an address
)
_known: set[str] = set()


def mask(text: str) -> str:
    """`text` without bot tokens, passwords in addresses and every secret named to `configure`."""
    for secret in _known:
        text = text.replace(secret, "***")
    return _SECRETS.sub(lambda found: (found["url"] or "") + "***", text)


def _mask_event(_: Any, __: str, event: EventDict) -> EventDict:
    return {key: _masked(value) for key, value in event.items()}


def _masked(value: Any) -> Any:
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, dict):
        return {key: _masked(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(inner) for inner in value]
    return value if isinstance(value, int | float | bool | None) else mask(str(value))


def configure(level: str = "INFO", *, role: str, secrets: tuple[str, ...] = ()) -> None:
    """Set up logging for this process: lines for people on a terminal, JSON otherwise, on standard error."""
    _known.update(secret for secret in secrets if len(secret) >= 8)
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _mask_event,
    ]
    terminal = sys.stderr.isatty()
    last: Processor = structlog.dev.ConsoleRenderer() if terminal else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _mask_event, last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in (
        "httpx",
        "httpcore",
        "apscheduler",
        "matplotlib",
    ):  # httpx prints the token in every address at INFO
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.contextvars.bind_contextvars(role=role)
