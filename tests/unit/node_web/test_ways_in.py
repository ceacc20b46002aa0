"""Further ways in on the pages: recovery codes, and the national login from sign-in to link."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from console.accounts.national import Identity, NationalLogin, NationalLoginSettings
from node.service.accounts import open_factors, open_sessions
from node.service.audit import list_audit
from node.service.people import handle_shut_out, list_people
from protocol.policy.facts import Role
from tests.support.console_face import PASSWORD
from tests.support.http_server import serve
from tests.support.national_provider import CLIENT_ID, CLIENT_SECRET, NationalProvider
from tests.support.node_console import NodeSite, PageReader, Pair, build_site
from tests.support.page_reader import ORIGIN, OWN
from tests.support.people import LOCAL, acting

_CODE = re.compile(r"<code>([A-Z2-7-]{19})</code>")


async def test_a_recovery_code_takes_the_place_of_the_phone_once(pair: Pair) -> None:
    """Made after the password was given again, used once, replaced as a whole; all is noted."""
    async with PageReader(pair.al) as reader:
        await reader.sign_in()
        await reader.open("/sessions")
        refused = await reader.send("/recovery-codes", recovery_password="wrong")
        assert "The password is not right" in refused.text
        shown = await reader.send("/recovery-codes", recovery_password=PASSWORD)
        old = _CODE.findall(shown.text)
        assert len(set(old)) == 10
        shown = await reader.send("/recovery-codes", recovery_password=PASSWORD)
        codes = _CODE.findall(shown.text)
        assert "10 recovery codes are left" in (await reader.open("/sessions")).text
    for code, lets_in in ((old[0], False), (codes[0].lower(), True), (codes[0], False)):
        async with PageReader(pair.al) as reader:
            await reader.open("/sign-in")
            await reader.send("/sign-in", name="officer", password=PASSWORD)
            await reader.send("/sign-in/code", recovery=code)
            assert (reader.path == "/") is lets_in
    auditor = acting("auditor", Role.AUDITOR)
    acts = [entry.action for entry in list_audit(pair.al.context, who=auditor)]
    assert acts.count("recovery_codes_made") == 2
    assert acts.count("recovery_code_used") == 1
    assert acts.count("signed_in") == 2


async def test_nobody_has_endless_challenges_for_passkeys_kept(pair: Pair) -> None:
    """Each is kept for a while: after twenty one waits; a password is still looked at meanwhile."""
    async with PageReader(pair.al) as reader:
        await reader.open("/sign-in")
        fields = reader.find_form("/passkey").fields
        answers = [
            await reader.http.post("/passkey/begin", data=fields, headers=OWN) for _ in range(21)
        ]
        assert [answer.status_code for answer in answers] == [200] * 20 + [422]
        assert "too many attempts" in answers[-1].json()["problem"]
        await reader.sign_in()
        assert reader.path == "/"


@pytest.fixture
def provider(pair: Pair) -> Iterator[NationalProvider]:
    """Serve a provider."""
    made = NationalProvider(clock=pair.network.clock)
    with serve(made.build_app()) as origin:
        made.issuer = origin
        yield made


@pytest.fixture
def site(pair: Pair, provider: NationalProvider) -> Iterator[NodeSite]:
    """Give AL's console with a national login."""
    context = pair.al.context
    with httpx.Client() as http:
        settings = NationalLoginSettings(
            issuer=provider.issuer,
            client_id=CLIENT_ID,
            client_secret=CLIENT_SECRET,
            redirect_uri=f"{ORIGIN}/national/back",
            name="e-Albania",
            acr_values=("two-factors",),
        )
        national = NationalLogin(
            settings=settings, http=http, clock=context.clock, random=context.random
        )
        yield build_site(context, national=national)


async def _visit(reader: PageReader, *, state: str | None = None) -> httpx.Response:
    """Go to the national login to sign in and come back, as the browser does."""
    departed = await reader.http.get("/national", follow_redirects=False)
    assert departed.status_code == 303
    return await _come_back(reader, departed.headers["location"], state=state)


async def _link(reader: PageReader, *, password: str = PASSWORD) -> httpx.Response:
    """Go there to link the own account, and come back."""
    await reader.open("/sessions")
    passed_on = await reader.send("/national/link", national_password=password)
    address = re.search(r"0; url=([^\"]+)\"", passed_on.text)
    if address is None:
        return passed_on
    return await _come_back(reader, address[1].replace("&amp;", "&"))


async def _come_back(
    reader: PageReader, address_there: str, *, state: str | None = None
) -> httpx.Response:
    async with httpx.AsyncClient() as browser:
        answer = await browser.get(address_there)
    back = parse_qs(urlsplit(answer.headers["location"]).query)
    stop = await reader.http.get(
        "/national/back", params={name: values[0] for name, values in back.items()}
    )
    address = re.search(r"url=([^\"]+)\"", stop.text)
    assert address is not None
    assert "set-cookie" not in stop.headers
    finish = address[1].replace("&amp;", "&")
    if state is not None:
        finish = finish.replace(back["state"][0], state)
    return await reader.open(finish)


async def test_an_account_is_linked_once_and_let_in_by_the_national_login(
    site: NodeSite, provider: NationalProvider
) -> None:
    """Unlinked it opens nothing; linked, it signs in: alone if strong, else with the own code."""
    async with PageReader(site) as reader:
        await reader.open("/sign-in")
        assert "No account here is linked" in (await _visit(reader)).text
        await reader.sign_in()
        assert "The password is not right" in (await _link(reader, password="wrong")).text
        went_on = await reader.http.get("/national", follow_redirects=False)
        assert went_on.headers["location"] == "/"  # who is signed in is linked by password alone
        await _link(reader)
        assert reader.path == "/sessions"
        assert "Linked" in reader.page.text
    async with PageReader(site) as reader:
        await reader.open("/sign-in")
        await _visit(reader)
        assert reader.path == "/"
    provider.acr = "password"
    async with PageReader(site) as reader:
        await reader.open("/sign-in")
        await _visit(reader)
        assert reader.path == "/sign-in/code"
    async with PageReader(site) as reader:
        await reader.sign_in("second")
        await _link(reader)
        assert "belongs to another account" in reader.page.text
    async with PageReader(site) as reader:
        await reader.open("/sign-in")
        await _visit(reader, state="A" * 43)
        assert "did not work" in reader.page.text


async def test_who_is_shut_out_does_not_come_back_by_the_national_login(
    pair: Pair, site: NodeSite, provider: NationalProvider
) -> None:
    """A closed account stays closed, whatever the provider says; an unlinked one, too."""
    async with PageReader(site) as reader:
        await reader.sign_in()
        await _link(reader)
        await reader.send("/national/unlink")
    async with PageReader(site) as reader:
        await reader.open("/sign-in")
        assert "No account here is linked" in (await _visit(reader)).text
        pair.network.clock.advance(seconds=30)
        await reader.sign_in()
        await _link(reader)
    officer = next(
        p for p in list_people(site.context, who=LOCAL) if p.account.sign_in_name == "officer"
    )
    handle_shut_out(site.context, officer.account.id, who=LOCAL)
    async with PageReader(site) as reader:
        await reader.open("/sign-in")
        assert "No account here is linked" in (await _visit(reader)).text
    assert provider.keys_asked == 1


async def test_a_link_that_a_set_up_overtakes_is_not_made(
    site: NodeSite, provider: NationalProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever was away at the national login when the session ended comes back to signing in."""
    people = list_people(site.context, who=LOCAL)
    officer = next(p.account.id for p in people if p.account.sign_in_name == "officer")
    arrive = NationalLogin.arrive

    def arrive_late(self: NationalLogin, **given: Any) -> Identity:
        open_sessions(site.context).delete_sessions(officer)
        return arrive(self, **given)

    monkeypatch.setattr(NationalLogin, "arrive", arrive_late)
    async with PageReader(site) as reader:
        await reader.sign_in()
        await _link(reader)
        assert reader.path == "/sign-in"
    assert provider.keys_asked == 1
    assert not open_factors(site.context).is_linked(officer)
