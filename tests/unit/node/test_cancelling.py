"""Taking a message back before it leaves: nothing of it leaves, and nobody misses it."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlmodel import Session, select

from node.domain.events import EventKind
from node.domain.states import Dispatch, Handling
from node.service import dispatching, reading
from node.service.cancelling import Cancelled, TooLateError, foresee_certain, handle_cancel
from node.service.composing import handle_send
from node.service.context import NotFoundError, StaleError
from node.service.deciding import DecisionDraft, handle_decide
from node.service.dispatching import Attempt, AttemptOutcome, Consigned
from node.store.link_tables import LinkGoneRow
from node.store.tables import EventRow, MessageRow, OutboxRow
from protocol.links import LinkVerdict
from protocol.messages.general import DeclineReason, Outcome
from tests.support.link_repair import (
    PATIENT,
    ask,
    count_kind,
    count_outbox,
    kinds,
    missing,
    received,
    send,
)
from tests.support.node import Network, make_draft, make_network
from tests.support.people import STAFF, acting
from tests.support.postgres import PostgresCluster


@pytest.fixture
def url_of(node_url_of: Callable[[str], str]) -> Callable[[str], str]:
    """One database will do, not the same one for every test."""
    return node_url_of


@pytest.fixture
def network(url_of: Callable[[str], str]) -> Iterator[Network]:
    """AL and XK; neither hands anything over again unless it is asked to."""
    made = make_network(["AL", "XK"], url_of=url_of, rules=PATIENT)
    yield made
    made.close()


def write(network: Network) -> str:
    """Queue a message of AL, without handing it over."""
    return handle_send(network.node("AL"), make_draft(), who=acting("u1")).message_id


def cancel(network: Network, message_id: str, *, version: int | None = None) -> Cancelled:
    """Take a message of AL back."""
    return handle_cancel(network.node("AL"), message_id, who=acting("u2"), row_version=version)


def claim(network: Network) -> Consigned:
    """Claim the one message that is due at AL."""
    (message,) = dispatching.claim_messages(network.node("AL"), limit=10)
    return message


def record(network: Network, message: Consigned, outcome: AttemptOutcome) -> None:
    """Record an attempt that failed in this way."""
    attempt = Attempt(
        message.message_id, message.transport_id, "no", outcome=outcome, first=message.first
    )
    dispatching.record_attempts(network.node("AL"), [attempt])


def dispatch_of(network: Network, message_id: str) -> str | None:
    """Return what became of a message of AL."""
    return reading.get_message(network.node("AL"), message_id, who=STAFF).item.dispatch


def outbox_of(network: Network, message_id: str) -> OutboxRow:
    """Return what the relay of AL owes."""
    with network.node("AL").database.reading() as session:
        return session.get_one(OutboxRow, message_id)


def test_what_never_left_leaves_no_trace_at_its_recipient(network: Network) -> None:
    """The last message of a link, taken back in time, is never heard of there; twice is once."""
    message_id = write(network)
    assert cancel(network, message_id) == Cancelled(message_id, certain=True)
    assert cancel(network, message_id) == Cancelled(message_id, certain=True)
    network.settle()
    ask(network, after=timedelta(days=2))
    network.settle()
    assert received(network) == []
    assert kinds(network) == []
    assert dispatch_of(network, message_id) == Dispatch.CANCELLED
    assert kinds(network, "AL").count(EventKind.MESSAGE_CANCELLED) == 1


def test_its_number_is_explained_and_its_content_never_comes(network: Network) -> None:
    """The next message shows a gap; the answer is that it was taken back, and the chain holds."""
    first, taken, last = (write(network) for _ in range(3))
    cancel(network, taken)
    network.settle()
    assert missing(network) == [("AL", 2, 2)]
    assert ask(network) == 1
    network.settle()
    assert sorted(received(network)) == sorted([first, last])
    assert missing(network) == []
    assert count_kind(network, EventKind.LINK_CANCELLED) == 1
    assert count_kind(network, EventKind.LINK_GONE) == 0
    assert count_kind(network, EventKind.LINK_CONFLICT) == 0
    assert count_outbox(network) == 0
    with network.node("XK").database.reading() as session:
        (gone,) = session.exec(select(LinkGoneRow)).all()
    with network.node("AL").database.reading() as session:
        assert gone.digest == session.get_one(MessageRow, taken).payload_sha256
    # What follows is in order again, and nothing is asked for any more.
    write(network)
    network.settle()
    with network.node("XK").database.reading() as session:
        verdicts = {row.link_seq: row.link_verdict for row in session.exec(select(MessageRow))}
    assert verdicts == {1: LinkVerdict.IN_ORDER, 3: LinkVerdict.AFTER_GAP, 4: LinkVerdict.IN_ORDER}
    assert ask(network, after=timedelta(days=2)) == 0


def test_a_number_taken_back_still_has_to_fit_the_chain(network: Network) -> None:
    """A sender that names another digest for it than the next message does is in conflict."""
    _, taken, _ = (write(network) for _ in range(3))
    cancel(network, taken)
    network.settle()
    al = network.node("AL")

    def forge(session: Session) -> None:
        session.get_one(MessageRow, taken).payload_sha256 = "c" * 64

    al.transact(forge)
    ask(network)
    network.settle()
    assert count_kind(network, EventKind.LINK_CONFLICT) == 1


def test_what_the_broker_has_cannot_be_taken_back(network: Network) -> None:
    """On its way, delivered, of somebody else, or unknown: each is refused, with what to do."""
    (sent,) = send(network)
    with pytest.raises(TooLateError, match=r"correction"):
        cancel(network, sent.message_id)
    network.settle()
    with pytest.raises(TooLateError, match=r"Telephone"):
        cancel(network, sent.message_id)
    with pytest.raises(NotFoundError):
        handle_cancel(network.node("XK"), sent.message_id, who=acting("u2"))
    with pytest.raises(NotFoundError):
        cancel(network, "0" * 32)
    assert dispatch_of(network, sent.message_id) == Dispatch.DELIVERED


def test_a_page_that_is_out_of_date_takes_nothing_back(network: Network) -> None:
    """Whoever saw another state decides again."""
    message_id = write(network)
    with pytest.raises(StaleError):
        cancel(network, message_id, version=7)
    assert cancel(network, message_id, version=1).certain


def test_at_the_moment_of_handing_over_nobody_says_yes(network: Network) -> None:
    """While a worker holds it: "look again"; when its lease is over: "may have left"."""
    message_id = write(network)
    claim(network)
    with pytest.raises(StaleError, match=r"at this moment"):
        cancel(network, message_id)
    network.clock.advance(seconds=61)  # the worker died
    assert not foresee_certain(network.node("AL"), message_id)
    assert cancel(network, message_id) == Cancelled(message_id, certain=False)
    assert cancel(network, message_id) == Cancelled(message_id, certain=False)


@pytest.mark.parametrize(
    ("outcomes", "certain"),
    [
        ([AttemptOutcome.STAYED], True),
        ([AttemptOutcome.STAYED, AttemptOutcome.STAYED], True),
        ([AttemptOutcome.UNKNOWN], False),
        ([AttemptOutcome.UNKNOWN, AttemptOutcome.STAYED], False),
        ([AttemptOutcome.FALSE_DUPLICATE], False),
        ([AttemptOutcome.FALSE_DUPLICATE, AttemptOutcome.STAYED], False),
    ],
)
def test_how_sure_it_is_follows_from_every_attempt(
    network: Network, outcomes: list[AttemptOutcome], *, certain: bool
) -> None:
    """Refused by a full mailbox it stayed here; one attempt without an answer and nobody knows."""
    message_id = write(network)
    for outcome in outcomes:
        record(network, claim(network), outcome)
        network.clock.advance(minutes=2)
    assert foresee_certain(network.node("AL"), message_id) is certain
    assert cancel(network, message_id).certain is certain


def test_a_worker_that_slept_over_its_lease_does_not_speak_for_the_next(network: Network) -> None:
    """What it says late, "it stayed here", is no certainty: another worker is trying it now."""
    message_id = write(network)
    first = claim(network)
    network.clock.advance(minutes=2)
    second = claim(network)
    late = replace(attempt_of(first), error="no", outcome=AttemptOutcome.STAYED)
    dispatching.record_attempts(network.node("AL"), [late])
    assert outbox_of(network, message_id).claimed_until == second.claimed_until
    with pytest.raises(StaleError, match=r"at this moment"):
        cancel(network, message_id)
    dispatching.record_attempts(network.node("AL"), [attempt_of(second)])
    assert dispatch_of(network, message_id) == Dispatch.ON_ITS_WAY


def attempt_of(message: Consigned) -> Attempt:
    """Return the attempt that a broker confirmed."""
    return Attempt(
        message.message_id,
        message.transport_id,
        first=message.first,
        claimed_until=message.claimed_until,
    )


def test_what_arrived_all_the_same_is_shown_as_delivered(network: Network) -> None:
    """A hand-over whose answer was lost did arrive: the receipt corrects what people believe."""
    message_id = write(network)
    message = claim(network)
    sealed = dispatching.seal_for(
        network.directory.current(), peer=message.peer, signed=message.signed, at=network.clock()
    )
    network.carry(network.node("AL"), message.peer, sealed.envelope)
    record(network, message, AttemptOutcome.UNKNOWN)
    assert not cancel(network, message_id).certain
    assert dispatch_of(network, message_id) == Dispatch.CANCELLED
    network.settle()
    assert received(network) == [message_id]
    assert dispatch_of(network, message_id) == Dispatch.DELIVERED


def test_a_transport_id_that_the_broker_claims_to_know_is_not_used_again(network: Network) -> None:
    """A duplicate on a first attempt is an error: the next attempt is a first one, too."""
    message_id = write(network)
    one = claim(network)
    record(network, one, AttemptOutcome.FALSE_DUPLICATE)
    network.clock.advance(minutes=2)
    two = claim(network)
    record(network, two, AttemptOutcome.UNKNOWN)
    network.clock.advance(minutes=2)
    three = claim(network)
    assert [each.first for each in (one, two, three)] == [True, True, False]
    assert one.transport_id != two.transport_id == three.transport_id
    assert outbox_of(network, message_id).handed_over == 0
    # ... and after a confirmed hand-over the next one has a new id, and is a first one.
    dispatching.record_attempts(
        network.node("AL"), [Attempt(message_id, three.transport_id, first=three.first)]
    )
    assert not outbox_of(network, message_id).tried


def test_a_late_record_of_a_worker_changes_nothing(network: Network) -> None:
    """The broker's answer comes after its message was taken back: the state stays."""
    message_id = write(network)
    message = claim(network)
    network.clock.advance(seconds=61)
    cancel(network, message_id)
    dispatching.record_attempts(
        network.node("AL"), [Attempt(message_id, message.transport_id, first=True)]
    )
    assert dispatch_of(network, message_id) == Dispatch.CANCELLED
    assert count_outbox(network) == 0


def test_a_decision_taken_back_leaves_its_message_open(network: Network) -> None:
    """Asked, then declined: without the second the first holds; without both it is open."""
    (sent,) = send(network)
    network.settle()
    xk = network.node("XK")
    reading.handle_open(xk, sent.message_id, who=acting("u1"))
    network.settle()
    asked = handle_decide(
        xk,
        sent.message_id,
        DecisionDraft(outcome=Outcome.MORE_INFORMATION_NEEDED, procedure_note="Which town?"),
        who=acting("u1"),
    )
    declined = handle_decide(
        xk,
        sent.message_id,
        DecisionDraft(outcome=Outcome.DECLINED, decline_reason=DeclineReason.NOT_COMPETENT),
        who=acting("u1"),
    )
    handle_cancel(xk, declined.message_id, who=acting("u1"))
    view = reading.get_message(xk, sent.message_id, who=STAFF)
    assert view.item.handling == Handling.MORE_INFORMATION_ASKED
    assert view.decided_by_message == asked.message_id
    handle_cancel(xk, asked.message_id, who=acting("u1"))
    view = reading.get_message(xk, sent.message_id, who=STAFF)
    assert (view.item.handling, view.decided_by_message) == (Handling.OPENED, None)
    assert count_kind(network, EventKind.OPEN_AGAIN) == 2
    again = handle_decide(
        xk,
        sent.message_id,
        DecisionDraft(outcome=Outcome.DECLINED, decline_reason=DeclineReason.NO_CAPACITY),
        who=acting("u1"),
    )
    network.settle()
    theirs = reading.get_message(network.node("AL"), sent.message_id, who=STAFF)
    assert theirs.decided_by_message == again.message_id


def test_a_cancelled_message_says_so_in_its_timeline(network: Network) -> None:
    """The entry names who took it back, and whether it may have left."""
    message_id = write(network)
    record(network, claim(network), AttemptOutcome.UNKNOWN)
    cancel(network, message_id)
    with network.node("AL").database.reading() as session:
        events = session.exec(
            select(EventRow).where(EventRow.kind == EventKind.MESSAGE_CANCELLED)
        ).all()
    assert [(event.actor, event.code) for event in events] == [("u2", "may_have_left")]


def test_who_takes_it_back_and_who_hands_it_over_never_both_win(
    postgres_cluster: PostgresCluster,
) -> None:
    """A relay and a person at once, on PostgreSQL: each message is either claimed or taken back."""
    with postgres_cluster.schemas() as urls:
        network = make_network(["AL", "XK"], url_of=urls)
        al = network.node("AL")
        waiting = [write(network) for _ in range(12)]

        def hand_over() -> list[str]:
            claimed: list[str] = []
            while found := dispatching.claim_messages(al, limit=1):
                claimed += [each.message_id for each in found]
            return claimed

        def take_back() -> list[str]:
            taken = []
            for message_id in reversed(waiting):
                with suppress(StaleError):
                    assert handle_cancel(al, message_id, who=acting("u1")).certain
                    taken.append(message_id)
            return taken

        with ThreadPoolExecutor(2) as pool:
            handed, taken = pool.submit(hand_over), pool.submit(take_back)
            outcome = [*handed.result(), *taken.result(), *hand_over()]
        network.close()
    assert sorted(outcome) == sorted(waiting)
