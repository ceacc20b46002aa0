"""Pages that follow by themselves, in a real browser: by one stream that says nothing."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect
from sqlmodel import Session, col, delete

from node.service.composing import handle_send
from node.service.followers import follow_all
from node.store.account_tables import SessionRow
from tests.support.chromium import Visit
from tests.support.console_face import PASSWORD, totp_code
from tests.support.http_server import serve
from tests.support.node import make_draft
from tests.support.node_console import Pair, build_pair
from tests.support.people import acting


@pytest.fixture
def pair(
    tmp_path_factory: pytest.TempPathFactory, node_url_of: Callable[[str], str]
) -> Iterator[Pair]:
    """Build two nodes."""
    built = build_pair(tmp_path_factory.mktemp("live"), url_of=node_url_of)
    yield built
    built.network.close()


@pytest.fixture
def xk(pair: Pair) -> Iterator[str]:
    """Serve XK's console; its address."""
    with serve(pair.xk.app) as address:
        yield address


def sign_in(page: Page, pair: Pair) -> None:
    """Sign in on the page that is open."""
    page.fill("#name", "officer")
    page.fill("#password", PASSWORD)
    page.click("main button")
    page.fill("#code", totp_code(pair.network.clock()))
    page.click("main button")


def test_pages_follow_and_end_with_their_session(visit: Visit, pair: Pair, xk: str) -> None:
    """News and receipts appear by themselves, rows stay; ended elsewhere, the page goes away."""
    page, watch = visit(f"{xk}/sign-in")
    sign_in(page, pair)
    expect(page.locator("main")).to_contain_text("Nothing waits for you")
    handle_send(pair.network.node("AL"), make_draft(), who=acting("api:test"))
    pair.network.settle()
    follow_all(pair.xk.context)
    expect(page.locator("#news")).to_contain_text("1 new item")
    expect(page.locator("main")).to_contain_text("Nothing waits for you")  # nothing moved
    page.click("#news a")
    expect(page.locator("table.inbox")).to_contain_text("Notification of a presumed victim")

    sent = handle_send(
        pair.xk.context, make_draft(recipient="AL"), who=acting("api:test")
    ).message_id
    page.goto(f"{xk}/sent/{sent}")
    expect(page.locator("#state")).to_contain_text("Waiting to leave")
    pair.network.settle()
    expect(page.locator("#state")).to_contain_text("Delivered, receipt signed")

    page.goto(f"{xk}/")

    def end_sessions(session: Session) -> None:
        session.exec(delete(SessionRow).where(col(SessionRow.token_hash) != ""))

    watch.expect_status(401)  # what a page gets that is loaded anew without a session
    pair.xk.context.transact(end_sessions)
    expect(page.locator("#password")).to_be_visible()
