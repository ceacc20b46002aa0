"""Withdrawals that meet a hand-over, a desk that is gone, others who have the data; two at once."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest
from sqlmodel import Session, delete, select

from contact_registry.directory import Directory
from node.domain.access import Principal
from node.domain.approvals import ApprovalState
from node.domain.events import EventKind
from node.domain.states import Dispatch
from node.domain.withdrawals import DeletionState
from node.domain.work import ItemKind
from node.service import dispatching
from node.service.approval_rows import ApprovalAsked, ApprovalGiven
from node.service.approvals import (
    get_approval,
    handle_approve,
    handle_ask_approval,
    handle_take_back_approval,
)
from node.service.building import Draft
from node.service.cases.opening import handle_open_case
from node.service.composing import handle_send, queue_message
from node.service.consent.exceptions import ExceptionDraft, handle_record_exception
from node.service.consent.records import list_consents
from node.service.context import NodeContext, NodeError, NotFoundError, StaleError
from node.service.deciding import DecisionDraft, handle_decide
from node.service.deleting import DeletionDone, handle_confirm_deletion
from node.service.deletions import list_deletions
from node.service.erasing import handle_erase_case, handle_erase_message
from node.service.followers import follow_all
from node.service.policy.gate import PolicyRefusedError
from node.service.reading import get_case, get_message
from node.service.recalling import (
    handle_settle_untold,
    list_untold,
    recall_what_waits,
    tell_untold,
)
from node.service.withdrawals import WithdrawalDraft, handle_withdraw
from node.service.work.other_sources import reconcile
from node.store.consent_tables import ConsentRow, UntoldRow
from node.store.tables import MessageRow
from node.store.work_tables import WorkItemRow
from protocol.identifiers import Channel
from protocol.messages.general import ErasureGround, Outcome
from protocol.messages.head import CaseMessage, ConsentGiver, ExceptionBasis
from protocol.policy.facts import Role
from tests.support.consent import ON_FILE
from tests.support.messages import CONSENT
from tests.support.node import Network, make_draft, make_network
from tests.support.people import STAFF, acting, token_of
from tests.support.postgres import PostgresCluster

BASIS = {
    **CONSENT,
    "classes": ["protection"],
    "phases": ["identification", "first_assistance"],
    "recipients": ["XK", "MK"],
}
QUESTION = {
    "type": "first_assistance.security_assessment",
    "kind": "request",
    "phase": "first_assistance",
    "body": {
        "person_group": "adult",
        "question": {
            "purpose": "return",
            "topics": ["offenders_at_liberty"],
            "places": [{"place": "Invented Town", "role": "planned_residence"}],
        },
    },
}
WITHDRAWN = WithdrawalDraft(withdrawn_by=ConsentGiver.PERSON)
#: A program: nobody's account, so that no table of people is needed.
AUTHOR = Principal(
    actor="api:register",
    permissions=STAFF.permissions,
    channels=STAFF.channels,
    roles=STAFF.roles,
)
APPROVER = acting("approver", Role.APPROVER)
GIVEN = ApprovalGiven(post="Head of unit")
MK_DESK = "MK-anti-trafficking-desk"


def text(recipient: str, **changes: object) -> Draft:
    """Return free text on consent, which is on file."""
    fields: dict[str, object] = {
        "type": "general.message",
        "recipient": recipient,
        "legal_basis": BASIS,
        "body": {"text": "She asked to be rung in the morning."},
        "consent": ON_FILE,
    }
    return make_draft(**fields | changes)


def follow(network: Network) -> None:
    """Carry everything, and let what follows from it happen."""
    network.settle()
    for context in network.nodes.values():
        follow_all(context)


def dispatch_of(context: NodeContext, message_id: str) -> str | None:
    """Return what became of a message of ours."""
    with context.database.reading() as session:
        return session.get_one(MessageRow, message_id).dispatch


def kinds_of(context: NodeContext, case_id: str) -> set[str]:
    """Return what the timeline of a case tells."""
    return {entry.kind for entry in get_case(context, case_id, who=STAFF).timeline}


@contextmanager
def without(network: Network, code: str) -> Iterator[Directory]:
    """Let a Participant have no node in the registry for a while."""
    before = network.directory.directory
    keys = {name: document for name, document in before.keys.items() if name != code}
    network.directory.directory = replace(before, keys=keys)
    try:
        yield before
    finally:
        network.directory.directory = before


def test_what_comes_back_from_a_hand_over_does_not_leave_again(network: Network) -> None:
    """Claimed when consent was withdrawn, and not handed over after all: it is taken back then."""
    al = network.node("AL")
    sent = handle_send(al, text("XK"), who=STAFF)
    [held] = dispatching.claim_messages(al, limit=5)
    assert held.message_id == sent.message_id

    stopped = handle_withdraw(al, sent.case_id, WITHDRAWN, who=STAFF)

    assert stopped.taken_back == ()
    assert [each.peer for each in stopped.told] == ["XK"]
    assert recall_what_waits(al) == 0  # a worker has it
    network.clock.now += al.rules.lease + timedelta(seconds=1)
    assert recall_what_waits(al) == 1
    assert dispatch_of(al, sent.message_id) == Dispatch.CANCELLED
    assert dispatch_of(al, stopped.told[0].message_id or "") == Dispatch.QUEUED
    assert recall_what_waits(al) == 0


def test_a_desk_that_cannot_be_told_is_watched_until_it_was(network: Network) -> None:
    """It is an item for people, tried again by itself, and ended by a message or by a person."""
    al = network.node("AL")
    first = handle_send(al, text("XK"), who=STAFF)
    second = handle_send(al, text("MK"), who=STAFF)
    follow(network)
    with without(network, "XK"):
        stopped = handle_withdraw(al, first.case_id, WITHDRAWN, who=STAFF)
        [missing] = stopped.told
        assert (missing.message_id, bool(missing.reason)) == (None, True)
        reconcile(al)
        network.clock.advance(hours=1)
        assert tell_untold(al) == 0
        assert tell_untold(al) == 0  # put off
        [row] = list_untold(al, who=STAFF)
    assert (row.peer, row.authority) == ("XK", "XK-anti-trafficking-desk")
    assert subjects(al) == {row.untold_id}
    assert not list_untold(al, who=acting("police", channels=[Channel.POLICE]))
    network.clock.advance(hours=1)
    assert tell_untold(al) == 1
    assert tell_untold(al) == 0
    [owed] = list_deletions(al, who=STAFF)
    assert (owed.peer, owed.state) == ("XK", DeletionState.OPEN)
    reconcile(al)
    assert not subjects(al)
    assert EventKind.RECIPIENT_TOLD in kinds_of(al, first.case_id)

    with without(network, "MK"):
        handle_withdraw(al, second.case_id, WITHDRAWN, who=STAFF)
        [row] = list_untold(al, who=STAFF)
        with pytest.raises(StaleError):
            handle_settle_untold(al, row.untold_id, who=STAFF, row_version=row.row_version + 1)
        handle_settle_untold(al, row.untold_id, who=STAFF, row_version=row.row_version)
    network.clock.advance(hours=2)
    assert tell_untold(al) == 0
    assert not list_untold(al, who=STAFF)
    assert [each.settled_by for each in list_untold(al, who=STAFF, open_only=False)][1:] == [
        STAFF.actor
    ]


def test_a_damaged_row_and_a_clock_set_back_keep_nobody_from_being_told(network: Network) -> None:
    """The first of two desks cannot be opened, the other's moment is far ahead: it is told."""
    al = network.node("AL")
    first = handle_send(al, text("XK"), who=STAFF)
    second = handle_send(al, text("MK"), who=STAFF)
    follow(network)
    for sent in (first, second):
        handle_withdraw(al, sent.case_id, WITHDRAWN, who=STAFF, tell_later=True)

    def spoil(session: Session) -> None:
        for row in session.exec(select(UntoldRow)):
            if row.peer == "XK":
                row.content_sealed, row.try_again_at = b"damaged", al.clock()
            else:
                row.try_again_at = al.clock() + timedelta(days=9)
            session.add(row)

    al.transact(spoil)
    assert tell_untold(al) == 1
    assert [each.peer for each in list_deletions(al, who=STAFF)] == ["MK"]
    assert [each.peer for each in list_untold(al, who=STAFF)] == ["XK"]


def subjects(context: NodeContext) -> set[str]:
    """Return what waits for somebody because nobody confirms its deletion."""
    with context.database.reading() as session:
        return set(
            session.exec(
                select(WorkItemRow.subject).where(
                    WorkItemRow.kind == ItemKind.DELETION_UNCONFIRMED, WorkItemRow.state == "open"
                )
            )
        )


def test_a_withdrawal_goes_on_to_whoever_has_it_by_way_of_others(network: Network) -> None:
    """What was passed on and has not left is stopped; who has it is told, deletes, and says so."""
    al, xk, mk = (network.node(code) for code in ("AL", "XK", "MK"))
    onward = {"scope": "listed_authorities", "authorities": [MK_DESK]}
    first = handle_send(al, text("XK", onward=onward, **QUESTION), who=STAFF)
    follow(network)
    passed = text("MK", case=first.case_reference, passes_on=first.message_id)
    with pytest.raises(PolicyRefusedError) as refused:
        handle_send(xk, passed, who=STAFF)  # AL was not told of MK yet
    assert "onward.not_reported" in str(refused.value.members)
    forwarded = DecisionDraft(outcome=Outcome.FORWARDED, forwarded_to=MK_DESK)
    handle_decide(xk, first.message_id, forwarded, who=STAFF)
    there = handle_send(xk, passed, who=STAFF)
    follow(network)
    with pytest.raises(NotFoundError):
        handle_send(xk, passed, who=acting("police", channels=[Channel.POLICE]))
    handle_withdraw(al, first.case_id, WITHDRAWN, who=STAFF)
    network.collect("AL")
    waiting = handle_send(xk, passed, who=STAFF)  # it leaves before the word comes, or not at all
    network.settle_mailbox()
    follow_all(xk)
    assert dispatch_of(xk, waiting.message_id) == Dispatch.CANCELLED
    follow(network)

    [asked] = list_deletions(xk, who=STAFF)
    with pytest.raises(PolicyRefusedError) as refused:
        handle_send(xk, passed, who=STAFF)
    assert "onward." in str(refused.value.members)
    with pytest.raises(NodeError, match="stops further use"):
        handle_erase_message(
            xk, asked.message_id, who=STAFF, ground=ErasureGround.CONSENT_WITHDRAWN
        )
    with pytest.raises(NodeError, match="waits to hear"):
        handle_erase_case(xk, asked.case_id, who=STAFF, ground=ErasureGround.CONSENT_WITHDRAWN)
    handle_confirm_deletion(xk, asked.message_id, DeletionDone(), who=STAFF)
    follow(network)

    [theirs] = list_deletions(mk, who=STAFF)
    handle_confirm_deletion(mk, theirs.message_id, DeletionDone(), who=STAFF)
    follow(network)
    with pytest.raises(NotFoundError, match="erased"):
        get_message(mk, there.message_id, who=STAFF)
    for context in (al, xk, mk):
        assert not list_deletions(context, who=STAFF)


def test_consent_from_before_it_was_kept_here_is_withdrawn_too(network: Network) -> None:
    """A store of an earlier version has messages on consent and no record of it."""
    al = network.node("AL")
    first = handle_send(al, text("XK"), who=STAFF)
    follow(network)
    al.transact(lambda session: session.execute(delete(ConsentRow)))
    stopped = handle_withdraw(al, first.case_id, WITHDRAWN, who=STAFF)
    assert [each.peer for each in stopped.told] == ["XK"]
    with pytest.raises(StaleError, match="withdrawn before"):
        handle_withdraw(al, first.case_id, WITHDRAWN, who=STAFF)


# ------------------------------------------------------------------ two at once


@pytest.fixture
def postgres_network(postgres_cluster: PostgresCluster) -> Iterator[Network]:
    """AL and XK on PostgreSQL, where two write at once."""
    with postgres_cluster.schemas() as urls:
        made = make_network(["AL", "XK"], url_of=urls)
        yield made
        made.close()


def is_waiting_for_a_lock(cluster: PostgresCluster) -> bool:
    """Whether some session waits for another one."""
    with psycopg.connect(cluster.conninfo("postgres")) as connection:
        found = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        ).fetchone()
    return bool(found and found[0])


def test_nothing_is_queued_beside_a_withdrawal(
    postgres_cluster: PostgresCluster, postgres_network: Network
) -> None:
    """Whoever withdraws waits for whoever is sending on that consent, and takes it back."""
    al = postgres_network.node("AL")
    first = handle_send(al, text("XK"), who=STAFF)
    follow(postgres_network)
    [paper] = list_consents(al, first.case_id, who=STAFF)
    again = text("XK", case=first.case_reference, consent=None)
    with al.database.reading() as session:
        rests_on = session.get_one(MessageRow, first.message_id).rests_on
    assert rests_on == f'[["consent", "{paper.consent_id}"]]'

    with ThreadPoolExecutor(1) as pool:
        with al.database.transaction() as session:
            sending = queue_message(al, session, again, who=STAFF)
            withdrawing = pool.submit(handle_withdraw, al, first.case_id, WITHDRAWN, who=STAFF)
            while not withdrawing.done() and not is_waiting_for_a_lock(postgres_cluster):
                pass
        stopped = withdrawing.result()

    assert stopped.taken_back == (sending.message_id,)
    assert [each.peer for each in stopped.told] == ["XK"]
    with pytest.raises(PolicyRefusedError):
        handle_send(al, again, who=STAFF)


def test_a_withdrawal_and_the_relay_never_both_have_a_message(postgres_network: Network) -> None:
    """Each message is either taken back, or told about to whoever it is being handed over to."""
    al = postgres_network.node("AL")
    first = handle_send(al, text("XK"), who=STAFF)
    waiting = [first] + [
        handle_send(al, text("XK", case=first.case_reference, consent=None), who=STAFF)
        for _ in range(5)
    ]

    def hand_over() -> set[str]:
        claimed: set[str] = set()
        while found := dispatching.claim_messages(al, limit=1):
            claimed |= {each.message_id for each in found}
        return claimed

    with ThreadPoolExecutor(2) as pool:
        handing = pool.submit(hand_over)
        stopping = pool.submit(handle_withdraw, al, first.case_id, WITHDRAWN, who=STAFF)
        handed, stopped = handing.result(), stopping.result()
    assert not handed & set(stopped.taken_back)
    assert {each.message_id for each in waiting} <= handed | set(stopped.taken_back)
    assert bool(handed & {each.message_id for each in waiting}) == bool(stopped.told)


def test_what_is_approved_is_what_was_shown_and_leaves_once(postgres_network: Network) -> None:
    """Asked twice at once it is one request; approved twice at once, one message, as it was."""
    al = postgres_network.node("AL")
    exception = {
        "ground": "vital_interest",
        "justification": "He knows where she lives.",
        "person_told": "yes",
    }
    draft = text(
        "XK",
        consent=None,
        urgency="immediate",
        legal_basis={"kind": "exception", "ground": "vital_interest"},
        exception=exception,
        case=handle_open_case(al, who=STAFF).reference,
    )
    asked = ApprovalAsked(draft=draft, justification="It cannot wait.")
    token_of(al, "register")
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(handle_ask_approval, al, asked, who=AUTHOR) for _ in range(2)]
        request, twin = (each.result() for each in both)
    assert request.approval_id == twin.approval_id
    assert request.draft.to_authority == "XK-anti-trafficking-desk"
    assert request.draft.legal_basis["justification"] == exception["justification"]
    other = ExceptionDraft.model_validate(exception | {"justification": "Another reason."})
    handle_record_exception(al, request.case_id, other, who=STAFF)

    def approve() -> str | None:
        with suppress(StaleError):
            return handle_approve(al, request.approval_id, GIVEN, who=APPROVER).message_id
        return None

    with ThreadPoolExecutor(2) as pool:
        sent = [each.result() for each in [pool.submit(approve) for _ in range(2)]]
    [message_id] = [each for each in sent if each]
    view = get_message(al, message_id, who=STAFF)
    assert isinstance(view.message, CaseMessage)
    assert isinstance(view.message.legal_basis, ExceptionBasis)
    assert view.message.legal_basis.justification == exception["justification"]
    with al.database.reading() as session:
        rests_on = session.get_one(MessageRow, message_id).rests_on
    assert rests_on == '[["exception", "vital_interest"]]'


def test_approved_and_taken_back_at_once_is_one_of_the_two(postgres_network: Network) -> None:
    """Whoever asked takes it back while it is approved: sent, or taken back, never both."""
    al = postgres_network.node("AL")
    draft = text(
        "XK",
        consent=None,
        urgency="immediate",
        legal_basis={"kind": "exception", "ground": "vital_interest"},
        exception={
            "ground": "vital_interest",
            "justification": "He knows where she lives.",
            "person_told": "yes",
        },
    )
    token_of(al, "register")
    for _ in range(3):
        asked = ApprovalAsked(draft=draft, justification="It cannot wait.")
        name = handle_ask_approval(al, asked, who=AUTHOR).approval_id
        with ThreadPoolExecutor(2) as pool:
            approving = pool.submit(handle_approve, al, name, GIVEN, who=APPROVER)
            taking = pool.submit(handle_take_back_approval, al, name, who=AUTHOR)
        errors = [approving.exception(), taking.exception()]
        assert [isinstance(each, StaleError) for each in errors].count(True) == 1
        view = get_approval(al, name, who=AUTHOR)
        assert (view.state is ApprovalState.SENT) == (view.message_id is not None)
        assert (view.state is ApprovalState.TAKEN_BACK) == (errors[1] is None)
