"""Journey 1 between two real nodes in Chromium: its screens, its clicks, and what arrives."""

import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import expect

from node.service.reading import list_items
from tests.browser.journeys import walk_notification
from tests.support.chromium import Visit
from tests.support.console_face import PASSWORD, totp_code
from tests.support.http_server import serve
from tests.support.node_console import build_pair
from tests.support.people import STAFF

#: Screens of UX section B.1, and how many clicks they may cost a practised person.
SCREENS = (
    "Where is the link?", "Who receives it?", "Safe facts", "Legal basis", "Check and send", "Sent",
)  # fmt: skip
MOST_CLICKS = 25
TWO_MINUTES = 120


def test_a_presumed_victim_is_notified_in_two_minutes(
    visit: Visit, tmp_path: Path, node_url_of: Callable[[str], str]
) -> None:
    """Five screens and Sent, few clicks, no name typed; the receipt shows without a reload."""
    pair = build_pair(tmp_path, url_of=node_url_of)
    with serve(pair.al.app) as address:
        page, _ = visit(f"{address}/sign-in")
        page.fill("#name", "officer")
        page.fill("#password", PASSWORD)
        page.click("main button")
        page.fill("#code", totp_code(pair.network.clock()))
        page.click("main button")
        walk = walk_notification(page, address)
        assert tuple(step.name for step in walk.steps[1:]) == SCREENS
        assert walk.clicks <= MOST_CLICKS
        assert walk.hands < TWO_MINUTES
        assert re.fullmatch(r"sent/…", walk.steps[-1].path)
        pair.network.settle()
        page.evaluate("document.body.dispatchEvent(new Event('look'))")
        expect(page.locator("#state")).to_contain_text("Delivered, receipt signed")
        page.close()  # before its stream ends with the server
    [item] = list_items(pair.xk.context, direction="in", who=STAFF)
    assert item.type == "identification.presumed_victim_notification"
    pair.network.close()
