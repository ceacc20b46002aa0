"""What conversations allow, on both sides, as the table of the protocol says."""

from collections.abc import AsyncIterator, Callable
from functools import partial
from random import Random
from typing import Any, Final

import pytest
import pytest_asyncio

from node.domain.states import Handling
from node.service import reading
from node.service.answering import AnswerDraft, handle_answer
from node.service.cancelling import handle_cancel
from node.service.composing import handle_send
from node.service.context import StaleError
from node.service.conversations import ActNotPossibleError, get_conversation
from node.service.deciding import CaseManagerDraft, DecisionDraft, handle_decide
from node.service.erasing import handle_erase_message
from node.service.receipts import owe_receipt
from node.store.tables import MessageRow
from protocol.conversation.table import State
from protocol.errors import RejectionCode
from protocol.messages.general import DeclineReason, ErasureGround, Outcome
from protocol.messages.system import ReceiptItem, ReceiptStatus
from tests.support.case_world import CaseWorld, draft_of
from tests.support.node import NO_PERSONAL_DATA, Network, make_draft
from tests.support.people import STAFF, acting

MANAGER: Final = {"post": "Case manager of the shelter"}

in_one_loop = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(shared_node_url_of: Callable[[str], str]) -> AsyncIterator[CaseWorld]:
    """AL and XK, with their interfaces."""
    made = await CaseWorld.make(shared_node_url_of)
    yield made
    await made.close()


def notify(**changes: Any) -> dict[str, Any]:
    """Return a notification of AL as a program posts it."""
    made = make_draft(**changes).model_dump(mode="json", exclude_none=True)
    del made["onward"]
    return made


def retract(sent: dict[str, Any]) -> dict[str, Any]:
    """Return what takes a message of AL back."""
    return notify(
        type="general.correction",
        case=sent["case"],
        in_reply_to=sent["message_id"],
        body={"effect": "retracts", "reason": "sent_by_mistake", "delete_earlier": False},
    )


async def standing(world: CaseWorld, message_id: str) -> list[tuple[Any, ...]]:
    """Return state, whose turn, and what is possible, at AL and at XK."""
    views = [
        await world.ask(c, "GET", f"/messages/{message_id}/conversation") for c in ("AL", "XK")
    ]
    return [(view["state"], view["awaited"], view["possible"]) for view in views]


@in_one_loop
async def test_what_the_table_does_not_allow_is_refused(world: CaseWorld) -> None:
    """Nothing is sent, and the answer says how it stands and what is possible instead."""
    sent = await world.ask("AL", "POST", "/messages", json=notify())
    world.settle()
    path = f"/messages/{sent['message_id']}"
    accept = {"outcome": "accepted", "case_manager": MANAGER}
    await world.ask("XK", "POST", f"{path}/decision", json=accept)
    seen = (await world.ask("XK", "GET", path))["item"]["row_version"]
    refused = await world.refuse("XK", "POST", f"{path}/decision?row_version={seen}", json=accept)
    assert refused["type"] == "urn:trm:problem:not-possible-now"
    assert refused["status"] == 409
    assert refused["state"] == "accepted"
    assert "accept" not in refused["possible"]
    assert "decline" in refused["possible"]
    world.settle()
    await world.ask("AL", "POST", "/messages", json=retract(sent))
    world.settle()
    both = await standing(world, sent["message_id"])
    assert both == [("withdrawn", None, ["inform", "close"])] * 2
    decline = {"outcome": "declined", "decline_reason": "no_capacity"}
    seen = (await world.ask("XK", "GET", path))["item"]["row_version"]
    refused = await world.refuse("XK", "POST", f"{path}/decision?row_version={seen}", json=decline)
    assert refused["state"] == "withdrawn"


@in_one_loop
async def test_a_decision_can_be_changed_by_whoever_saw_it(world: CaseWorld) -> None:
    """An acceptance that cannot be kept is taken back; the other side sees which one counts."""
    sent = await world.ask("AL", "POST", "/messages", json=notify())
    world.settle()
    path = f"/messages/{sent['message_id']}"
    accept = {"outcome": "accepted", "case_manager": MANAGER}
    decline = {"outcome": "declined", "decline_reason": "no_capacity"}
    await world.ask("XK", "POST", f"{path}/decision", json=accept)
    unseen = await world.refuse("XK", "POST", f"{path}/decision", json=decline)
    assert "already decided" in unseen["detail"]
    seen = (await world.ask("XK", "GET", path))["item"]["row_version"]
    changed = await world.ask("XK", "POST", f"{path}/decision?row_version={seen}", json=decline)
    world.settle()
    for code in ("AL", "XK"):
        view = await world.ask(code, "GET", path)
        assert view["item"]["handling"] == "declined"
        assert view["decided_by_message"] == changed["message_id"]
        steps = (await world.ask(code, "GET", f"{path}/conversation"))["steps"]
        assert [step["act"] for step in steps] == ["accept", "decline"]


@in_one_loop
async def test_who_asked_for_more_waits_until_it_is_told(world: CaseWorld) -> None:
    """A question turns the turn round; what is told after it turns it back."""
    sent = await world.ask("AL", "POST", "/messages", json=notify())
    world.settle()
    path = f"/messages/{sent['message_id']}"
    ask = {"outcome": "more_information_needed", "procedure_note": "Which unit found her?"}
    await world.ask("XK", "POST", f"{path}/decision", json=ask)
    world.settle()
    assert [turn for _, turn, _ in await standing(world, sent["message_id"])] == ["us", "them"]
    ours = f"/cases/{await case_of(world, 'AL', sent)}/close"
    body = {"outcome": "transferred", "closed_on": "2026-03-04"}
    assert (await world.refuse("AL", "POST", ours, json=body))["messages"] == [sent["message_id"]]
    more = notify(case=sent["case"], in_reply_to=sent["message_id"])
    await world.ask("AL", "POST", "/messages", json=more)
    world.settle()
    assert [turn for _, turn, _ in await standing(world, sent["message_id"])] == ["them", "us"]
    assert (await world.ask("XK", "GET", path))["item"]["handling"] == "new"


@in_one_loop
async def test_a_closing_ends_what_was_said_in_its_channel(world: CaseWorld) -> None:
    """Carers who close a case end nothing of what the police asked in it."""
    desks = {"from_authority": "AL-anti-trafficking-desk"}
    sent = await world.ask("AL", "POST", "/messages", json=notify())
    secret = await world.ask(
        "AL", "POST", "/messages", json=notify(case=sent["case"], channel="police", **desks)
    )
    body = {"outcome": "transferred", "closed_on": "2026-03-04", "recipient_may_go_on": False}
    closing = notify(type="general.case_closed", case=sent["case"], body=body)
    await world.ask("AL", "POST", "/messages", json=closing)
    world.settle()
    assert [state for state, _, _ in await standing(world, sent["message_id"])] == ["closed"] * 2
    both = await standing(world, secret["message_id"])
    assert [state for state, _, _ in both] == ["proposed"] * 2
    for code in ("AL", "XK"):
        view = await world.ask(code, "GET", f"/messages/{sent['message_id']}")
        assert view["item"]["handling"] == "closed"
    listed = await world.ask(
        "XK", "GET", f"/cases/{await case_of(world, 'XK', sent)}/conversations"
    )
    states = {each["message_id"]: each["state"] for each in listed["items"]}
    assert states == {sent["message_id"]: "closed", secret["message_id"]: "proposed"}


async def case_of(world: CaseWorld, code: str, sent: dict[str, Any]) -> str:
    """Return what a node calls the case of a message."""
    view = await world.ask(code, "GET", f"/messages/{sent['message_id']}")
    return str(view["item"]["case_id"])


@in_one_loop
async def test_both_sides_agree_whatever_they_do(world: CaseWorld) -> None:
    """Random acts, crossing now and then: what is possible is sent, and both see the same state."""
    random = Random(6)
    sent = await world.ask("AL", "POST", "/messages", json=notify())
    world.settle()
    path = f"/messages/{sent['message_id']}"
    for _ in range(5):
        for code in random.choices(("AL", "XK"), k=random.choice((1, 2))):
            possible = (await world.ask(code, "GET", f"{path}/conversation"))["possible"]
            await act(world, code, sent, random.choice(possible))
        world.settle()
        states = [state for state, _, _ in await standing(world, sent["message_id"])]
        assert states[0] == states[1]
        views = [await world.ask(c, "GET", path) for c in ("AL", "XK")]
        kept = {view["item"]["handling"] for view in views} - {"new", "opened"}
        assert len(kept) <= 1


DECISIONS: Final[dict[str, dict[str, Any]]] = {
    "accept": {"outcome": "accepted", "case_manager": MANAGER},
    "decline": {"outcome": "declined", "decline_reason": "other"},
    "forward": {"outcome": "forwarded", "forwarded_to": "XK-another-desk"},
    "forward_elsewhere": {"outcome": "forwarded", "forwarded_to": "MK-desk"},
    "ask_for_more": {"outcome": "more_information_needed", "procedure_note": "Where?"},
}


async def act(world: CaseWorld, code: str, sent: dict[str, Any], what: str) -> None:
    """Do one act as AL or XK."""
    path = f"/messages/{sent['message_id']}"
    peer = {"AL": "XK", "XK": "AL"}[code]
    if what in DECISIONS:
        seen = (await world.ask(code, "GET", path))["item"]["row_version"]
        decide = f"{path}/decision?row_version={seen}"
        await world.ask(code, "POST", decide, json=DECISIONS[what])
        return
    common = {"case": sent["case"], "recipient": peer}
    if what == "withdraw":
        posted = retract(sent)
    elif what == "close":
        body = {"outcome": "transferred", "closed_on": "2026-03-04", "recipient_may_go_on": False}
        posted = notify(type="general.case_closed", body=body, **common)
    else:
        posted = notify(in_reply_to=sent["message_id"], **common)
        if code == "XK":
            posted["body"]["case_manager"] = {"post": "Desk", "authority": f"{code}-desk"}
    await world.ask(code, "POST", "/messages", json=posted)


@in_one_loop
async def test_an_answer_counts_once_for_what_was_seen(world: CaseWorld) -> None:
    """Repeated it is the same answer, although it changed what was seen; another one is stale."""
    xk = world.network.node("XK")
    sent = await world.send("AL", draft_of("identification.identity_check", "AL", "XK"))
    message_id = sent["message_id"]
    seen = reading.get_message(xk, message_id, who=STAFF).item.row_version
    answer = AnswerDraft(
        type="general.response",
        legal_basis=dict(NO_PERSONAL_DATA),
        body={"completeness": "none_available", "none_reason": "not_known_here"},
    )
    give = partial(handle_answer, xk, message_id, answer, who=STAFF, row_version=seen)
    assert give(submission_key="one") == give(submission_key="one")
    with pytest.raises(StaleError, match="Nothing was sent"):
        give(submission_key="two")


# ------------------------------------------------------------------ on both databases


def test_acts_count_once_their_message_has_come(network: Network) -> None:
    """A correction that overtakes its message is kept, and takes it back when it arrives."""
    al, xk = network.node("AL"), network.node("XK")
    sent = handle_send(al, make_draft(), who=STAFF)
    network.collect("AL")
    late = network.mailbox.popleft()
    taken_back = make_draft(
        type="general.correction",
        case=sent.case_reference,
        in_reply_to=sent.message_id,
        body={"effect": "retracts", "reason": "sent_by_mistake", "delete_earlier": False},
        legal_basis=dict(NO_PERSONAL_DATA),
    )
    handle_send(al, taken_back, who=STAFF)
    network.collect("AL")
    network.deliver(network.mailbox.popleft())
    network.deliver(late)
    view = reading.get_message(xk, sent.message_id, who=STAFF)
    assert view.item.handling == Handling.WITHDRAWN
    held = get_conversation(xk, sent.message_id, who=STAFF)
    assert [step.in_order for step in held.conversation.steps] == [True]
    decline = DecisionDraft(outcome=Outcome.DECLINED, decline_reason=DeclineReason.NO_CAPACITY)
    with pytest.raises(ActNotPossibleError, match="Possible for the recipient: inform"):
        handle_decide(xk, sent.message_id, decline, who=STAFF, row_version=view.item.row_version)


def test_an_erased_message_still_counts(network: Network) -> None:
    """What a message said is gone; that it accepted, or opened the conversation, stays."""
    al, xk = network.node("AL"), network.node("XK")
    sent = handle_send(al, make_draft(), who=STAFF)
    network.settle()
    accept = DecisionDraft(outcome=Outcome.ACCEPTED, case_manager=CaseManagerDraft(post="Desk"))
    decided = handle_decide(xk, sent.message_id, accept, who=STAFF)
    network.settle()
    for erased in (decided.message_id, sent.message_id):
        ground = ErasureGround.RETENTION_OVER
        handle_erase_message(al, erased, who=STAFF, ground=ground)
        held = get_conversation(al, sent.message_id, who=STAFF)
        assert held.conversation.state is State.ACCEPTED
        assert held.decided_by == decided.message_id


def test_a_closing_that_is_taken_back_opens_what_it_had_closed(network: Network) -> None:
    """Cancelled before it left, a closing has closed nothing."""
    al = network.node("AL")
    sent = handle_send(al, make_draft(), who=STAFF)
    network.settle()
    body = {"outcome": "transferred", "closed_on": "2026-03-04", "recipient_may_go_on": False}
    closing = make_draft(type="general.case_closed", case=sent.case_reference, body=body)
    closed = handle_send(al, closing, who=acting("u1"))
    assert reading.get_message(al, sent.message_id, who=STAFF).item.handling == Handling.CLOSED
    handle_cancel(al, closed.message_id, who=acting("u1"))
    assert reading.get_message(al, sent.message_id, who=STAFF).item.handling == Handling.NEW


def say_receipt(
    network: Network, message_id: str, status: ReceiptStatus, reason: RejectionCode | None = None
) -> None:
    """Let AL say what became of a message of XK, with its signature; the message is lost."""
    al = network.node("AL")
    network.collect("XK")
    network.mailbox.clear()
    with network.node("XK").database.reading() as session:
        digest = session.get_one(MessageRow, message_id).payload_sha256
    item = ReceiptItem(
        message_id=message_id,
        payload_sha256=digest,
        status=status,
        at=network.clock().replace(microsecond=0),
        reason=reason,
    )
    al.transact(lambda session: owe_receipt(al, session, peer="XK", item=item))
    network.collect("AL")
    network.settle_mailbox()


def test_what_the_other_side_refused_does_nothing_until_it_has_it(network: Network) -> None:
    """A decision that was refused leaves the question open here as there; delivered, it counts."""
    xk = network.node("XK")
    sent = handle_send(network.node("AL"), make_draft(), who=STAFF)
    network.settle()
    accept = DecisionDraft(outcome=Outcome.ACCEPTED, case_manager=CaseManagerDraft(post="Desk"))
    decided = handle_decide(xk, sent.message_id, accept, who=STAFF)
    say_receipt(network, decided.message_id, ReceiptStatus.REJECTED, RejectionCode.MALFORMED)
    for code in ("AL", "XK"):
        held = get_conversation(network.node(code), sent.message_id, who=STAFF)
        assert (held.conversation.state, held.conversation.steps) == (State.PROPOSED, ())
    view = reading.get_message(xk, sent.message_id, who=STAFF)
    assert (view.item.handling, view.decided_by_message) == (Handling.NEW, None)
    say_receipt(network, decided.message_id, ReceiptStatus.DELIVERED)
    view = reading.get_message(xk, sent.message_id, who=STAFF)
    assert (view.item.handling, view.decided_by_message) == ("accepted", decided.message_id)
