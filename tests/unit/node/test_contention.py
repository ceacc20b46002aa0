"""Several at once, wrong clocks, and repetition, on SQLite and PostgreSQL."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from queue import Queue

import pytest
from sqlmodel import col, select, text

from node.domain.states import Dispatch
from node.service import dispatching, reading
from node.service.composing import handle_send
from node.service.context import RefusedDraftError
from node.service.deciding import CaseManagerDraft, DecisionDraft, handle_decide
from node.service.dispatching import Attempt
from node.service.plain_questions import lock_heads
from node.store.bulk import update_rows
from node.store.tables import EvidenceRow, LinkHeadRow, MessageRow, ReceiptRow
from protocol.identifiers import ParticipantCode
from protocol.links import LinkHead
from protocol.messages.general import Outcome
from tests.support.node import Network, make_draft, make_network
from tests.support.people import STAFF, acting
from tests.support.postgres import PostgresCluster

ACCEPT = DecisionDraft(
    outcome=Outcome.ACCEPTED, case_manager=CaseManagerDraft(post="Case manager on duty")
)


def dispatch_of(network: Network, code: str, message_id: str) -> str | None:
    """Return what became of a sent message."""
    return reading.get_message(network.node(code), message_id, who=STAFF).item.dispatch


def test_a_key_used_for_something_else_is_refused(network: Network) -> None:
    """An idempotency key stands for one request: another body, or a decision, is not swallowed."""
    al, xk = network.node("AL"), network.node("XK")
    sent = handle_send(al, make_draft(), who=acting("u1"), submission_key="key-1")
    with pytest.raises(RefusedDraftError, match="another request"):
        handle_send(al, make_draft(recipient="MK"), who=acting("u1"), submission_key="key-1")
    network.settle()
    answer = make_draft(recipient="AL", case=sent.case_reference)
    handle_send(xk, answer, who=acting("u2"), submission_key="key-2")
    with pytest.raises(RefusedDraftError, match="another request"):
        handle_decide(xk, sent.message_id, ACCEPT, who=acting("u2"), submission_key="key-2")


def test_two_at_once(network: Network) -> None:
    """First messages to one peer, and one key from two clicks, all at once: no error, no gap."""
    al = network.node("AL")

    def send(number: int) -> str:
        key = "same" if number < 3 else f"key-{number}"
        return handle_send(al, make_draft(), who=acting("u1"), submission_key=key).message_id

    with ThreadPoolExecutor(6) as pool:
        ids = list(pool.map(send, range(9)))
    assert len(set(ids)) == 7
    with al.database.reading() as session:
        numbers = session.exec(select(MessageRow.link_seq).order_by(col(MessageRow.link_seq)))
        assert list(numbers) == [1, 2, 3, 4, 5, 6, 7]


def test_two_may_begin_the_same_links(postgres_cluster: PostgresCluster) -> None:
    """One link is known, two are new to both: the second waits, and goes on from the first's."""
    known, *new = peers = [ParticipantCode(code) for code in ("HR", "MK", "XK")]
    with postgres_cluster.schemas() as url_of, closing(make_network(["AL"], url_of=url_of)) as made:
        al = made.node("AL")
        with al.database.transaction() as session:
            lock_heads(al, session, [known])
        process = "SELECT pg_backend_pid()"
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND pid = :process"

        def take() -> dict[ParticipantCode, LinkHead]:
            with al.database.transaction() as session:  # once: nothing of it may fail
                pid.put(session.connection().scalar(text(process)))
                return lock_heads(al, session, new)

        pid = Queue[int]()
        with ThreadPoolExecutor(1) as pool:
            with al.database.transaction() as session:
                assert [*lock_heads(al, session, peers)] == peers
                update_rows(session, LinkHeadRow, {new[1]: {"seq": 1, "digest": "a" * 64}})
                second = pool.submit(take)
                asked = {"process": pid.get(timeout=60)}
                while not session.connection().scalar(text(waiting), asked):
                    assert not second.done(), "it did not wait for the first"
            heads = second.result(timeout=60)
    assert {peer: head.seq for peer, head in heads.items()} == {new[0]: 0, new[1]: 1}


def test_a_receipt_may_meet_the_record_of_the_hand_over(network: Network) -> None:
    """The receipt is applied while the hand-over is recorded: neither fails, both hold."""
    al = network.node("AL")
    for _ in range(8):
        sent = [handle_send(al, make_draft(), who=acting("u1")) for _ in range(4)]
        claimed = dispatching.claim_messages(al, limit=10)
        directory = al.directory.current()
        for each in claimed:
            sealed = dispatching.seal_for(
                directory, peer=each.peer, signed=each.signed, at=network.clock()
            )
            network.carry(al, each.peer, sealed.envelope)
        while network.mailbox:
            network.deliver(network.mailbox.popleft())
        network.collect("XK")
        attempts = [Attempt(message_id=c.message_id, transport_id=c.transport_id) for c in claimed]
        with ThreadPoolExecutor(2) as pool:
            recorded = pool.submit(dispatching.record_attempts, al, attempts)
            applied = pool.submit(network.settle_mailbox)
            recorded.result()
            applied.result()
        for each_sent in sent:
            assert dispatch_of(network, "AL", each_sent.message_id) == Dispatch.DELIVERED


def test_a_clock_that_was_ahead_does_not_freeze_the_outbox(network: Network) -> None:
    """Ten days ahead for one round, then right again: the message is tried again today."""
    al = network.node("AL")
    sent = handle_send(al, make_draft(), who=acting("u1"))
    network.clock.advance(days=10)
    network.collect("AL")
    network.mailbox.clear()
    network.clock.advance(days=-10)
    network.settle()
    assert dispatch_of(network, "AL", sent.message_id) == Dispatch.DELIVERED


def test_nothing_expires_on_a_clock_that_is_not_trusted(network: Network) -> None:
    """While the clock has just been set, what looks expired is left alone."""
    al = network.node("AL")
    sent = handle_send(al, make_draft(), who=acting("u1"))
    network.clock.advance(days=30)
    assert len(dispatching.claim_messages(al, limit=10, may_expire=False)) == 1
    assert dispatch_of(network, "AL", sent.message_id) == Dispatch.QUEUED


def test_one_receipt_is_kept_once(network: Network) -> None:
    """Evidence for many messages points to one signed receipt on both sides."""
    al = network.node("AL")
    for _ in range(20):
        handle_send(al, make_draft(), who=acting("u1"))
    network.settle()
    for code in ("AL", "XK"):
        with network.node(code).database.reading() as session:
            assert len(session.exec(select(EvidenceRow)).all()) == 20
            assert len(session.exec(select(ReceiptRow)).all()) <= 20
    with network.node("XK").database.reading() as session:
        stored = sum(len(row.signed_receipt) for row in session.exec(select(ReceiptRow)))
    assert stored < 20 * 1000
