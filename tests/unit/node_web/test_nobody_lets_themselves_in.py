"""An administrator tries every door to content that administering people opens, and reads nothing.

The doors are those of docs/decisions/0037-access-waits-for-a-second-person.md.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import Final

import httpx
import pytest
from sqlmodel import Session

from console.accounts.models import AccountId
from node.api.app import create_api
from node.domain.notices import Letter
from node.domain.standing import Access
from node.service.composing import handle_send
from node.service.context import NodeContext
from node.service.followers import follow_all
from node.service.people import LINK_PATH, handle_make_sign_in_link, list_accounts
from node.service.tokens import TokenScope
from node.service.unasked_access import Why, note_unasked
from node.store.account_tables import ClearanceRow
from node.web.admin.running import Running
from node.web.router import create_web_router
from protocol.identifiers import Channel
from protocol.policy.facts import Role
from tests.support.access import Faces, no_refresh, probe, read_table
from tests.support.console_face import totp_code
from tests.support.node import NOTIFICATION_BODY, make_draft
from tests.support.node_console import NodeSite, PageReader, add_person, build_pair, build_site
from tests.support.people import LOCAL, STAFF, note_all_held, token_of

MARK: Final = "MARK5518"
PUBLIC: Final = "http://localhost"
GIVEN: Final = {"roles": ["focal_point", "approver"], "channels": ["assistance", "police"]}


@dataclass
class Postbox:
    """The mail server: what is sent to whatever address the administrator names."""

    letters: list[Letter] = field(default_factory=list)

    def send(self, letter: Letter) -> None:
        """Take a letter."""
        self.letters.append(letter)


@dataclass
class Scene(Faces):
    """AL's faces, with one message, and the site behind them."""

    site: NodeSite
    post: Postbox
    known: dict[str, str]

    async def walk(self, browser: httpx.AsyncClient, program: httpx.AsyncClient) -> set[str]:
        """Look at everything there is on both faces; returns on which the message's word stands."""
        shown = set()
        for route in sorted(each for each in read_table() if each.method == "GET"):
            client = browser if route.face == "page" else program
            if MARK in (await probe(client, route, self.known)).text:
                shown.add(route.face)
        return shown

    def program(self, name: str, scope: TokenScope = TokenScope.PERSON) -> httpx.AsyncClient:
        """Return a program with a token that is bound to somebody."""
        token = token_of(self.site.context, f"{scope}-{name}", scope=scope, person=name)
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(self.api),
            base_url="http://node",
            headers={"Authorization": f"Bearer {token}"},
        )

    def find(self, name: str) -> AccountId:
        """Return whose account has this sign-in name."""
        found = {each.sign_in_name: each.id for each in list_accounts(self.site.context)}
        return found[name]

    async def follow(self, reader: PageReader, link: str) -> None:
        """Follow a one-time link to its end: password and second factor are whoever's follows."""
        await reader.open(link[link.index(LINK_PATH) :].split(maxsplit=1)[0])
        await reader.send("/link")
        words = "meadow copper lantern"
        await reader.send("/set-up", password=words, again=words)
        store = self.site.console.sessions.store
        sessions = [s for a in list_accounts(self.site.context) for s in store.list_sessions(a.id)]
        secret = next(s.enrolment.totp_secret for s in sessions if s.enrolment)
        await reader.send("/set-up/code", code=totp_code(self.site.context.clock(), secret))


@pytest.fixture(scope="module")
def scene(
    tmp_path_factory: pytest.TempPathFactory, shared_node_url_of: Callable[[str], str]
) -> Iterator[Scene]:
    """Build it once: each door has accounts of its own."""
    pair, post = build_pair(tmp_path_factory.mktemp("doors"), url_of=shared_node_url_of), Postbox()
    context = replace(pair.network.node("AL"), postman=post)
    manager = {**NOTIFICATION_BODY["case_manager"], "post": MARK}
    draft = make_draft(body={**NOTIFICATION_BODY, "case_manager": manager})
    sent = handle_send(context, draft, who=STAFF)
    follow_all(context)
    note_all_held(context)
    for name in ("taken", "closed", "reader"):
        add_person(context, name, Role.FOCAL_POINT, Role.APPROVER)
    add_person(context, "own-second", Role.DIRECTORY_EDITOR, channels=[])
    add_person(context, "chief", Role.NODE_ADMIN, channels=[])
    site = build_site(context)
    running = Running(public_url=PUBLIC)
    pages = create_web_router(context, site.console, running=running)
    site.app = site.console.build_app([pages])
    yield Scene(
        pair=pair,
        pages=site.app,
        api=create_api(context, refresh_registry=no_refresh),
        site=site,
        post=post,
        known={"message_id": sent.message_id, "case_id": sent.case_id},
    )
    pair.network.close()


@pytest.fixture
async def chief(scene: Scene) -> AsyncIterator[PageReader]:
    """Open a browser in which the administrator is signed in."""
    scene.pair.network.clock.advance(minutes=2)  # a code of the app counts once
    async with PageReader(scene.site) as reader:
        await reader.sign_in("chief")
        yield reader


async def _make_link(chief: PageReader, address: str) -> str:
    """Press the button on a person's page; returns what stands there then."""
    await chief.open(address)
    page = (await chief.send(f"{address}/link")).text
    return page[page.index(LINK_PATH) :].split("<")[0].split('"')[0]


async def by_new_account(scene: Scene, chief: PageReader) -> tuple[str, str]:
    """Add a person on the page, and follow the link oneself."""
    await chief.open("/people/new")
    fields = {"name": "invented", "display_name": "Invented", **GIVEN}
    await chief.send("/people/new", **fields)
    return "invented", await _make_link(chief, chief.path)


async def by_interface(scene: Scene, chief: PageReader) -> tuple[str, str]:
    """Do the same by a program of the administrator's."""
    async with scene.program("chief") as program:
        body = {"sign_in_name": "programmed", "display_name": "P", **GIVEN, "confidential": True}
        made = (await program.post("/people", json=body)).json()
        assert made["access"] == "waiting"
        path = f"/people/{made['account_id']}/sign-in-link"
        return "programmed", (await program.post(path, json={})).json()["path"]


async def by_second_account(scene: Scene, chief: PageReader) -> tuple[str, str]:
    """Give an own second account, which is set up already, roles and channels."""
    address = f"/people/{scene.find('own-second')}"
    await chief.open(address)
    await chief.send(f"{address}/standing", **GIVEN)
    return "own-second", ""


async def by_place_of_somebody(scene: Scene, chief: PageReader) -> tuple[str, str]:
    """Follow a link that replaces password and second factor of somebody who reads."""
    return "taken", await _make_link(chief, f"/people/{scene.find('taken')}")


async def by_invitation(scene: Scene, chief: PageReader) -> tuple[str, str]:
    """Invite somebody by mail, at an address of the administrator's own."""
    await chief.open("/people/new")
    fields = {"name": "mailed", "display_name": "Mailed", **GIVEN}
    await chief.send("/people/new", **fields)
    await chief.send(f"{chief.path}/invite", address="chief@example.org")
    return "mailed", scene.post.letters[-1].text


async def by_closed_account(scene: Scene, chief: PageReader) -> tuple[str, str]:
    """Open the account of somebody who left, with what they could see, and make a link."""
    address = f"/people/{scene.find('closed')}"
    await chief.open(address)
    await chief.send(f"{address}/shut-out")
    await chief.send(f"{address}/let-in")
    return "closed", await _make_link(chief, address)


async def by_command(scene: Scene, chief: PageReader) -> tuple[str, str]:
    """Add somebody by the command line (which uses the same services), who was refused before."""
    async with scene.program("chief") as program:
        body = {"sign_in_name": "commanded", "display_name": "C", **GIVEN}
        made = (await program.post("/people", json=body)).json()
    async with scene.program("reader") as colleague:
        path = f"/waiting-access/{made['account_id']}/refuse?row_version={made['row_version']}"
        assert (await colleague.post(path)).status_code == httpx.codes.NO_CONTENT
    return "commanded", LINK_PATH + handle_make_sign_in_link(
        scene.site.context, "commanded", who=LOCAL
    )


Door = Callable[[Scene, PageReader], Awaitable[tuple[str, str]]]
DOORS: Final[tuple[Door, ...]] = (
    by_new_account,
    by_interface,
    by_second_account,
    by_place_of_somebody,
    by_invitation,
    by_closed_account,
    by_command,
)


@pytest.mark.parametrize("door", DOORS)
async def test_a_door_leads_to_nothing(scene: Scene, chief: PageReader, door: Door) -> None:
    """Whoever comes in by it sees no word of the message, on no page, by no route, by no token."""
    name, link = await door(scene, chief)
    async with AsyncExitStack() as stack:
        reader = await stack.enter_async_context(PageReader(scene.site))
        if link:
            await scene.follow(reader, link)
        else:
            await reader.sign_in(name)
        assert "You may not read cases yet" in (await reader.open("/")).text
        program = await stack.enter_async_context(scene.program(name))
        assert await scene.walk(reader.http, program) == set()
        reading = await stack.enter_async_context(scene.program(name, TokenScope.READING))
        refused = await reading.get(f"/messages/{scene.known['message_id']}")
        assert refused.status_code == httpx.codes.FORBIDDEN


async def test_who_was_refused_is_told_whom_to_ask(scene: Scene) -> None:
    """Their colleagues have had their say: only the administrator helps, by giving it anew."""
    add_person(scene.site.context, "refused", Role.FOCAL_POINT)
    with scene.site.context.database.transaction() as session:
        session.get_one(ClearanceRow, scene.find("refused")).access = Access.REFUSED
    async with PageReader(scene.site) as reader:
        await reader.sign_in("refused")
        text = (await reader.open("/")).text
    assert "Your access was not confirmed. Ask your administrator to give it to you anew." in text
    assert "A colleague who may read the same" not in text


async def test_a_colleague_finds_who_waits_and_confirms(scene: Scene, chief: PageReader) -> None:
    """The inbox says it, the page shows who and by whom; with the word given, they read all."""
    await chief.open("/people/new")
    fields = {"name": "welcome", "display_name": "Welcome", **GIVEN}
    await chief.send("/people/new", **fields)
    address = chief.path
    assert "Waits for the word of a colleague" in chief.page.text
    link = await _make_link(chief, address)
    async with AsyncExitStack() as stack:
        reader = await stack.enter_async_context(PageReader(scene.site))
        await scene.follow(reader, link)
        colleague = await stack.enter_async_context(PageReader(scene.site))
        await colleague.sign_in("reader")
        assert "/waiting-access" in (await colleague.open("/")).text
        page = (await colleague.open("/waiting-access")).text
        assert "Welcome" in page
        assert "Chief" in page
        confirm = f"/waiting-access/{scene.find('welcome')}/confirm"
        stale = await colleague.send(confirm, version="1")
        assert stale.status_code == httpx.codes.CONFLICT
        await colleague.send(confirm)
        assert "Welcome" not in colleague.page.text
        program = await stack.enter_async_context(scene.program("welcome"))
        assert await scene.walk(reader.http, program) == {"page", "api"}


async def test_who_came_in_without_a_word_is_told_on_the_inbox(scene: Scene) -> None:
    """No name before the page of its own; once they say that they know, the line is gone."""
    context, pair = scene.site.context, scene.pair
    context.transact(lambda session: _come_in_first(context, session, scene.find("reader")))
    add_person(context, "latecomer", Role.APPROVER, channels=[Channel.TREND])  # confirms nobody
    pair.network.clock.advance(minutes=2)
    async with PageReader(scene.site) as reader:
        await reader.sign_in("latecomer")
        assert "Access without a colleague" in (await reader.open("/")).text
        assert "Reader" not in reader.page.text
        page = (await reader.open("/waiting-access")).text
        assert "Reader" in page
        assert "tester, on the machine" in page
        await reader.send("/waiting-access/told")
        assert "Reader" not in reader.page.text
        assert "without a colleague" not in (await reader.open("/")).text


def _come_in_first(context: NodeContext, session: Session, account_id: AccountId) -> None:
    row = session.get_one(ClearanceRow, account_id)
    row.given_by = LOCAL.actor
    note_unasked(context, session, row, why=Why.FIRST, areas=frozenset(Channel))
