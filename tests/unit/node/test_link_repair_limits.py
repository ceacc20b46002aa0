"""Asking ends, crashes lose nothing, nobody is made to send for ever, backups catch up."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from sqlmodel import delete, select

from node.domain.events import EventKind
from node.service import machine_mail, receiving, repairing
from node.service.composing import handle_send
from node.service.notices import list_notices
from node.service.repairing import plan_requests
from node.service.resending import ANSWERED_IN_AN_HOUR
from node.service.restoring import begin_new_generation
from node.store.link_tables import (
    HandedAgainRow,
    LinkAskedRow,
    LinkGapRow,
    LinkWatchRow,
    MachineMailRow,
)
from node.store.tables import EvidenceRow, LinkHeadRow, MessageRow, OutboxRow
from protocol.link_repair import RULES
from protocol.links import FIRST_PREVIOUS, LinkVerdict
from protocol.messages.link_repair import (
    HeadField,
    NumbersField,
    ResendAnswerBody,
    ResendRequestBody,
    Restored,
)
from tests.support.link_repair import (
    PATIENT,
    answer_falsely,
    ask,
    count_kind,
    count_outbox,
    lose,
    lose_middle,
    missing,
    names,
    received,
    say,
    send,
)
from tests.support.node import NOON, Network, make_draft, make_network
from tests.support.people import acting

HOUR = timedelta(hours=1)


@pytest.fixture
def network(url_of: Callable[[str], str]) -> Iterator[Network]:
    """AL and XK; neither hands anything over again unless it is asked to."""
    made = make_network(["AL", "XK"], url_of=url_of, rules=PATIENT)
    yield made
    made.close()


@pytest.fixture
def busy_network(node_url_of: Callable[[str], str]) -> Iterator[Network]:
    """Give the same on one database: for an hour of thousands of rounds."""
    made = make_network(["AL", "XK"], url_of=node_url_of, rules=PATIENT)
    yield made
    made.close()


# ------------------------------------------------------------------ giving up


def test_people_are_told_when_a_node_gives_up(network: Network) -> None:
    """After the last question nobody asks any more; the case says so, and the administrator's."""
    lose_middle(network)
    asked = 0
    for _ in range(RULES.questions + 5):
        asked += ask(network, after=timedelta(days=1))
        network.collect("XK")
        network.mailbox.clear()
    assert asked == RULES.questions
    assert count_kind(network, EventKind.LINK_GIVEN_UP) == 1
    assert list_notices(network.node("XK")) == [
        "link from AL: 1 message is missing and was asked for in vain. Telephone it"
    ]
    with network.node("XK").database.reading() as session:
        assert session.get_one(LinkWatchRow, "AL").look_at is None
        assert len(session.exec(select(LinkAskedRow)).all()) == 16


def test_a_broker_that_is_away_uses_up_no_questions(network: Network) -> None:
    """While a request waits to leave, the same is not asked again."""
    lose_middle(network)
    assert ask(network) == 1
    assert [ask(network, after=HOUR) for _ in range(5)] == [0] * 5
    with network.node("XK").database.reading() as session:
        assert session.exec(select(LinkGapRow)).one().asked == 1


# ------------------------------------------------------------------ crashes


def test_a_crash_between_planning_and_sending_loses_nothing(network: Network) -> None:
    """The request waits in the store, and leaves later under the same identifier."""
    lose_middle(network)
    ask(network)
    before = machine_mail.claim_machine_mail(network.node("XK"))
    assert machine_mail.claim_machine_mail(network.node("XK")) == []
    network.clock.advance(seconds=61)  # the lease of the worker that died is over
    again = machine_mail.claim_machine_mail(network.node("XK"))
    assert [p.signed.consignment.message_id for p in again] == [
        p.signed.consignment.message_id for p in before
    ]
    machine_mail.record_machine_mail_failed(network.node("XK"), again[0])
    network.clock.advance(seconds=5)
    network.settle()
    assert len(received(network)) == 3


def test_a_crash_while_planning_asks_later(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That it was asked is remembered only together with the request."""
    lose_middle(network)
    with monkeypatch.context() as patch:
        patch.setattr(repairing, "owe_machine_mail", _crash)
        with pytest.raises(RuntimeError):
            ask(network)
    with network.node("XK").database.reading() as session:
        assert session.exec(select(LinkGapRow)).one().asked == 0
    assert plan_requests(network.node("XK")) == 1


def test_a_crash_while_storing_forgets_message_and_gap(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both are in one transaction: the broker delivers again, and both are there."""
    send(network, count=3)
    lose(network, 1)
    network.deliver(network.mailbox.popleft())
    third = network.mailbox.popleft()
    with monkeypatch.context() as patch:
        patch.setattr(receiving, "watch_pin", _crash)
        with pytest.raises(RuntimeError):
            network.deliver(third)
    assert (len(received(network)), missing(network)) == (1, [])
    network.deliver(third)
    assert (len(received(network)), missing(network)) == (2, [("AL", 2, 2)])


def test_a_crash_while_answering_answers_again(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The outbox and the answer change together."""
    lose_middle(network)
    ask(network)
    network.collect("XK")
    request = network.mailbox.popleft()
    with monkeypatch.context() as patch:
        patch.setattr(receiving, "watch_pin", _crash)
        with pytest.raises(RuntimeError):
            network.deliver(request)
    assert network.collect("AL") == 0
    network.deliver(request)
    assert network.collect("AL") == 2
    network.settle_mailbox()
    assert len(received(network)) == 3


def _crash(*_args: object, **_named: object) -> None:
    raise RuntimeError("the machine stops here")


# ------------------------------------------------------------------ a peer that asks too much


def test_a_malicious_peer_cannot_make_us_send_for_ever(busy_network: Network) -> None:
    """In an hour: twelve answers, and each message once; in all, as often as an honest one asks."""
    network = busy_network
    sent = names(send(network, count=2))
    network.settle()
    everything = ResendRequestBody(numbers=(NumbersField(generation=1, first=1, last=2**31 - 1),))
    handed = answers = 0
    for hour in range(RULES.questions + 4):
        for _ in range(ANSWERED_IN_AN_HOUR + 2):
            say(network, "XK", "AL", everything)
        network.collect("XK")
        network.settle_mailbox()
        if hour == 0:
            notices = list_notices(network.node("AL"))
            assert notices == ["link to XK: it asks for messages again more often than is answered"]
        network.collect("AL")
        handed += sum(each.arrival.traffic == "m" for each in network.mailbox)
        answers += sum(each.arrival.traffic == "r" for each in network.mailbox)
        network.mailbox.clear()
        network.clock.advance(hours=1)
    assert answers == ANSWERED_IN_AN_HOUR * (RULES.questions + 4)
    assert handed == RULES.questions * len(sent)
    with network.node("AL").database.reading() as session:
        assert {row.times for row in session.exec(select(HandedAgainRow))} == {RULES.questions}


def test_a_message_that_has_not_left_is_not_queued_twice(network: Network) -> None:
    """It is announced, and leaves once."""
    sent = send(network)
    network.settle()
    handle_send(network.node("AL"), make_draft(), who=acting("u1"))
    say(
        network,
        "XK",
        "AL",
        ResendRequestBody(numbers=(NumbersField(generation=1, first=2, last=2),)),
    )
    network.collect("XK")
    network.settle_mailbox()
    assert (count_outbox(network), network.collect("AL")) == (1, 2)
    assert len(sent) == 1


def test_only_the_link_to_the_asker_is_answered(url_of: Callable[[str], str]) -> None:
    """A third Participant learns nothing of what others were sent."""
    network = make_network(["AL", "XK", "MK"], url_of=url_of, rules=PATIENT)
    send(network, count=2)
    network.settle()
    say(
        network,
        "MK",
        "AL",
        ResendRequestBody(numbers=(NumbersField(generation=1, first=1, last=2),)),
    )
    network.collect("MK")
    network.settle_mailbox()
    assert count_outbox(network) == 0
    with network.node("AL").database.reading() as session:
        body = ResendAnswerBody.model_validate_json(session.exec(select(MachineMailRow)).one().body)
    assert body.numbers == ()
    assert [each.gap.count for each in body.unknown] == [2]
    network.close()


def test_reports_of_one_peer_are_bounded(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound its numbers stay missing."""
    monkeypatch.setattr(repairing, "MOST_REPORTS", 1)
    send(network, count=5)
    lose(network, 1, 3)
    network.settle()
    gone = tuple(NumbersField(generation=1, first=at, last=at) for at in (2, 4))
    answer_falsely(network, *gone)
    assert missing(network) == [("AL", 4, 4)]


# ------------------------------------------------------------------ restored


def test_a_restored_node_is_told_what_it_has_lost(network: Network) -> None:
    """It gets again what was sent to it since, and hears what it had sent itself."""
    theirs = names(send(network, count=2))
    ours = names(send(network, sender="XK", recipient="AL", count=2))
    network.settle()
    nothing = HeadField(generation=1, seq=0, digest=FIRST_PREVIOUS)
    say(network, "XK", "AL", ResendRequestBody(restored=Restored(received=nothing, sent=nothing)))
    network.collect("XK")
    network.settle_mailbox()
    with network.node("AL").database.reading() as session:
        body = ResendAnswerBody.model_validate_json(session.exec(select(MachineMailRow)).one().body)
        queued = {row.message_id for row in session.exec(select(OutboxRow))}
    assert queued == set(theirs)
    assert [each.seq for each in body.numbers] == [1, 2]
    assert [each.message_id for each in body.seen] == ours


def test_a_restored_node_begins_anew_and_catches_up(network: Network) -> None:
    """No number is given out twice; what was sent to it comes again; what it sent is counted."""
    theirs = names(send(network, count=3))
    ours = names(send(network, sender="XK", recipient="AL", count=2))
    network.settle()
    xk = network.node("XK")
    with xk.database.transaction() as session:  # back to before the last ones of each direction
        session.exec(delete(EvidenceRow))
        for message_id in (theirs[1], theirs[2], ours[1]):
            session.delete(session.get_one(MessageRow, message_id))
        head, kept = session.get_one(LinkHeadRow, "AL"), session.get_one(MessageRow, ours[0])
        head.seq, head.digest = 1, kept.payload_sha256
    assert begin_new_generation(xk) == ["AL"]
    network.settle()
    assert sorted(received(network)) == sorted(theirs)
    assert missing(network) == []
    assert list_notices(xk) == [
        "link to AL: it holds 1 message of ours that the backup did not have. Ask it for a copy"
    ]
    network.clock.advance(minutes=1)
    [fresh] = names(send(network, sender="XK", recipient="AL"))
    network.settle()
    with network.node("AL").database.reading() as session:
        row = session.get_one(MessageRow, fresh)
        verdicts = {each.link_verdict for each in session.exec(select(MessageRow))}
    assert (row.link_seq, row.link_verdict) == (1, LinkVerdict.IN_ORDER)
    assert row.link_generation == int(NOON.timestamp()) // 60
    assert LinkVerdict.CONFLICT not in verdicts
    assert list_notices(network.node("AL")) == []


def test_a_restored_node_gets_what_expired_meanwhile(network: Network) -> None:
    """The answer announces it, so that it passes its expiry."""
    sent = names(send(network, count=2))
    network.settle()
    xk = network.node("XK")
    with xk.database.transaction() as session:
        session.exec(delete(EvidenceRow))
        session.delete(session.get_one(MessageRow, sent[1]))
    network.clock.advance(days=22)
    begin_new_generation(xk)
    network.settle()
    network.clock.advance(minutes=1)
    network.settle()
    assert sorted(received(network)) == sorted(sent)
    assert count_kind(network, EventKind.MESSAGE_LATE) == 1
