"""What becomes of acts that cross, come late, or come from the wrong side."""

import pytest

from protocol.conversation.acts import ACT_OF_CODE, is_opener, name_act
from protocol.conversation.history import (
    NOTHING_SEEN,
    Conversation,
    HeldAct,
    Opener,
    Place,
    read_conversation,
)
from protocol.conversation.table import Act, Side, State
from protocol.errors import LocalProtocolError
from protocol.messages.codes import Kind
from protocol.messages.general import CorrectionEffect, Outcome
from protocol.messages.response import Completeness

OPENED = Place(1, 10)
Row = tuple[Side, int, Act, int]


def held(*rows: Row, whole_case: bool = False) -> list[HeldAct]:
    """Write acts as (side, own number, act, number seen of the other side, 0 for none)."""
    return [
        HeldAct(
            message_id=f"{side}-{number}",
            side=side,
            act=act,
            place=Place(1, number),
            seen=Place(1, seen) if seen else NOTHING_SEEN,
            whole_case=whole_case,
        )
        for side, number, act, seen in rows
    ]


def read(*rows: Row, kind: Kind = Kind.REQUEST) -> Conversation:
    """Read a conversation whose opener is number 10 of its sender."""
    opener = Opener(kind, expects_decision=True, place=OPENED)
    return read_conversation(opener, held(*rows), complete=True)


S, R = Side.SENDER, Side.RECIPIENT


@pytest.mark.parametrize(
    ("rows", "state", "order"),
    [
        pytest.param(
            [(R, 5, Act.ACCEPT, 0), (S, 11, Act.WITHDRAW, 0)],
            State.WITHDRAWN,
            "accept withdraw",
            id="withdrawal crosses acceptance",
        ),
        pytest.param(
            [(R, 5, Act.CLOSE, 0), (S, 11, Act.WITHDRAW, 0)],
            State.WITHDRAWN,
            "withdraw close",
            id="withdrawal crosses closing",
        ),
        pytest.param(
            [(R, 5, Act.ANSWER, 0), (R, 6, Act.CLOSE, 0), (S, 11, Act.WITHDRAW, 0)],
            State.WITHDRAWN,
            "answer withdraw close",
            id="withdrawal crosses answer and closing",
        ),
        pytest.param(
            [(R, 5, Act.ASK_FOR_MORE, 0), (S, 11, Act.INFORM, 0)],
            State.MORE_INFORMATION_NEEDED,
            "inform ask_for_more",
            id="information crosses the question",
        ),
        pytest.param(
            [(R, 5, Act.ASK_FOR_MORE, 0), (S, 11, Act.INFORM, 5)],
            State.PROPOSED,
            "ask_for_more inform",
            id="information answers the question",
        ),
        pytest.param(
            [(R, 5, Act.ANSWER, 0), (S, 11, Act.CLOSE, 0)],
            State.CLOSED,
            "answer close",
            id="answer crosses closing",
        ),
        pytest.param(
            [(R, 5, Act.CLOSE, 0), (S, 11, Act.INFORM, 0)],
            State.CLOSED,
            "inform close",
            id="information crosses closing",
        ),
        pytest.param(
            [(R, 5, Act.CLOSE, 0), (S, 11, Act.CLOSE, 0)],
            State.CLOSED,
            "close close",
            id="both close",
        ),
        pytest.param(
            [(R, 5, Act.ACCEPT, 0), (R, 6, Act.DECLINE, 0)],
            State.DECLINED,
            "accept decline",
            id="an acceptance taken back",
        ),
    ],
)
def test_crossing_acts(rows: list[Row], state: State, order: str) -> None:
    """However they arrive, crossing acts count in one order, and none of these is out of order."""
    for given in (rows, rows[::-1]):
        conversation = read(*given)
        assert conversation.state is state
        assert " ".join(step.act.act for step in conversation.steps) == order
        assert all(step.in_order for step in conversation.steps)


def test_a_crossing_is_said() -> None:
    """Acts that did not know of each other are marked, those that did are not."""
    crossed = read((R, 5, Act.ACCEPT, 0), (S, 11, Act.WITHDRAW, 0))
    known = read((R, 5, Act.ACCEPT, 0), (S, 11, Act.WITHDRAW, 5))
    assert [step.crossed for step in crossed.steps] == [True, True]
    assert [step.crossed for step in known.steps] == [False, False]


def test_a_decision_after_a_known_withdrawal_is_not_in_order() -> None:
    """It is shown with what is possible instead, and changes nothing."""
    conversation = read((S, 11, Act.WITHDRAW, 0), (R, 5, Act.ACCEPT, 11))
    assert conversation.state is State.WITHDRAWN
    assert [step.in_order for step in conversation.steps] == [True, False]
    assert conversation.steps[1].refusal == (
        "The recipient cannot do 'accept' while the request is 'withdrawn'. "
        "Possible for the recipient: inform, close."
    )


def test_a_withdrawal_after_a_known_closing_is_not_in_order() -> None:
    """Closed is final for whoever knew of it; the retraction is still shown."""
    conversation = read((R, 5, Act.CLOSE, 0), (S, 11, Act.WITHDRAW, 5))
    assert conversation.state is State.CLOSED
    assert [step.in_order for step in conversation.steps] == [True, False]


def test_two_acts_of_one_side_count_by_its_link() -> None:
    """A higher generation is later whatever its numbers."""
    opener = Opener(Kind.REFERRAL, expects_decision=True, place=OPENED)
    acts = [
        HeldAct("new", R, Act.DECLINE, Place(2, 1)),
        HeldAct("old", R, Act.ACCEPT, Place(1, 900)),
    ]
    conversation = read_conversation(opener, acts, complete=True)
    assert conversation.state is State.DECLINED
    assert [step.act.message_id for step in conversation.steps] == ["old", "new"]


def test_what_was_seen_once_stays_seen() -> None:
    """A later act that claims to have seen less is no way to undo what its author knew."""
    conversation = read((S, 11, Act.WITHDRAW, 0), (R, 5, Act.INFORM, 11), (R, 6, Act.ACCEPT, 0))
    assert [step.act.act for step in conversation.steps] == [Act.WITHDRAW, Act.INFORM, Act.ACCEPT]
    assert not conversation.steps[2].in_order
    assert not conversation.steps[2].crossed


def test_a_closed_case_can_be_opened_again() -> None:
    """A closing that did not know of an opener leaves its conversation alone."""
    opener = Opener(Kind.REFERRAL, expects_decision=True, place=OPENED)

    def state_after(*rows: Row) -> State:
        acts = held(*rows, whole_case=True)
        return read_conversation(opener, acts, complete=True).state

    assert state_after((S, 9, Act.CLOSE, 0)) is State.PROPOSED
    assert state_after((R, 5, Act.CLOSE, 9)) is State.PROPOSED
    assert state_after((S, 11, Act.CLOSE, 0)) is State.CLOSED
    assert state_after((R, 5, Act.CLOSE, 10)) is State.CLOSED


def test_a_gap_makes_the_state_provisional() -> None:
    """The state is read from what is held, and says that it may change."""
    opener = Opener(Kind.REFERRAL, expects_decision=True, place=OPENED)
    acts = held((R, 5, Act.ACCEPT, 0))
    assert read_conversation(opener, acts, complete=False).provisional
    assert not read_conversation(opener, acts, complete=True).provisional


def test_whose_turn_it_is() -> None:
    """The recipient's until it decided, the sender's after a question, and nobody's in the end."""
    assert read().awaited is R
    assert read((R, 5, Act.ASK_FOR_MORE, 0)).awaited is S
    assert read((R, 5, Act.ACCEPT, 0)).awaited is R
    assert read((R, 5, Act.ACCEPT, 0), kind=Kind.REFERRAL).awaited is None
    assert read((R, 5, Act.ANSWER_NONE_AVAILABLE, 0)).awaited is None


def test_composing_is_refused_with_what_is_possible() -> None:
    """Whoever composes an act that its own view does not allow is told before it is sent."""
    conversation = read((R, 5, Act.ACCEPT, 0), kind=Kind.REFERRAL)
    conversation.verify_possible(Act.DECLINE, R)
    assert conversation.list_possible(S) == (Act.INFORM, Act.WITHDRAW, Act.CLOSE)
    with pytest.raises(LocalProtocolError, match="Possible for the recipient: inform, decline"):
        conversation.verify_possible(Act.ACCEPT, R)


@pytest.mark.parametrize(
    ("tag", "code", "act"),
    [
        pytest.param("general.decision", "accepted", Act.ACCEPT, id="accepted"),
        pytest.param("general.response", "none_available", Act.ANSWER_NONE_AVAILABLE, id="none"),
        pytest.param("general.correction", "retracts", Act.WITHDRAW, id="retracts"),
        pytest.param("general.correction", "corrects", Act.INFORM, id="corrects"),
        pytest.param("general.message", None, Act.INFORM, id="message"),
        pytest.param("return.arrival_confirmation", None, Act.INFORM, id="any other type"),
        pytest.param("general.case_closed", None, Act.CLOSE, id="closing"),
    ],
)
def test_messages_are_acts(tag: str, code: str | None, act: Act) -> None:
    """A type and one code of its body say which act a message is."""
    assert name_act(tag, code=code) is act


@pytest.mark.parametrize(
    ("to", "act"),
    [
        pytest.param("RS-shelter-desk", Act.FORWARD, id="within"),
        pytest.param("ME-police", Act.FORWARD_ELSEWHERE, id="elsewhere"),
    ],
)
def test_where_a_decision_forwards_to(to: str, act: Act) -> None:
    """Within the decider's Participant the conversation goes on, elsewhere it ends."""
    found = name_act("general.decision", code="forwarded", forwarded_to=to, author="RS")
    assert found is act


def test_every_code_of_the_catalogue_is_mapped() -> None:
    """No outcome, completeness or effect that the catalogue knows is without its act."""
    outcomes = {code for tag, code in ACT_OF_CODE if tag == "general.decision"}
    effects = {code for tag, code in ACT_OF_CODE if tag == "general.correction"}
    assert outcomes == set(Outcome) - {Outcome.FORWARDED}
    assert effects == set(CorrectionEffect)
    answers = {code for tag, code in ACT_OF_CODE if tag == "general.response"}
    assert answers == set(Completeness)


@pytest.mark.parametrize(
    ("tag", "code"),
    [
        pytest.param("general.decision", "perhaps", id="unknown"),
        pytest.param("general.response", None, id="missing"),
        pytest.param("general.decision", "forwarded", id="forwarded to nobody"),
    ],
)
def test_an_unmapped_code_is_refused(tag: str, code: str | None) -> None:
    """No code is taken for another one."""
    with pytest.raises(LocalProtocolError):
        name_act(tag, code=code)


def test_what_opens_a_conversation() -> None:
    """Types of a phase do, also requests to delete; what only acts on others does not."""
    assert is_opener("identification.initial_referral")
    assert is_opener("general.erasure")
    assert not is_opener("general.decision")
    assert not is_opener("general.case_closed")
    assert not is_opener("system.receipt")
