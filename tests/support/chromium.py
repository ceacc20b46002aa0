"""A real Chromium for page tests, and a watch that fails a test on what a page must never do.

``chromium`` starts the browser once per test module; ``visit`` opens a page in a fresh context.
Each page is watched to its end: a console error, an uncaught script error, a violation of the
content security policy or a request to another origin than the page's own fails the test.

The API is Playwright's synchronous one, so page tests are plain functions, and the server they
visit runs in a thread or a process of its own.
"""

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    expect,
    sync_playwright,
)

PROGRAMS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")

PATIENCE_MS = 30_000
"""How long a page may take to come to what is expected, on a machine that does much else."""

ARGUMENTS = (
    "--headless=new",
    "--disable-gpu",
    # no connection but those of the page under test: no other name or address leads anywhere
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

_WITHIN = ("data", "blob", "about")
"""Schemes of addresses that are in the page itself."""

_UNANSWERED = re.compile(r"Failed to fetch|network error|Load failed")

_REPORT_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) => {
  console.error(`content security policy: ${event.effectiveDirective} refused ${event.blockedURI}`);
});
"""


def find_chromium() -> str:
    """Find the browser that the machine has.

    Raises:
        pytest.fail.Exception: there is none. A missing browser is a failure, never a skip.
    """
    for name in PROGRAMS:
        if path := shutil.which(name):
            return path
    pytest.fail("No Chromium here. Run scripts/system-packages, then try again.")


@dataclass
class PageWatch:
    """Collect what the pages of one context did that no page of this product may do."""

    origin: str
    findings: list[str] = field(default_factory=list)
    expected_statuses: set[int] = field(default_factory=set)

    def start(self, context: BrowserContext) -> None:
        """Watch every page of the context from its first byte on."""
        context.add_init_script(_REPORT_VIOLATIONS)
        # Looked at, not stopped: to stop one request, every request would go through this process,
        # and the browser would keep nothing. Nothing leaves the machine (ARGUMENTS).
        context.on("request", self._handle_request)
        context.on("console", self._handle_console)
        context.on("weberror", lambda error: self.findings.append(f"script error: {error.error}"))

    def expect_status(self, status: int) -> None:
        """Allow answers of this HTTP status: Chromium reports each from 400 up as an error."""
        self.expected_statuses.add(status)

    def verify(self) -> None:
        """Fail the test if there was a finding."""
        if self.findings:
            pytest.fail("The page misbehaved:\n" + "\n".join(f"- {one}" for one in self.findings))

    def _handle_request(self, request: Request) -> None:
        target = urlsplit(request.url)
        is_own = f"{target.scheme}://{target.netloc}" == self.origin
        if not is_own and target.scheme not in _WITHIN:
            self.findings.append(f"request to another origin: {request.method} {request.url}")

    def _handle_console(self, message: ConsoleMessage) -> None:
        if message.type != "error":
            return
        answered = "the server responded with a status of "
        if any(f"{answered}{status} " in message.text for status in self.expected_statuses):
            return
        # The stream of a page ends with its server, and the page asks for it again.
        if message.location.get("url", "").endswith("/live/stream") and "net::ERR" in message.text:
            return
        # So does what a part asks for while its page is left: htmx says that it got no answer.
        if message.text.startswith("htmx:") and _UNANSWERED.search(message.text):
            return
        self.findings.append(f"console error: {message.text}")


class Visit(Protocol):
    """Open an address in a fresh context: no cookie, no storage, nothing cached."""

    def __call__(
        self, url: str, *, javascript: bool = True, width: int = 1280, locale: str = "en-GB"
    ) -> tuple[Page, PageWatch]:
        """Go to the URL; the page, and the watch over it."""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Start the browser for the tests of one module, and end it after them."""
    executable = find_chromium()
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable,
            args=list(ARGUMENTS),
            # Chromium's sandbox cannot be made by root, and only there is it left out.
            chromium_sandbox=os.geteuid() != 0,
        )
        yield browser
        browser.close()


class Visits:
    """The pages that one test opened."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._watched: list[tuple[BrowserContext, PageWatch]] = []

    def open_page(
        self, url: str, *, javascript: bool = True, width: int = 1280, locale: str = "en-GB"
    ) -> tuple[Page, PageWatch]:
        """Go to the URL in a fresh context; the page, and the watch over it."""
        address = urlsplit(url)
        context = self._browser.new_context(
            java_script_enabled=javascript,
            viewport={"width": width, "height": 900},
            locale=locale,
            service_workers="block",
            reduced_motion="reduce",  # a colour half-way to another is nobody's contrast
        )
        watch = PageWatch(f"{address.scheme}://{address.netloc}")
        self._watched.append((context, watch))
        watch.start(context)
        page = context.new_page()
        page.goto(url)
        return page, watch

    def end(self) -> None:
        """Close all pages, then fail the test if one of them misbehaved; once."""
        watched, self._watched = self._watched, []
        for context, _ in watched:
            context.close()
        for _, watch in watched:
            watch.verify()


VISITS: pytest.StashKey[Visits] = pytest.StashKey()


@pytest.fixture
def visit(request: pytest.FixtureRequest, chromium: Browser) -> Iterator[Visit]:
    """Open pages; when the test is done, fail it if one of them misbehaved.

    ``end_visits`` closes them before any fixture ends: a server that a test asked for after this
    fixture would otherwise stop first, under pages that still load.
    """
    visits = Visits(chromium)
    request.node.stash[VISITS] = visits
    yield visits.open_page
    visits.end()


def end_visits(item: pytest.Item) -> None:
    """Close the pages of a test whose body is done, while its servers still run."""
    if VISITS in item.stash:
        item.stash[VISITS].end()
