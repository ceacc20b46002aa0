"""Items of what is no message: approvals, deletions, arrivals, gaps of links."""

from datetime import timedelta
from typing import Any

from sqlmodel import Session

from node.domain.approvals import ApprovalState
from node.domain.withdrawals import DeletionState
from node.domain.work import ItemKind, ItemState
from node.service.composing import handle_send
from node.service.context import NodeContext
from node.service.work.acts import handle_claim
from node.service.work.other_sources import reconcile
from node.store.consent_tables import ApprovalRow, DeletionRow, UnannouncedArrivalRow
from node.store.link_tables import LinkGapRow
from node.workers.deadlines import keep_deadlines
from protocol.policy.facts import Role
from tests.support.duty import add_person, load_items, told
from tests.support.node import Network, make_draft
from tests.support.people import STAFF, acting


def states(context: NodeContext) -> dict[ItemKind, ItemState]:
    """Return how far the item of each kind is."""
    return {ItemKind(item.kind): ItemState(item.state) for item in load_items(context)}


def test_what_is_no_message_has_items_as_long_as_it_waits(network: Network) -> None:
    """Each is made from the store, goes to whom it concerns, and is done when the store says so."""
    al = network.node("AL")
    for name, role in (("ana", Role.FOCAL_POINT), ("app", Role.APPROVER)):
        add_person(al, name, role)
    sent = handle_send(al, make_draft(), who=STAFF)
    now = network.clock()
    about: dict[str, Any] = {"case_id": sent.case_id, "channel": "assistance"}
    of_message: dict[str, Any] = {
        "message_id": sent.message_id,
        "peer": "XK",
        "direction": "out",
        **about,
    }
    approval = ApprovalRow(
        approval_id="a1",
        state=ApprovalState.WAITING,
        content_sealed=b"x",
        draft_sha256="0" * 64,
        asked_by="ana",
        asked_at=now,
        decide_by=now + timedelta(hours=2),
        **about,
    )
    deletion = DeletionRow(
        type="general.erasure", state=DeletionState.OVERDUE, confirm_by=now, **of_message
    )
    arrival = UnannouncedArrivalRow(at=now, **of_message)
    gap = LinkGapRow(peer="XK", generation=1, first=3, last=4, noticed_at=now, given_up=True)
    rows = [approval, deletion, arrival, gap]
    al.transact(lambda session: session.add_all(rows))
    keep_deadlines(al)
    assert states(al) == dict.fromkeys(
        (
            ItemKind.APPROVAL,
            ItemKind.DELETION_UNCONFIRMED,
            ItemKind.ARRIVAL_UNANNOUNCED,
            ItemKind.LINK_GAP,
        ),
        ItemState.OPEN,
    )
    (asked,) = load_items(al, kind=ItemKind.APPROVAL)
    assert asked.due_at == now + timedelta(hours=2)
    assert {name for name, _ in told(al, asked.item_id)} == {"app"}
    handle_claim(al, asked.item_id, who=acting("app", Role.APPROVER))

    def settle(session: Session) -> None:
        session.get_one(ApprovalRow, "a1").state = ApprovalState.EXPIRED
        session.get_one(DeletionRow, sent.message_id).state = DeletionState.ERASED
        session.get_one(UnannouncedArrivalRow, sent.message_id).settled_at = now
        session.delete(session.get_one(LinkGapRow, ("XK", 1, 3)))

    al.transact(settle)
    keep_deadlines(al)
    found = states(al)
    assert found.pop(ItemKind.NOT_APPROVED) is ItemState.CLAIMED
    assert set(found.values()) == {ItemState.DONE}
    (answer,) = load_items(al, kind=ItemKind.NOT_APPROVED)
    assert (answer.claimed_by, told(al, answer.item_id)) == ("ana", [("ana", "owner")])
    assert reconcile(al) == 0
