"""Who may do what in which state: everything that decides the state of a conversation.

A conversation is the life of one **opener** (a notification, referral, request or update). Its
*sender* is the side that sent the opener, its *recipient* the other one, whoever writes later.
What is not in :data:`TRANSITIONS` changes nothing (SPEC, section on conversations).
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from protocol.errors import LocalProtocolError
from protocol.messages.codes import Kind


class Side(StrEnum):
    """The two sides, named by the opener."""

    SENDER = "sender"
    RECIPIENT = "recipient"


class State(StrEnum):
    """Where a conversation stands."""

    #: The opener expects no decision and no answer: it tells.
    TOLD = "told"
    PROPOSED = "proposed"
    MORE_INFORMATION_NEEDED = "more_information_needed"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    #: To another authority of the recipient's Participant: the conversation goes on here.
    FORWARDED = "forwarded"
    #: The recipient named an authority of another Participant: the sender turns to that one.
    FORWARDED_ELSEWHERE = "forwarded_elsewhere"
    ANSWERED_IN_PART = "answered_in_part"
    ANSWERED = "answered"
    WITHDRAWN = "withdrawn"
    CLOSED = "closed"


class Act(StrEnum):
    """What a message does to a conversation."""

    INFORM = "inform"
    ACCEPT = "accept"
    DECLINE = "decline"
    FORWARD = "forward"
    FORWARD_ELSEWHERE = "forward_elsewhere"
    ASK_FOR_MORE = "ask_for_more"
    ANSWER_IN_PART = "answer_in_part"
    ANSWER = "answer"
    ANSWER_NONE_AVAILABLE = "answer_none_available"
    WITHDRAW = "withdraw"
    CLOSE = "close"


CROSSING_ORDER: Final[Mapping[Act, int]] = MappingProxyType(
    {
        # Information that did not know a question does not answer it.
        Act.INFORM: 0,
        Act.ACCEPT: 1,
        Act.DECLINE: 1,
        Act.FORWARD: 1,
        Act.FORWARD_ELSEWHERE: 1,
        Act.ASK_FOR_MORE: 1,
        Act.ANSWER_IN_PART: 1,
        Act.ANSWER: 1,
        Act.ANSWER_NONE_AVAILABLE: 1,
        # A withdrawal wins over every decision and answer that did not know of it ...
        Act.WITHDRAW: 2,
        # ... and over a closing that did not know of it.
        Act.CLOSE: 3,
    }
)
"""In which order acts count that crossed on their way; of equals, the sender's first."""

ENDED: Final = frozenset({State.WITHDRAWN, State.CLOSED})
"""States that nothing changes any more."""

_DECISIONS: Final[dict[Act, State]] = {
    Act.ACCEPT: State.ACCEPTED,
    Act.DECLINE: State.DECLINED,
    Act.FORWARD: State.FORWARDED,
    Act.FORWARD_ELSEWHERE: State.FORWARDED_ELSEWHERE,
    Act.ASK_FOR_MORE: State.MORE_INFORMATION_NEEDED,
}
_ANSWERS: Final[dict[Act, State]] = {
    Act.ANSWER_IN_PART: State.ANSWERED_IN_PART,
    Act.ANSWER: State.ANSWERED,
    Act.ANSWER_NONE_AVAILABLE: State.ANSWERED,
}


def _without(acts: dict[Act, State], *left_out: Act) -> dict[Act, State]:
    return {act: state for act, state in acts.items() if act not in left_out}


_Rows = Mapping[State, Mapping[Act, State]]

# The recipient decides, and may change its mind until it has answered or the sender has gone: an
# acceptance that can no longer be kept has to be taken back in a way that machines see, too.
_DECIDES: Final[_Rows] = {
    State.PROPOSED: _DECISIONS,
    State.MORE_INFORMATION_NEEDED: _DECISIONS,
    State.FORWARDED: _DECISIONS,
    State.ACCEPTED: _without(_DECISIONS, Act.ACCEPT),
    State.DECLINED: _without(_DECISIONS, Act.DECLINE),
    State.FORWARDED_ELSEWHERE: {},
}
# A request may be answered straight away, and what was found later is still sent.
_DECIDES_AND_ANSWERS: Final[_Rows] = {
    State.PROPOSED: _DECISIONS | _ANSWERS,
    State.MORE_INFORMATION_NEEDED: _DECISIONS | _ANSWERS,
    State.FORWARDED: _DECISIONS | _ANSWERS,
    State.ACCEPTED: _without(_DECISIONS, Act.ACCEPT) | _ANSWERS,
    State.DECLINED: _without(_DECISIONS, Act.DECLINE) | _ANSWERS,
    State.FORWARDED_ELSEWHERE: {},
    State.ANSWERED_IN_PART: _without(_DECISIONS, Act.ACCEPT, Act.DECLINE) | _ANSWERS,
    State.ANSWERED: _without(_ANSWERS, Act.ANSWER_NONE_AVAILABLE),
}
_HEARS: Final[_Rows] = {State.TOLD: {}}

_RECIPIENT_ROWS: Final[Mapping[Kind, _Rows]] = {
    Kind.NOTIFICATION: {**_HEARS, **_DECIDES},
    Kind.REFERRAL: _DECIDES,
    Kind.REQUEST: _DECIDES_AND_ANSWERS,
    Kind.UPDATE: _HEARS,
}

STATES: Final[Mapping[Kind, tuple[State, ...]]] = MappingProxyType(
    {kind: (*rows, State.WITHDRAWN, State.CLOSED) for kind, rows in _RECIPIENT_ROWS.items()}
)
"""The states that a conversation of each kind can be in."""


def _close(state: State) -> State:
    """Where closing leads: what has ended stays as it ended."""
    return state if state in ENDED else State.CLOSED


def _sender_row(state: State) -> dict[Act, State]:
    answers_question = state is State.MORE_INFORMATION_NEEDED
    row = {Act.INFORM: State.PROPOSED if answers_question else state, Act.CLOSE: _close(state)}
    return row if state in ENDED else row | {Act.WITHDRAW: State.WITHDRAWN}


def _recipient_row(kind: Kind, state: State) -> dict[Act, State]:
    row = {Act.INFORM: state, Act.CLOSE: _close(state)}
    return {**row, **_RECIPIENT_ROWS[kind].get(state, {})}


TRANSITIONS: Final[Mapping[tuple[Kind, State, Act, Side], State]] = MappingProxyType(
    {
        (kind, state, act, side): after
        for kind, states in STATES.items()
        for state in states
        for side, row in (
            (Side.SENDER, _sender_row(state)),
            (Side.RECIPIENT, _recipient_row(kind, state)),
        )
        for act, after in row.items()
    }
)
"""What each act makes of each state. What is not here is *not in order* and changes nothing."""

AWAITED: Final[Mapping[tuple[Kind, State], Side]] = MappingProxyType(
    {
        (kind, state): side
        for kind in (Kind.NOTIFICATION, Kind.REFERRAL, Kind.REQUEST)
        for state, side in (
            (State.PROPOSED, Side.RECIPIENT),
            (State.FORWARDED, Side.RECIPIENT),
            (State.MORE_INFORMATION_NEEDED, Side.SENDER),
        )
    }
    | {
        (Kind.REQUEST, State.ACCEPTED): Side.RECIPIENT,
        (Kind.REQUEST, State.ANSWERED_IN_PART): Side.RECIPIENT,
    }
)
"""Whose turn it is, where it is anybody's: a deadline runs while it is the recipient's."""


def start_state(kind: Kind, *, expects_decision: bool) -> State:
    """Return the state of a conversation of which nothing but the opener exists.

    ``expects_decision`` is what the catalogue says of the type; it matters for notifications only:
    a referral or request always expects something, an update never. Raises ``LocalProtocolError``
    for a kind that opens no conversation.
    """
    if kind not in STATES:
        raise LocalProtocolError(f"A {kind} message opens no conversation: file it under its case.")
    told = kind is Kind.UPDATE or (kind is Kind.NOTIFICATION and not expects_decision)
    return State.TOLD if told else State.PROPOSED


def list_possible(kind: Kind, state: State, side: Side) -> tuple[Act, ...]:
    """Return what ``side`` may do now, in the order of :class:`Act`."""
    return tuple(act for act in Act if (kind, state, act, side) in TRANSITIONS)


def explain_refusal(kind: Kind, state: State, act: Act, side: Side) -> str | None:
    """Say why an act is not in order and what is possible instead; ``None`` if it is in order."""
    if (kind, state, act, side) in TRANSITIONS:
        return None
    if state not in STATES.get(kind, ()):
        return f"A {kind} is never '{state}': read its state from its messages again."
    possible = _name_all(list_possible(kind, state, side))
    others = [f"the {other} may" for other in Side if (kind, state, act, other) in TRANSITIONS]
    hint = f" ({others[0]})" if others else ""
    return (
        f"The {side} cannot do '{act}' while the {kind} is '{state}'{hint}. "
        f"Possible for the {side}: {possible}."
    )


def _name_all(acts: Iterable[Act]) -> str:
    return ", ".join(acts)
