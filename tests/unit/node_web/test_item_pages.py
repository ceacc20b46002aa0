"""The inbox over items: what is urgent first, who has it, handing it over, and the whole of it."""

import re
from datetime import timedelta
from typing import Any

from node.domain.work import ItemKind, ItemState
from node.service.composing import handle_send
from node.service.deciding import DecisionDraft, handle_decide
from node.service.followers import follow_all
from node.service.reading import get_case
from node.service.work.items import NewItem, open_item
from node.store.accounts import SqlAccounts
from node.workers.deadlines import keep_deadlines
from protocol.identifiers import Channel
from protocol.messages.codes import Urgency
from protocol.messages.general import DeclineReason, Outcome
from protocol.policy.facts import Role
from tests.support.duty import load_items
from tests.support.node import make_draft
from tests.support.node_console import PageReader, Pair, add_person
from tests.support.people import STAFF, acting


def notify(pair: Pair, **changes: Any) -> str:
    """Send a notification from AL to XK, let it arrive, and let its item be made."""
    sent = handle_send(pair.al.context, make_draft(**changes), who=acting("api:test"))
    pair.network.settle()
    follow_all(pair.xk.context)
    return sent.message_id


def account_of(pair: Pair, name: str) -> str:
    """Return the account of somebody of XK."""
    found = SqlAccounts(pair.xk.context.database, pair.xk.context.keys).load_account_by_name(name)
    assert found is not None
    return str(found.id)


async def test_what_is_immediate_stands_first(pair: Pair, xk: PageReader) -> None:
    """An immediate item stands above an older one, however many are overdue, and leads on."""
    older = notify(pair)
    pair.network.clock.advance(days=20)  # overdue by now
    newer = notify(pair, urgency="immediate")
    await xk.sign_in()
    await xk.open("/")
    assert re.findall(r'href="/message/([0-9a-f]{32})">Notification', xk.page.text) == [
        newer,
        older,
    ]
    assert "Overdue by" in xk.page.text
    assert xk.page.text.count("Read and decide") == 2


async def test_a_message_without_an_item_is_shown_all_the_same(pair: Pair, xk: PageReader) -> None:
    """Whatever became of the followers: a message that waits stands in the inbox."""
    sent = handle_send(pair.al.context, make_draft(), who=acting("api:test"))
    pair.network.settle()
    assert not load_items(pair.xk.context)
    await xk.open("/")
    assert f"/message/{sent.message_id}" in xk.page.text
    assert "Read and decide" in xk.page.text


async def test_items_are_taken_handed_over_and_moved(pair: Pair, xk: PageReader) -> None:
    """Taken from its message, given back, handed to a colleague, moved; each is in its history."""
    message = notify(pair)
    (item,) = load_items(pair.xk.context)
    await xk.open(f"/message/{message}")
    assert "Nobody looks after it" in xk.page.text
    await xk.send(f"/item/{item.item_id}/claim")
    assert xk.path == f"/message/{message}"
    assert "You look after it" in xk.page.text
    await xk.open("/mine")
    assert f"/message/{message}" in xk.page.text
    await xk.open(f"/item/{item.item_id}")
    await xk.send(f"/item/{item.item_id}/hand-over", colleague=account_of(pair, "second"))
    assert "Being handled by Second officer" in xk.page.text
    assert "Duty officer handed it to Second officer" in xk.page.text
    await xk.open("/mine")
    assert "You look after nothing now" in xk.page.text
    await xk.open(f"/item/{item.item_id}")
    desk = re.search(r'<option value="(XK-[a-z-]+)"', xk.page.text)
    assert desk is not None
    await xk.send(f"/item/{item.item_id}/move", desk=desk[1])
    (moved,) = load_items(pair.xk.context)
    assert (moved.desk, moved.state) == (desk[1], ItemState.OPEN)


async def test_a_stale_page_and_a_wrong_colleague_change_nothing(
    pair: Pair, xk: PageReader
) -> None:
    """Two take it: the second is told who has it; a colleague who may not have it is refused."""
    notify(pair)
    (item,) = load_items(pair.xk.context)
    await xk.open(f"/item/{item.item_id}")
    form = xk.find_form(f"/item/{item.item_id}/claim")
    async with PageReader(pair.xk) as other:
        await other.sign_in("second")
        await other.open(f"/item/{item.item_id}")
        await other.send(f"/item/{item.item_id}/claim")
    answer = await xk.post(form.action, form.fields)
    assert answer.status_code == 409
    assert "Being handled by Second officer" in xk.page.text
    assert "nothing was done" in xk.page.text
    await xk.send(f"/item/{item.item_id}/hand-over", colleague=account_of(pair, "auditor"))
    assert xk.page.status_code == 422
    assert "Choose a colleague who may have this." in xk.page.text
    assert load_items(pair.xk.context)[0].claimed_by == account_of(pair, "second")


async def test_a_late_answer_is_chased_and_settled_by_hand(pair: Pair, al: PageReader) -> None:
    """No answer in time: an item with the desk's telephone, done when somebody says so."""
    sent = handle_send(pair.al.context, make_draft(), who=acting("api:test"))
    pair.network.settle()
    pair.network.clock.advance(days=20)
    keep_deadlines(pair.al.context)
    (item,) = load_items(pair.al.context, kind=ItemKind.CHASE)
    await al.sign_in()
    await al.open("/")
    assert "No answer in time" in al.page.text
    assert "1 message of yours needs attention" not in al.page.text  # said once
    await al.open(f"/item/{item.item_id}")
    assert 'href="tel:+383' in al.page.text
    assert f"/message/{sent.message_id}" in al.page.text
    await al.send(f"/item/{item.item_id}/settle")
    assert al.path == "/"
    assert "No answer in time" not in al.page.text


async def test_an_approver_sees_approvals_alone(pair: Pair) -> None:
    """The inbox of an approver holds what waits for them, and no message."""
    notify(pair)
    context = pair.xk.context
    add_person(context, "approver", Role.APPROVER)
    subject = "a" * 32
    new = NewItem(
        kind=ItemKind.APPROVAL, subject=subject, urgency=Urgency.URGENT, channel=Channel.ASSISTANCE
    )
    context.transact(lambda session: open_item(context, session, new))
    async with PageReader(pair.xk) as reader:
        await reader.sign_in("approver")
        await reader.open("/")
        assert f"/approval/{subject}" in reader.page.text
        assert "TRM-" not in reader.page.text
        assert "New message" not in reader.page.text


async def test_the_list_goes_on_where_it_ended(pair: Pair, xk: PageReader) -> None:
    """With more items than a page holds, each is shown once; a made-up place is no page."""
    context = pair.xk.context

    def fill(session: Any) -> None:
        for number in range(120):
            open_item(
                context,
                session,
                NewItem(
                    kind=ItemKind.TAKE_OVER,
                    subject=f"{number:032}",
                    urgency=Urgency.IMMEDIATE if number < 60 else Urgency.STANDARD,
                    channel=Channel.ASSISTANCE,
                    case_id=None,
                    due_at=context.clock() + timedelta(minutes=number),
                ),
            )

    context.transact(fill)
    seen: list[str] = []
    address = "/"
    while address:
        await xk.open(address)
        seen += re.findall(r'<a class="small" href="/item/([0-9a-f]{32})"', xk.page.text)
        following = re.search(r'href="(/\?after=[^"]+)"', xk.page.text)
        address = following[1] if following else ""
    assert len(seen) == len(set(seen)) == 120
    assert (await xk.open("/?after=1-9-x")).status_code == 404


async def test_accepting_links_with_the_case_we_have(pair: Pair, xk: PageReader) -> None:
    """A person who is known here: the cases are linked; an unknown reference is not sent."""
    first, second = notify(pair), notify(pair)
    await xk.open(f"/message/{first}")
    known = re.search(r'class="code" href="/case/([0-9a-f]{32})">(TRM-[^<]+)<', xk.page.text)
    assert known is not None
    await xk.open(f"/decide/{second}")
    await xk.send("/decide/", outcome="accepted", known="yes", other_case="TRM-NONE-1")
    assert xk.page.status_code == 422
    assert "There is no such case here." in xk.page.text
    await xk.send("/decide/", other_case=known[2])
    assert xk.path == f"/done/{second}"
    assert "not linked" not in xk.page.text
    kinds = [entry.kind for entry in get_case(pair.xk.context, known[1], who=STAFF).timeline]
    assert "case_linked" in kinds


async def test_what_came_to_the_wrong_place_is_sent_elsewhere(
    pair: Pair, xk: PageReader, al: PageReader
) -> None:
    """Forwarded to another Participant's desk, the sender sees which, and nothing is passed on."""
    message = notify(pair)
    await xk.open(f"/decide/{message}")
    elsewhere = re.search(r'<option value="(MK-[a-z-]+)"', xk.page.text)
    assert elsewhere is not None
    await xk.send("/decide/", outcome="forwarded", forwarded_to=elsewhere[1])
    assert xk.path == f"/done/{message}"
    pair.network.settle()
    await al.open("/sent")
    assert "Forwarded to another Participant" in al.page.text


async def test_a_decision_elsewhere_settles_the_item(pair: Pair, xk: PageReader) -> None:
    """Decided by a program, an item leaves the inbox: nobody is sent after what is done."""
    message = notify(pair)
    declined = DecisionDraft(outcome=Outcome.DECLINED, decline_reason=DeclineReason.NO_CAPACITY)
    handle_decide(pair.xk.context, message, declined, who=acting("api:case-system"))
    follow_all(pair.xk.context)
    await xk.open("/")
    assert "Nothing waits for you" in xk.page.text
