"""The broker drops, holds back, repeats and reorders what it carries."""

import random

from node.domain.events import EventKind
from protocol.subjects import TrafficClass
from tests.malicious.table import Family, Outcome, Promise, attack
from tests.malicious.wire import Wire

MESSAGE, RECEIPT = TrafficClass.MESSAGE, TrafficClass.RECEIPT
DETECTED, SURVIVED, REFUSED = Outcome.DETECTED, Outcome.SURVIVED, Outcome.REFUSED


@attack(
    Family.CARRYING,
    DETECTED,
    Promise.ARRIVES,
    seen="gap in the case at the recipient; without receipt at the sender",
)
def drop_one_of_three(wire: Wire) -> None:
    """Drop the second of three messages.

    The third shows the gap. The recipient asks, the sender sends again: all three are shown.
    """
    written = wire.write(3)
    first, _dropped, third = wire.take()
    wire.give(first, third)
    assert wire.told(EventKind.LINK_GAP) == 1
    assert wire.missing() == [("AL", 2, 2)]
    assert wire.shown() != written
    wire.be_honest()
    assert sorted(wire.shown()) == sorted(written)
    assert wire.missing() == []
    assert {wire.state(each) for each in written} == {"delivered"}


@attack(
    Family.CARRYING,
    SURVIVED,
    Promise.ARRIVES,
    seen="the sender: on its way since days, handed over again",
)
def drop_everything_for_a_week(wire: Wire) -> None:
    """Confirm every envelope, and drop all of them, in all directions, for a week.

    What was written is sent again with growing pauses and arrives when the broker carries again.
    """
    written = wire.write(2)
    wire.drop_all(days=7)
    assert wire.shown() == []
    assert {wire.state(each) for each in written} == {"on_its_way"}
    wire.be_honest()
    assert sorted(wire.shown()) == sorted(written)
    assert {wire.state(each) for each in written} == {"delivered"}


@attack(
    Family.CARRYING,
    DETECTED,
    Promise.ARRIVES,
    seen="the sender: expired, in the case and in the list of what did not arrive",
)
def drop_everything_for_ever(wire: Wire) -> None:
    """Confirm every envelope, and never deliver one.

    After 21 days without the recipient's signature the sender is told that it did not arrive.
    """
    (written,) = wire.write()
    wire.drop_all(days=22)
    assert wire.state(written) == "expired"
    assert wire.told(EventKind.MESSAGE_EXPIRED, "AL") == 1
    assert wire.shown() == []


@attack(
    Family.CARRYING,
    DETECTED,
    Promise.ARRIVES,
    seen="the sender: one of two without receipt",
)
def cut_one_pair_off(wire: Wire) -> None:
    """Drop what AL sends to XK, and carry everything else, so that all looks well.

    Each message stands for itself: AL sees that this one is without receipt, and is told its end.
    """
    (cut,) = wire.write(recipient="XK")
    (whole,) = wire.write(recipient="MK")
    for _ in range(22):
        wire.take(to="XK")
        wire.network.settle_mailbox()
        wire.pass_time(hours=24)
    assert (wire.state(whole), wire.shown("MK")) == ("delivered", [whole])
    assert (wire.state(cut), wire.shown("XK")) == ("expired", [])


@attack(
    Family.CARRYING,
    SURVIVED,
    Promise.ARRIVES,
    seen="nobody: nothing is lost",
)
def hold_back_for_nine_days(wire: Wire) -> None:
    """Keep every copy for nine days, then deliver all copies at once, the oldest last.

    It is shown once and receipted; the other copies are known.
    """
    (written,) = wire.write()
    held = wire.take()
    for _ in range(9):
        wire.pass_time(hours=24)
        held += wire.take()
    assert len(held) > 3
    wire.give_at_once("XK", *reversed(held))
    wire.network.settle()
    assert wire.shown() == [written]
    assert wire.proofs(written) == ["delivered"]


@attack(
    Family.CARRYING,
    REFUSED,
    Promise.ARRIVES,
    seen="the sender: expired, before the copy arrives",
)
def hold_back_beyond_expiry(wire: Wire) -> None:
    """Keep every copy until the message has expired, then deliver one that nobody asked for.

    An order of three weeks ago is not shown as if it were new; its sender knows that it expired.
    """
    (written,) = wire.write()
    held = wire.take()
    wire.drop_all(days=22)
    (result,) = wire.give(held[0])
    assert result.reason == "expired"
    assert wire.shown() == []
    wire.network.settle()
    assert wire.state(written) in {"expired", "rejected"}


@attack(
    Family.CARRYING,
    SURVIVED,
    Promise.ARRIVES,
    seen="nobody: copies are known by sender and identifier",
)
def repeat_fifty_times(wire: Wire) -> None:
    """Deliver each envelope fifty times, in one batch and one after another.

    Shown once, stored once, one proof. Each copy is answered, because its sender may not know yet.
    """
    (written,) = wire.write()
    (copy,) = wire.take()
    results = wire.give_at_once("XK", *[copy] * 25) + wire.give(*[copy] * 25)
    assert [result.intake for result in results] == ["stored", *["known"] * 49]
    wire.network.settle()
    assert wire.shown() == [written]
    assert wire.told(EventKind.MESSAGE_RECEIVED) == 1
    assert wire.proofs(written) == ["delivered"]


@attack(
    Family.CARRYING,
    SURVIVED,
    Promise.ARRIVES,
    seen="nobody: known, and never shown as new",
)
def replay_what_has_expired(wire: Wire) -> None:
    """Record a message that was delivered, and deliver it again after a month.

    It is known: answered with its receipt, shown nowhere a second time.
    """
    (written,) = wire.write()
    (copy,) = wire.take()
    wire.give(copy)
    wire.network.settle()
    wire.pass_time(days=30)
    (result,) = wire.give(copy)
    assert result.intake == "known"
    wire.network.settle()
    assert wire.shown() == [written]
    assert wire.state(written) == "delivered"


@attack(
    Family.CARRYING,
    SURVIVED,
    Promise.ARRIVES,
    seen="the recipient: each message at its place, gaps come and go",
)
def deliver_backwards(wire: Wire) -> None:
    """Deliver eight messages, last first.

    All are shown; the numbers of the link say in which order they were written; no gap is left.
    """
    written = wire.write(8)
    wire.give(*reversed(wire.take()))
    assert sorted(wire.shown()) == sorted(written)
    assert wire.missing() == []
    wire.be_honest()
    assert {wire.state(each) for each in written} == {"delivered"}
    assert wire.told(EventKind.LINK_CONFLICT) == 0


@attack(
    Family.CARRYING,
    SURVIVED,
    Promise.ARRIVES,
    seen="both sides: gaps, copies, and in the end nothing missing",
)
def shuffle_drop_and_repeat(wire: Wire) -> None:
    """For two weeks drop a third of everything, repeat a third, and deliver in any order.

    Every message is shown exactly once, with a proof at its sender.
    """
    chance = random.Random(7)
    written = wire.write(4) + wire.write(3, sender="AL")
    answers = wire.write(4, sender="XK", recipient="AL")
    for _ in range(28):
        carried = [each for each in wire.take() for _ in range(chance.choice([0, 1, 2]))]
        chance.shuffle(carried)
        wire.give(*carried)
        wire.pass_time(hours=12)
    wire.be_honest()
    assert sorted(wire.shown("XK")) == sorted(written)
    assert sorted(wire.shown("AL")) == sorted(answers)
    assert {wire.state(each) for each in written} == {"delivered"}
    assert {wire.state(each, "XK") for each in answers} == {"delivered"}


@attack(
    Family.CARRYING,
    DETECTED,
    Promise.ARRIVES,
    seen="the recipient's administrators: asked for in vain, telephone it",
)
def suppress_every_question(wire: Wire) -> None:
    """Drop one message, then every question about it and every copy, for months.

    After 33 questions in about a month the recipient's people are told what is missing and whom to
    telephone; the sender was told that it expired.
    """
    written = wire.write(2)
    wire.give(wire.take()[1])
    for _ in range(40):
        wire.take()
        wire.pass_time(hours=25)
    assert wire.told(EventKind.LINK_GIVEN_UP) == 1
    assert "asked for in vain" in wire.notices()
    assert wire.state(written[0]) == "expired"
