"""Two sides of a case end with one state, over a link that loses, reorders and duplicates.

Each side acts on its own, as its own view allows. Nothing but the messages joins the two.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from protocol.conversation.history import (
    NOTHING_SEEN,
    Conversation,
    HeldAct,
    Opener,
    Place,
    read_conversation,
)
from protocol.conversation.table import ENDED, STATES, Act, Side, State
from protocol.messages.codes import Kind

PEERS: Final = (0, 1)
OPENERS: Final = st.tuples(st.sampled_from(sorted(STATES)), st.booleans())
SENDERS_ACTS: Final = frozenset({Act.INFORM, Act.WITHDRAW, Act.CLOSE})
RECIPIENTS_ACTS: Final = frozenset(Act) - {Act.WITHDRAW}


FIRST_HEAD: Final = Place(1, 0)


@dataclass(frozen=True)
class Note:
    """A message of the case on the wire: an opener, an act on one, or the closing of the case."""

    author: int
    place: Place
    seen: Place
    opens: tuple[Kind, bool] | None = None
    act: Act | None = None
    #: Author and place of the opener that it acts on; ``None`` for the closing of the case.
    on: tuple[int, Place] | None = None

    @property
    def key(self) -> tuple[int, Place]:
        """What names it."""
        return self.author, self.place


@dataclass
class Peer:
    """One side of the case: what it holds, and what it sent without receipt yet."""

    me: int
    held: dict[tuple[int, Place], Note] = field(default_factory=dict)
    unreceipted: dict[tuple[int, Place], Note] = field(default_factory=dict)
    last: Place = FIRST_HEAD

    def take_place(self, *, gap: int = 0) -> Place:
        """Return a place for the next message; ``gap`` places went to other cases in between."""
        self.last = Place(self.last.generation, self.last.seq + 1 + gap)
        return self.last

    def see(self) -> Place:
        """Return the newest place held of the other direction."""
        theirs = [note.place for note in self.held.values() if note.author != self.me]
        return max(theirs, default=NOTHING_SEEN)

    def keep(self, note: Note) -> None:
        """Hold a message, once."""
        self.held.setdefault(note.key, note)

    def read(self, opener: Note) -> Conversation:
        """Read one conversation off what is held."""
        assert opener.opens is not None
        kind, expects_decision = opener.opens
        acts = [
            HeldAct(
                message_id=f"{note.author}-{note.place}",
                side=Side.SENDER if note.author == opener.author else Side.RECIPIENT,
                act=note.act,
                place=note.place,
                seen=note.seen,
                whole_case=note.on is None,
            )
            for note in self.held.values()
            if note.act is not None and note.on in {None, opener.key}
        ]
        return read_conversation(
            Opener(kind, expects_decision=expects_decision, place=opener.place),
            acts,
            complete=True,
        )

    def list_openers(self) -> list[Note]:
        """Return the openers held, own and others'."""
        found = [note for note in self.held.values() if note.opens is not None]
        return sorted(found, key=lambda note: note.key)

    def side_of(self, opener: Note) -> Side:
        """Which side of that conversation this peer is."""
        return Side.SENDER if opener.author == self.me else Side.RECIPIENT

    def list_moves(self) -> Iterator[tuple[Note, Act]]:
        """Yield all that its own view allows."""
        for opener in self.list_openers():
            for act in self.read(opener).list_possible(self.side_of(opener)):
                yield opener, act


class TwoSides(RuleBasedStateMachine):
    """A case between two peers, and a wire that keeps no order and no promise."""

    def __init__(self) -> None:
        """Start with an empty case."""
        super().__init__()
        self.peers = [Peer(me) for me in PEERS]
        self.wire: list[tuple[int, Note | tuple[int, Place]]] = []
        """What is under way: for whom, and a message or the receipt of one."""

    def _send(self, note: Note) -> None:
        peer = self.peers[note.author]
        peer.keep(note)
        peer.unreceipted[note.key] = note
        self.wire.append((1 - note.author, note))

    def _arrive(self, whom: int, item: Note | tuple[int, Place]) -> None:
        peer = self.peers[whom]
        if isinstance(item, Note):
            peer.keep(item)
            self.wire.append((1 - whom, item.key))
        else:
            peer.unreceipted.pop(item, None)

    @initialize(opener=OPENERS, author=st.sampled_from(PEERS))
    def open_first(self, opener: tuple[Kind, bool], author: int) -> None:
        """Begin the case."""
        self.open(opener, author)

    @precondition(lambda self: len(self.peers[0].list_openers()) < 3)
    @rule(opener=OPENERS, author=st.sampled_from(PEERS))
    def open(self, opener: tuple[Kind, bool], author: int) -> None:
        """Send an opener, from either side, also after the case was closed."""
        peer = self.peers[author]
        self._send(Note(author, peer.take_place(), peer.see(), opens=opener))

    @rule(author=st.sampled_from(PEERS), choice=st.randoms(use_true_random=False))
    def move(self, author: int, choice: Random) -> None:
        """Do something that the own view allows."""
        peer = self.peers[author]
        moves = list(peer.list_moves())
        if moves:
            opener, act = choice.choice(moves)
            self._send(Note(author, peer.take_place(), peer.see(), act=act, on=opener.key))

    @rule(author=st.sampled_from(PEERS))
    def close_case(self, author: int) -> None:
        """Close the case, and so every conversation that the author knows of."""
        peer = self.peers[author]
        self._send(Note(author, peer.take_place(), peer.see(), act=Act.CLOSE))

    @rule(author=st.sampled_from(PEERS), numbers=st.integers(min_value=1, max_value=3))
    def work_on_another_case(self, author: int, numbers: int) -> None:
        """Use numbers of the link for something else."""
        self.peers[author].take_place(gap=numbers)

    @rule(author=st.sampled_from(PEERS))
    def begin_a_generation(self, author: int) -> None:
        """Start numbering anew, as after a restore."""
        self.peers[author].last = Place(self.peers[author].last.generation + 1, 0)

    @precondition(lambda self: self.wire)
    @rule(index=st.integers(min_value=0), copies=st.integers(min_value=0, max_value=2))
    def carry(self, index: int, copies: int) -> None:
        """Take anything off the wire and deliver it never, once, or twice."""
        whom, item = self.wire.pop(index % len(self.wire))
        for _ in range(copies):
            self._arrive(whom, item)

    @rule(author=st.sampled_from(PEERS))
    def send_again(self, author: int) -> None:
        """Hand over again what has no receipt."""
        self.wire += [(1 - author, note) for note in self.peers[author].unreceipted.values()]

    @invariant()
    def what_is_held_is_shown(self) -> None:
        """No act on an opener that is held is left out of its history."""
        for peer in self.peers:
            for opener in peer.list_openers():
                shown = {step.act.message_id for step in peer.read(opener).steps}
                held = {f"{n.author}-{n.place}" for n in peer.held.values() if n.on == opener.key}
                assert held <= shown

    def teardown(self) -> None:
        """Send again until everything has its receipt: then both sides read the same."""
        rounds = 0
        while any(peer.unreceipted for peer in self.peers):
            rounds += 1
            assert rounds < 4
            for peer in self.peers:
                self.send_again(peer.me)
            while self.wire:
                self._arrive(*self.wire.pop())
        one, other = self.peers
        assert one.held == other.held
        for opener in one.list_openers():
            assert one.read(opener) == other.read(opener)


def test_both_sides_end_in_the_same_state() -> None:
    """Whatever each did and whatever the link lost, at rest state, order and verdicts agree."""
    run_state_machine_as_test(
        TwoSides, settings=settings(max_examples=60, stateful_step_count=40, deadline=None)
    )


class TwoSidesInOrder(TwoSides):
    """The same with a wire that is slow, but keeps each direction in order."""

    @precondition(lambda self: self.wire)
    @rule(index=st.integers(min_value=0), copies=st.integers(min_value=0, max_value=2))
    def carry(self, index: int, copies: int) -> None:
        """Deliver the oldest of one direction."""
        whom = index % 2
        oldest = next((at for at, (to, _) in enumerate(self.wire) if to == whom), None)
        if oldest is not None:
            self._arrive(*self.wire.pop(oldest))

    @rule(author=st.sampled_from(PEERS))
    def send_again(self, author: int) -> None:
        """Nothing is ever lost here."""

    @invariant()
    def nothing_is_out_of_order(self) -> None:
        """Judge everybody's acts by everybody's view: what one view allowed, all find in order."""
        for peer in self.peers:
            for opener in peer.list_openers():
                assert [step.refusal for step in peer.read(opener).steps if step.refusal] == []

    def teardown(self) -> None:
        """Deliver the rest."""
        while self.wire:
            self._arrive(*self.wire.pop(0))
        self.nothing_is_out_of_order()
        super().teardown()


def test_an_honest_act_is_never_out_of_order_without_gaps() -> None:
    """However messages cross: if each direction keeps its order, nobody is told to be wrong."""
    run_state_machine_as_test(
        TwoSidesInOrder, settings=settings(max_examples=60, stateful_step_count=40, deadline=None)
    )


PLACES: Final = st.builds(
    Place, generation=st.integers(1, 2), seq=st.integers(min_value=1, max_value=6)
)
ACTS: Final = st.builds(
    HeldAct,
    message_id=st.sampled_from("abcdefgh"),
    side=st.sampled_from(Side),
    act=st.sampled_from(Act),
    place=PLACES,
    seen=st.just(NOTHING_SEEN) | PLACES,
    whole_case=st.booleans(),
)
ANY_OPENER: Final = st.builds(
    Opener, kind=st.sampled_from(sorted(STATES)), expects_decision=st.booleans(), place=PLACES
)


@settings(max_examples=150, deadline=None)
@given(ANY_OPENER, st.lists(ACTS, max_size=12), st.randoms(use_true_random=False))
def test_the_order_of_arrival_plays_no_part(
    opener: Opener, acts: list[HeldAct], shuffler: Random
) -> None:
    """Any order, any duplicates, any lies in ``seen``: one set of acts gives one history."""
    once = read_conversation(opener, acts, complete=True)
    again = acts + acts[: len(acts) // 2]
    shuffler.shuffle(again)
    assert read_conversation(opener, iter(again), complete=True) == once


@settings(max_examples=150, deadline=None)
@given(ANY_OPENER, st.lists(ACTS, max_size=12))
def test_nobody_acts_for_the_other_side(opener: Opener, acts: list[HeldAct]) -> None:
    """An act of the wrong side, or one out of order, changes nothing and is shown with a reason."""
    conversation = read_conversation(opener, acts, complete=False)
    assert conversation.provisional
    for step in conversation.steps:
        own = SENDERS_ACTS if step.act.side is Side.SENDER else RECIPIENTS_ACTS
        if step.act.act not in own:
            assert not step.in_order
        if not step.in_order:
            assert step.after is step.before
            assert "Possible for the" in (step.refusal or "")
    one_by_one = [step.act for step in conversation.steps if not step.act.whole_case]
    assert sorted(one_by_one, key=repr) == sorted(
        {act for act in acts if not act.whole_case}, key=repr
    )


@settings(max_examples=150, deadline=None)
@given(ANY_OPENER, st.lists(ACTS, max_size=12))
def test_what_has_ended_stays_ended(opener: Opener, acts: list[HeldAct]) -> None:
    """After a withdrawal or a closing no act changes the state; information is in order still."""
    conversation = read_conversation(opener, acts, complete=True)
    ended: State | None = None
    for step in conversation.steps:
        if step.act.act is Act.INFORM:
            assert step.in_order
        if ended is not None:
            assert step.after is ended
        if step.after in ENDED:
            ended = step.after


@settings(max_examples=150, deadline=None)
@given(ANY_OPENER, st.lists(ACTS, max_size=12))
def test_the_history_keeps_each_sides_own_order(opener: Opener, acts: list[HeldAct]) -> None:
    """What one side sent first counts first, and what was known counts before what knew it."""
    steps = read_conversation(opener, acts, complete=True).steps
    for side in Side:
        places = [step.act.place for step in steps if step.act.side is side]
        assert places == sorted(places)
    knows: dict[int, Place] = {}
    newest = {Side.SENDER: NOTHING_SEEN, Side.RECIPIENT: opener.place}
    for index, step in enumerate(steps):
        newest[step.act.side] = max(newest[step.act.side], step.act.seen)
        knows[index] = newest[step.act.side]
    for index, step in enumerate(steps):
        for after in range(index + 1, len(steps)):
            later = steps[after].act
            if later.side is not step.act.side and knows[index] >= later.place:
                # Only where each claims to have known the other, which no honest pair can.
                assert knows[after] >= step.act.place
