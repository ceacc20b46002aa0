"""One order for all acts of a conversation, the same on both sides, and the state that follows.

The two directions of a conversation are two links, and a message can cross another on its way. So
each message says in ``seen`` what its author held of the other direction. From the places on both
links and from ``seen`` follows one order of any *set* of acts; when each of them arrived plays no
part. Two sides that hold the same acts therefore hold the same history and the same state (SPEC,
section on conversations).
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from protocol.conversation.table import (
    AWAITED,
    CROSSING_ORDER,
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


class Place(NamedTuple):
    """A place on one direction of the link. Places compare as the order of sending."""

    generation: int
    seq: int


NOTHING_SEEN: Final = Place(0, 0)
"""Before every place: the author held nothing of the case from the other side."""


@dataclass(frozen=True, slots=True)
class Opener:
    """What is needed to know of the message that a conversation is about."""

    kind: Kind
    #: What the catalogue says of its type.
    expects_decision: bool
    #: On the link from the sender to the recipient.
    place: Place


@dataclass(frozen=True, slots=True)
class HeldAct:
    """One message of a conversation, as far as it matters for the state."""

    message_id: str
    side: Side
    act: Act
    #: On the author's own direction.
    place: Place
    #: The newest message of this case that the author held of the other direction.
    seen: Place = NOTHING_SEEN
    #: It names no opener and acts on all conversations of its case that its author knew of.
    whole_case: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """An act in its place in the history, with the verdict of the table."""

    act: HeldAct
    before: State
    after: State
    #: Neither it nor some act of the other side knew of the other.
    crossed: bool
    #: Why it is not in order, and so changed nothing; ``None`` if it is in order.
    refusal: str | None

    @property
    def in_order(self) -> bool:
        """Whether the table allowed it."""
        return self.refusal is None


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation as one side can know it."""

    kind: Kind
    state: State
    #: Every act that is held, none left out, in the order in which they count.
    steps: tuple[Step, ...]
    #: Something of it is known to be missing, so that the state may still turn out another.
    provisional: bool

    @property
    def awaited(self) -> Side | None:
        """Whose turn it is; ``None`` if nobody owes anything."""
        return AWAITED.get((self.kind, self.state))

    def list_possible(self, side: Side) -> tuple[Act, ...]:
        """Return what ``side`` may do now."""
        return list_possible(self.kind, self.state, side)

    def verify_possible(self, act: Act, side: Side) -> None:
        """Raise ``LocalProtocolError`` if ``side`` may not do this now: for whoever composes."""
        refusal = explain_refusal(self.kind, self.state, act, side)
        if refusal is not None:
            raise LocalProtocolError(refusal)


def read_conversation(opener: Opener, acts: Iterable[HeldAct], *, complete: bool) -> Conversation:
    """Read the state of a conversation off the set of acts that are held.

    The result depends on that set alone: not on the order or number of times in which its members
    are given. ``complete`` is false if the link is known to lack messages, or the case holds a
    message that cannot be read: the result is then provisional. Raises ``LocalProtocolError`` if
    the opener's kind opens no conversation.
    """
    state = start_state(opener.kind, expects_decision=opener.expects_decision)
    held = frozenset(acts)
    sent = _Direction(opener, held, Side.SENDER)
    answered = _Direction(opener, held, Side.RECIPIENT)
    steps = []
    for act, crossed in _merge(sent, answered):
        after = TRANSITIONS.get((opener.kind, state, act.act, act.side), state)
        refusal = explain_refusal(opener.kind, state, act.act, act.side)
        steps.append(Step(act=act, before=state, after=after, crossed=crossed, refusal=refusal))
        state = after
    return Conversation(kind=opener.kind, state=state, steps=tuple(steps), provisional=not complete)


def _concerns(act: HeldAct, opener: Opener) -> bool:
    """Whether an act is of this conversation: a case may be closed before a new opener in it."""
    if not act.whole_case:
        return True
    known = act.place if act.side is Side.SENDER else act.seen
    return known >= opener.place


class _Direction:
    """The acts of one side, in the order of sending, with what each had seen by then."""

    def __init__(self, opener: Opener, held: frozenset[HeldAct], side: Side) -> None:
        own = [act for act in held if act.side is side and _concerns(act, opener)]
        # One place holds one message; should a link be forked, both sides still sort alike.
        self.acts = sorted(own, key=lambda act: (act.place, act.message_id, act.act, act.seen))
        self.places = [act.place for act in self.acts]
        # Who answers the opener has seen it, and nobody forgets what was seen before.
        newest = opener.place if side is Side.RECIPIENT else NOTHING_SEEN
        self.seen: list[Place] = []
        for act in self.acts:
            newest = max(newest, act.seen)
            self.seen.append(newest)


def _merge(sent: _Direction, answered: _Direction) -> Iterator[tuple[HeldAct, bool]]:
    """Put both directions into one order; yield each act, and whether another one crossed it."""
    i = j = 0
    while i < len(sent.acts) or j < len(answered.acts):
        if j == len(answered.acts) or (i < len(sent.acts) and _goes_first(sent, i, answered, j)):
            yield sent.acts[i], _is_crossed(sent, i, answered)
            i += 1
        else:
            yield answered.acts[j], _is_crossed(answered, j, sent)
            j += 1


def _goes_first(sent: _Direction, i: int, answered: _Direction, j: int) -> bool:
    """Whether the sender's act counts before the recipient's: known before unknown, then rank."""
    if answered.seen[j] >= sent.places[i]:
        return True
    if sent.seen[i] >= answered.places[j]:
        return False
    return CROSSING_ORDER[sent.acts[i].act] <= CROSSING_ORDER[answered.acts[j].act]


def _is_crossed(own: _Direction, index: int, other: _Direction) -> bool:
    """Whether there is an act of the other side that it had not seen and that had not seen it."""
    first_unseen = bisect_right(other.places, own.seen[index])
    first_that_saw_it = bisect_left(other.seen, own.places[index])
    return first_unseen < first_that_saw_it
