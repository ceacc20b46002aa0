"""Takes the pictures of the node's console for the documentation, from invented cases.

Run ``python -m tests.browser.pictures [folder]`` from the root of the tree; the folder is ``docs``
unless another is named. Every page at the width of a desk and of a phone goes to ``images/pages``,
the screens of the notification journey to ``images/film``; ``pictures.md`` and the table of sizes
in ``console.md`` are written anew. ``--all DIR`` keeps large pictures of everything, also dark, to
look at, and writes no document.
"""

import argparse
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.journeys import Step, Walk, walk_notification
from tests.support import page_tour
from tests.support.chromium import ARGUMENTS, find_chromium
from tests.support.console_face import PASSWORD, totp_code
from tests.support.http_server import serve
from tests.support.node import sqlite_urls
from tests.support.node_console import PageReader
from tests.support.page_tour import Stop, list_routes, run_apart, walk_as
from tests.support.picture_book import (
    DESKTOP,
    WIDTHS,
    FilmStep,
    save_picture,
    take_stops,
    weigh_book,
    write_between,
    write_film,
    write_gallery,
    write_sizes,
)
from tests.support.stories import PEOPLE, PageWorld, open_page_world, provide

DOCUMENTED = {"/": "node-inbox", "/case/{case_id}": "node-case", "/new/begin": "node-compose"}
"""Pages whose pictures stand in README and architecture, as PNG at both widths."""

Size = tuple[int, int]


async def find_pages(world: PageWorld) -> list[Stop]:
    """Walk through the node as somebody of every role."""
    routes, walk = list(list_routes(world.app.routes)), page_tour.Walk()
    for person in PEOPLE:
        world.pair.network.clock.advance(seconds=31)  # a code is used once
        async with PageReader(world.site) as reader:
            await reader.sign_in(person)
            known = await provide(world, reader, person)
            await walk_as(reader, routes, person=person, walk=walk, known=known)
    return list(walk.stops.values())


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Start Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_chromium(),
            args=list(ARGUMENTS),
            chromium_sandbox=os.geteuid() != 0,
        )
        yield browser
        browser.close()


def sign_in(
    browser: Browser, origin: str, world: PageWorld, person: str, size: Size, *, dark: bool = False
) -> Page:
    """Sign somebody in with a window of this size."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if dark else "light",
        locale="en-GB",
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.goto(f"{origin}/sign-in")
    page.fill("#name", person)
    page.fill("#password", PASSWORD)
    page.click("main form[action='/sign-in'] button")
    world.pair.network.clock.advance(seconds=31)
    page.fill("#code", totp_code(world.pair.network.clock()))
    page.click("main form[action='/sign-in/code'] button")
    return page


def take_pages(
    browser: Browser, origin: str, world: PageWorld, stops: list[Stop], images: Path
) -> None:
    """Take every page at both widths, and the few that other documents show."""
    folder = images / "pages"
    for person in PEOPLE:
        theirs = [stop for stop in stops if stop.person == person]
        for width, size in WIDTHS:
            page = sign_in(browser, origin, world, person, size)
            take_stops(page, origin, theirs, side="node", width=width, folder=folder)
            for stop in theirs:
                if stop.route in DOCUMENTED:
                    page.goto(origin + stop.address)
                    if stop.route == "/case/{case_id}":
                        open_referred_case(page, origin)
                    page.screenshot(path=images / f"{DOCUMENTED[stop.route]}-{width}.png")
            page.context.close()


def open_referred_case(page: Page, origin: str) -> None:
    """Open the case that has been accepted and referred: its timeline shows signed receipts."""
    page.goto(f"{origin}/sent")
    row = page.locator("tbody tr", has_text="Initial referral").first
    row.locator("a[href^='/case/']").first.click()
    page.wait_for_url("**/case/*")


def take_film(browser: Browser, origin: str, world: PageWorld, images: Path) -> list[FilmStep]:
    """Walk the notification journey and keep each screen, filled in, with its counts."""
    # Somebody who has begun nothing yet, as most people who open the page.
    page = sign_in(browser, origin, world, "second", DESKTOP)
    names: dict[int, str] = {}

    def look(step: Step) -> None:
        name = f"film/notify-{len(names) + 1}-{re.sub('[^a-z]+', '-', step.name.lower())}.webp"
        names[id(step)] = name.replace("-.webp", ".webp")
        page.evaluate("scrollTo(0, 0)")
        save_picture(page, images / names[id(step)])

    walk: Walk = walk_notification(page, origin, look=look)
    page.context.close()
    return [
        FilmStep(step.name, step.clicks, step.keys, step.hands, names[id(step)])
        for step in walk.steps
        if id(step) in names
    ]


def take_everything(
    browser: Browser, origin: str, world: PageWorld, stops: list[Stop], folder: Path
) -> None:
    """Take whole pages, light and dark, to look at."""
    for person in PEOPLE:
        for width, size in WIDTHS:
            for dark in (False, True):
                page = sign_in(browser, origin, world, person, size, dark=dark)
                for number, stop in enumerate(stops):
                    if stop.person == person:
                        page.goto(origin + stop.address)
                        shade = "dark" if dark else "light"
                        name = f"{number:03d}-{width}-{shade}.png"
                        page.screenshot(path=folder / name, full_page=True)
                page.context.close()


def write_documents(docs: Path, stops: list[Stop], film: list[FilmStep]) -> None:
    """Write what shows the pictures, and the sizes."""
    write_between(
        docs / "pictures.md",
        begin="<!-- film: written by make pictures -->",
        end="<!-- end of film -->",
        text=write_film(film),
    )
    write_between(
        docs / "pictures.md",
        begin="<!-- node: written by make pictures -->",
        end="<!-- end of node -->",
        text=write_gallery("node", stops),
    )
    write_between(
        docs / "console.md",
        begin="<!-- sizes: written by make pictures -->",
        end="<!-- end of sizes -->",
        text=write_sizes(stops),
    )


def main() -> int:
    """Take the pictures; fails if they are too large for the tree."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("docs", nargs="?", type=Path, default=Path("docs"))
    parser.add_argument("--all", type=Path, help="a folder for large pictures, light and dark")
    asked = parser.parse_args()
    images: Path = asked.docs / "images"
    for name in ("pages", "film"):
        (images / name).mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as place,
        open_page_world(Path(place), url_of=sqlite_urls(Path(place))) as world,
    ):
        stops = run_apart(lambda: find_pages(world))
        with serve(world.app) as origin, open_browser() as browser:
            if asked.all is not None:
                asked.all.mkdir(parents=True, exist_ok=True)
                take_everything(browser, origin, world, stops, asked.all)
                return 0
            for old in (*(images / "pages").glob("node-*"), *(images / "film").glob("*")):
                old.unlink()
            take_pages(browser, origin, world, stops, images)
            film = take_film(browser, origin, world, images)
    write_documents(asked.docs, stops, film)
    return weigh_book(asked.docs)


if __name__ == "__main__":
    sys.exit(main())
