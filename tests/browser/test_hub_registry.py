"""The hub's console in a real browser: nobody is kept out of a page, and the keyboard is enough.

Every page is read by axe-core at the width of a desk and of a phone; journeys are made with the
keyboard alone, and without scripts.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from hub.changes.opening import open_change_desk
from tests.support.accessibility import find_barriers, walk_with_tab
from tests.support.chromium import Visit
from tests.support.console_face import PASSWORD, totp_code
from tests.support.http_server import serve
from tests.support.hub_console import Hub, build_hub
from tests.support.hub_registry import make_hub_registry

WIDE, NARROW, HIGH = 1280, 360, 800
PAGES = (
    "/",
    "/participants",
    "/participants/AL",
    "/participants/RS",
    "/desks",
    "/desks/AL-child-protection-unit",
    "/coverage",
    "/findings",
    "/findings/list/resting/1",
    "/versions",
    "/versions/7",
    "/versions/6/to/8",
    "/as-of/20261124T0900Z",
    "/listed",
    "/signing",
    "/export",
    "/import",
    "/changes",
    "/changes/new",
    "/drills",
    "/drills/of/AL",
    "/operators",
    "/operators/new",
    "/audit",
    "/delivery",
    "/sessions",
)
"""Every page of the hub that stands under an address of its own."""

FOREIGN_LIST = (
    "Shteti;Masa;Instituti;Telefoni\n"
    "AL;Identifikimi;Zyra e re;+355 44541777\n"
    "RS;Povratak kući svojoj;Centar za socijalni rad;+381 11 3008000\n"
).encode()


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """Build one hub for all of these tests: each leaves behind what the next does not mind."""
    folder = tmp_path_factory.mktemp("hub-in-chromium")
    built = build_hub(folder, world=make_hub_registry(folder))
    yield built
    built.close()


@pytest.fixture(scope="module")
def address(hub: Hub) -> Iterator[str]:
    """Serve its console; its address."""
    with serve(hub.app) as origin:
        yield origin


def sign_in(page: Page, hub: Hub, name: str = "everything") -> None:
    """Sign in on the page that is open."""
    page.fill("#name", name)
    page.fill("#password", PASSWORD)
    page.click("main button")
    hub.clock.advance(seconds=31)  # a code is used once
    page.fill("#code", totp_code(hub.clock()))
    page.click("main button")
    page.wait_for_url(re.compile("/$"))


def verify_width(page: Page) -> None:
    """Nothing of the page reaches past its window."""
    overflow = page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    assert overflow <= 0, page.url


def verify_labels(page: Page) -> None:
    """On a phone, where rows become cards, no value stands on its label, no title is squeezed."""
    covered = page.evaluate(
        """() => [...document.querySelectorAll('.cards [data-label]:not([data-label=""])')]
            .filter((cell) => getComputedStyle(cell, '::before').content !== 'none')
            .filter((cell) => parseFloat(getComputedStyle(cell).paddingLeft) < 100)
            .map((cell) => cell.textContent.trim().slice(0, 40))"""
    )
    assert covered == [], page.url
    narrow = page.evaluate(
        """() => [...document.querySelectorAll('.cards caption:not(.unseen)')]
            .filter((caption) => caption.clientWidth < caption.parentElement.clientWidth)
            .map((caption) => caption.textContent)"""
    )
    assert narrow == [], page.url


@pytest.mark.parametrize("half", [0, 1])
def test_nothing_keeps_anybody_out(visit: Visit, hub: Hub, address: str, half: int) -> None:
    """axe-core finds no barrier on any page, at both widths; none is wider than its window."""
    page, _ = visit(f"{address}/sign-in", width=WIDE)
    barriers = {"/sign-in": find_barriers(page)}
    sign_in(page, hub)
    key = page.request.get(f"{address}/findings").text().partition('href="/findings/')[2]
    finding = re.search(r'/findings/([0-9a-f]{32})"', key)
    assert finding is not None
    for path in (*PAGES, f"/findings/{finding[1]}")[half::2]:
        page.set_viewport_size({"width": WIDE, "height": HIGH})
        answer = page.goto(address + path)
        assert answer is not None
        assert answer.status == 200, path
        verify_width(page)
        barriers[path] = find_barriers(page)
        page.set_viewport_size({"width": NARROW, "height": HIGH})
        verify_width(page)
        verify_labels(page)
        barriers[f"{path}, narrow"] = find_barriers(page, only_width=True)
    assert {path: found for path, found in barriers.items() if found} == {}


def test_the_rules_find_what_they_should(visit: Visit, address: str) -> None:
    """A page with a picture without words and a field without label is not called open."""
    page, _ = visit(f"{address}/sign-in")
    page.evaluate(
        "document.querySelector('main')"
        ".replaceChildren(new Image(), document.createElement('input'))"
    )
    found = " ".join(find_barriers(page))
    assert "image-alt" in found
    assert "label" in found


def test_a_finding_by_keyboard_alone(visit: Visit, hub: Hub, address: str) -> None:
    """Sign in, skip to the content, open a finding and take it, without a mouse."""
    page, _ = visit(f"{address}/sign-in")
    press_to(page, "name")
    page.keyboard.type("operator")
    press_to(page, "password")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("#code")).to_be_visible()
    hub.clock.advance(seconds=31)
    press_to(page, "code")
    page.keyboard.type(totp_code(hub.clock()))
    page.keyboard.press("Enter")
    page.wait_for_url(f"{address}/")
    follow(page, "/findings")
    page.wait_for_url(f"{address}/findings")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # the link that skips to the content
    assert page.evaluate("document.activeElement.id") == "main"
    press_until(page, "el => /^\\/findings\\/[0-9a-f]{32}$/.test(el.getAttribute('href') || '')")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/findings/[0-9a-f]{32}$"))
    stops = [stop["text"] for stop in walk_with_tab(page)]
    assert stops[0] == "Skip to the content"
    assert "I look after it" in stops
    press_until(page, "el => el.matches('button') && el.textContent.includes('I look after it')")
    page.keyboard.press("Enter")
    expect(page.locator("#seen")).to_contain_text("In hand")


def press_to(page: Page, field: str) -> None:
    """Press Tab until a field of this identifier has the focus."""
    press_until(page, f"el => el.id === '{field}'")


def press_until(page: Page, is_there: str) -> None:
    """Press Tab until the focus is on what is wanted; fails if it never is."""
    for _ in range(200):
        if page.evaluate(f"({is_there})(document.activeElement)"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab never comes to {is_there}")


def follow(page: Page, path: str) -> None:
    """Go to a link of the page by keyboard, and follow it."""
    press_until(page, f"el => el.getAttribute('href') === '{path}'")
    page.keyboard.press("Enter")


def test_a_list_becomes_drafts_on_a_phone_without_scripts(
    visit: Visit, hub: Hub, address: str, tmp_path: Path
) -> None:
    """Upload, explain a column and a measure, try out, draft: all without JavaScript."""
    file = tmp_path / "list.csv"
    file.write_bytes(FOREIGN_LIST)
    page, watch = visit(f"{address}/sign-in", javascript=False, width=NARROW)
    watch.expect_status(422)
    sign_in(page, hub, "operator")
    page.goto(f"{address}/import")
    page.set_input_files("#file", file)
    page.click("main form .button")
    expect(page.locator(".banner")).to_contain_text("Authority")
    page.select_option("#heading-2", "authority")
    page.click("#answers .button")
    expect(page.locator("#drafts")).to_be_visible()
    page.select_option("#measure-0", "return")
    page.click("#answers .button")
    expect(page.locator("#drafts")).to_contain_text("2 of 2 taken over")
    page.get_by_role("button", name="Make drafts").click()
    page.wait_for_url(f"{address}/changes")
    drafts = open_change_desk(hub.context).list_changes().changes
    assert {change.participant for change in drafts} == {"AL", "RS"}
