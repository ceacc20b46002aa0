"""A person withdraws consent: what is queued stops, who has the data is told, and confirms."""

from datetime import timedelta

import pytest
from sqlmodel import Session

from node.domain.events import EventKind
from node.domain.states import Dispatch
from node.domain.withdrawals import DeletionState
from node.service import dispatching
from node.service.composing import Sent, handle_send
from node.service.consent.records import list_consents
from node.service.context import NodeContext, NotFoundError, StaleError
from node.service.deleting import DeletionDone, Kept, handle_confirm_deletion
from node.service.deletions import list_deletions, watch_deletions
from node.service.followers import follow_all
from node.service.policy.gate import PolicyRefusedError
from node.service.reading import get_case, get_message
from node.service.recalling import list_untold
from node.service.withdrawals import (
    ErasureDraft,
    WithdrawalDraft,
    handle_ask_erasure,
    handle_withdraw,
)
from node.store.tables import MessageRow
from node.workers.promises import PromisesWatch
from protocol.messages.general import ErasureGround
from protocol.messages.head import CaseMessage, ConsentGiver
from tests.support.consent import ON_FILE
from tests.support.messages import CONSENT
from tests.support.node import Network, make_draft
from tests.support.people import STAFF

BASIS = {**CONSENT, "classes": ["protection"], "recipients": ["XK", "MK"]}
WITHDRAWN = WithdrawalDraft(withdrawn_by=ConsentGiver.PERSON)


def write(context: NodeContext, recipient: str, *, case: str | None = None) -> Sent:
    """Send free text on consent, which is on file."""
    draft = make_draft(
        type="general.message",
        recipient=recipient,
        case=case,
        legal_basis=BASIS,
        body={"text": "She asked to be rung in the morning."},
        consent=ON_FILE,
    )
    return handle_send(context, draft, who=STAFF)


def follow(network: Network) -> None:
    """Carry everything, and let what follows from it happen."""
    network.settle()
    for context in network.nodes.values():
        follow_all(context)


def list_kinds(context: NodeContext, case_id: str) -> list[str]:
    """Return what the timeline of a case says."""
    return [entry.kind for entry in get_case(context, case_id, who=STAFF).timeline]


def test_a_withdrawal_stops_what_is_queued_and_is_confirmed_by_everybody(network: Network) -> None:
    """Queued content never leaves; each recipient is told, deletes, and says so."""
    al, xk = network.node("AL"), network.node("XK")
    first = write(al, "XK")
    follow(network)
    queued = write(al, "MK", case=first.case_reference)

    stopped = handle_withdraw(al, first.case_id, WITHDRAWN, who=STAFF)

    assert stopped.taken_back == (queued.message_id,)
    assert [(each.peer, each.authority) for each in stopped.told] == [
        ("XK", "XK-anti-trafficking-desk")
    ]
    assert all(v.withdrawn_at for v in list_consents(al, first.case_id, who=STAFF))
    with pytest.raises(PolicyRefusedError) as refused:
        write(al, "XK", case=first.case_reference)  # the same paper carries nothing new
    assert "consent." in str(refused.value.members)
    follow(network)
    assert [view.peer for view in list_deletions(xk, who=STAFF)] == ["AL"]
    [owed] = list_deletions(al, who=STAFF)
    assert (owed.peer, owed.state) == ("XK", DeletionState.OPEN)
    assert not list_deletions(network.node("MK"), who=STAFF)

    handle_confirm_deletion(xk, owed.message_id, DeletionDone(), who=STAFF)
    follow(network)

    [confirmed] = list_deletions(al, who=STAFF, open_only=False)
    assert confirmed.state is DeletionState.ERASED
    assert confirmed.answer_message
    with pytest.raises(NotFoundError, match="erased"):
        get_message(xk, first.message_id, who=STAFF)
    assert isinstance(get_message(al, first.message_id, who=STAFF).message, CaseMessage)
    assert EventKind.DELETION_CONFIRMED in list_kinds(al, first.case_id)
    with pytest.raises(StaleError, match="confirmed before"):
        handle_confirm_deletion(xk, owed.message_id, DeletionDone(), who=STAFF)


def test_a_confirmation_that_does_not_come_is_seen(network: Network) -> None:
    """After the deadline the case says so, a day later again; what comes late still counts."""
    al, xk = network.node("AL"), network.node("XK")
    first = write(al, "XK")
    handle_withdraw_after(network, first)
    [owed] = list_deletions(al, who=STAFF)

    network.clock.now = owed.confirm_by - timedelta(seconds=1)
    assert watch_deletions(al) == 0
    network.clock.now = owed.confirm_by
    assert watch_deletions(al) == 1
    assert watch_deletions(al) == 0
    network.clock.advance(days=1)
    assert watch_deletions(al) == 1
    assert list_deletions(al, who=STAFF)[0].state is DeletionState.ESCALATED
    kinds = list_kinds(al, first.case_id)
    assert {EventKind.DELETION_OVERDUE, EventKind.DELETION_ESCALATED} <= set(kinds)

    handle_confirm_deletion(xk, owed.message_id, DeletionDone(), who=STAFF)
    follow(network)
    assert not list_deletions(al, who=STAFF)


def handle_withdraw_after(network: Network, first: Sent) -> None:
    """Let the first message arrive, then withdraw."""
    follow(network)
    handle_withdraw(network.node("AL"), first.case_id, WITHDRAWN, who=STAFF)
    follow(network)


def test_what_a_law_keeps_is_named(network: Network) -> None:
    """A recipient that keeps a message says which and why; the other side sees 'not erased'."""
    al, xk = network.node("AL"), network.node("XK")
    first = write(al, "XK")
    handle_withdraw_after(network, first)
    [asked] = list_deletions(xk, who=STAFF)
    kept = Kept(message_id=first.message_id, duty="Code of criminal procedure, article 20")

    handle_confirm_deletion(xk, asked.message_id, DeletionDone(kept=(kept,)), who=STAFF)
    follow(network)

    assert isinstance(get_message(xk, first.message_id, who=STAFF).message, CaseMessage)
    [view] = list_deletions(al, who=STAFF, open_only=False)
    assert view.state is DeletionState.NOT_ERASED


def test_a_case_is_erased_on_demand(network: Network) -> None:
    """A request to delete a case reaches who has it, is carried out, and is answered."""
    al, xk = network.node("AL"), network.node("XK")
    first = handle_send(al, make_draft(), who=STAFF)
    follow(network)
    draft = ErasureDraft(ground=ErasureGround.DEMAND_OF_THE_PERSON)
    handle_ask_erasure(al, first.case_id, draft, who=STAFF)
    follow(network)
    [asked] = list_deletions(xk, who=STAFF)

    handle_confirm_deletion(xk, asked.message_id, DeletionDone(), who=STAFF)
    follow(network)

    assert not list_deletions(al, who=STAFF)
    with pytest.raises(NotFoundError, match="erased"):
        get_message(xk, first.message_id, who=STAFF)
    with pytest.raises(StaleError, match="withdrawn before"):
        handle_withdraw(al, first.case_id, WITHDRAWN, who=STAFF)


async def test_what_cannot_be_taken_back_is_said_and_holds_up_nothing_else(
    network: Network,
) -> None:
    """Of two messages one cannot be opened: the other is taken back, desks are told, it shows."""
    al = network.node("AL")
    spoilt, sound = (write(al, "XK") for _ in range(2))
    assert len(dispatching.claim_messages(al, limit=5)) == 2
    for sent in (spoilt, sound):
        handle_withdraw(al, sent.case_id, WITHDRAWN, who=STAFF, tell_later=True)

    def spoil(session: Session) -> None:
        row = session.get_one(MessageRow, spoilt.message_id)
        row.signed_payload_sealed = b"damaged"
        session.add(row)

    al.transact(spoil)
    network.clock.now += al.rules.lease + timedelta(hours=1)
    with pytest.raises(ExceptionGroup) as failed:
        await PromisesWatch(al).run_round()
    [of_step] = failed.value.exceptions
    assert isinstance(of_step, ExceptionGroup)
    assert len(of_step.exceptions) == 1
    with al.database.reading() as session:
        assert session.get_one(MessageRow, sound.message_id).dispatch == Dispatch.CANCELLED
    assert sound.case_id not in {each.case_id for each in list_untold(al, who=STAFF)}
