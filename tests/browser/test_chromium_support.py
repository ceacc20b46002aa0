"""The watch over pages sees what it is there to see, and nothing in a page that behaves."""

import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Browser
from typing_extensions import override

from tests.support.chromium import PageWatch, Visit

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src * data:; connect-src 'self'"
)

PAGES = {
    "/good": b"<!doctype html><title>Inbox</title><link rel=icon href=data:,><h1>Inbox</h1>",
    "/throws": b"<!doctype html><title>x</title><script src=/throws.js></script>",
    "/throws.js": b"throw new Error('broken script');",
    "/logs": b"<!doctype html><title>x</title><script src=/logs.js></script>",
    "/logs.js": b"console.error('something is wrong');",
    "/inline": b"<!doctype html><title>x</title><script>document.title = 'y'</script>",
    "/elsewhere": b"<!doctype html><title>x</title><img src=http://example.invalid/pixel.gif>",
    "/script-off": (
        b"<!doctype html><title>off</title><link rel=icon href=data:,>"
        b"<script src=/title.js></script>"
    ),
    "/title.js": b"document.title = 'on';",
}


class Pages(BaseHTTPRequestHandler):
    """Serve the pages above, under a strict policy; 404 for any other path."""

    def do_GET(self) -> None:
        """Answer with the page."""
        body = PAGES.get(self.path)
        self.send_response(200 if body is not None else 404)
        kind = "text/javascript" if self.path.endswith(".js") else "text/html; charset=utf-8"
        self.send_header("Content-Type", kind)
        self.send_header("Content-Security-Policy", POLICY)
        self.end_headers()
        with suppress(ConnectionError):  # the page may be gone before its icon is there
            self.wfile.write(body if body is not None else b"<!doctype html><title>none</title>")

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the test's own output is enough."""


@pytest.fixture
def site() -> Iterator[str]:
    """Serve the pages on a free port of this machine; the origin."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Pages) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def findings_of(browser: Browser, url: str, origin: str) -> list[str]:
    """Open a page under watch and hand out what was found, without failing."""
    context = browser.new_context()
    watch = PageWatch(origin)
    watch.start(context)
    page = context.new_page()
    page.goto(url)
    page.title()  # a round trip: what the page reported before it has arrived
    context.close()
    return watch.findings


def test_a_page_that_behaves_passes(visit: Visit, site: str) -> None:
    """A plain page is opened, read and found faultless."""
    page, watch = visit(f"{site}/good")
    assert page.get_by_role("heading").inner_text() == "Inbox"
    assert watch.findings == []


@pytest.mark.parametrize(
    ("path", "finding"),
    [
        ("/throws", "script error: broken script"),
        ("/logs", "console error: something is wrong"),
        ("/inline", "content security policy: script-src-elem refused inline"),
        ("/elsewhere", "request to another origin: GET http://example.invalid/pixel.gif"),
        ("/missing", "status of 404"),
    ],
)
def test_a_page_that_misbehaves_is_found(
    chromium: Browser, site: str, path: str, finding: str
) -> None:
    """Each kind of misbehaviour is a finding that names it, and a finding fails the test."""
    findings = findings_of(chromium, site + path, site)
    assert any(finding in found for found in findings), findings
    with pytest.raises(pytest.fail.Exception, match="The page misbehaved"):
        PageWatch(site, findings).verify()


def test_an_expected_refusal_is_no_finding(visit: Visit, site: str) -> None:
    """A test of a refused page says which status it expects, and only that one is forgiven."""
    page, watch = visit(f"{site}/good")
    watch.expect_status(404)
    answer = page.goto(f"{site}/missing")
    assert answer is not None
    assert answer.status == 404
    assert watch.findings == []


def test_a_page_can_be_opened_without_javascript(visit: Visit, site: str) -> None:
    """Essential tasks are tested without scripts: with JavaScript off none runs."""
    page, _ = visit(f"{site}/script-off", javascript=False)
    assert page.title() == "off"
    page, _ = visit(f"{site}/script-off")
    assert page.title() == "on"
