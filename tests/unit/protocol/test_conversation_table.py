"""The table of conversations: complete, as written in the specification, and in plain words."""

from itertools import product

import pytest

from protocol.conversation.table import (
    AWAITED,
    CROSSING_ORDER,
    ENDED,
    STATES,
    TRANSITIONS,
    Act,
    Side,
    State,
    explain_refusal,
    list_possible,
    start_state,
)
from protocol.errors import LocalProtocolError
from protocol.messages.codes import Kind

S = State
DECISIONS = {
    Act.ACCEPT: S.ACCEPTED,
    Act.DECLINE: S.DECLINED,
    Act.FORWARD: S.FORWARDED,
    Act.FORWARD_ELSEWHERE: S.FORWARDED_ELSEWHERE,
    Act.ASK_FOR_MORE: S.MORE_INFORMATION_NEEDED,
}
ANSWERS = {
    Act.ANSWER_IN_PART: S.ANSWERED_IN_PART,
    Act.ANSWER: S.ANSWERED,
    Act.ANSWER_NONE_AVAILABLE: S.ANSWERED,
}
OPEN = (S.PROPOSED, S.MORE_INFORMATION_NEEDED, S.FORWARDED, S.ACCEPTED, S.DECLINED)
EVERYTHING = list(product(Kind, State, Act, Side))


def expect(kind: Kind, state: State, act: Act, side: Side) -> State | None:  # noqa: PLR0911 - rules
    """Say what the rules of the specification give, written as rules and not as a table."""
    if state not in STATES.get(kind, ()):
        return None
    if act is Act.INFORM:
        asked = state is S.MORE_INFORMATION_NEEDED and side is Side.SENDER
        return S.PROPOSED if asked else state
    if act is Act.CLOSE:
        return S.WITHDRAWN if state is S.WITHDRAWN else S.CLOSED
    if state in {S.WITHDRAWN, S.CLOSED}:
        return None
    if side is Side.SENDER:
        return S.WITHDRAWN if act is Act.WITHDRAW else None
    if state in OPEN and act in DECISIONS:
        repeats = state in {S.ACCEPTED, S.DECLINED} and DECISIONS[act] is state
        return None if repeats else DECISIONS[act]
    if kind is Kind.REQUEST and act in ANSWERS and state in (*OPEN, S.ANSWERED_IN_PART):
        return ANSWERS[act]
    if state is S.ANSWERED and act in {Act.ANSWER, Act.ANSWER_IN_PART}:
        return ANSWERS[act]
    passes_on = {Act.FORWARD, Act.FORWARD_ELSEWHERE, Act.ASK_FOR_MORE}
    if state is S.ANSWERED_IN_PART and act in passes_on:
        return DECISIONS[act]
    return None


def test_the_table_is_what_the_rules_say() -> None:
    """For every kind, state, act and side the table and the written rules agree."""
    wrong = [key for key in EVERYTHING if TRANSITIONS.get(key) is not expect(*key)]
    assert wrong == []


def test_every_case_is_in_the_table_or_refused_in_words() -> None:
    """What is not in the table is refused with a text that says what is possible instead."""
    for key in EVERYTHING:
        kind, state, _, side = key
        refusal = explain_refusal(*key)
        if key in TRANSITIONS:
            assert refusal is None
        elif state in STATES.get(kind, ()):
            assert refusal is not None
            assert refusal.endswith(", ".join(list_possible(kind, state, side)) + ".")
        else:
            assert refusal is not None
            assert "never" in refusal


def test_a_refusal_names_who_may() -> None:
    """A sender who tries to accept its own referral reads that the recipient may."""
    refusal = explain_refusal(Kind.REFERRAL, S.PROPOSED, Act.ACCEPT, Side.SENDER)
    assert refusal == (
        "The sender cannot do 'accept' while the referral is 'proposed' (the recipient may). "
        "Possible for the sender: inform, withdraw, close."
    )


@pytest.mark.parametrize("kind", sorted(STATES))
def test_every_state_is_reached(kind: Kind) -> None:
    """Each state of a kind can be reached from a start, and no other one can."""
    reached = {start_state(kind, expects_decision=expected) for expected in (True, False)}
    while True:
        after = {
            to for (of, state, _, _), to in TRANSITIONS.items() if of is kind and state in reached
        }
        if after <= reached:
            break
        reached |= after
    assert reached == set(STATES[kind])


def test_nothing_leaves_an_end() -> None:
    """Withdrawn and closed are final: what is in order there keeps the state."""
    leaving = [key for key, to in TRANSITIONS.items() if key[1] in ENDED and to is not key[1]]
    assert leaving == []


def test_everybody_can_always_write_and_close() -> None:
    """Information and closing are in order for both sides in every state."""
    for kind, states in STATES.items():
        for state, act, side in product(states, (Act.INFORM, Act.CLOSE), Side):
            assert (kind, state, act, side) in TRANSITIONS


def test_each_act_has_its_place_among_crossing_acts() -> None:
    """Information, then decisions and answers, then withdrawal, then closing."""
    assert set(CROSSING_ORDER) == set(Act)
    ranks = [CROSSING_ORDER[act] for act in (Act.INFORM, Act.ACCEPT, Act.WITHDRAW, Act.CLOSE)]
    assert ranks == sorted(set(ranks))
    assert {CROSSING_ORDER[act] for act in (*DECISIONS, *ANSWERS)} == {CROSSING_ORDER[Act.ACCEPT]}


def test_whoever_is_awaited_can_move_on() -> None:
    """Where somebody's turn is shown, that side has more to do than to write and to close."""
    for (kind, state), side in AWAITED.items():
        moves = list_possible(kind, state, side)
        assert state in STATES[kind]
        assert any(TRANSITIONS[kind, state, act, side] not in {state, *ENDED} for act in moves)


@pytest.mark.parametrize(
    ("kind", "expects", "state"),
    [
        pytest.param(Kind.NOTIFICATION, True, S.PROPOSED, id="notification"),
        pytest.param(Kind.NOTIFICATION, False, S.TOLD, id="notification that only tells"),
        pytest.param(Kind.REFERRAL, False, S.PROPOSED, id="referral"),
        pytest.param(Kind.REQUEST, False, S.PROPOSED, id="request"),
        pytest.param(Kind.UPDATE, True, S.TOLD, id="update"),
    ],
)
def test_starts(kind: Kind, state: State, *, expects: bool) -> None:
    """What expects something is proposed; what only tells is told."""
    assert start_state(kind, expects_decision=expects) is state


def test_machines_have_no_conversation() -> None:
    """A receipt opens nothing."""
    with pytest.raises(LocalProtocolError, match="file it under its case"):
        start_state(Kind.SYSTEM, expects_decision=False)
