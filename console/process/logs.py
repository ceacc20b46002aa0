"""Logging of our services: events with identifiers, never content.

A log has nothing to say about people and shall not be able to: a processor refuses fields whose
names say that they carry content or secrets. In tests it raises, so that a programmer finds out; in
production it drops the value and says so, so that the event itself is not lost.
"""

import logging
import re
import sys
import threading
import traceback
from collections.abc import MutableMapping
from enum import StrEnum
from typing import Any, Final, TextIO

import structlog
from typing_extensions import override

#: A field is refused if any word of its snake_case name is one of these ...
SENSITIVE_WORDS: Final = frozenset(
    {
        "address", "attachment", "birth", "body", "content", "cookie", "credential",
        "credentials", "document", "email", "envelope", "key", "mail", "message", "name",
        "narrative", "nationality", "passphrase", "password", "payload", "person", "phone",
        "secret", "seed", "telephone", "text", "title", "token",
    }
)  # fmt: skip

#: ... unless its last word says that it only names, counts, or measures the thing.
IDENTIFYING_WORDS: Final = frozenset({"id", "ids", "sha256", "count", "bytes", "version"})

#: How much of a traceback is written.
_FRAMES: Final = 8
_WORD_BREAK: Final = re.compile(r"[^a-z0-9]+")


class LogFormat(StrEnum):
    """How a line of the log looks."""

    CONSOLE = "console"
    JSON = "json"


class SensitiveFieldError(Exception):
    """A log call wants to write a field that may carry content or a secret."""


def is_sensitive(field: str) -> bool:
    """Whether a field of this name is refused."""
    words = _WORD_BREAK.split(field.lower())
    return words[-1] not in IDENTIFYING_WORDS and not SENSITIVE_WORDS.isdisjoint(words)


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


def describe_exception(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Write an exception as its type and place.

    Never its text, which may repeat what somebody wrote, and never local variables, which hold it.
    """
    given = event.pop("exc_info", None)
    error = sys.exc_info()[1] if given is True else given
    if isinstance(error, tuple):
        error = error[1]
    if isinstance(error, BaseException):
        frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
        event["error_type"] = type(error).__qualname__
        event["where"] = [f"{frame.filename}:{frame.lineno}:{frame.name}" for frame in frames]
    return event


#: Libraries whose messages tell of ports and processes, and never of what is carried.
_OUTSPOKEN: Final = frozenset({"uvicorn.error"})


class LibraryLogs(logging.Handler):
    """Writes what libraries log as events of ours: who, where, and what kind of failure.

    Their texts may hold anything, so they are left out, except those of a server about itself.
    """

    @override
    def emit(self, record: logging.LogRecord) -> None:
        fields: dict[str, Any] = {
            "library": record.name,
            "origin": f"{record.filename}:{record.lineno}",
        }
        if record.name in _OUTSPOKEN:
            fields["told"] = record.getMessage().strip()
        structlog.get_logger().log(
            record.levelno, "library_warning", exc_info=record.exc_info, **fields
        )


def route_library_logs() -> None:
    """Let warnings of libraries come out as the process's own log lines do, and nothing else."""
    root = logging.getLogger()
    root.handlers = [LibraryLogs(logging.WARNING)]
    root.setLevel(logging.WARNING)


class LineOutput:
    """Writes each event as a line; a line that cannot be written is counted and never raised.

    A log that lies on a full disk must not end what it tells of. Once lines can be written again,
    it is said how many may be missing. Thread-safe. ``stream``: nothing means the standard
    output of the moment.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream
        self._lost = 0
        self._lock = threading.Lock()

    def msg(self, line: str) -> None:
        """Write one line."""
        with self._lock:
            stream = self._stream or sys.stdout
            try:
                if self._lost:
                    print(f'{{"event": "log_lines_lost", "count": {self._lost}}}', file=stream)
                print(line, file=stream, flush=True)
            except (OSError, ValueError):  # no room, nobody reads, or closed
                self._lost += 1
            else:
                self._lost = 0

    log = debug = info = warn = warning = error = critical = fatal = exception = failure = msg


def configure_logs(log_format: LogFormat, *, strict: bool, quiet: bool = False) -> None:
    """Set up structlog for the whole process.

    ``strict`` raises on a sensitive field. ``quiet`` is for a program whose output is its own: only
    warnings and worse are written, to standard error.
    """
    renderers: list[structlog.typing.Processor] = (
        [structlog.processors.JSONRenderer()]
        if log_format is LogFormat.JSON
        else [structlog.dev.ConsoleRenderer()]
    )
    output = LineOutput(sys.stderr if quiet else None)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            raise_on_sensitive_fields if strict else drop_sensitive_fields,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            describe_exception,
            *renderers,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.WARNING if quiet else logging.INFO
        ),
        logger_factory=lambda *_: output,
        cache_logger_on_first_use=not strict,  # tests change where the log goes
    )
