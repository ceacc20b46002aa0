"""Pages of people and programs: invited, changed, shut out; tokens and webhooks."""

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from node.domain.notices import AddressRefusedError, Letter
from node.service.people import AccountProblem, list_accounts
from node.service.tokens import TokenScope, find_caller
from node.web.admin.people_words import PROBLEMS
from node.web.admin.program_words import SCOPES
from node.web.admin.running import Running
from node.web.router import create_web_router
from tests.support.node import FakeClock
from tests.support.node_console import NodeSite, PageReader, build_pair, build_site
from tests.support.page_reader import read_forms

PUBLIC = "https://node.example.org"


@dataclass
class Postbox:
    """A mail server that keeps what it gets, and refuses one address."""

    letters: list[Letter] = field(default_factory=list)

    def send(self, letter: Letter) -> None:
        """Take a letter."""
        if letter.to.startswith("nobody@"):
            raise AddressRefusedError("550")
        self.letters.append(letter)


@dataclass
class Office:
    """AL's console with a mail server."""

    site: NodeSite
    post: Postbox
    clock: FakeClock


@pytest.fixture(scope="module")
def office(
    tmp_path_factory: pytest.TempPathFactory, shared_node_url_of: Callable[[str], str]
) -> Iterator[Office]:
    """Build it once: each test invites somebody of its own."""
    pair = build_pair(tmp_path_factory.mktemp("office"), url_of=shared_node_url_of)
    post = Postbox()
    context = replace(pair.network.node("AL"), postman=post)
    site = build_site(context)
    running = Running(public_url=PUBLIC, files_dir=Path("/srv/files"))
    site.app = site.console.build_app([create_web_router(context, site.console, running=running)])
    yield Office(site, post, pair.network.clock)
    pair.network.close()


@pytest.fixture
async def admin(office: Office) -> AsyncIterator[PageReader]:
    """Open a browser in which AL's administrator is signed in."""
    office.clock.advance(minutes=2)  # a code of the app counts once
    async with PageReader(office.site) as reader:
        await reader.sign_in("admin")
        yield reader


async def invite(admin: PageReader, name: str, **more: Any) -> str:
    """Add somebody; returns the address of their page."""
    await admin.open("/people/new")
    fields = {"name": name, "display_name": name.title(), "roles": ["focal_point"], **more}
    await admin.send("/people/new", **fields)
    return admin.path


async def test_somebody_is_invited_by_mail_and_nothing_else_is_in_it(
    office: Office, admin: PageReader
) -> None:
    """The mail has a link that works once and no name; a second mail is not for who is set up."""
    page = await invite(admin, "night.desk")
    assert "Not set up yet" in admin.page.text
    wrong = await admin.send(f"{page}/invite", address="no address")
    assert "Write a mail address that takes mail." in wrong.text
    refused = await admin.send(f"{page}/invite", address="nobody@example.org")
    assert refused.status_code == 422
    sent = await admin.send(f"{page}/invite", address="night@example.org")
    assert "The mail server took the invitation" in sent.text
    (letter,) = office.post.letters
    link = next(line for line in letter.text.splitlines() if line.startswith(PUBLIC))
    for word in ("night.desk", "Night", "focal", "case", "victim"):
        assert word not in letter.text + letter.subject
    assert link not in sent.text
    async with PageReader(office.site) as guest:
        opened = await guest.open(link.removeprefix(PUBLIC))
        assert opened.status_code == 200
    accounts = {account.sign_in_name: account.id for account in list_accounts(office.site.context)}
    set_up = await admin.open(f"/people/{accounts['officer']}")
    assert "Invite by mail" not in set_up.text
    form = admin.find_form(f"/people/{accounts['officer']}/link")
    late = await admin.post(
        f"/people/{accounts['officer']}/invite", {**form.fields, "address": "a@example.org"}
    )
    assert "They have set up their way in already." in late.text


async def test_roles_that_do_not_go_together_are_refused_at_their_field(
    office: Office, admin: PageReader
) -> None:
    """Nobody reads cases and administers; a stale page changes nothing; a change holds at once."""
    del office
    await admin.open("/people/new")
    both = await admin.send(
        "/people/new", name="both", display_name="Both", roles=["focal_point", "node_admin"]
    )
    assert both.status_code == 422
    assert "Who administers or audits the node never sees contents." in both.text
    assert 'value="both"' in both.text
    page = await invite(admin, "day.desk")
    stale = admin.find_form(f"{page}/standing").fields
    changed = await admin.send(f"{page}/standing", roles=["approver"], channels=["police"])
    assert changed.status_code == 200
    assert "Somebody changed this person" in (await admin.post(f"{page}/standing", stale)).text
    listed = await admin.open("/people")
    assert "Approver" in listed.text


async def test_somebody_is_shut_out_and_signed_out(office: Office, admin: PageReader) -> None:
    """Their sessions are listed and ended; shut out, they are let in again by a button."""
    accounts = {account.sign_in_name: account.id for account in list_accounts(office.site.context)}
    page = f"/people/{accounts['second']}"
    async with PageReader(office.site) as second:
        await second.sign_in("second")
        assert "Sign out everywhere" in (await admin.open(page)).text
        gone = await admin.send(f"{page}/devices")
        assert "Not signed in anywhere." in gone.text
        assert (await second.open("/drills")).url.path == "/sign-in"
    out = await admin.send(f"{page}/shut-out")
    assert "This account is shut out." in out.text
    assert "Shut out now" in (await admin.send(f"{page}/let-in")).text
    own = await admin.open(f"/people/{accounts['admin']}")
    assert "Nobody changes what they may do themselves." in own.text
    form = admin.find_form(f"/people/{accounts['admin']}/link")
    alone = await admin.post(f"/people/{accounts['admin']}/shut-out", form.fields)
    assert "Nobody changes or shuts out themselves." in alone.text


async def test_a_token_is_shown_once_and_revoked(office: Office, admin: PageReader) -> None:
    """A token for delivery works until it is revoked; one for cases is not made here."""
    await admin.open("/programs")
    made = await admin.send("/programs/tokens", label="watcher", scope="delivery", days="30")
    token = made.text.partition('id="secret">')[2].partition("<")[0]
    assert find_caller(office.site.context, token) is not None
    listed = await admin.open("/programs")
    assert "watcher" in listed.text
    assert token not in listed.text
    await admin.send("/programs/revoke")
    assert find_caller(office.site.context, token) is None
    again = await admin.send("/programs/tokens", label="watcher", scope="messages", days="30")
    assert again.status_code == 422


def find_kinds(page: str, address: str) -> list[str]:
    """Return the kinds of events that are ticked on the page of a webhook, sorted."""
    form = next(form for form in read_forms(page) if form.action == address)
    return sorted(form.fields["kinds"])


async def test_a_webhook_lives_from_its_making_to_its_end(
    office: Office, admin: PageReader
) -> None:
    """Made, tried, told again, given a new secret, paused, taken away; bad addresses refused."""
    del office
    await admin.open("/programs/webhooks/new")
    bad = await admin.send("/programs/webhooks/new", label="case system", url="ftp://x")
    assert "Write https://host/path" in bad.text
    assert 'value="case system"' in bad.text
    first = await admin.send(
        "/programs/webhooks/new",
        url="https://example.org/hook",
        kinds=["message_received", "item_opened", "no_such_kind"],
    )
    secret = first.text.partition('id="secret">')[2].partition("<")[0]
    listed = await admin.open("/programs")
    page = listed.text.partition('href="/programs/webhooks/')[2].partition('"')[0]
    address = f"/programs/webhooks/{page}"
    shown = await admin.open(address)
    assert secret not in shown.text
    assert find_kinds(shown.text, address) == ["item_opened", "message_received"]
    assert "A test is on its way." in (await admin.send(f"{address}/test")).text
    assert "once more, in order" in (await admin.send(f"{address}/replay")).text
    assert "Give the day" in (await admin.send(f"{address}/replay", since_day="x")).text
    stale = admin.find_form(address)
    fresh = await admin.send(f"{address}/secret")
    assert secret not in fresh.text
    wish = {
        "label": "case system",
        "url": "https://example.org/hook",
        "channels": ["assistance"],
        "kinds": ["decision_received"],
        "paused": "yes",
    }
    late = await admin.post(address, {**stale.fields, **wish})
    assert "Somebody changed this webhook" in late.text
    form = admin.find_form(f"{address}/secret")
    paused = await admin.post(address, {**form.fields, **wish})
    assert "Paused" in paused.text
    assert find_kinds(paused.text, address) == ["decision_received"]
    gone = await admin.send(f"{address}/remove")
    assert "No program is told what happens here." in gone.text


async def test_who_lets_in_or_redirects_a_program_says_once_more_who_they_are(
    office: Office, admin: PageReader
) -> None:
    """At a screen that was left open nobody opens an account, or sends what happens elsewhere."""
    await admin.open("/programs/webhooks/new")
    await admin.send("/programs/webhooks/new", label="left open", url="https://example.org/left")
    listed = await admin.open("/programs")
    name = listed.text.partition('href="/programs/webhooks/')[2].partition('"')[0]
    hook = f"/programs/webhooks/{name}"
    person = await invite(admin, "left.open")
    await admin.send(f"{person}/shut-out")
    await admin.open(hook)
    seen = admin.find_form(f"{hook}/secret").fields
    wish = {"label": "left open", "url": "https://elsewhere.example.org", "channels": ["police"]}
    office.clock.advance(minutes=6)
    redirected = await admin.post(hook, {**seen, **wish})
    assert "Confirm that it is you" in redirected.text
    assert "elsewhere" not in (await admin.open(hook)).text
    await admin.open(person)
    assert "Confirm that it is you" in (await admin.send(f"{person}/let-in")).text
    assert "This account is shut out." in (await admin.open(person)).text


def test_every_problem_and_every_scope_has_its_words() -> None:
    """What the services can say of people and programs, the pages say in the reader's language."""
    assert set(PROBLEMS) == set(AccountProblem)
    assert set(SCOPES) == set(TokenScope)
