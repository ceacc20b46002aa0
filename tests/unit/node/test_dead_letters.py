"""What did not arrive or was not taken in: listed, tried again, or settled, with who did it."""

from collections.abc import Callable, Iterator
from datetime import datetime

import pytest
from sqlmodel import Session, col, select

from node.adapters.keystore import FileKeyStore
from node.domain.events import EventKind
from node.domain.states import Dispatch
from node.service import dispatching, quarantine, reading
from node.service.attention import list_sent_troubles
from node.service.cancelling import foresee_certain
from node.service.composing import handle_send
from node.service.context import NotFoundError, StaleError
from node.service.dead_letters import (
    DeadLetter,
    LetterKind,
    Obstacle,
    count_dead_letters,
    list_dead_letters,
    list_letter_events,
    load_dead_letter,
)
from node.service.letter_acts import (
    CannotRetryError,
    RetryOutcome,
    SettleReason,
    handle_retry,
    handle_settle,
)
from node.service.opening import Arrival
from node.service.receipts import owe_receipt
from node.service.receiving import Intake, handle_stumble
from node.service.repairing import plan_requests
from node.store.tables import MessageRow, OutboxRow, QuarantineRow, SettledLetterRow
from protocol.errors import RejectionCode
from protocol.messages.codes import Urgency
from protocol.messages.system import ReceiptItem, ReceiptStatus
from protocol.subjects import TrafficClass, parse_account_id
from tests.support.node import Network, make_directory, make_draft, make_network
from tests.support.people import STAFF, acting
from tests.support.postgres import PostgresCluster

MESSAGES, RECEIPTS = TrafficClass.MESSAGE, TrafficClass.RECEIPT


@pytest.fixture
def url_of(node_url_of: Callable[[str], str]) -> Callable[[str], str]:
    """One database will do, not the same one for every test."""
    return node_url_of


@pytest.fixture
def network(url_of: Callable[[str], str]) -> Iterator[Network]:
    """AL and XK."""
    made = make_network(["AL", "XK"], url_of=url_of)
    yield made
    made.close()


def write(network: Network, **changes: object) -> str:
    """Queue a message of AL."""
    return handle_send(network.node("AL"), make_draft(**changes), who=acting("u1")).message_id


def refuse(
    network: Network, message_id: str, reason: RejectionCode, *, at: datetime | None = None
) -> None:
    """Let XK refuse what lies in its mailbox, with its signature."""
    xk = network.node("XK")
    network.collect("AL")
    network.mailbox.clear()
    with network.node("AL").database.reading() as session:
        digest = session.get_one(MessageRow, message_id).payload_sha256
    item = ReceiptItem(
        message_id=message_id,
        payload_sha256=digest,
        status=ReceiptStatus.REJECTED,
        at=(at or network.clock()).replace(microsecond=0),
        reason=reason,
    )
    xk.transact(lambda session: owe_receipt(xk, session, peer="AL", item=item))
    network.collect("XK")
    network.settle_mailbox()


def keystore(network: Network, code: str) -> FileKeyStore:
    """Return the keys of a node."""
    keys = network.node(code).keys
    assert isinstance(keys, FileKeyStore)
    return keys


def only(network: Network, code: str = "AL") -> DeadLetter:
    """Return the one dead letter of a node."""
    (letter,) = list_dead_letters(network.node(code))
    return letter


def kinds_of(network: Network, letter_id: str, code: str = "AL") -> list[tuple[str, str | None]]:
    """Return what an administrator did about a letter."""
    events = list_letter_events(network.node(code), letter_id)
    return [(event.kind, event.code) for event in events if event.actor == "admin"]


def settle(network: Network, letter: DeadLetter, reason: SettleReason) -> None:
    """Let the administrator of AL settle a letter."""
    handle_settle(
        network.node("AL"),
        letter.letter_id,
        reason=reason,
        actor="admin",
        version=letter.version,
    )


# ------------------------------------------------------------------ ours


def test_a_refused_message_is_sent_again_and_arrives(network: Network) -> None:
    """Mended, the other side takes in the same message: same bytes, and nobody wrote it anew."""
    message_id = write(network)
    refuse(network, message_id, RejectionCode.UNSUPPORTED)
    letter = only(network)
    assert (letter.kind, letter.reason, letter.obstacle) == (
        LetterKind.REFUSED,
        RejectionCode.UNSUPPORTED,
        None,
    )
    assert handle_retry(network.node("AL"), message_id, actor="admin") is RetryOutcome.QUEUED
    assert list_dead_letters(network.node("AL")) == []
    network.settle()
    view = reading.get_message(network.node("AL"), message_id, who=STAFF)
    assert view.item.dispatch == Dispatch.DELIVERED
    assert kinds_of(network, message_id) == [(EventKind.MESSAGE_RETRIED, None)]
    with pytest.raises(NotFoundError):
        load_dead_letter(network.node("AL"), message_id)


def test_refused_once_more_it_comes_back_but_an_old_refusal_ends_nothing(network: Network) -> None:
    """The first receipt, replayed, does not stop the second try; a new one does."""
    message_id = write(network)
    refuse(network, message_id, RejectionCode.UNSUPPORTED)
    xk = network.node("XK")
    network.mailbox.clear()
    handle_retry(network.node("AL"), message_id, actor="admin")
    network.collect("AL")
    network.mailbox.clear()
    # The same signed receipt once more, as a broker could replay it.
    with network.node("AL").database.reading() as session:
        evidence = reading.get_evidence(network.node("AL"), message_id, who=STAFF)
        assert session.get(OutboxRow, message_id) is not None
    (receipt,) = evidence.signed_receipts
    sealed = dispatching.seal_for(
        network.directory.current(),
        peer=network.node("AL").participant,
        signed=receipt,
        at=network.clock(),
    )
    network._carry(xk, network.node("AL").participant, sealed.envelope, RECEIPTS)
    network.settle_mailbox()
    assert dispatch_of(network, message_id) == Dispatch.ON_ITS_WAY
    refuse(network, message_id, RejectionCode.MALFORMED)
    assert dispatch_of(network, message_id) == Dispatch.REJECTED
    assert (only(network).letter_id, only(network).reason) == (message_id, RejectionCode.MALFORMED)


def test_a_refusal_that_was_held_back_does_not_end_a_later_try(network: Network) -> None:
    """One that was signed before the retry, and comes after it, is about the former hand-over."""
    message_id = write(network)
    refuse(network, message_id, RejectionCode.UNSUPPORTED)
    before = network.clock()
    network.clock.advance(hours=1)
    handle_retry(network.node("AL"), message_id, actor="admin")
    refuse(network, message_id, RejectionCode.UNSUPPORTED, at=before)
    assert dispatch_of(network, message_id) == Dispatch.ON_ITS_WAY
    network.clock.advance(hours=1)
    refuse(network, message_id, RejectionCode.UNSUPPORTED)
    assert dispatch_of(network, message_id) == Dispatch.REJECTED


def test_what_expired_is_written_anew_and_settled(network: Network) -> None:
    """Trying again would be in vain, and the letter says so; settled, it leaves the list."""
    message_id = write(network)
    network.clock.advance(days=22)
    network.directory.directory = make_directory(
        [keystore(network, code) for code in network.nodes], at=network.clock()
    )
    dispatching.claim_messages(network.node("AL"), limit=10)
    letter = only(network)
    assert (letter.kind, letter.obstacle) == (LetterKind.EXPIRED, Obstacle.OVER)
    with pytest.raises(CannotRetryError, match=r"written anew"):
        handle_retry(network.node("AL"), message_id, actor="admin")
    settle(network, letter, SettleReason.SENT_ANEW)
    assert list_dead_letters(network.node("AL")) == []
    (settled,) = list_dead_letters(network.node("AL"), open_only=False)
    assert settled.settled_at == network.clock()
    assert kinds_of(network, message_id) == [(EventKind.MESSAGE_SETTLED, "sent_anew")]


@pytest.mark.parametrize(
    ("urgency", "hours"), [(Urgency.IMMEDIATE, 1), (Urgency.URGENT, 6), (Urgency.STANDARD, 24)]
)
def test_who_waits_too_long_depends_on_the_urgency(
    network: Network, urgency: Urgency, hours: int
) -> None:
    """An immediate message is listed after an hour, a standard one after a day."""
    write(network, urgency=urgency)
    network.clock.advance(seconds=hours * 3600 - 1)
    assert count_dead_letters(network.node("AL")) == 0
    network.clock.advance(seconds=1)
    assert only(network).kind is LetterKind.UNDELIVERED


def test_given_up_it_is_reported_to_its_desk_and_may_be_taken_up_again(network: Network) -> None:
    """The desk sees that it did not arrive; nothing is handed over until somebody tries again."""
    message_id = write(network)
    network.collect("AL")
    network.mailbox.clear()
    network.clock.advance(days=2)
    settle(network, only(network), SettleReason.TOLD_BY_TELEPHONE)
    al = network.node("AL")
    assert network.collect("AL") == 0
    assert [item.dispatch for item in list_sent_troubles(al, who=STAFF)] == [Dispatch.GIVEN_UP]
    (settled,) = list_dead_letters(al, open_only=False)
    assert settled.kind is LetterKind.GIVEN_UP
    assert handle_retry(al, message_id, actor="admin") is RetryOutcome.QUEUED
    network.settle()
    assert dispatch_of(network, message_id) == Dispatch.DELIVERED
    with al.database.reading() as session:
        assert session.exec(select(SettledLetterRow)).all() == []


def test_a_receipt_counts_although_it_was_given_up(network: Network) -> None:
    """What lay in the mailbox all the time arrives: proof beats what people believe."""
    message_id = write(network)
    network.collect("AL")
    network.clock.advance(days=2)
    settle(network, only(network), SettleReason.NOT_NEEDED)
    network.settle()
    assert dispatch_of(network, message_id) == Dispatch.DELIVERED


def test_what_is_asked_for_after_it_was_given_up_is_handed_over(network: Network) -> None:
    """Given up is no cancellation: its recipient, back at last, gets what it misses."""
    given_up = write(network)
    network.collect("AL")
    network.mailbox.clear()
    network.clock.advance(days=2)
    settle(network, only(network), SettleReason.TOLD_BY_TELEPHONE)
    write(network)
    network.settle()
    network.clock.advance(minutes=10)
    plan_requests(network.node("XK"))
    network.settle()
    assert dispatch_of(network, given_up) == Dispatch.DELIVERED


def test_what_lay_there_to_leave_once_is_owed_in_full_when_it_is_tried_again(
    network: Network,
) -> None:
    """Given up, asked for by its recipient, then tried again: it is handed over until a receipt."""
    message_id = write(network)
    network.collect("AL")
    network.mailbox.clear()
    network.clock.advance(days=2)
    settle(network, only(network), SettleReason.TOLD_BY_TELEPHONE)
    write(network)
    network.settle()
    network.clock.advance(minutes=10)
    plan_requests(network.node("XK"))
    network.collect("XK")
    network.settle_mailbox()
    al = network.node("AL")
    with al.database.reading() as session:
        assert session.get_one(OutboxRow, message_id).once_until is not None
    handle_retry(al, message_id, actor="admin")
    assert not foresee_certain(al, message_id)
    network.collect("AL")
    network.mailbox.clear()  # lost on its way
    assert dispatch_of(network, message_id) == Dispatch.ON_ITS_WAY
    network.clock.advance(days=1)
    network.settle()
    assert dispatch_of(network, message_id) == Dispatch.DELIVERED


def test_two_administrators_do_not_undo_each_other(network: Network) -> None:
    """Whoever acts on an old state is told so; the same act twice is done once."""
    message_id = write(network)
    network.clock.advance(days=2)
    seen = only(network)
    settle(network, seen, SettleReason.NOT_NEEDED)
    with pytest.raises(StaleError):
        handle_retry(network.node("AL"), message_id, actor="admin", version=seen.version)
    settled = load_dead_letter(network.node("AL"), message_id)
    settle(network, settled, SettleReason.SENT_ANEW)
    assert kinds_of(network, message_id) == [(EventKind.MESSAGE_GIVEN_UP, "not_needed")]


def dispatch_of(network: Network, message_id: str) -> str | None:
    """Return what became of a message of AL."""
    return reading.get_message(network.node("AL"), message_id, who=STAFF).item.dispatch


# ------------------------------------------------------------------ theirs


def quarantined(network: Network) -> tuple[str, DeadLetter]:
    """Let XK refuse an envelope of AL, because its registry does not list AL yet."""
    message_id = write(network)
    network.collect("AL")
    known = network.directory.directory
    network.directory.directory = make_directory([keystore(network, "XK")])
    while network.mailbox:
        network.deliver(network.mailbox.popleft())
    network.directory.directory = known
    return message_id, only(network, "XK")


def test_a_refused_envelope_is_taken_in_once_it_can_be(network: Network) -> None:
    """The registry lists its sender now: tried again, it is a message like any other."""
    message_id, letter = quarantined(network)
    xk = network.node("XK")
    assert (letter.kind, letter.reason) == (LetterKind.QUARANTINED, RejectionCode.UNKNOWN_SENDER)
    outcome = handle_retry(xk, letter.letter_id, actor="admin", version=letter.version)
    assert outcome is RetryOutcome.TAKEN_IN
    assert [item.message_id for item in reading.list_items(xk, direction="in", who=STAFF)] == [
        message_id
    ]
    assert list_dead_letters(xk) == []
    assert kinds_of(network, letter.letter_id, "XK") == [(EventKind.ENVELOPE_RETRIED, "taken_in")]
    network.settle()
    assert dispatch_of(network, message_id) == Dispatch.DELIVERED


def test_an_envelope_that_is_refused_again_stays(network: Network) -> None:
    """Nothing has changed: it stays listed, and counts."""
    _, letter = quarantined(network)
    xk = network.node("XK")
    known = network.directory.directory
    network.directory.directory = make_directory([keystore(network, "XK")])
    outcome = handle_retry(xk, letter.letter_id, actor="admin")
    network.directory.directory = known
    assert outcome is RetryOutcome.REFUSED_AGAIN
    assert only(network, "XK").times == letter.times + 1


def test_a_settled_envelope_that_comes_again_is_listed_again(network: Network) -> None:
    """Settling is about what was seen, not about what comes."""
    _, letter = quarantined(network)
    xk = network.node("XK")
    handle_settle(
        xk, letter.letter_id, reason=SettleReason.OTHER_SIDE_MENDS, actor="admin", version=1
    )
    assert list_dead_letters(xk) == []

    def comes_again(session: Session) -> None:
        row = session.exec(select(QuarantineRow)).one()
        arrival = Arrival(
            sender=parse_account_id(row.account or ""),
            recipient=parse_account_id(
                network.directory.current().keys[xk.participant].broker.account
            ),
            traffic=MESSAGES,
            envelope=row.envelope,
        )
        quarantine.keep(
            xk,
            session,
            arrival,
            peer=row.peer,
            wire_id=row.message_id,
            reason=row.reason,
            detail="again",
        )

    xk.transact(comes_again)
    assert only(network, "XK").times == 2


def test_what_was_not_kept_cannot_be_tried(network: Network) -> None:
    """The sender's share of the quarantine was used up: the letter says what helps instead."""
    _, letter = quarantined(network)
    xk = network.node("XK")

    def forget(session: Session) -> None:
        session.exec(select(QuarantineRow)).one().envelope = b""

    xk.transact(forget)
    assert only(network, "XK").obstacle is Obstacle.NOT_KEPT
    with pytest.raises(CannotRetryError, match=r"send it again"):
        handle_retry(xk, letter.letter_id, actor="admin")


def test_what_our_software_stumbled_over_is_taken_in_by_its_successor(network: Network) -> None:
    """An envelope put aside by a failure of ours is kept whole, and can be tried again."""
    write(network)
    network.collect("AL")
    carried = network.mailbox.popleft()
    xk = network.node("XK")
    assert handle_stumble(xk, carried.arrival, problem="ValueError").intake is Intake.QUARANTINED
    letter = only(network, "XK")
    assert letter.reason == quarantine.INTERNAL
    assert handle_retry(xk, letter.letter_id, actor="admin") is RetryOutcome.TAKEN_IN
    assert list_dead_letters(xk) == []


@pytest.mark.parametrize("letter_id", ["q999", "q", "q-1", "q1e3", "q٣", "q" + "9" * 40, "nothing"])
def test_what_is_not_there_is_not_found(network: Network, letter_id: str) -> None:
    """A made-up identifier is an ordinary "no"."""
    with pytest.raises(NotFoundError):
        load_dead_letter(network.node("AL"), letter_id)


# ------------------------------------------------------------------ on PostgreSQL


def test_the_lists_are_the_same_on_postgresql(
    postgres_cluster: PostgresCluster,
) -> None:
    """Refused, late and quarantined letters are found, tried and settled there, too."""
    with postgres_cluster.schemas() as urls:
        network = make_network(["AL", "XK"], url_of=urls)
        refused, late = write(network), write(network, urgency=Urgency.IMMEDIATE)
        refuse(network, refused, RejectionCode.MALFORMED)
        network.clock.advance(hours=1)
        al = network.node("AL")
        assert {letter.letter_id for letter in list_dead_letters(al)} == {refused, late}
        settle(network, load_dead_letter(al, late), SettleReason.NOT_NEEDED)
        handle_retry(al, refused, actor="admin")
        with al.database.reading() as session:
            owed = session.exec(select(OutboxRow.message_id).order_by(col(OutboxRow.message_id)))
            assert list(owed) == [refused]
        network.close()
