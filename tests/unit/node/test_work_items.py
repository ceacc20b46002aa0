"""Items: what needs a person has one, at the competent desk, and it is somebody's or not."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import Session, delete, select

from contact_registry.models import Competence
from node.domain.events import EventKind
from node.domain.work import ItemKind, ItemState
from node.service.cancelling import handle_cancel
from node.service.composing import handle_send
from node.service.context import NotFoundError, StaleError
from node.service.deciding import DecisionDraft, handle_decide
from node.service.followers import follow_all
from node.service.opening import Arrival
from node.service.permitting import ForbiddenError
from node.service.reading import handle_open
from node.service.receiving import handle_stumble
from node.service.work.acts import (
    handle_claim,
    handle_hand_over,
    handle_move,
    handle_release,
    handle_settle,
)
from node.service.work.items import ItemFilter, list_items, load_item
from node.service.work.other_sources import reconcile
from node.service.work.roster import WorkRefusedError
from node.service.work.routing import route
from node.store.tables import EventRow, MessageRow
from node.store.work_tables import MessageToFollowRow, WorkItemRow
from node.workers.deadlines import keep_deadlines
from protocol.identifiers import AuthorityId, Channel, Phase
from protocol.policy.facts import Role
from protocol.subjects import TrafficClass, parse_account_id
from tests.support.duty import add_person, change_desks, load_items
from tests.support.node import Network, make_authority, make_draft
from tests.support.people import STAFF, acting

DECLINED = DecisionDraft.model_validate({"outcome": "declined", "decline_reason": "no_capacity"})
ANA, BEN = acting("ana"), acting("ben")


def receive(network: Network, **changes: object) -> WorkItemRow:
    """Let XK receive a message of AL; returns its item."""
    sent = handle_send(network.node("AL"), make_draft(**changes), who=STAFF)
    network.settle()
    follow_all(network.node("XK"))
    (item,) = load_items(network.node("XK"), message_id=sent.message_id)
    return item


def test_a_received_message_becomes_an_item_until_it_is_decided(network: Network) -> None:
    """It has the deadline of the message, is done with the decision, and open again without it."""
    xk = network.node("XK")
    item = receive(network)
    with xk.database.reading() as session:
        row = session.get_one(MessageRow, item.message_id)
    assert (item.kind, item.state, item.desk) == (
        ItemKind.DECIDE,
        ItemState.OPEN,
        "XK-anti-trafficking-desk",
    )
    assert (item.due_at, item.channel, item.peer) == (row.answer_by, Channel.ASSISTANCE, "AL")
    assert follow_all(xk) == 0
    sent = handle_decide(xk, row.message_id, DECLINED, who=STAFF)
    follow_all(xk)
    assert load_items(xk)[0].state == ItemState.DONE
    handle_cancel(xk, sent.message_id, who=STAFF)
    reconcile(xk)
    assert load_items(xk)[0].state == ItemState.OPEN
    # At the other side, where a decision now has to be read.
    handle_decide(xk, row.message_id, DECLINED, who=STAFF)
    network.settle()
    al = network.node("AL")
    follow_all(al)
    (read,) = load_items(al)
    assert (read.kind, read.state) == (ItemKind.READ, ItemState.OPEN)
    handle_open(al, read.subject, who=STAFF)
    reconcile(al)
    assert load_items(al)[0].state == ItemState.DONE


def test_it_goes_to_the_desk_that_is_competent_here(network: Network) -> None:
    """By phase and channel of our own contacts, unless the sender named a competent one."""
    desks = [
        make_authority("XK").model_copy(
            update={
                "id": AuthorityId(f"XK-{name}"),
                "competences": (Competence(phase=phase, channel=channel),),
            }
        )
        for name, phase, channel in (
            ("arrivals", Phase.RETURN, Channel.ASSISTANCE),
            ("victims", Phase.IDENTIFICATION, Channel.ASSISTANCE),
            ("police", Phase.IDENTIFICATION, Channel.POLICE),
        )
    ]
    change_desks(network, "XK", *desks)
    assert receive(network).desk == "XK-victims"
    xk, now = network.node("XK"), network.clock()
    phase, channel = Phase.IDENTIFICATION, Channel.ASSISTANCE
    for named, desk in (
        ("XK-arrivals", "XK-victims"),
        ("AL-x", "XK-victims"),
        (None, "XK-victims"),
    ):
        assert route(xk, phase=phase, channel=channel, named=named, at=now) == desk
    assert route(xk, phase=Phase.RETURN, channel=channel, named=None, at=now) == "XK-arrivals"
    nobody = route(xk, phase=phase, channel=Channel.TREND, named="XK-victims", at=now)
    assert nobody == "XK-victims"
    assert route(xk, phase=phase, channel=Channel.TREND, named=None, at=now) is None
    police = receive(network, channel=Channel.POLICE)
    assert police.desk == "XK-police"
    assistance = acting("anna", channels=[Channel.ASSISTANCE])
    with pytest.raises(NotFoundError):
        handle_claim(network.node("XK"), police.item_id, who=assistance)
    listed = list_items(network.node("XK"), ItemFilter(), who=assistance, limit=100)
    assert {row.desk for row in listed} == {"XK-victims"}
    with pytest.raises(ForbiddenError):
        list_items(network.node("XK"), ItemFilter(), who=acting("aud", Role.AUDITOR), limit=10)


def test_of_two_who_take_it_one_wins(network: Network) -> None:
    """The loser is told, and whoever has it may ask again; each act is an entry of the case."""
    xk = network.node("XK")
    item = receive(network)

    def take(who: Any) -> str:
        try:
            return handle_claim(xk, item.item_id, who=who).claimed_by or ""
        except StaleError:
            return "lost"

    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(take, (ANA, BEN)))
    winner, loser = (ANA, BEN) if outcomes[0] == "ana" else (BEN, ANA)
    assert sorted(outcomes) == sorted([winner.actor, "lost"])
    assert handle_claim(xk, item.item_id, who=winner).claimed_by == winner.actor
    add_person(xk, "cara")
    add_person(xk, "gone", active=False)
    with pytest.raises(WorkRefusedError, match="may not have this"):
        handle_hand_over(xk, item.item_id, "gone", who=winner)
    assert handle_hand_over(xk, item.item_id, "cara", who=loser).claimed_by == "cara"
    released = handle_release(xk, item.item_id, who=loser)
    assert (released.state, released.claimed_by) == (ItemState.OPEN, None)
    with pytest.raises(StaleError, match="changed this"):
        handle_claim(xk, item.item_id, who=ANA, seen=released.row_version - 1)
    with pytest.raises(StaleError, match="Nobody has this"):
        handle_release(xk, item.item_id, who=ANA)
    with pytest.raises(WorkRefusedError, match="what it is about"):
        handle_settle(xk, item.item_id, who=ANA)
    _, history = load_item(xk, item.item_id, who=ANA)
    assert [event.kind for event in history] == ["claimed", "handed_over", "released"]
    with xk.database.reading() as session:
        kinds = session.exec(select(EventRow.kind).where(EventRow.case_id == item.case_id)).all()
    assert {EventKind.ITEM_CLAIMED, EventKind.ITEM_HANDED_OVER, EventKind.ITEM_RELEASED} <= {*kinds}


def test_it_can_be_moved_to_another_desk_of_ours_only(network: Network) -> None:
    """Then nobody has it; what is not ours is refused with what to do instead."""
    xk = network.node("XK")
    other = make_authority("XK").model_copy(
        update={"id": AuthorityId("XK-other"), "competences": ()}
    )
    change_desks(network, "XK", make_authority("XK"), other)
    item = receive(network)
    handle_claim(xk, item.item_id, who=ANA)
    moved = handle_move(xk, item.item_id, "XK-other", who=ANA)
    assert (moved.desk, moved.state, moved.claimed_by) == ("XK-other", ItemState.OPEN, None)
    for desk in ("AL-anti-trafficking-desk", "XK-none", "no desk"):
        with pytest.raises(WorkRefusedError, match="no desk of ours"):
            handle_move(xk, item.item_id, desk, who=ANA)


def test_what_was_not_answered_in_time_is_chased(network: Network) -> None:
    """Our message, once its answer is late; it is done by the answer or by a person's word."""
    al, xk = network.node("AL"), network.node("XK")
    first = handle_send(al, make_draft(), who=STAFF)
    second = handle_send(al, make_draft(), who=STAFF)
    network.settle()
    follow_all(al)
    assert load_items(al) == []
    network.clock.advance(days=10)
    reconcile(al)
    assert {item.subject for item in load_items(al, kind=ItemKind.CHASE)} == {
        first.message_id,
        second.message_id,
    }
    handle_decide(xk, first.message_id, DECLINED, who=STAFF)
    network.settle()
    reconcile(al)
    by_subject = {item.subject: item for item in load_items(al, kind=ItemKind.CHASE)}
    assert by_subject[first.message_id].state == ItemState.DONE
    late = by_subject[second.message_id]
    assert late.state == ItemState.OPEN
    assert handle_settle(al, late.item_id, who=STAFF).state == ItemState.DONE
    reconcile(al)
    assert len(load_items(al, kind=ItemKind.CHASE)) == 2


def test_what_expired_and_what_was_refused_need_somebody(network: Network) -> None:
    """A message that did not arrive is a focal point's; an envelope that is no good, an admin's."""
    al = network.node("AL")
    sent = handle_send(al, make_draft(), who=STAFF)

    def expire(session: Session) -> None:
        session.get_one(MessageRow, sent.message_id).dispatch = "expired"

    al.transact(expire)
    keys = al.directory.current().keys
    account = parse_account_id(keys[al.participant].broker.account)
    for _ in range(3):
        arrival = Arrival(account, account, TrafficClass.MESSAGE, al.random(40))
        handle_stumble(al, arrival, problem="test")
    reconcile(al)
    reconcile(al)
    items = {item.kind: item for item in load_items(al)}
    assert set(items) == {ItemKind.UNDELIVERED, ItemKind.REFUSED_ENVELOPE}
    assert items[ItemKind.UNDELIVERED].desk == "AL-anti-trafficking-desk"
    admin = acting("root", Role.NODE_ADMIN)
    (seen,) = list_items(al, ItemFilter(), who=admin, limit=10)
    assert seen.kind == ItemKind.REFUSED_ENVELOPE
    handle_claim(al, seen.item_id, who=admin)
    with pytest.raises(NotFoundError):
        handle_claim(al, items[ItemKind.UNDELIVERED].item_id, who=admin)


def test_a_message_that_nothing_followed_from_gets_its_item_all_the_same(
    network: Network,
) -> None:
    """Its row alone says enough that somebody has to look."""
    handle_send(network.node("AL"), make_draft(urgency="immediate"), who=STAFF)
    network.settle()
    xk = network.node("XK")
    reconcile(xk)
    assert load_items(xk) == []
    network.clock.advance(minutes=6)
    reconcile(xk)
    (item,) = load_items(xk)
    assert (item.kind, item.urgency) == (ItemKind.DECIDE, "immediate")
    assert item.due_at - item.opened_at == timedelta(hours=4)
    follow_all(xk)
    assert len(load_items(xk)) == 1


def test_what_is_older_than_items_begins_its_time_now(network: Network) -> None:
    """An upgrade finds old unread messages: nobody is alarmed for them as for overdue ones."""
    xk = network.node("XK")
    for person in ("ana", "app"):
        add_person(xk, person, Role.FOCAL_POINT)
    handle_send(network.node("AL"), make_draft(), who=STAFF)
    network.settle()
    xk.transact(lambda session: session.exec(delete(MessageToFollowRow)))  # as of an old release
    network.clock.advance(days=20)
    keep_deadlines(xk)
    (item,) = load_items(xk)
    assert item.opened_at == item.unowned_since == network.clock()
    assert item.due_at > network.clock() + timedelta(hours=1)
    assert item.due_rung == 0
    handle_send(network.node("AL"), make_draft(), who=STAFF)
    network.settle()
    network.clock.advance(minutes=6)
    reconcile(xk)
    young = next(each for each in load_items(xk) if each.item_id != item.item_id)
    assert young.opened_at == network.clock() - timedelta(minutes=6)
