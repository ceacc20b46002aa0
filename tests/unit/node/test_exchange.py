"""Sending, receiving, receipts, and decisions between nodes, on SQLite and PostgreSQL."""

import hashlib
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlmodel import col, select

from node.adapters.keystore import FileKeyStore
from node.domain.states import Dispatch, Handling
from node.service import dispatching, quarantine, reading, receipts
from node.service.composing import handle_send
from node.service.context import NotFoundError, RefusedDraftError, StaleError
from node.service.deciding import CaseManagerDraft, DecisionDraft, handle_decide
from node.service.dispatching import Attempt
from node.service.receiving import Intake
from node.store.tables import (
    CaseRow,
    EvidenceRow,
    MessageRow,
    OutboxRow,
    QuarantineRow,
    ReceiptDueRow,
)
from protocol.errors import RejectionCode
from protocol.messages.general import DeclineReason, Outcome
from tests.support.consent import ON_FILE
from tests.support.messages import CONSENT
from tests.support.node import REFERRAL_BODY, Network, make_draft, make_keys, make_keystore
from tests.support.people import STAFF, acting

ACCEPT = DecisionDraft(
    outcome=Outcome.ACCEPTED, case_manager=CaseManagerDraft(post="Case manager on duty")
)


def dispatch_of(network: Network, code: str, message_id: str) -> str | None:
    """Return what became of a sent message."""
    return reading.get_message(network.node(code), message_id, who=STAFF).item.dispatch


def test_a_case_crosses_and_comes_back(network: Network) -> None:
    """Notified, referred, opened, accepted: both sides see the same, each step with evidence."""
    al, xk = network.node("AL"), network.node("XK")
    notified = handle_send(al, make_draft(), who=acting("u1"))
    network.settle()
    referred = handle_send(
        al,
        make_draft(
            type="identification.initial_referral",
            case=notified.case_reference,
            in_reply_to=notified.message_id,
            body=dict(REFERRAL_BODY),
        ),
        who=acting("u1"),
    )
    network.settle()
    waiting = reading.list_items(xk, direction="in", open_only=True, who=STAFF)
    assert [item.message_id for item in waiting] == [referred.message_id, notified.message_id]
    reading.handle_open(xk, referred.message_id, who=acting("u2"))
    decided = handle_decide(xk, referred.message_id, ACCEPT, who=acting("u2"))
    network.settle()

    for code in ("AL", "XK"):
        view = reading.get_message(network.node(code), referred.message_id, who=STAFF)
        assert view.item.handling == Handling.ACCEPTED
        assert view.decided_by_message == decided.message_id
    assert dispatch_of(network, "AL", referred.message_id) == Dispatch.READ
    assert dispatch_of(network, "AL", notified.message_id) == Dispatch.DELIVERED
    assert dispatch_of(network, "XK", decided.message_id) == Dispatch.DELIVERED
    kinds = [
        str(entry.kind) for entry in reading.get_case(al, referred.case_id, who=STAFF).timeline
    ]
    assert kinds.count("message_delivered") == 2
    assert {"decision_received", "message_read"} == set(kinds[:2])
    for code in ("AL", "XK"):
        with network.node(code).database.reading() as session:
            assert session.exec(select(OutboxRow)).all() == []
            assert session.exec(select(ReceiptDueRow)).all() == []
            assert session.exec(select(QuarantineRow)).all() == []


def test_evidence_verifies_alone(network: Network) -> None:
    """What a node keeps verifies with nothing but the parties' public keys."""
    al = network.node("AL")
    sent = handle_send(al, make_draft(), who=acting("u1"))
    network.settle()
    evidence = reading.get_evidence(al, sent.message_id, who=STAFF)
    directory = network.directory.directory
    for signed in (evidence.signed_payload, *evidence.signed_receipts):
        key = directory.signing_key(signed.consignment.sender, signed.signer)
        assert key is not None
        signed.verify(key)
    assert [s.consignment.sender for s in evidence.signed_receipts] == ["XK"]


def test_the_same_submission_is_one_message(network: Network) -> None:
    """A double click, or a program that repeats itself, sends once; a key is its user's own."""
    al = network.node("AL")
    first = handle_send(al, make_draft(), who=acting("u1"), submission_key="click-1")
    again = handle_send(al, make_draft(), who=acting("u1"), submission_key="click-1")
    other = handle_send(al, make_draft(), who=acting("u2"), submission_key="click-1")
    assert first == again
    assert other.message_id != first.message_id
    assert len(reading.list_items(al, direction="out", who=STAFF)) == 2


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"recipient": "ZZ"}, "no Participant of the registry"),
        ({"recipient": "x"}, "Participant code"),
        ({"type": "general.gossip"}, "no message type"),
        ({"type": "system.receipt"}, "sent by machines"),
        ({"case": "TRM-00000-00000-1"}, "misread"),
        ({"to_authority": "XK-nobody"}, "not in the registry"),
        ({"to_authority": "Desk!"}, "authority identifier"),
        ({"in_reply_to": "x"}, "hexadecimal"),
        ({"body": {}}, "body.age_group"),
        ({"answer_by": "2020-01-01T00:00:00Z"}, "future"),
        ({"language": "Albanian"}, "BCP 47"),
    ],
)
def test_a_wrong_draft_is_refused_with_advice(
    network: Network, changes: dict[str, object], says: str
) -> None:
    """What cannot be sent is refused in words, and leaves nothing behind."""
    al = network.node("AL")
    with pytest.raises(RefusedDraftError, match=says):
        handle_send(al, make_draft(**changes), who=acting("u1"))
    with al.database.reading() as session:
        assert session.exec(select(MessageRow)).all() == []
        assert session.exec(select(CaseRow)).all() == []


def test_an_unknown_case_is_not_found(network: Network) -> None:
    """A reference that fits its check character but is not known here is said to be unknown."""
    sent = handle_send(network.node("AL"), make_draft(), who=acting("u1"))
    with pytest.raises(NotFoundError, match="no case"):
        handle_send(network.node("MK"), make_draft(case=sent.case_reference), who=acting("u1"))


def test_a_participant_without_node_is_refused_with_advice(network: Network) -> None:
    """Somebody without a node cannot be written to; the answer says what to do instead."""
    directory = network.directory.directory
    network.directory.directory = replace(
        directory, keys={code: keys for code, keys in directory.keys.items() if code != "XK"}
    )
    with pytest.raises(RefusedDraftError, match="no node yet"):
        handle_send(network.node("AL"), make_draft(), who=acting("u1"))


def test_links_are_numbered_per_recipient(network: Network) -> None:
    """Each recipient has a chain of its own: 1, 2, 3, each naming the digest before."""
    al = network.node("AL")
    for recipient in ("XK", "XK", "MK", "XK"):
        handle_send(al, make_draft(recipient=recipient), who=acting("u1"))
    with al.database.reading() as session:
        rows = session.exec(
            select(MessageRow).where(MessageRow.peer == "XK").order_by(col(MessageRow.link_seq))
        ).all()
    assert [row.link_seq for row in rows] == [1, 2, 3]
    assert [row.link_prev for row in rows[1:]] == [row.payload_sha256 for row in rows[:-1]]


def test_delivered_twice_is_shown_once_and_receipted_twice(network: Network) -> None:
    """A known message changes nothing, and its sender gets the same receipt again."""
    al, xk = network.node("AL"), network.node("XK")
    sent = handle_send(al, make_draft(), who=acting("u1"))
    network.collect("AL")
    envelope = network.mailbox.popleft()
    assert network.deliver(envelope).intake is Intake.STORED
    network.settle()
    before = reading.get_message(al, sent.message_id, who=STAFF).proofs
    network.clock.advance(hours=1)
    assert network.deliver(envelope).intake is Intake.KNOWN
    assert network.collect("XK") == 1
    network.settle()
    assert len(reading.list_items(xk, direction="in", who=STAFF)) == 1
    assert reading.get_message(al, sent.message_id, who=STAFF).proofs == before


def test_a_lost_receipt_is_given_again(network: Network) -> None:
    """No receipt: the message goes again after a pause, and the receipt with it."""
    al = network.node("AL")
    sent = handle_send(al, make_draft(), who=acting("u1"))
    network.collect("AL")
    network.deliver(network.mailbox.popleft())
    network.collect("XK")
    network.mailbox.clear()  # the broker lost the receipt
    assert dispatch_of(network, "AL", sent.message_id) == Dispatch.ON_ITS_WAY
    assert network.collect("AL") == 0
    network.clock.advance(minutes=6)
    network.settle()
    assert dispatch_of(network, "AL", sent.message_id) == Dispatch.DELIVERED
    with al.database.reading() as session:
        assert len(session.exec(select(EvidenceRow)).all()) == 1


def test_no_confirmation_means_trying_again_with_the_same_transport_id(network: Network) -> None:
    """Whether the broker got it is unknown: the same id goes again, after growing pauses."""
    al = network.node("AL")
    handle_send(al, make_draft(), who=acting("u1"))
    ids = []
    pauses = []
    for _ in range(4):
        claimed = dispatching.claim_messages(al, limit=10)
        ids.append(claimed[0].transport_id)
        dispatching.record_attempts(
            al,
            [
                Attempt(
                    message_id=claimed[0].message_id,
                    transport_id=claimed[0].transport_id,
                    error="no connection",
                )
            ],
        )
        pause = dispatching.next_message_in(al)
        assert pause is not None
        pauses.append(pause)
        network.clock.now += pause
    assert len(set(ids)) == 1
    assert pauses == sorted(pauses)
    assert pauses[0] < pauses[-1]


def test_a_claimed_message_is_not_claimed_twice(network: Network) -> None:
    """Two relays on one store do not send the same; a dead relay's work is taken over."""
    al = network.node("AL")
    handle_send(al, make_draft(), who=acting("u1"))
    assert len(dispatching.claim_messages(al, limit=10)) == 1
    assert dispatching.claim_messages(al, limit=10) == []
    network.clock.now += al.rules.lease + timedelta(seconds=1)
    assert len(dispatching.claim_messages(al, limit=10)) == 1


def test_urgent_overtakes(network: Network) -> None:
    """What is immediate leaves before what waited longer."""
    al = network.node("AL")
    slow = handle_send(al, make_draft(), who=acting("u1"))
    network.clock.advance(seconds=10)
    urgent = handle_send(al, make_draft(urgency="immediate"), who=acting("u1"))
    network.clock.advance(seconds=10)
    claimed = dispatching.claim_messages(al, limit=10)
    assert [c.message_id for c in claimed] == [urgent.message_id, slow.message_id]


def test_an_expired_message_is_reported_and_never_shown(network: Network) -> None:
    """Too late at the sender: given up. Too late at the recipient: refused, with a receipt."""
    al, xk = network.node("AL"), network.node("XK")
    unsent = handle_send(al, make_draft(), who=acting("u1"))
    sent = handle_send(al, make_draft(recipient="MK"), who=acting("u1"))
    network.collect("AL")
    network.mailbox = type(network.mailbox)([c for c in network.mailbox if c.to == "MK"])
    network.clock.advance(days=22)
    late = network.deliver(network.mailbox.popleft())
    assert (late.intake, late.reason) == (Intake.QUARANTINED, RejectionCode.EXPIRED)
    network.settle()
    assert dispatch_of(network, "AL", unsent.message_id) == Dispatch.EXPIRED
    assert dispatch_of(network, "AL", sent.message_id) in {Dispatch.EXPIRED, Dispatch.REJECTED}
    assert reading.list_items(xk, direction="in", who=STAFF) == []
    assert reading.list_items(network.node("MK"), direction="in", who=STAFF) == []
    assert quarantine.list_quarantine(network.node("MK"))[0].reason == "expired"


def test_a_key_that_changed_on_the_way_costs_a_second_try(network: Network) -> None:
    """Sealed for a key that is gone: refused, sealed again for the newest, delivered."""
    al = network.node("AL")
    sent = handle_send(al, make_draft(), who=acting("u1"))
    network.collect("AL")
    store = network.node("XK").keys
    assert isinstance(store, FileKeyStore)
    rotated = replace(store, epochs=make_keystore("XK").epochs)
    network.nodes["XK"] = replace(network.node("XK"), keys=rotated)
    directory = network.directory.directory
    network.directory.directory = replace(
        directory, version=8, keys={**directory.keys, rotated.participant: make_keys(rotated)}
    )
    refused = network.deliver(network.mailbox.popleft())
    assert refused.reason is RejectionCode.UNOPENABLE
    network.settle()
    network.clock.advance(minutes=1)
    network.settle()
    assert dispatch_of(network, "AL", sent.message_id) == Dispatch.DELIVERED


def test_decisions_are_taken_once(network: Network) -> None:
    """A stale page, a second decision, and a decision on what expects none are refused."""
    al, xk = network.node("AL"), network.node("XK")
    sent = handle_send(al, make_draft(), who=acting("u1"))
    network.settle()
    seen = reading.handle_open(xk, sent.message_id, who=acting("u2")).item.row_version
    decline = DecisionDraft(outcome=Outcome.DECLINED, decline_reason=DeclineReason.NOT_COMPETENT)
    first = handle_decide(
        xk, sent.message_id, decline, who=acting("u2"), row_version=seen, submission_key="key-1"
    )
    again = handle_decide(
        xk, sent.message_id, decline, who=acting("u2"), row_version=seen, submission_key="key-1"
    )
    assert first == again
    with pytest.raises(StaleError, match="changed this"):
        handle_decide(xk, sent.message_id, ACCEPT, who=acting("u3"), row_version=seen)
    with pytest.raises(StaleError, match="already decided"):
        handle_decide(xk, sent.message_id, ACCEPT, who=acting("u3"))
    network.settle()
    view = reading.get_message(al, sent.message_id, who=STAFF)
    assert view.item.handling == Handling.DECLINED
    with pytest.raises(StaleError, match="expects no decision"):
        handle_decide(al, first.message_id, ACCEPT, who=acting("u1"))
    with pytest.raises(NotFoundError):
        handle_decide(al, sent.message_id, ACCEPT, who=acting("u1"))


def test_a_question_leaves_the_decision_open(network: Network) -> None:
    """More information asked: the case stays open, and can be accepted afterwards."""
    al, xk = network.node("AL"), network.node("XK")
    sent = handle_send(al, make_draft(), who=acting("u1"))
    network.settle()
    ask = DecisionDraft(
        outcome=Outcome.MORE_INFORMATION_NEEDED, procedure_note="Which police unit found her?"
    )
    handle_decide(xk, sent.message_id, ask, who=acting("u2"))
    network.settle()
    assert (
        reading.get_message(al, sent.message_id, who=STAFF).item.handling
        == "more_information_asked"
    )
    handle_decide(xk, sent.message_id, ACCEPT, who=acting("u2"))
    network.settle()
    assert reading.get_message(al, sent.message_id, who=STAFF).item.handling == Handling.ACCEPTED


def test_free_text_travels_with_consent(network: Network) -> None:
    """A text about the person needs consent that covers it, and then arrives as written."""
    al, xk = network.node("AL"), network.node("XK")
    sent = handle_send(al, make_draft(), who=acting("u1"))
    text = make_draft(
        type="general.message",
        case=sent.case_reference,
        legal_basis=CONSENT,
        consent=ON_FILE,
        body={"text": "Ajo flet shqip. Зборува албански."},
    )
    written = handle_send(al, text, who=acting("u1"))
    network.settle()
    message = reading.get_message(xk, written.message_id, who=STAFF).message
    assert message.body.text == "Ajo flet shqip. Зборува албански."  # type: ignore[union-attr]  # it is a TextMessage


def test_content_is_encrypted_at_rest(network: Network) -> None:
    """No word of a message stands readable in a database file or in any of its columns."""
    al, xk = network.node("AL"), network.node("XK")
    sent = handle_send(
        al,
        make_draft(
            legal_basis={**CONSENT, "classes": ["protection"]},
            consent=ON_FILE,
            body={**make_draft().body, "note": "UNMISTAKABLE-WORDS"},
        ),
        who=acting("u1"),
    )
    network.settle()
    for node in (al, xk):
        with node.database.reading() as session:
            row = session.get_one(MessageRow, sent.message_id)
            assert b"UNMISTAKABLE" not in row.signed_payload_sealed
        if node.database.is_sqlite:
            folder = str(node.database.url.database)
            for suffix in ("", "-wal"):
                with open(folder + suffix, "rb") as file:  # noqa: PTH123 - a name, not a path
                    assert b"UNMISTAKABLE" not in file.read()


def test_lists_go_on_where_they_ended(network: Network) -> None:
    """Pages of a list join without gap or repetition, in both orders."""
    al, xk = network.node("AL"), network.node("XK")
    for number in range(7):
        network.clock.advance(minutes=1)
        urgency = "urgent" if number % 2 else "standard"
        handle_send(al, make_draft(urgency=urgency), who=acting("u1"))
    network.settle()
    for node, direction, open_only in ((al, "out", False), (xk, "in", True), (xk, "in", False)):
        whole = reading.list_items(node, direction=direction, open_only=open_only, who=STAFF)
        assert len(whole) == 7
        pages = []
        after: str | None = None
        while page := reading.list_items(
            node, direction=direction, open_only=open_only, limit=3, after=after, who=STAFF
        ):
            pages += page
            after = page[-1].message_id
        assert pages == whole
    due = [
        item.answer_by for item in reading.list_items(xk, direction="in", open_only=True, who=STAFF)
    ]
    assert due == sorted(due, key=lambda moment: moment or network.clock.now)
    with pytest.raises(NotFoundError):
        reading.list_items(al, direction="out", after="0" * 32, who=STAFF)


def test_receipts_for_many_messages_are_one_envelope(network: Network) -> None:
    """One signed receipt confirms a whole batch of one sender."""
    al = network.node("AL")
    for _ in range(5):
        handle_send(al, make_draft(), who=acting("u1"))
    network.collect("AL")
    while network.mailbox:
        network.deliver(network.mailbox.popleft())
    parcels = receipts.claim_receipts(network.node("XK"))
    assert [len(parcel.items) for parcel in parcels] == [5]
    assert hashlib.sha256(parcels[0].signed.payload).hexdigest() == parcels[0].signed.digest
