"""A restored node asks what its backup lacks until it is answered (SPEC section 6.3)."""

from dataclasses import replace

import pytest
from sqlmodel import delete

from contact_registry.directory import Directory
from node.service.notices import list_notices
from node.service.restoring import (
    begin_new_generation,
    find_open_question,
    note_restore_answer,
    repeat_questions,
)
from node.store.link_tables import RestoreQuestionRow
from node.store.tables import EventRow, EvidenceRow, LinkHeadRow, MessageRow, ReceiptDueRow
from protocol.identifiers import ParticipantCode
from protocol.link_repair import RULES
from protocol.messages.link_repair import HeadField, ResendAnswerBody, SeenAnswer
from tests.support.link_repair import names, received, send
from tests.support.node import NOON, FixedDirectory, Network

NOON_MINUTES = int(NOON.timestamp()) // 60
OPEN = "link from AL: it has not said yet what the backup lacks"


def forget_everything(network: Network, code: str) -> None:
    """Let a node's store be that of the day before anything came."""
    with network.node(code).database.transaction() as session:
        for table in (EvidenceRow, ReceiptDueRow, EventRow, MessageRow, LinkHeadRow):
            session.exec(delete(table))


def know_only(network: Network, code: str, *others: str) -> Directory:
    """Let one node's registry list these Participants and itself; returns the whole one."""
    whole = network.directory.directory
    keys = {name: whole.keys[ParticipantCode(name)] for name in (code, *others)}
    seen = replace(whole, keys={ParticipantCode(name): each for name, each in keys.items()})
    network.nodes[code] = replace(network.node(code), directory=FixedDirectory(seen))
    return whole


def test_a_lost_question_is_asked_again(network: Network) -> None:
    """The peer is asked though the backup knows nothing of it, and again until it answers."""
    theirs = names(send(network, count=2))
    network.settle()
    forget_everything(network, "XK")
    xk = network.node("XK")
    assert begin_new_generation(xk) == ["AL", "MK"]
    network.collect("XK")
    network.mailbox.clear()
    assert OPEN in list_notices(xk)
    assert repeat_questions(xk) == 0
    network.clock.advance(minutes=10)
    assert repeat_questions(xk) == 2
    network.settle()
    network.settle()
    assert sorted(received(network)) == sorted(theirs)
    assert list_notices(xk) == []
    network.clock.advance(days=2)
    assert repeat_questions(xk) == 0


def test_asking_in_vain_ends_and_is_told(network: Network) -> None:
    """After as many questions as any gap is asked for, people are told whom to telephone."""
    xk = network.node("XK")
    begin_new_generation(xk)
    for _ in range(RULES.questions + 2):
        network.collect("XK")
        network.mailbox.clear()
        network.clock.advance(days=1, hours=1)
        repeat_questions(xk)
    assert f"{OPEN}; it was asked in vain. Telephone it" in list_notices(xk)
    assert repeat_questions(xk) == 0


def test_a_question_that_waits_to_leave_is_not_asked_twice(network: Network) -> None:
    """While the broker is away no question is used up."""
    xk = network.node("XK")
    begin_new_generation(xk)
    network.clock.advance(hours=3)
    assert repeat_questions(xk) == 0
    with xk.database.reading() as session:
        assert session.get_one(RestoreQuestionRow, "AL").asked == 1


def test_who_is_listed_later_is_asked_then(network: Network) -> None:
    """The backup's registry may not know a Participant; a link to it never begins at the first."""
    whole = know_only(network, "XK", "AL")
    assert begin_new_generation(network.node("XK")) == ["AL"]
    network.settle()
    network.nodes["XK"] = replace(network.node("XK"), directory=FixedDirectory(whole))
    assert repeat_questions(network.node("XK")) == 1
    [sent] = names(send(network, sender="XK", recipient="MK"))
    with network.node("XK").database.reading() as session:
        row = session.get_one(MessageRow, sent)
    assert row.link_generation == int(NOON.timestamp()) // 60


def test_a_node_that_was_never_restored_asks_nothing(network: Network) -> None:
    """And its links begin with the first generation."""
    assert repeat_questions(network.node("XK")) == 0
    [sent] = names(send(network))
    with network.node("AL").database.reading() as session:
        assert session.get_one(MessageRow, sent).link_generation == 1


@pytest.mark.parametrize("has_more", [True, False])
def test_an_answer_without_room_moves_the_question_forward(
    network: Network, *, has_more: bool
) -> None:
    """What was named is not asked for again; an answer that names all settles the question."""
    xk = network.node("XK")
    begin_new_generation(xk)
    with xk.database.transaction() as session:
        request = session.get_one(RestoreQuestionRow, "AL").message_id or ""
        question = find_open_question(session, "AL", request)
        assert question is not None
        body = ResendAnswerBody(
            request_id=request,
            heads=(HeadField(generation=1, seq=0, digest="0" * 64),),
            seen=(
                SeenAnswer(
                    generation=5, seq=2, message_id="f" * 32, payload_sha256="a" * 64, at=NOON
                ),
            ),
            more=has_more,
        )
        assert note_restore_answer(xk, session, question, body) == 1
    with xk.database.reading() as session:
        row = session.get_one(RestoreQuestionRow, "AL")
        assert (row.answered_at is None) == has_more
        assert ((row.sent_generation, row.sent_seq) == (5, 2)) == has_more
        assert find_open_question(session, "AL", "0" * 32) is None


@pytest.mark.parametrize(
    ("heard", "is_heeded"), [(NOON_MINUTES, True), (NOON_MINUTES - 1, False), (2**31 - 1, False)]
)
def test_a_generation_that_the_restore_forgot(
    network: Network, heard: int, *, is_heeded: bool
) -> None:
    """The link goes beyond it if it is in the way, and never as far as a peer could drive it."""
    xk = network.node("XK")
    begin_new_generation(xk)
    with xk.database.transaction() as session:
        question = session.get_one(RestoreQuestionRow, "AL")
        body = ResendAnswerBody(
            request_id=question.message_id or "",
            heads=(HeadField(generation=1, seq=0, digest="0" * 64),),
            seen=(
                SeenAnswer(
                    generation=heard, seq=2, message_id="f" * 32, payload_sha256="a" * 64, at=NOON
                ),
            ),
        )
        assert note_restore_answer(xk, session, question, body) == 1
    with xk.database.reading() as session:
        row = session.get_one(LinkHeadRow, "AL")
        assert row.generation == NOON_MINUTES + is_heeded
