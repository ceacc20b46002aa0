"""Rosters, settings and search: thin faces that lose nothing of what was typed."""

import re
from base64 import b64decode

import pytest

from node.service.composing import handle_send
from node.service.followers import follow_all
from node.service.people import list_accounts
from node.service.work.addresses import handle_read_address
from node.service.work.alert_wishes import AlertWish, read_alert_wish
from node.service.work.roster import handle_read_roster
from tests.support.console_face import PASSWORD
from tests.support.duty import KEEPER
from tests.support.node import make_draft
from tests.support.node_console import PageReader, Pair
from tests.support.page_reader import OWN
from tests.support.people import acting

FOUND = re.compile(r'href="(/message/[^"]+)"')


async def test_a_roster_is_kept_from_its_page(pair: Pair, xk: PageReader) -> None:
    """Wrong rows are said at their fields, a further row keeps what was typed, then it is kept."""
    await xk.open("/duty")
    desk = re.search(r'href="/duty/(XK-[a-z-]+)"', xk.page.text)
    assert desk is not None
    await xk.open(f"/duty/{desk[1]}")
    (officer,) = re.findall(r'for="member-([0-9a-f]{32})">Duty officer', xk.page.text)
    typed = {
        f"member-{officer}": "member",
        "shift-0-who": officer,
        "shift-0-days": ["MO", "TU"],
        "shift-0-opens": "8:00",
        "shift-0-closes": "later",
    }
    answer = await xk.send("/duty/", act="", **typed)
    assert answer.status_code == 422
    assert "Give the hours as 08:00 and 16:00" in xk.page.text
    await xk.send("/duty/", act="shift")
    assert 'name="shift-1-who"' in xk.page.text
    assert 'value="later"' in xk.page.text
    form = xk.find_form("/duty/")
    await xk.send(
        "/duty/", act="",
        **{
            "shift-0-closes": "16:00", "exception-0-who": officer, "exception-0-kind": "off",
            "exception-0-begins_day": "24", "exception-0-begins_month": "12",
            "exception-0-begins_year": "2026", "exception-0-begins_time": "08:00",
            "exception-0-ends_day": "25", "exception-0-ends_month": "12",
            "exception-0-ends_year": "2026", "exception-0-ends_time": "20:00",
        },
    )  # fmt: skip
    assert "Saved" in xk.page.text
    kept, presence = handle_read_roster(pair.xk.context, desk[1], who=KEEPER)
    (shift,) = kept.shifts
    assert (shift.opens_at, shift.closes_at, len(shift.weekdays)) == ("08:00", "16:00", 2)
    assert [each.is_on for each in kept.exceptions] == [False]
    assert not presence.on_duty  # a Wednesday
    stale = await xk.post(form.action, {**form.fields, "act": "", "shift-0-closes": "17:00"})
    assert stale.status_code == 409
    assert 'value="17:00"' in xk.page.text
    assert handle_read_roster(pair.xk.context, desk[1], who=KEEPER)[0] == kept


async def test_people_are_told_only_as_they_ask(pair: Pair, xk: PageReader) -> None:
    """Unasked no sound and no notice; asked, the inbox carries one fixed text; mail by choice."""
    await xk.open("/")
    assert "data-sound" not in xk.page.text
    await xk.open("/settings")
    await xk.send("/settings/alerts", alerts=["sound", "notice"])
    assert "Saved" in xk.page.text
    await xk.open("/")
    assert 'data-title="You have a new item" data-sound="yes" data-notice="yes"' in xk.page.text
    await xk.open("/settings")
    assert (await xk.send("/settings/address", address="no address")).status_code == 422
    assert 'value="no address"' in xk.page.text
    await xk.send("/settings/address", address="desk@example.org", language="sq")
    (account,) = [
        each.id for each in list_accounts(pair.xk.context) if each.sign_in_name == "officer"
    ]
    own = acting(str(account))
    assert handle_read_address(pair.xk.context, str(account), who=own).language == "sq"
    await xk.open("/settings")
    await xk.send("/settings/alerts", alerts=[])
    assert read_alert_wish(pair.xk.context, str(account)) == AlertWish()


async def test_search_finds_without_a_word_in_an_address(pair: Pair, xk: PageReader) -> None:
    """What is looked for travels in the form alone; what is found leads on; nonsense is said."""
    sent = handle_send(pair.al.context, make_draft(), who=acting("api:test"))
    pair.network.settle()
    follow_all(pair.xk.context)
    await xk.open("/search")
    await xk.send("/search", words=sent.case_reference)
    assert str(xk.page.url).endswith("/search")
    assert 'href="/case/' in xk.page.text
    await xk.send("/search", words="duty offic")
    assert f"/message/{sent.message_id}" in xk.page.text
    assert "Read and decide" in xk.page.text
    await xk.send("/search", words="nothingofthat")
    assert "Nothing found" in xk.page.text
    assert (await xk.send("/search", words="?")).status_code == 422


async def test_back_shows_what_was_found_in_this_session_alone(pair: Pair, xk: PageReader) -> None:
    """Sealed, for the page alone; of another session, damaged, hidden or signed out: no result."""
    sent = handle_send(pair.al.context, make_draft(), who=acting("api:test"))
    pair.network.settle()
    follow_all(pair.xk.context)
    link, name = f"/message/{sent.message_id}", "trm_looked_xk"
    await xk.open("/search")
    form = xk.find_form("/search").fields
    answer = await xk.http.post("/search", data={**form, "words": "duty offic"}, headers=OWN)
    assert (answer.status_code, answer.headers["location"]) == (303, "/search")
    cookie = answer.headers["set-cookie"]
    for part in (f"{name}=", "HttpOnly", "SameSite=strict", "Path=/search"):
        assert part in cookie
    assert "Max-Age" not in cookie
    for _ in range(2):
        assert link in (await xk.open("/search")).text
        assert 'value="duty offic"' in xk.page.text
    sealed = xk.http.cookies[name]
    assert b"duty" not in b64decode(sealed, altchars=b"-_")
    async with PageReader(pair.xk) as other:
        await other.sign_in("second")
        for planted in (sealed, "%%", "A" * 80, "A" * 5_000):
            other.http.cookies.set(name, planted, domain="localhost.local", path="/search")
            assert link not in (await other.open("/search")).text
            assert 'value=""' in other.page.text
    xk.http.cookies.set(name, sealed, domain="localhost.local", path="/directory")
    assert 'id="answer"' not in (await xk.open("/directory")).text
    await xk.send("/hide")
    assert name not in {each.name for each in xk.http.cookies.jar}
    await xk.send("/unlock", password=PASSWORD)
    xk.http.cookies.set(name, sealed, domain="localhost.local", path="/search")
    assert link not in (await xk.open("/search")).text
    await xk.send("/search", words="duty offic")
    assert link in xk.page.text
    await xk.send("/sign-out")
    assert name not in {each.name for each in xk.http.cookies.jar}


async def test_the_longest_question_fits(xk: PageReader) -> None:
    """What a page takes at most, in the longest letters, is kept and shown again."""
    await xk.open("/search")
    longest = "\N{GOTHIC LETTER AHSA}" * 200
    await xk.send("/search", words=longest, after="\N{GOTHIC LETTER AHSA}" * 200)
    assert xk.page.status_code == 200
    assert longest in xk.page.text


async def test_a_search_goes_on_where_it_stood(
    pair: Pair, xk: PageReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next part is shown, and again by Back; a place that is none begins from the start."""
    monkeypatch.setattr("node.web.searching._AT_ONCE", 1)
    for _ in range(2):
        handle_send(pair.al.context, make_draft(), who=acting("api:test"))
    pair.network.settle()
    follow_all(pair.xk.context)
    await xk.open("/search")
    await xk.send("/search", words="duty offic")
    first = FOUND.findall(xk.page.text)
    await xk.send("/search")
    second = FOUND.findall(xk.page.text)
    assert (len(first), len(second), first == second) == (1, 1, False)
    assert FOUND.findall((await xk.open("/search")).text) == second
    await xk.send("/search", words="duty offic", after="nowhere")
    assert FOUND.findall(xk.page.text) == first
