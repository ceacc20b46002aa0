"""Rules for all tests: nothing is skipped, and a test that uses a server or a browser says so."""

import gc
import os
from collections.abc import Generator, Mapping
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, settings

from tests.support.chromium import end_visits
from tests.support.contract_watch import watch_contracts
from tests.support.quick_routes import keep_what_routes_need
from tests.support.quick_statements import share_statements

# How long a machine takes is no property of the code: no test fails for being slow.
# Forty examples find in a test what many runs find; the long search is "make fuzz".
settings.register_profile(
    "project",
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("project")

# Where a test's log is not configured, structlog draws each exception with the values of all
# locals: ten seconds of work for one that holds an application. This outlives reset_defaults().
_DRAWING: Any = structlog.get_config()["processors"][-1]
_DRAWING.exception_formatter = structlog.dev.plain_traceback

keep_what_routes_need()
share_statements()
watch_contracts()

pytest_plugins = ["tests.support.postgres", "tests.support.node_databases"]

MARKER_OF_FIXTURE: Mapping[str, str] = {
    "chromium": "browser",
    "postgres_cluster": "postgres",
}


#: Tests that go through whole programs, or the same lines many times: counting lines would take up
#: to three times their own time and add next to nothing to what is counted.
NOT_COUNTED = (
    "tests/architecture/",
    "tests/bench/",
    "tests/browser/",
    "tests/e2e/",
    "tests/fuzz/",
    "tests/malicious/",
    "tests/property/",
    "tests/unit/node_api/test_api_contract.py",
)
#: Set by the measurement of coverage for the programs that a test starts.
COUNTING = ("COVERAGE_PROCESS_CONFIG", "COVERAGE_PROCESS_START")
#: Tests that drive a browser or whole programs: on a loaded machine one may fail by chance. It is
#: tried once more, and the summary names it; what is broken fails again.
MAY_FAIL_ONCE = ("tests/browser/", "tests/e2e/")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give a test the marker of the heavy fixtures that it asks for, directly or through others."""
    for item in items:
        if item.nodeid.startswith(NOT_COUNTED) or "[postgresql" in item.nodeid:
            item.add_marker("no_cover")
        if item.nodeid.startswith(MAY_FAIL_ONCE):
            item.add_marker(pytest.mark.flaky(reruns=1))
        for fixture in getattr(item, "fixturenames", ()):
            if fixture in MARKER_OF_FIXTURE:
                item.add_marker(MARKER_OF_FIXTURE[fixture])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say why a test was tried twice: what looks like chance has a cause."""
    for report in terminalreporter.stats.get("rerun", []):
        terminalreporter.section(f"tried again: {report.nodeid}")
        terminalreporter.line(report.longreprtext)


def pytest_collection_finish() -> None:
    """Let the garbage collector pass over what all tests share: it is a tenth of their time."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Keep the programs that an uncounted test starts from counting lines, too."""
    if not item.nodeid.startswith(NOT_COUNTED):
        return (yield)
    kept = {name: os.environ.pop(name) for name in COUNTING if name in os.environ}
    try:
        return (yield)
    finally:
        os.environ.update(kept)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Let the pages of a test end with its body, before the servers that they load from."""
    yield
    end_visits(item)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip into a failure: what a machine lacks is installed, not left untested."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = (
            f"{item.nodeid} was skipped ({report.longreprtext.strip()}). No test of this project "
            "is skipped: scripts/system-packages installs the programs that tests need."
        )
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Turn a skipped file into a failure, for the same reason."""
    report = yield
    if report.skipped:
        report.outcome = "failed"
        report.longrepr = f"{collector.nodeid} was skipped as a whole: {report.longreprtext}"
    return report
