"""Files on a message's page in a real browser: with its progress, without scripts, and refused."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect
from sqlmodel import Session, select

from console.storage.database import Database
from node.service.attachments.staging import list_staged
from node.service.drafts import OpenDraft, handle_save_draft
from node.store.account_tables import AccountRow
from tests.browser.test_node_console import NARROW, WIDE, sign_in, verify_width
from tests.support.accessibility import find_barriers
from tests.support.chromium import Visit
from tests.support.files_sent import make_picture
from tests.support.http_server import serve
from tests.support.node_console import build_pair

DRAFT = "0123456789abcdef" * 2


def find_officer(session: Session) -> str:
    """Return the account of AL's focal point."""
    return session.exec(
        select(AccountRow.account_id).where(AccountRow.sign_in_name == "officer")
    ).one()


def write_file(folder: Path, name: str, size: int) -> Path:
    """Write a picture, or what is called one."""
    path = folder / name
    path.write_bytes(make_picture(size))
    return path


def find_account(database: Database) -> str:
    """Return whose draft it is."""
    with database.reading() as session:
        return find_officer(session)


@pytest.mark.parametrize("javascript", [True, False])
def test_files_are_put_to_a_message(
    visit: Visit,
    tmp_path: Path,
    node_url_of: Callable[[str], str],
    javascript: bool,
) -> None:
    """In pieces with a script, in one form without; what is refused says why; a phone shows it."""
    pair = build_pair(tmp_path, url_of=node_url_of)
    node = pair.al.context
    answers = {"participant": ["XK"], "possibly_under_18": ["no"], "basis": ["no_personal_data"]}
    draft = OpenDraft(DRAFT, "notification", None, answers)
    handle_save_draft(node, draft, account_id=find_account(node.database))
    good = write_file(
        tmp_path, "Map of the crossing with a name that is rather long.png", 9_000_000
    )
    wrong = write_file(tmp_path, "scan.pdf", 2000)
    with serve(pair.al.app) as address:
        page, watch = visit(
            f"{address}/sign-in", javascript=javascript, width=NARROW if javascript else WIDE
        )
        sign_in(page, pair)
        page.goto(f"{address}/attach/{DRAFT}")
        watch.expect_status(422)
        page.set_input_files("#file", wrong)
        page.click("text=Add the file")
        expect(page.locator(".field-error:visible")).to_contain_text("let its name end with .png")
        page.set_input_files("#file", good)
        with page.expect_navigation():
            page.click("text=Add the file")
        expect(page.locator(".files .file")).to_contain_text("Ready to leave")
        expect(page.locator(".files .file")).to_contain_text("9.0 MB")
        verify_width(page)
        if javascript:
            assert find_barriers(page) == []
    (file,) = list_staged(node, draft_id=DRAFT)
    assert (file.size, file.complete) == (9_000_000, True)
    pair.network.close()
