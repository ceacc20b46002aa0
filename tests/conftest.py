"""Rules for all tests: nothing is skipped, and a test that uses a server or a browser says so."""

from collections.abc import Generator, Mapping

import pytest
from hypothesis import HealthCheck, settings

# How long a machine takes is no property of the code: no test fails for being slow.
settings.register_profile("project", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("project")

pytest_plugins = ["tests.support.postgres"]

MARKER_OF_FIXTURE: Mapping[str, str] = {
    "chromium": "browser",
    "postgres_cluster": "postgres",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give a test the marker of the heavy fixtures that it asks for, directly or through others."""
    for item in items:
        for fixture in getattr(item, "fixturenames", ()):
            if fixture in MARKER_OF_FIXTURE:
                item.add_marker(MARKER_OF_FIXTURE[fixture])


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
