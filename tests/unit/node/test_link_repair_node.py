"""What a link lost is asked for and comes back, or people are told: on both databases."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from sqlmodel import col, delete, select, update

from node.domain.events import EventKind
from node.domain.states import Dispatch
from node.service import gap_watching, reading
from node.service.gap_watching import watch_anew
from node.service.notices import list_notices
from node.service.receiving import Intake
from node.store.link_tables import (
    LinkAnnouncedRow,
    LinkGapRow,
    MachineMailRow,
)
from node.store.tables import CaseRow, EvidenceRow, MessageRow, OutboxRow
from protocol.link_repair import Fate
from protocol.links import FIRST_PREVIOUS
from protocol.messages.link_repair import (
    HeadField,
    NumberAnswer,
    NumbersField,
    ResendAnswerBody,
)
from tests.support.link_repair import (
    PATIENT,
    answer_falsely,
    ask,
    count_kind,
    count_outbox,
    kinds,
    lose,
    lose_middle,
    missing,
    names,
    received,
    say,
    send,
)
from tests.support.node import Network, make_network
from tests.support.people import STAFF

HOUR = timedelta(hours=1)


@pytest.fixture
def network(url_of: Callable[[str], str]) -> Iterator[Network]:
    """AL and XK; neither hands anything over again unless it is asked to."""
    made = make_network(["AL", "XK"], url_of=url_of, rules=PATIENT)
    yield made
    made.close()


def dispatch_of(network: Network, message_id: str) -> str | None:
    """Return what became of a message of AL."""
    return reading.get_message(network.node("AL"), message_id, who=STAFF).item.dispatch


# ------------------------------------------------------------------ lost and found


def test_a_lost_envelope_is_asked_for_and_arrives_once(network: Network) -> None:
    """The gap is watched, asked for after its pause, filled, and forgotten; nothing comes twice."""
    sent = lose_middle(network)
    assert missing(network) == [("AL", 2, 2)]
    assert ask(network, after=timedelta(minutes=9)) == 0
    assert ask(network, after=timedelta(minutes=1)) == 1
    network.settle()
    assert sorted(received(network)) == sorted(sent)
    assert missing(network) == []
    assert dispatch_of(network, sent[1]) == Dispatch.DELIVERED
    assert count_outbox(network) == 0
    assert ask(network, after=timedelta(days=2)) == 0
    with network.node("XK").database.reading() as session:
        assert session.exec(select(LinkAnnouncedRow)).all() == []


def test_it_comes_with_the_evidence_that_it_had(network: Network) -> None:
    """What is handed over again has the bytes, signature and place that it had before."""
    sent = lose_middle(network)
    with network.node("AL").database.reading() as session:
        before = session.get_one(MessageRow, sent[1]).model_dump()
    ask(network)
    network.settle()
    for code in ("AL", "XK"):
        with network.node(code).database.reading() as session:
            row = session.get_one(MessageRow, sent[1])
        for name in ("payload_sha256", "signer_key_id", "link_seq", "link_prev", "expires_at"):
            assert getattr(row, name) == before[name]
    assert count_kind(network, EventKind.MESSAGE_ASKED_AGAIN, "AL") == 1


def test_machine_messages_leave_no_trace_for_people(network: Network) -> None:
    """Request and answer are no messages: not listed, not in a case, not receipted."""
    sent = lose_middle(network)
    ask(network)
    network.settle()
    for code in ("AL", "XK"):
        with network.node(code).database.reading() as session:
            assert {row.message_id for row in session.exec(select(MessageRow))} == set(sent)
            assert session.exec(select(MachineMailRow)).all() == []
            about = {row.message_id for row in session.exec(select(EvidenceRow))}
        assert about == set(sent)


def test_what_is_missing_at_the_end_is_found_by_the_answer(network: Network) -> None:
    """The answer names the sender's last message: one that nothing followed is missed, too."""
    sent = names(send(network, count=4))
    lose(network, 1, 3)
    network.settle()
    assert missing(network) == [("AL", 2, 2)]
    ask(network)
    network.settle()
    assert missing(network) == [("AL", 4, 4)]
    ask(network)
    network.settle()
    assert sorted(received(network)) == sorted(sent)
    assert list_notices(network.node("XK")) == []


def test_what_was_receipted_comes_again_and_once(network: Network) -> None:
    """A recipient that lost what it confirmed gets it again; its sender's record stays."""
    sent = names(send(network, count=2))
    network.settle()
    with network.node("XK").database.transaction() as session:
        session.exec(delete(EvidenceRow))
        session.delete(session.get_one(MessageRow, sent[0]))
    watch_anew(network.node("XK"), "AL")
    assert missing(network) == [("AL", 1, 1)]
    ask(network)
    network.settle()
    assert sorted(received(network)) == sorted(sent)
    assert dispatch_of(network, sent[0]) == Dispatch.DELIVERED
    assert count_outbox(network) == 0


# ------------------------------------------------------------------ after the expiry


def test_it_is_taken_in_after_its_expiry_once_it_was_announced(network: Network) -> None:
    """Given up by its sender, refused as expired, then asked for: it arrives, marked as late."""
    sent = names(send(network, count=2))
    lost = network.mailbox.popleft()
    network.settle()
    network.clock.advance(days=22)
    network.settle()
    assert dispatch_of(network, sent[0]) == Dispatch.EXPIRED
    assert network.deliver(lost).intake is Intake.QUARANTINED
    network.settle()
    assert dispatch_of(network, sent[0]) == Dispatch.REJECTED
    assert ask(network) == 1
    network.settle()
    assert received(network) == sent[1:]  # the announcement goes ahead
    network.clock.advance(minutes=1)
    network.settle()
    assert sorted(received(network)) == sorted(sent)
    assert dispatch_of(network, sent[0]) == Dispatch.DELIVERED
    assert count_kind(network, EventKind.MESSAGE_LATE) == 1
    assert count_outbox(network) == 0


def test_another_message_at_the_place_is_refused(network: Network) -> None:
    """Only the digest that was announced passes its expiry."""
    send(network, count=2)
    lost = network.mailbox.popleft()
    network.settle()
    network.clock.advance(days=22)
    ask(network)
    network.collect("XK")
    network.settle_mailbox()
    network.collect("AL")
    kept = [each for each in network.mailbox if each.arrival.traffic == "r"]
    network.mailbox.clear()
    network.mailbox.extend(kept)
    network.settle_mailbox()
    with network.node("XK").database.transaction() as session:
        session.exec(update(LinkAnnouncedRow).values(digest="a" * 64))
    assert network.deliver(lost).reason == "expired"
    with network.node("XK").database.transaction() as session:
        session.exec(update(LinkAnnouncedRow).values(digest=_digest_of(network)))
    assert network.deliver(lost).intake is Intake.STORED


def _digest_of(network: Network) -> str:
    with network.node("AL").database.reading() as session:
        rows = session.exec(select(MessageRow.payload_sha256).where(MessageRow.link_seq == 1))
        return rows.one()


# ------------------------------------------------------------------ gone


def test_what_was_erased_is_reported_gone_and_shown(network: Network) -> None:
    """The sender says so, the case and the administrator see it, and nobody asks again."""
    sent = lose_middle(network)
    with network.node("AL").database.transaction() as session:
        row = session.get_one(MessageRow, sent[1])
        session.exec(
            update(CaseRow).where(col(CaseRow.case_id) == row.case_id).values(wrapped_key=b"")
        )
        session.delete(session.get_one(OutboxRow, sent[1]))
    ask(network)
    network.settle()
    assert missing(network) == []
    assert count_kind(network, EventKind.LINK_GONE) == 1
    case_id = reading.get_message(network.node("XK"), sent[2], who=STAFF).item.case_id
    assert case_id is not None
    told = [
        entry.kind for entry in reading.get_case(network.node("XK"), case_id, who=STAFF).timeline
    ]
    assert EventKind.LINK_GONE in told
    notices = list_notices(network.node("XK"))
    assert notices == ["link from AL: 1 message never arrived, and AL reports it gone"]
    assert ask(network, after=timedelta(days=3)) == 0
    assert count_kind(network, EventKind.LINK_CONFLICT) == 0


def test_a_sender_that_knows_nothing_of_it_says_so(network: Network) -> None:
    """As after a restore from a backup: the range is settled as unknown, and shown."""
    sent = lose_middle(network)
    with network.node("AL").database.transaction() as session:
        session.delete(session.get_one(OutboxRow, sent[1]))
        session.flush()
        session.delete(session.get_one(MessageRow, sent[1]))
    ask(network)
    network.settle()
    assert missing(network) == []
    assert count_kind(network, EventKind.LINK_GONE) == 1


def test_what_was_reported_gone_may_come_after_all(network: Network) -> None:
    """Proof beats word: it is stored, and no longer counted as gone."""
    send(network, count=3)
    first = network.mailbox.popleft()
    lose(network, 0)
    network.settle()
    answer_falsely(network, NumbersField(generation=1, first=1, last=2))
    assert missing(network) == []
    assert network.deliver(first).intake is Intake.STORED
    assert list_notices(network.node("XK")) == [
        "link from AL: 1 message never arrived, and AL reports it gone"
    ]


def test_a_false_digest_of_an_erased_message_is_a_conflict(network: Network) -> None:
    """The next message names its predecessor: a sender that names another one is found out."""
    lose_middle(network)
    lie = NumberAnswer(generation=1, seq=2, payload_sha256="a" * 64, fate=Fate.ERASED)
    answer_falsely(network, numbers=(lie,))
    assert count_kind(network, EventKind.LINK_CONFLICT) == 1


def test_a_sender_that_forgot_what_it_sent_is_shown(network: Network) -> None:
    """Its head is behind what we hold: it was restored, and began no new generation."""
    lose_middle(network)
    head = HeadField(generation=1, seq=1, digest="a" * 64)
    answer_falsely(network, heads=(HeadField(generation=1, seq=0, digest=FIRST_PREVIOUS),))
    assert "restored from a backup" in list_notices(network.node("XK"))[0]
    answer_falsely(network, heads=(head,))
    assert "history was rewritten" in list_notices(network.node("XK"))[0]


def test_an_answer_that_nobody_asked_for_says_nothing(network: Network) -> None:
    """Neither does one to somebody else's request: what is missing stays missing."""
    lose_middle(network)
    body = ResendAnswerBody(
        request_id="f" * 32,
        heads=(HeadField(generation=1, seq=900, digest="a" * 64),),
        unknown=(NumbersField(generation=1, first=2, last=2),),
    )
    say(network, "AL", "XK", body)
    network.collect("AL")
    assert network.deliver(network.mailbox.pop()).intake is Intake.IGNORED
    assert missing(network) == [("AL", 2, 2)]


# ------------------------------------------------------------------ looking anew


def test_gaps_of_before_are_found_when_a_node_starts(network: Network) -> None:
    """What was stored before gaps were watched is looked through once."""
    lose_middle(network)
    with network.node("XK").database.transaction() as session:
        session.delete(session.exec(select(LinkGapRow)).one())
    assert gap_watching.list_linked_peers(network.node("XK")) == ["AL"]
    watch_anew(network.node("XK"), "AL")
    assert missing(network) == [("AL", 2, 2)]
    assert EventKind.LINK_GAP in kinds(network)
