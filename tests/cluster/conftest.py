"""Prints what was done to the servers, when, and what the ledger said then."""

import pytest

HEAD = "seconds  accepted receipted  what was done or seen"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the transcript of every test that kept one."""
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        lines = [text for name, text in report.user_properties if name == "transcript"]
        if lines and report.when == "call":
            terminalreporter.section(report.nodeid.rpartition("::")[2])
            for line in (HEAD, *lines):
                terminalreporter.write_line(str(line))
