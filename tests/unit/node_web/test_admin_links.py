"""Links, messages, alerts: whether anything is stuck, and never what it says."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from node.domain.work import ItemKind
from node.service.attention import Waiting
from node.service.composing import handle_send
from node.service.links import LinkState, judge
from node.service.work.items import NewItem, open_item
from node.web.admin.carriage import _read_place
from protocol.messages.codes import Urgency
from tests.support import shared_pair
from tests.support.console_face import PASSWORD
from tests.support.node import Network, make_draft
from tests.support.node_console import PageReader, Pair
from tests.support.people import acting

HIDDEN = ("TRM-", "otification", "identification", "23 to 25", "Office", "Duty officer")


def write(network: Network) -> str:
    """Queue a message of AL for XK."""
    return handle_send(network.node("AL"), make_draft(), who=acting("api:case-system")).message_id


def read_main(page: str) -> str:
    """Return what a page itself shows, without its frame."""
    return page[page.index("<main") : page.index("</main>")]


pair = shared_pair.pair


@pytest.fixture
async def admin(pair: Pair) -> AsyncIterator[PageReader]:
    """Open a browser in which AL's administrator is signed in."""
    pair.network.clock.advance(minutes=2)  # a code of the app counts once
    async with PageReader(pair.al) as reader:
        await reader.sign_in("admin")
        yield reader


async def test_a_link_goes_from_unknown_to_down_to_up(pair: Pair, admin: PageReader) -> None:
    """A message without a receipt makes the link down after a while, its receipt makes it up."""
    message_id = write(pair.network)
    assert "Unknown" in read_main((await admin.open("/delivery/links/XK")).text)
    pair.network.collect("AL")  # the broker has it, and nobody fetches
    pair.network.clock.advance(minutes=20)
    await admin.open("/delivery")
    await admin.send("/unlock", password=PASSWORD)
    down = await admin.open("/delivery/links")
    assert "Down for 20 minutes" in down.text
    assert "the oldest for 20 minutes" in down.text
    await admin.open("/delivery/links/XK")
    tested = await admin.send("/delivery/links/XK")
    assert "What the check found" in tested.text
    assert "handed over again just now" in tested.text
    pair.network.settle()
    up = await admin.send("/delivery/links/XK")
    assert "They receive what we send, and say so." in up.text
    assert "handed over again just now" not in up.text
    listed = await admin.open("/delivery/messages?peer=XK&direction=out&state=delivered")
    assert message_id in listed.text
    other = await admin.open("/delivery/messages?peer=XK&direction=in")
    assert "There is no such message." in other.text
    for page in (down, tested, up, listed):
        assert [word for word in HIDDEN if word in read_main(page.text)] == []
    assert (await admin.open("/delivery/links/ZZ")).status_code == 404


async def test_an_alert_is_taken_and_done(pair: Pair, admin: PageReader) -> None:
    """What waits for an administrator is taken by one, and a stale page takes nothing."""
    context = pair.al.context
    context.transact(
        lambda session: open_item(
            context,
            session,
            NewItem(kind=ItemKind.LINK_GAP, subject="XK:1:1", urgency=Urgency.URGENT, peer="XK"),
        )
    )
    page = await admin.open("/delivery")
    assert "Messages are missing and were asked for in vain" in page.text
    act = admin.find_form("/delivery/alerts/")
    taken = await admin.post(act.action, {**act.fields, "act": "take"})
    assert "It is done" in taken.text
    stale = await admin.post(act.action, {**act.fields, "act": "done"})
    assert "Nothing was done." in stale.text
    done = await admin.send("/delivery/alerts/", act="done")
    assert "asked for in vain" not in read_main(done.text)


def test_a_link_is_judged_by_what_was_heard() -> None:
    """Quiet is no fault while nothing is owed; a full mailbox is one at once."""
    noon = datetime(2026, 3, 3, 12, tzinfo=UTC)
    early = datetime(2026, 3, 3, 8, tzinfo=UTC)
    assert judge(None, heard_at=None, handed_at=None, now=noon) == (LinkState.UNKNOWN, None)
    assert judge(None, heard_at=early, handed_at=None, now=noon) == (LinkState.QUIET, early)
    assert judge(None, heard_at=noon, handed_at=early, now=noon) == (LinkState.UP, None)
    assert judge(None, heard_at=None, handed_at=early, now=noon) == (LinkState.DOWN, early)
    full = Waiting("XK", 1, early, 1, 0, noon, None, refused=1, refused_since=early)
    assert judge(full, heard_at=noon, handed_at=None, now=noon) == (LinkState.DOWN, early)


@pytest.mark.parametrize("after", ["x", "%%%", "", "MjAyNi0wMy0wMSBhYmM=", "w6k="])
def test_a_place_that_was_not_written_here_begins_at_the_newest(after: str) -> None:
    """Whatever stands in an address, the list of messages answers."""
    assert _read_place(after) is None
