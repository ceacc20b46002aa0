"""The node's console in a real browser: whole journeys, wide and narrow, with and without scripts.

Each page is watched: an error, a breach of the content security policy, or a request to anybody
else fails the test.
"""

import gzip
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from node.service.composing import handle_send
from node.service.reading import list_items
from tests.support.chromium import Visit
from tests.support.console_face import PASSWORD, totp_code
from tests.support.http_server import serve
from tests.support.node import make_draft
from tests.support.node_console import FACTS, Pair, build_pair
from tests.support.people import STAFF, acting

WIDE, NARROW = 1280, 360
#: A page of the node with everything it loads the first time, compressed: fonts, styles, scripts.
FIRST_LOAD = 100_000
PAGE = 12_000


@pytest.fixture
def pair(tmp_path: Path, node_url_of: Callable[[str], str]) -> Iterator[Pair]:
    """Build two nodes."""
    built = build_pair(tmp_path, url_of=node_url_of)
    yield built
    built.network.close()


@pytest.fixture
def al(pair: Pair) -> Iterator[str]:
    """Serve AL's console; its address."""
    with serve(pair.al.app) as address:
        yield address


@pytest.fixture
def xk(pair: Pair) -> Iterator[str]:
    """Serve XK's console; its address."""
    with serve(pair.xk.app) as address:
        yield address


def sign_in(page: Page, pair: Pair, name: str = "officer") -> None:
    """Sign in on the page that is open."""
    page.fill("#name", name)
    page.fill("#password", PASSWORD)
    page.click("main button")
    page.fill("#code", totp_code(pair.network.clock()))
    page.click("main button")


#: More than the navigation and the first questions of a page have.
_MOST_STOPS = 40


def fill_facts(page: Page) -> None:
    """Answer the screen of safe facts, each control by its kind."""
    for name, value in FACTS.items():
        for one in [value] if isinstance(value, str) else value:
            field = page.locator(f'main [name="{name}"]').first
            if field.get_attribute("type") in {"radio", "checkbox"}:
                page.check(f'main [name="{name}"][value="{one}"]')
            elif field.evaluate("one => one.tagName") == "SELECT":
                field.select_option(one)
            else:
                field.fill(one)


def go_on(page: Page) -> None:
    """Press the button that leads on, and wait until the scripts of the next page listen."""
    with page.expect_navigation():
        page.click("main form .actions button")


def notify(page: Page, address: str) -> None:
    """Write a notification, from the first screen to its sent page."""
    page.goto(f"{address}/new/begin")
    page.check('[name="purpose"][value="notification"]')
    page.select_option("#participant", "XK")
    page.check('[name="ties"][value="national_of"]')
    page.check('[name="possibly_under_18"][value="no"]')
    page.check('[name="danger_now"][value="no"]')
    go_on(page)
    go_on(page)
    fill_facts(page)
    go_on(page)
    page.check('[name="basis"][value="no_personal_data"]')
    go_on(page)
    page.click(".send-bar button")
    page.wait_for_url(re.compile("/sent/"))


def verify_width(page: Page) -> None:
    """Nothing of the page reaches past its window."""
    overflow = page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    assert overflow <= 0, page.url


@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize("javascript", [True, False])
def test_a_notification_and_its_decision(
    visit: Visit,
    pair: Pair,
    al: str,
    xk: str,
    width: int,
    javascript: bool,
) -> None:
    """One desk notifies, the other decides; both see it, on a phone and without scripts too."""
    sender, _ = visit(f"{al}/sign-in", javascript=javascript, width=width)
    sign_in(sender, pair)
    notify(sender, al)
    expect(sender.locator("#state")).to_contain_text("Waiting to leave")
    pair.network.settle()
    if not javascript:
        sender.reload()
    expect(sender.locator("#state")).to_contain_text("Delivered, receipt signed")
    receiver, _ = visit(f"{xk}/sign-in", javascript=javascript, width=width)
    sign_in(receiver, pair)
    receiver.click("text=Notification of a presumed victim")
    expect(receiver.locator("h1")).to_have_text("Notification of a presumed victim")
    verify_width(receiver)
    receiver.click("main >> text=Decide")
    receiver.check('[name="outcome"][value="accepted"]')
    verify_width(receiver)
    receiver.click("text=Send the decision")
    expect(receiver.locator("h1")).to_have_text("Decision sent")
    pair.network.settle()
    sender.goto(f"{al}/")
    expect(sender.locator("table.inbox")).to_contain_text("Decision")
    sender.click("table.inbox a:has-text('Decision')")
    sender.click("text=Open the case")
    expect(sender.locator(".timeline")).to_contain_text("Accepted")
    verify_width(sender)


def test_every_page_fits_a_phone(visit: Visit, pair: Pair, xk: str) -> None:
    """At 360 pixels no page scrolls sideways, not even with long words and open parts."""
    sent = handle_send(pair.al.context, make_draft(), who=acting("api:test"))
    pair.network.settle()
    case = list_items(pair.xk.context, direction="in", who=STAFF)[0].case_id
    page, _ = visit(f"{xk}/sign-in", width=NARROW)
    sign_in(page, pair)
    for path in (
        "/", "/received", "/sent", "/cases", f"/case/{case}", f"/message/{sent.message_id}",
        f"/decide/{sent.message_id}", "/directory", "/directory/AL", "/new/begin",
    ):  # fmt: skip
        page.goto(f"{xk}{path}")
        page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
        verify_width(page)


def test_parts_of_a_form_open_with_their_choice(visit: Visit, pair: Pair, xk: str) -> None:
    """The case manager shows with Accept, the reason with Decline: by styles alone, no script."""
    sent = handle_send(pair.al.context, make_draft(), who=acting("api:test"))
    pair.network.settle()
    page, _ = visit(f"{xk}/sign-in", javascript=False)
    sign_in(page, pair)
    page.goto(f"{xk}/decide/{sent.message_id}")
    expect(page.locator("#post")).to_be_hidden()
    page.check('[name="outcome"][value="accepted"]')
    expect(page.locator("#post")).to_be_visible()
    page.check('[name="outcome"][value="declined"]')
    expect(page.locator("#post")).to_be_hidden()
    expect(page.locator("#decline_reason")).to_be_visible()


def test_what_is_typed_is_kept_by_itself(visit: Visit, pair: Pair, al: str) -> None:
    """Typed and never sent: the page keeps it on the server, and shows it again."""
    page, _ = visit(f"{al}/sign-in")
    sign_in(page, pair)
    page.goto(f"{al}/new/begin")
    page.check('[name="purpose"][value="referral"]')
    page.select_option("#participant", "XK")
    page.check('[name="possibly_under_18"][value="no"]')
    page.check('[name="danger_now"][value="no"]')
    go_on(page)
    go_on(page)
    with page.expect_response(re.compile("/keep/")) as kept:
        page.fill('[name="case_manager-post"]', "Night desk")
    assert kept.value.status == 204
    page.reload()
    expect(page.locator('[name="case_manager-post"]')).to_have_value("Night desk")
    assert (
        page.evaluate("Object.keys(localStorage).length + Object.keys(sessionStorage).length") == 0
    )


def test_the_keyboard_alone_is_enough(visit: Visit, pair: Pair, al: str) -> None:
    """From the top of the first screen to its first list every stop of the tab key is outlined."""
    page, _ = visit(f"{al}/sign-in")
    sign_in(page, pair)
    page.goto(f"{al}/new/begin")
    stops: list[list[object]] = []
    while "SELECT" not in {tag for tag, _ in stops}:
        assert len(stops) < _MOST_STOPS, stops
        page.keyboard.press("Tab")
        stops.append(
            page.evaluate(
                """() => {
                  const one = document.activeElement, style = getComputedStyle(one);
                  const box = one.getBoundingClientRect();
                  return [one.tagName, style.outlineStyle !== 'none' && box.height > 0];
                }"""
            )
        )
    assert all(outlined for _, outlined in stops), stops


def test_an_error_takes_the_focus_and_leads_to_its_field(visit: Visit, pair: Pair, al: str) -> None:
    """The summary of what is missing is focused; its first link goes to the first field."""
    page, watch = visit(f"{al}/sign-in")
    watch.expect_status(422)
    sign_in(page, pair)
    page.goto(f"{al}/new/begin")
    go_on(page)
    expect(page.locator(".error-summary")).to_be_focused()
    assert page.title().startswith("Error:")
    page.click(".error-summary a")
    expect(page.locator("#purpose")).to_be_focused()


def test_pages_are_light(visit: Visit, pair: Pair, xk: str) -> None:
    """What a first visit loads, and what each page adds, stays small enough for a bad line."""
    sent = handle_send(pair.al.context, make_draft(), who=acting("api:test"))
    pair.network.settle()
    sizes: dict[str, int] = {}
    page, _ = visit(f"{xk}/sign-in")
    page.on(
        "response",
        lambda answer: (
            sizes.update({answer.url: len(gzip.compress(answer.body()))})
            if answer.status == 200
            else None
        ),
    )
    sign_in(page, pair)
    page.goto(f"{xk}/message/{sent.message_id}")
    page.goto(f"{xk}/new/begin")
    page.wait_for_load_state("networkidle")
    files = {url: size for url, size in sizes.items() if "/static/" in url}
    pages = {url: size for url, size in sizes.items() if "/static/" not in url}
    assert sum(files.values()) + max(pages.values()) < FIRST_LOAD, sizes
    assert max(pages.values()) < PAGE, pages
