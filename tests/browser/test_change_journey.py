"""A change of the directory in Chromium: edited, signed with the signers' own tool, published."""

import io
from collections.abc import Callable
from contextlib import redirect_stdout
from datetime import UTC, datetime
from pathlib import Path

from playwright.sync_api import Page

from contact_registry.changes.cli import app as signing_tool
from contact_registry.trust.signers import save_signing_key
from directory_pages.site import make_entry_key
from tests.support.accessibility import find_barriers
from tests.support.change_site import AL, MK, OFFICE, ChangeSite, build_change_site
from tests.support.chromium import Visit
from tests.support.console_face import PASSWORD, totp_code
from tests.support.http_server import serve
from tests.support.registry import serve_registry

WIDE, NARROW = 1280, 360


def sign_in(page: Page, site: ChangeSite) -> None:
    """Sign the editor in on the page that is open."""
    page.fill("#name", "editor")
    page.fill("#password", PASSWORD)
    page.click("main button")
    page.fill("#code", totp_code(site.clock()))
    page.click("main button")


def look_at(page: Page, problems: list[str]) -> None:
    """Look at the page at both widths: nothing keeps people out, nothing runs over the edge."""
    problems += [f"{page.url}: {barrier}" for barrier in find_barriers(page)]
    page.set_viewport_size({"width": NARROW, "height": 780})
    if page.evaluate("document.documentElement.scrollWidth") > NARROW:
        problems.append(f"{page.url} is wider than a phone")
    page.set_viewport_size({"width": WIDE, "height": 900})


def read(page: Page, part: str) -> str:
    """Wait for a part of the page, as long as it takes, and return its words."""
    return page.locator(part).first.inner_text()


def run_tool(*arguments: str | Path) -> str:
    """Run ``trm-registry change``; returns what it prints."""
    printed = io.StringIO()
    with redirect_stdout(printed):
        signing_tool([str(each) for each in arguments], standalone_mode=False)
    return printed.getvalue()


def test_a_desk_is_edited_signed_and_published(
    tmp_path: Path, node_url_of: Callable[[str], str], visit: Visit
) -> None:
    """Edit, findings, differences, the digest that the tool shows too, signature, publication.

    No page on the way keeps anybody out. That it works without scripts is shown by the unit tests.
    """
    problems: list[str] = []
    with (
        build_change_site(
            tmp_path, node_url_of, now=datetime.now(UTC).replace(microsecond=0)
        ) as site,
        serve_registry(site.world) as (hub, _),
        serve(site.app) as address,
    ):
        page, watch = visit(f"{address}/sign-in")
        watch.expect_status(422)
        sign_in(page, site)
        look_at(page, problems)
        page.click("text=New change")
        page.fill("#title", "New number of the night desk")
        page.click("main form .button")
        look_at(page, problems)
        page.click(f"a[href$='/desk/{make_entry_key(OFFICE)}']")
        look_at(page, problems)
        page.fill("[name='telephones.1.as_listed']", "04 4541 822")
        page.check("[name='available_24_7']")
        page.click("main .actions button")
        assert "Say why, in a few words" in read(page, ".error-summary")
        look_at(page, problems)
        page.fill("[name='grounds-reason']", "A letter of 3 March")
        page.keyboard.press("Enter")
        assert "+35544541822" in read(page, ".difference")
        assert "nobody answers out of hours" in read(page, ".findings")
        look_at(page, problems)
        page.click("text=Ask for signatures")
        look_at(page, problems)
        digest = page.inner_text("#digest")
        with page.expect_download() as download:
            page.click("a[download]")
        file = tmp_path / download.value.suggested_filename
        download.value.save_as(file)
        held, key, signed = tmp_path / "held", tmp_path / "AL.key", tmp_path / "signed.trm-change"
        save_signing_key(key, site.world.directory_keys[AL]._key)
        run_tool("keep", held, "--hub", hub, "--root", tmp_path / "registry/metadata/1.root.json")
        assert digest in run_tool("show", file, "--registry", held)
        run_tool(
            "sign", file, "--registry", held, "--key", key, "--digest", digest, "--out", signed
        )
        page.set_input_files("#file", signed)
        page.click("text=Take the signatures")
        look_at(page, problems)
        page.click("main button:has-text('Publish')")
        assert "It is version 3 of this contact list." in read(page, ".banner")
        look_at(page, problems)
        office, _ = site.world.repository.load_directory().contacts[AL].authorities
        assert office.available_24_7
    assert problems == []


def test_an_agreement_is_proposed_and_stated(
    tmp_path: Path, node_url_of: Callable[[str], str], visit: Visit
) -> None:
    """The terms are typed, drafted, and shown with what is missing and with their hash."""
    problems: list[str] = []
    with build_change_site(tmp_path, node_url_of) as site, serve(site.app) as address:
        page, _ = visit(f"{address}/sign-in")
        sign_in(page, site)
        page.goto(f"{address}/agreements")
        look_at(page, problems)
        page.click("text=Propose an agreement")
        look_at(page, problems)
        page.fill("#instrument", "Memorandum of 1 February 2026")
        page.check(f"[name=parties][value={MK}]")
        page.check("[name=phases][value=return]")
        page.check("[name=sensitivity_classes][value=identity]")
        page.fill("[name=valid_from_day]", "1")
        page.select_option("[name=valid_from_month]", "2")
        page.fill("[name=valid_from_year]", "2026")
        page.fill("[name='grounds-reason']", "Signed in Tirana")
        page.click("main .actions button")
        assert "does not count yet" in read(page, ".findings")
        assert "Hash of the terms" in read(page, ".difference")
        look_at(page, problems)
        (summary,) = site.desk.list_changes().changes
        change = site.desk.look(summary.id).change
        site.publish(change.draft)
        page.goto(f"{address}/agreements")
        assert "North Macedonia has not stated it yet" in read(page, ".card")
        look_at(page, problems)
        page.click("text=Notice or end")
        look_at(page, problems)
    assert problems == []
