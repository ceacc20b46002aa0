"""Logging of the hub: events with identifiers, never content.

The hub has nothing to say about people, and its log shall not be able to: a processor refuses
fields whose names say that they carry content or secrets. In tests it raises, so that a programmer
finds out; in production it drops the value and says so, so that the event itself is not lost.
"""

import re
from collections.abc import MutableMapping
from enum import StrEnum
from typing import Any, Final

import structlog

#: A field is refused if any word of its snake_case name is one of these.
SENSITIVE_WORDS: Final = frozenset(
    {
        "address", "attachment", "birth", "body", "content", "cookie", "credential",
        "credentials", "document", "email", "envelope", "key", "mail", "message", "name",
        "narrative", "nationality", "passphrase", "password", "payload", "person", "phone",
        "secret", "seed", "telephone", "text", "title", "token",
    }
)  # fmt: skip

_WORD_BREAK: Final = re.compile(r"[^a-z0-9]+")


class LogFormat(StrEnum):
    """How a line of the log looks."""

    CONSOLE = "console"
    JSON = "json"


class SensitiveFieldError(Exception):
    """A log call wants to write a field that may carry content or a secret."""


def is_sensitive(field: str) -> bool:
    """Whether a field of this name is refused."""
    return not SENSITIVE_WORDS.isdisjoint(_WORD_BREAK.split(field.lower()))


def raise_on_sensitive_fields(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Refuse the event: for tests."""
    refused = sorted(field for field in event if is_sensitive(field))
    if refused:
        raise SensitiveFieldError(
            f"The event {event.get('event')!r} has the fields {', '.join(refused)}: log an "
            "identifier instead."
        )
    return event


def drop_sensitive_fields(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Take the fields out and say so: for production."""
    refused = sorted(field for field in event if is_sensitive(field))
    for field in refused:
        del event[field]
    if refused:
        event["refused_fields"] = refused
    return event


def configure_logs(log_format: LogFormat, *, strict: bool) -> None:
    """Set up structlog for the whole process; ``strict`` raises on a sensitive field."""
    renderers: list[structlog.typing.Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if log_format is LogFormat.JSON
        else [structlog.dev.ConsoleRenderer()]
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            raise_on_sensitive_fields if strict else drop_sensitive_fields,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *renderers,
        ],
        cache_logger_on_first_use=not strict,  # tests change where the log goes,
    )
