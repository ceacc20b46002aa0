"""The broker plays with what nodes ask and tell each other about lost messages and registries."""

from node.domain.events import EventKind
from protocol.messages.catalogue import parse_payload
from protocol.messages.link_repair import (
    NumbersField,
    RegistryConflictBody,
    ResendAnswer,
    ResendAnswerBody,
)
from protocol.signing import SigningKey
from protocol.subjects import TrafficClass
from tests.malicious.table import Family, Outcome, Promise, attack
from tests.malicious.wire import Wire

REFUSED, SURVIVED, DETECTED = Outcome.REFUSED, Outcome.SURVIVED, Outcome.DETECTED


def _lose_second(wire: Wire) -> list[str]:
    """Let three be written and the second be lost; XK knows that it misses one."""
    written = wire.write(3)
    first, _, third = wire.take(to="XK")
    wire.give(first, third)
    wire.give(*wire.take(to="AL"))
    return written


@attack(
    Family.MACHINES,
    SURVIVED,
    Promise.WORKS,
    seen="the sender's administrators: asked more often than is answered",
)
def repeat_a_question(wire: Wire) -> None:
    """Repeat XK's question for a lost message fifty times within an hour.

    At most twelve are answered, the message leaves once; XK shows it once.
    """
    written = _lose_second(wire)
    wire.pass_time(minutes=11)
    (question,) = wire.take(to="AL")
    wire.take(to="XK")
    wire.give(*[question] * 50)
    assert "asks for messages again more often" in wire.notices("AL")
    carried = wire.take(to="XK")
    answers = [each for each in carried if each.arrival.traffic is TrafficClass.RECEIPT]
    assert len(answers) <= 12
    assert len(carried) - len(answers) <= 1
    wire.give(*carried)
    wire.be_honest()
    assert sorted(wire.shown()) == sorted(written)


@attack(
    Family.MACHINES,
    REFUSED,
    Promise.ARRIVES,
    seen="the recipient: the gap stays open, and is asked for again",
)
def invent_the_answer_that_it_is_gone(wire: Wire) -> None:
    """Answer XK's question in AL's name: the lost message is gone. Signed by the hub.

    Refused; the number stays missing, and AL's own answer settles it.
    """
    written = _lose_second(wire)
    wire.pass_time(minutes=11)
    (question,) = wire.take(to="AL")
    wire.give(question)
    answer, *_ = wire.take(to="XK", traffic=TrafficClass.RECEIPT)
    signed = wire.open(answer)
    forged = wire.forge(
        signed.payload,
        key=SigningKey(b"h" * 32),
        message_id=signed.consignment.message_id,
        traffic=TrafficClass.RECEIPT,
    )
    (result,) = wire.give(forged)
    assert result.reason == "unknown_sender"
    assert wire.missing() == [("AL", 2, 2)]
    assert wire.told(EventKind.LINK_GONE) == 0
    wire.be_honest()
    assert sorted(wire.shown()) == sorted(written)


@attack(
    Family.MACHINES,
    SURVIVED,
    Promise.ARRIVES,
    seen="nobody: an old answer says nothing about what is missing now",
)
def repeat_an_old_answer(wire: Wire) -> None:
    """Keep an answer about one gap, make another gap later, and repeat the old answer for it.

    What it says is about numbers that are no longer missing; the new gap is asked for by itself.
    """
    written = _lose_second(wire)
    wire.pass_time(minutes=11)
    wire.give(*wire.take(to="AL"))
    carried = wire.take(to="XK")
    answers = [each for each in carried if each.arrival.traffic is TrafficClass.RECEIPT]
    wire.give(*carried)
    assert wire.missing() == []
    wire.network.settle()
    later = wire.write(3)
    first, _, third = wire.take(to="XK")
    wire.give(first, third, *answers * 5)
    assert wire.missing() == [("AL", 5, 5)]
    assert wire.told(EventKind.LINK_GONE) == 0
    wire.be_honest()
    assert sorted(wire.shown()) == sorted(written + later)


@attack(
    Family.MACHINES,
    DETECTED,
    Promise.ARRIVES,
    seen="the recipient: reported gone by AL, in the case, and to the administrators",
)
def have_the_sender_deny_a_message(wire: Wire) -> None:
    """Drop a message, and let AL, in league with the hub, answer that there never was one.

    The gap was seen before: XK's people are told that a message did not arrive and that AL says it
    is gone. AL's signature stands under that.
    """
    _lose_second(wire)
    wire.pass_time(minutes=11)
    wire.give(*wire.take(to="AL"))
    answer = _deny(wire)
    wire.take()
    wire.say("AL", "XK", answer)
    wire.give(*wire.take(to="XK", traffic=TrafficClass.RECEIPT))
    assert wire.told(EventKind.LINK_GONE) == 1
    assert "and AL reports" in wire.notices()


def _deny(wire: Wire) -> ResendAnswerBody:
    """Return AL's own answer with the number that was lost said to be unknown."""
    (answer, *_) = wire.take(to="XK", traffic=TrafficClass.RECEIPT)
    message = parse_payload(wire.open(answer).payload)
    assert isinstance(message, ResendAnswer)
    unknown = (NumbersField(generation=1, first=2, last=2),)
    return message.body.model_copy(update={"numbers": (), "unknown": unknown})


@attack(
    Family.MACHINES,
    DETECTED,
    Promise.KEYS,
    seen="administrators: MK says so, and nothing here confirms it",
)
def raise_a_false_alarm(wire: Wire) -> None:
    """Let MK, in league with the hub, tell XK that it was shown another registry.

    It is shown as MK's word that nothing confirms; nothing else changes, and it cannot be repeated
    into a flood.
    """
    body = RegistryConflictBody(
        registry_version=7,
        held_sha256="11" * 32,
        named_sha256="22" * 32,
        verified=True,
        message_id="d" * 32,
        payload_sha256="33" * 32,
    )
    for _ in range(5):
        wire.say("MK", "XK", body)
    for each in wire.take(to="XK"):
        wire.give(*[each] * 4)
    assert wire.notices().count("which nothing here confirms") == 1
    assert wire.told(EventKind.REGISTRY_CONFLICT) == 0
    (written,) = wire.write()
    wire.network.settle()
    assert wire.state(written) == "delivered"
