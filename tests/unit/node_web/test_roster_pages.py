"""Rosters, settings and search: thin faces that lose nothing of what was typed."""

import re

from node.service.composing import handle_send
from node.service.followers import follow_all
from node.service.people import list_accounts
from node.service.work.addresses import handle_read_address
from node.service.work.alert_wishes import AlertWish, read_alert_wish
from node.service.work.roster import handle_read_roster
from tests.support.duty import KEEPER
from tests.support.node import make_draft
from tests.support.node_console import PageReader, Pair
from tests.support.people import acting


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
