"""Every page of node and hub in Chromium: nobody is kept out, nothing is too wide, nothing tells.

The pages are found by walking the routes and following the links of a world of invented cases
(``tests/support/page_tour.py``); a route that nobody comes to fails, unless it stands in
:data:`EXCUSED` with its reason. At 360 pixels every sentence is twice as long as in English.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page

from console.i18n import Catalogues, Language
from tests.support.accessibility import find_barriers, walk_with_tab
from tests.support.chromium import Visit
from tests.support.console_face import PASSWORD, totp_code
from tests.support.http_server import serve
from tests.support.hub_console import Hub, HubReader, build_hub
from tests.support.hub_network import fill_network
from tests.support.hub_registry import make_hub_registry
from tests.support.node_console import PageReader
from tests.support.page_tour import (
    Stop,
    Walk,
    begin_change,
    find_missed,
    list_routes,
    run_apart,
    walk_as,
)
from tests.support.pseudo_locale import Stretched
from tests.support.stories import PEOPLE, PageWorld, open_page_world, provide

WIDE, NARROW = 1280, 360
LARGEST = 100_000
"""Bytes of a page's HTML, without what a browser keeps for ever."""

EXCUSED: Mapping[str, str] = {
    "/link/{token}": "opened below, with a link",
    "/attach/{draft_id}": "test_attaching_files.py",
    "/attach/{draft_id}/{file_id}": "test_attaching_files.py",
    "/file/{file_id}": "gives a file",
    "/file/{file_id}/unscanned": "tests/unit/node_web/test_file_pages.py",
    "/case-scan/{case_id}/{consent_id}/paper": "gives a file",
    "/case-scan/{case_id}/{consent_id}/{file_id}": "gives a file",
    "/approval/{approval_id}/files/{file_id}": "gives a file",
    "/delivery/letters/{letter_id}": "tests/unit/node_web/test_letter_pages.py",
    "/arrived/{message_id}": "tests/unit/node_web/test_owed_pages.py",
    "/case/{case_id}/sealed": "tests/unit/node_web/test_case_records.py: opened to people by name",
    "/changes/{change_id}/signing-file": "gives a file",
    "/agreements/{key}/state": "tests/unit/directory_pages/test_agreement_pages.py",
    "/agreements/{key}/end": "tests/unit/directory_pages/test_agreement_pages.py",
    "/drills/{drill_id}": "tests/unit/node_web/test_drill_pages.py, tests/unit/hub_drills",
    # of the hub
    "/coverage/{channel}/{kept}/{number}": "test_hub_registry.py",
    "/as-of/{moment}": "test_hub_registry.py",
    "/as-of/{moment}/{number}": "test_hub_registry.py",
    "/import/{list_id}": "test_hub_registry.py",
    "/import/{list_id}/findings/{number}": "tests/unit/hub_web/test_list_pages.py",
    "/import/{list_id}/report": "gives a file",
}
#: Words that a title may not have: who, what, where to, which case.
TELLING = re.compile(
    r"[0-9a-f]{8}|TRM-|Albania|Kosovo|notification|referral of|victim|child|return of|withdraw",
    re.IGNORECASE,
)


@pytest.fixture(scope="module")
def world(
    tmp_path_factory: pytest.TempPathFactory, shared_node_url_of: Callable[[str], str]
) -> Iterator[PageWorld]:
    """Build AL's console after some days of work."""
    catalogues = Catalogues({Language.ALBANIAN: Stretched()})
    folder = tmp_path_factory.mktemp("tour")
    with open_page_world(folder, url_of=shared_node_url_of, catalogues=catalogues) as built:
        yield built


@pytest.fixture(scope="module")
def node_walk(world: PageWorld) -> Walk:
    """Walk through the node as somebody of every role."""

    async def walk_all() -> Walk:
        routes, walk = list(list_routes(world.app.routes)), Walk()
        for person in PEOPLE:
            world.pair.network.clock.advance(seconds=31)  # a code is used once
            async with PageReader(world.site) as reader:
                await reader.sign_in(person)
                known = await provide(world, reader, person)
                await walk_as(reader, routes, person=person, walk=walk, known=known)
        return walk

    return run_apart(walk_all)


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """Build a hub with the registry of the contact list."""
    folder = tmp_path_factory.mktemp("tour-of-the-hub")
    catalogues = Catalogues({Language.ALBANIAN: Stretched()})
    built = build_hub(folder, world=make_hub_registry(folder), catalogues=catalogues)
    fill_network(built)
    yield built
    built.close()


@pytest.fixture(scope="module")
def hub_walk(hub: Hub) -> Walk:
    """Walk through the hub as somebody of all roles."""

    async def walk_all() -> Walk:
        routes, walk = list(list_routes(hub.app.routes)), Walk()
        async with HubReader(hub) as reader:
            await reader.sign_in("everything")
            known = await begin_change(reader)
            await walk_as(reader, routes, person="everything", walk=walk, known=known)
        return walk

    return run_apart(walk_all)


def find_flaws(walk: Walk) -> list[str]:
    """Say what is wrong with pages that needs no browser."""
    stops = walk.stops.values()
    return [
        *walk.flaws,
        *(f"{stop.route} has {stop.size} bytes" for stop in stops if stop.size > LARGEST),
        *(f"{stop.route} tells in its title: {stop.title}" for stop in stops
          if TELLING.search(stop.title) or not stop.title.endswith("TRM")),
    ]  # fmt: skip


def test_no_page_of_the_node_is_missing(world: PageWorld, node_walk: Walk) -> None:
    """Every route is reached as somebody; each page is small, and its title tells nothing."""
    routes = list(list_routes(world.app.routes))
    assert find_missed(routes, node_walk, EXCUSED) == []
    assert find_flaws(node_walk) == []


def test_no_page_of_the_hub_is_missing(hub: Hub, hub_walk: Walk) -> None:
    """The same for operators: participants and desks are public, so titles may name them."""
    assert find_missed(list_routes(hub.app.routes), hub_walk, EXCUSED) == []
    small = [stop.route for stop in hub_walk.stops.values() if stop.size > LARGEST]
    assert (hub_walk.flaws, small) == ([], [])


SHOWN_DARK = frozenset({
    "new", "sent", "approval", "approvals", "answer", "onward",
    "changes", "coverage", "findings", "import", "network", "operators", "participants", "versions",
})  # fmt: skip
"""Pages that are read in the dark, too, by where their address begins.

Of each other kind ``test_look_at_work.py`` reads one.
"""


def sign_in(page: Page, person: str, code: str) -> None:
    """Sign in on the page that is open."""
    page.fill("#name", person)
    page.fill("#password", PASSWORD)
    page.click("main form[action='/sign-in'] button")
    page.fill("#code", code)
    page.click("main form[action='/sign-in/code'] button")


def look(page: Page, address: str, *, is_narrow: bool) -> list[str]:
    """Open a page and say what is wrong with it; on a phone it is dark."""
    page.goto(address)
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    found = page.evaluate(
        "[document.documentElement.scrollWidth - document.documentElement.clientWidth,"
        " document.querySelectorAll('h1').length]"
    )
    flaws = [f"{found[0]} pixels too wide"] if found[0] > 0 else []
    flaws += [f"{found[1]} first headings"] if found[1] != 1 else []
    if not is_narrow:
        return flaws + find_barriers(page)
    is_shown_dark = urlsplit(address).path.split("/")[1] in SHOWN_DARK
    return flaws + (find_barriers(page, only_colours=True) if is_shown_dark else [])


def tour(page: Page, origin: str, stops: list[Stop], *, is_narrow: bool) -> dict[str, list[str]]:
    """Open pages one after the other; what is wrong, by route."""
    if is_narrow:
        page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    found = {stop.route: look(page, origin + stop.address, is_narrow=is_narrow) for stop in stops}
    return {route: flaws for route, flaws in found.items() if flaws}


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_every_page_of_the_node_lets_everybody_in(
    visit: Visit, world: PageWorld, node_walk: Walk, width: int
) -> None:
    """No barrier in light nor in dark, no sideways scrolling, no request elsewhere: each role."""
    is_narrow, clock = width == NARROW, world.pair.network.clock
    found: dict[str, list[str]] = {}
    with serve(world.app) as origin:
        for person in PEOPLE:
            stops = [stop for stop in node_walk.stops.values() if stop.person == person]
            page, _ = visit(f"{origin}/sign-in", width=width, locale="sq" if is_narrow else "en-GB")
            clock.advance(seconds=31)
            sign_in(page, person, totp_code(clock()))
            found |= tour(page, origin, stops, is_narrow=is_narrow)
            page.context.close()
    assert found == {}


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_every_page_of_the_hub_lets_everybody_in(
    visit: Visit, hub: Hub, hub_walk: Walk, width: int
) -> None:
    """The same for the operators' pages."""
    is_narrow = width == NARROW
    with serve(hub.app) as origin:
        page, _ = visit(f"{origin}/sign-in", width=width, locale="sq" if is_narrow else "en-GB")
        hub.clock.advance(seconds=31)
        sign_in(page, "everything", totp_code(hub.clock()))
        stops = list(hub_walk.stops.values())
        assert tour(page, origin, stops, is_narrow=is_narrow) == {}


def test_the_way_in_lets_everybody_in(visit: Visit, world: PageWorld) -> None:
    """The pages before and after a session: link, set-up, code, confirming, locked, signed out."""
    clock, sign = world.pair.network.clock, world.pair.al.console.sign_in
    account = sign.accounts.load_account_by_name("second")
    assert account is not None
    link = sign.create_link(account.id)
    found: dict[str, list[str]] = {}
    with serve(world.app) as origin:
        page, watch = visit(f"{origin}/link/{link}")
        watch.expect_status(422)
        watch.expect_status(404)

        def note(name: str) -> None:
            found[name] = [*find_barriers(page)]
            wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
            assert not wide, name

        note("link")
        page.click("main button")
        note("set up")
        page.fill("#password", "only invented words stand here")
        page.fill("#again", "only invented words stand there")
        page.click("main button")
        note("set up, with an error")
        page.goto(f"{origin}/no-such-page")
        note("no such page")
        page.context.clear_cookies()
        page.goto(f"{origin}/sign-in")
        note("sign in")
        page.fill("#name", "officer")
        page.fill("#password", PASSWORD)
        page.click("main form[action='/sign-in'] button")
        note("code")
        clock.advance(seconds=31)
        page.fill("#code", totp_code(clock()))
        page.click("main form[action='/sign-in/code'] button")
        page.wait_for_selector("#hide-screen button")
        page.wait_for_load_state()
        stops = walk_with_tab(page)
        assert [stop["text"] for stop in stops[:2]] == ["Skip to the content", "Hide screen"]
        page.emulate_media(media="print")
        assert page.locator("nav.nav").is_hidden()
        assert page.locator("#hide-screen").is_hidden()
        page.emulate_media(media="screen")
        page.click("#hide-screen button")
        note("locked")
        page.fill("#password", PASSWORD)
        page.click("main form[action='/unlock'] button")
        page.click("text=Sign out")
        note("signed out")
        page.go_back()
        assert "Sign in" in page.title() or "Signed out" in page.title()
    assert {name: flaws for name, flaws in found.items() if flaws} == {}
