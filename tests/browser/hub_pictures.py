"""Takes the pictures of the operators' console and of the printed list for the documentation.

Run ``python -m tests.browser.hub_pictures [folder]`` from the root of the tree; the folder is
``docs/images`` unless another is named. Every page at both widths goes to its ``pages``, and
``pictures.md`` beside the folder shows them. The registry is the list of 2022 under keys made for
the pictures, so that hashes and codes differ from run to run.
"""

import argparse
import os
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from playwright.sync_api import Browser, Error, Page, sync_playwright

from contact_registry.exporting.wording import PrintLanguage
from hub.web.registry.exports import ExportFormat, export_file
from tests.support.chromium import ARGUMENTS, find_chromium
from tests.support.console_face import NOON, PASSWORD, totp_code
from tests.support.hub_console import Hub, HubReader, build_hub
from tests.support.hub_network import fill_network
from tests.support.hub_registry import make_hub_registry
from tests.support.page_tour import Stop, Walk, begin_change, list_routes, run_apart, walk_as
from tests.support.picture_book import WIDTHS, take_stops, weigh_book, write_between, write_gallery
from tests.support.registry import serve

LARGEST = 150_000
DESKTOP, PHONE = (1280, 720), (360, 780)
SHEET = (640, 905)
PAGES = {
    "hub-participants": "/participants",
    "hub-coverage": "/coverage",
    "hub-findings": "/findings",
    "hub-versions": "/versions/6/to/8",
}
#: A page of a list looks drawn when it has more bytes than an empty one.
_DRAWN = 30_000
_TRIES = 100


def sign_in(
    browser: Browser, address: str, hub: Hub, size: tuple[int, int], *, name: str = "operator"
) -> Page:
    """Sign an operator in, with a window of this size."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, locale="en-GB", reduced_motion="reduce"
    )
    page = context.new_page()
    page.goto(f"{address}/sign-in")
    page.fill("#name", name)
    page.fill("#password", PASSWORD)
    page.click("main form[action='/sign-in'] button")
    hub.clock.advance(seconds=31)  # a code is used once
    page.fill("#code", totp_code(hub.clock()))
    page.click("main form[action='/sign-in/code'] button")
    return page


def take_pages(browser: Browser, hub: Hub, folder: Path) -> None:
    """Take the pages at the width of a desk, and the coverage on a phone."""
    with serve(hub.app) as address:
        page = sign_in(browser, address, hub, DESKTOP)
        for name, path in PAGES.items():
            page.goto(address + path)
            page.screenshot(path=folder / f"{name}-desktop.png")
        page = sign_in(browser, address, hub, PHONE)
        page.goto(f"{address}/coverage")
        page.locator("table.coverage .whose").first.evaluate("one => one.scrollIntoView()")
        page.screenshot(path=folder / "hub-coverage-phone.png")


async def find_pages(hub: Hub) -> list[Stop]:
    """Walk through the hub as somebody of all roles."""
    routes, walk = list(list_routes(hub.app.routes)), Walk()
    async with HubReader(hub) as reader:
        await reader.sign_in("everything")
        known = await begin_change(reader)
        await walk_as(reader, routes, person="everything", walk=walk, known=known)
    return list(walk.stops.values())


def take_book(browser: Browser, hub: Hub, images: Path) -> None:
    """Take every page at both widths, and write the document that shows them."""
    stops = run_apart(lambda: find_pages(hub))
    folder = images / "pages"
    folder.mkdir(exist_ok=True)
    for old in folder.glob("hub-*"):
        old.unlink()
    with serve(hub.app) as address:
        for width, size in WIDTHS:
            page = sign_in(browser, address, hub, size, name="everything")
            take_stops(page, address, stops, side="hub", width=width, folder=folder)
            page.context.close()
    write_between(
        images.parent / "pictures.md",
        begin="<!-- hub: written by make pictures -->",
        end="<!-- end of hub -->",
        text=write_gallery("hub", stops),
    )


def take_sheet(browser: Browser, hub: Hub, folder: Path, place: Path) -> None:
    """Take one sheet of the printed list, as the browser's own reader shows it."""
    printed = export_file(
        hub.context.registry.current(),
        ExportFormat.PDF,
        day=NOON.date(),
        language=PrintLanguage.ENGLISH,
    )
    file = place / printed.name
    file.write_bytes(printed.data)
    page = browser.new_page(viewport={"width": SHEET[0], "height": SHEET[1]})
    page.goto(f"{file.as_uri()}#toolbar=0&page=2&view=Fit", wait_until="commit")
    before = picture = b""
    for _ in range(_TRIES):  # the reader tells nobody when it has drawn the sheet
        with suppress(Error):  # nor is there anything to take before it begins
            before, picture = picture, page.screenshot()
        if len(picture) > _DRAWN and picture == before:
            break
        page.wait_for_timeout(100)
    else:
        raise AssertionError("The browser's reader did not draw the sheet: run this again.")
    (folder / "contact-list-pdf.png").write_bytes(picture)


def main() -> int:
    """Take the pictures; fails if one is too large for the tree."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=Path("docs/images"))
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place, sync_playwright() as playwright:
        hub = build_hub(Path(place), world=make_hub_registry(Path(place)))
        fill_network(hub)
        browser = playwright.chromium.launch(
            executable_path=find_chromium(),
            args=list(ARGUMENTS),
            chromium_sandbox=os.geteuid() != 0,
        )
        take_pages(browser, hub, folder)
        take_book(browser, hub, folder)
        take_sheet(browser, hub, folder, Path(place))
        browser.close()
        hub.close()
    too_large = [p.name for p in folder.glob("*.png") if p.stat().st_size > LARGEST]
    if too_large:
        sys.stderr.write(f"too large for the tree: {', '.join(too_large)}\n")
    return int(bool(too_large)) or weigh_book(folder.parent)


if __name__ == "__main__":
    sys.exit(main())
