"""The operators' console in a real browser: the way in, accounts, the log, and delivery.

Each page is watched: an error, a breach of the content security policy, or a request to anybody
else fails the test.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from hub.monitoring.readiness import CheckResult
from hub.operators.roles import Role
from hub.operators.service import handle_add_operator, handle_make_sign_in_link
from tests.support.accessibility import find_barriers, walk_with_tab
from tests.support.chromium import Visit
from tests.support.console_face import PASSWORD, totp_code
from tests.support.http_server import serve
from tests.support.hub_console import Hub, build_hub

WIDE, NARROW = 1280, 360


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    """Build a hub."""
    built = build_hub(tmp_path)
    yield built
    built.close()


@pytest.fixture
def address(hub: Hub) -> Iterator[str]:
    """Serve the console; its address."""
    with serve(hub.app) as address:
        yield address


def sign_in(page: Page, hub: Hub, name: str) -> None:
    """Sign in on the page that is open."""
    page.fill("#name", name)
    page.fill("#password", PASSWORD)
    page.click("main button")
    page.fill("#code", totp_code(hub.clock()))
    page.click("main button")


def look_around(page: Page, address: str, paths: list[str]) -> None:
    """Open pages; axe-core finds nothing on any, and none is wider than a phone."""
    for path in paths:
        page.set_viewport_size({"width": WIDE, "height": 900})
        page.goto(address + path)
        assert find_barriers(page) == [], path
        page.set_viewport_size({"width": NARROW, "height": 900})
        assert find_barriers(page, only_width=True) == [], path
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path


def test_an_operator_is_let_in_by_another(hub: Hub, address: str, visit: Visit) -> None:
    """Added and linked on the page without a script; the newcomer sets up and is at work."""
    page, _ = visit(f"{address}/sign-in", javascript=False)
    sign_in(page, hub, "admin")
    page.click("text=Operators")
    page.click("text=Add an operator")
    page.fill("#name", "desk.two")
    page.fill("#display_name", "Registry desk 2")
    page.check("text=Directory operator")
    page.click("main form button")
    page.click("text=Make a sign-in link")
    link = page.inner_text("#link").replace("http://localhost", address)

    newcomer, _ = visit(link)
    newcomer.click("main form button")
    newcomer.fill("#password", PASSWORD)
    newcomer.fill("#again", PASSWORD)
    newcomer.click("main form button")
    secret = "".join((newcomer.text_content("main span.code") or "").split())
    newcomer.fill("#code", totp_code(hub.clock(), secret))
    newcomer.click("main form button")
    expect(newcomer.locator("h1")).to_have_text("Overview")
    expect(newcomer.locator(".who")).to_contain_text("Registry desk 2")
    assert newcomer.locator('nav a[href="/operators"]').count() == 0
    assert hub.account("desk.two").roles == {Role.DIRECTORY_OPERATOR}


def test_the_pages_are_for_everybody(hub: Hub, address: str, visit: Visit) -> None:
    """Wide and narrow, nothing runs off the page or bars anybody; the keyboard reaches all."""
    hub.delivery.checks.append(CheckResult("registry", is_ok=False, detail="Its timestamp ends."))
    account = handle_add_operator(
        hub.context, actor="local:test", sign_in_name="new", display_name="New", roles=["observer"]
    )
    handle_make_sign_in_link(hub.context, account, actor="local:test")
    page, _ = visit(f"{address}/sign-in")
    sign_in(page, hub, "everything")
    expect(page.locator("h1")).to_have_text("Overview")
    # what tests/browser/test_hub_registry.py opens is not opened twice, but for failing checks
    look_around(page, address, ["/", "/delivery", f"/operators/{account}", "/audit/check"])
    page.goto(f"{address}/operators/{account}")
    stops = [stop["text"] or stop["path"] for stop in walk_with_tab(page)]
    for wanted in ("Save the roles", "Make a sign-in link", "Shut out now"):
        assert wanted in stops
