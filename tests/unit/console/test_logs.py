"""A log cannot carry content or secrets."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from console.process.logs import (
    LineOutput,
    LogFormat,
    SensitiveFieldError,
    configure_logs,
    drop_sensitive_fields,
    is_sensitive,
    raise_on_sensitive_fields,
    route_library_logs,
)


@pytest.mark.parametrize(
    "field",
    ["body", "payload", "name", "seed", "password", "token", "key", "content", "signing_key",
     "user_token", "Full-Name", "message", "envelope", "phone"],
)  # fmt: skip
def test_fields_that_may_carry_content_are_refused(field: str) -> None:
    """The name alone decides, in whatever style it is written."""
    assert is_sensitive(field)


@pytest.mark.parametrize(
    "field", ["event", "participant", "account", "error", "stream_sequence", "registry_version"]
)
def test_identifiers_are_not(field: str) -> None:
    """What the hub does log passes."""
    assert not is_sensitive(field)


def test_in_tests_a_sensitive_field_raises() -> None:
    """A programmer finds out at once."""
    with pytest.raises(SensitiveFieldError, match="body"):
        raise_on_sensitive_fields(None, "info", {"event": "x", "body": "y"})


def test_in_production_it_is_dropped_and_the_event_says_so() -> None:
    """The value is gone, the event stays."""
    event = drop_sensitive_fields(None, "info", {"event": "x", "body": "y", "count": 1})

    assert event == {"event": "x", "count": 1, "refused_fields": ["body"]}


@pytest.fixture
def root_logger() -> Iterator[logging.Logger]:
    """Give the root logger, and put it and structlog back afterwards."""
    root = logging.getLogger()
    before = root.handlers, root.level
    yield root
    root.handlers, root.level = before
    structlog.reset_defaults()


def test_libraries_log_as_we_do_and_without_content(
    root_logger: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only JSON lines come out: who, where, what kind; a server's words about itself as well."""
    configure_logs(LogFormat.JSON, strict=False)
    route_library_logs()
    try:
        int("Ana, born 2009")
    except ValueError:
        logging.getLogger("some.library").exception("while reading %s", "Ana")
    logging.getLogger("some.library").info("nothing to see")
    logging.getLogger("uvicorn.error").error("[Errno 98] address already in use")

    captured = capsys.readouterr()
    first, second = map(json.loads, captured.out.splitlines())
    assert captured.err == ""
    assert (first["library"], first["error_type"], first["level"]) == (
        "some.library", "ValueError", "error",
    )  # fmt: skip
    assert first["origin"].startswith("test_logs.py:")
    assert "Ana" not in captured.out
    assert second["told"] == "[Errno 98] address already in use"


def test_a_quiet_program_keeps_its_output_to_itself(
    root_logger: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    """Facts are not written, warnings go to standard error."""
    configure_logs(LogFormat.CONSOLE, strict=False, quiet=True)
    structlog.get_logger().info("registry_refreshed", version=1)
    structlog.get_logger().warning("registry_unreachable")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "registry_unreachable" in captured.err
    assert "registry_refreshed" not in captured.err


def test_a_full_disk_ends_no_work(capsys: pytest.CaptureFixture[str]) -> None:
    """A line that cannot be written raises nothing; later it is said that lines are missing."""
    with open("/dev/full", "w", encoding="utf-8", buffering=1) as full:  # noqa: PTH123 - a device
        output = LineOutput(full)
        output.warning("one")
        output.info("two")
        output._stream = None
        output.info("three")
        assert capsys.readouterr().out == '{"event": "log_lines_lost", "count": 2}\nthree\n'
        output._stream = full
        output.info("four")
        with pytest.raises(OSError, match="No space left"):
            full.close()
