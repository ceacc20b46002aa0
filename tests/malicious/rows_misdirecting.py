"""The broker delivers to the wrong mailbox, and under wrong names and classes."""

import json
from dataclasses import replace

import pytest

from node.domain.events import EventKind
from node.service.dispatching import NoRecipientKeyError
from node.store.tables import MessageRow
from protocol.nkeys import Nkey, NkeyKind
from protocol.subjects import AccountId, TrafficClass
from tests.malicious.table import Family, Outcome, Promise, attack
from tests.malicious.wire import Wire
from tests.support.messages import make_fields

REFUSED, SURVIVED, DETECTED = Outcome.REFUSED, Outcome.SURVIVED, Outcome.DETECTED


def _is_put_aside(wire: Wire, code: str, reason: str) -> bool:
    """Whether a node shows nothing, and put one envelope aside for this reason."""
    return wire.shown(code) == [] and [why for _, why in wire.quarantine(code)] == [reason]


@attack(
    Family.MISDIRECTING,
    REFUSED,
    Promise.SECRET,
    seen="administrators of both mailboxes: one has a refused envelope, one a message a bit later",
)
def put_into_anothers_mailbox(wire: Wire) -> None:
    """Put what AL wrote to XK into MK's mailbox instead.

    MK cannot open it and refuses it; AL sends again, and it arrives at XK.
    """
    (written,) = wire.write()
    (carried,) = wire.take()
    (result,) = wire.give(wire.divert(carried, to="MK"))
    assert result.reason == "misaddressed"
    assert _is_put_aside(wire, "MK", "misaddressed")
    wire.be_honest()
    assert wire.shown("XK") == [written]
    assert wire.shown("MK") == []


@attack(
    Family.MISDIRECTING,
    REFUSED,
    Promise.GENUINE,
    seen="the recipient's administrators: refused, travelled as another",
)
def pass_off_as_another_sender(wire: Wire) -> None:
    """Deliver AL's envelope to XK as if MK's account had sent it.

    Outside and inside name different parties: refused, and AL sends again under its own name.
    """
    (written,) = wire.write()
    (carried,) = wire.take()
    (result,) = wire.give(wire.divert(carried, sender=wire.account("MK")))
    assert result.reason == "misaddressed"
    assert _is_put_aside(wire, "XK", "misaddressed")
    wire.be_honest()
    assert wire.shown("XK") == [written]


@attack(
    Family.MISDIRECTING,
    REFUSED,
    Promise.GENUINE,
    seen="the sender's administrators: refused, for somebody else",
)
def return_to_its_sender(wire: Wire) -> None:
    """Put AL's envelope into AL's own mailbox, as if XK had answered.

    Refused.
    """
    wire.write()
    (carried,) = wire.take()
    (result,) = wire.give(wire.divert(carried, to="AL", sender=wire.account("XK")))
    assert result.reason == "misaddressed"
    assert _is_put_aside(wire, "AL", "misaddressed")


@attack(
    Family.MISDIRECTING,
    REFUSED,
    Promise.KEYS,
    seen="the recipient's administrators: no Participant with this account",
)
def admit_a_false_account(wire: Wire) -> None:
    """Let an account into the broker that the registry does not list, and carry what it sends.

    The broker's word makes nobody a Participant: refused, whatever the account sends.
    """
    account = AccountId(Nkey.generate(NkeyKind.ACCOUNT).public)
    wire.write()
    (carried,) = wire.take()
    for _ in range(3):
        (result,) = wire.give(wire.divert(carried, sender=account))
        assert result.reason == "unknown_sender"
    assert _is_put_aside(wire, "XK", "unknown_sender")
    assert wire.quarantine() == [(None, "unknown_sender")]


@attack(
    Family.MISDIRECTING,
    REFUSED,
    Promise.KEYS,
    seen="the recipient's administrators: refused; AL's people: no key for MK, it waits",
)
def keep_a_removed_participant(wire: Wire) -> None:
    """Go on carrying for MK, whom the registry lists no longer, in both directions.

    What MK sends is refused. What waits for MK is not sealed for it any more.
    """
    to_mk = wire.write(recipient="MK")[0]
    wire.take()
    wire.write(sender="MK")
    (carried,) = wire.take(to="XK")
    directory = wire.network.directory
    keys = {code: each for code, each in directory.directory.keys.items() if code != "MK"}
    directory.directory = replace(directory.directory, keys=keys, version=8, sha256="cd" * 32)
    (result,) = wire.give(carried)
    assert result.reason == "unknown_sender"
    assert wire.shown("XK") == []
    wire.pass_time(hours=1)
    with pytest.raises(NoRecipientKeyError):
        wire.network.collect("AL")
    assert wire.state(to_mk) == "on_its_way"
    assert wire.shown("MK") == []


@attack(
    Family.MISDIRECTING,
    REFUSED,
    Promise.GENUINE,
    seen="the recipient's administrators: refused, for somebody else",
)
def collude_with_a_recipient(wire: Wire) -> None:
    """Let MK seal what AL signed for MK anew, for XK, and deliver it under AL's name.

    The signature covers for whom it was written: XK refuses it. (MK can show it to anybody; it
    cannot make it a message to XK.)
    """
    wire.write(recipient="MK")
    (carried,) = wire.take(to="MK")
    signed = wire.open(carried)
    (result,) = wire.give(wire.seal(signed, sender="AL", to="XK"))
    assert result.reason == "misaddressed"
    assert wire.shown("XK") == []


@attack(
    Family.MISDIRECTING,
    REFUSED,
    Promise.GENUINE,
    seen="the recipient's administrators: the signature does not match",
)
def change_the_outside_of_a_sealed_one(wire: Wire) -> None:
    """Put what AL signed for MK, which colludes, under what AL says on the outside to XK.

    The signature covers outside and content together: refused.
    """
    wire.write(recipient="MK")
    (written,) = wire.write(recipient="XK")
    for_mk, for_xk = wire.take(to="MK") + wire.take(to="XK")
    outside, inside = wire.open(for_xk), wire.open(for_mk)
    mixed = replace(outside, payload=inside.payload, signature=inside.signature)
    (result,) = wire.give(wire.seal(mixed, sender="AL", to="XK"))
    assert result.reason == "forged"
    assert wire.shown("XK") == []
    wire.give(for_xk)
    assert wire.shown("XK") == [written]


@attack(
    Family.MISDIRECTING,
    SURVIVED,
    Promise.ARRIVES,
    seen="the recipient's administrators: refused, wrong class; then the message",
)
def carry_a_message_as_a_receipt(wire: Wire) -> None:
    """Deliver a message in the class of receipts, every time for two days.

    What machines take for theirs is never shown to people: refused, without an answer. It arrives
    when it is carried in its class.
    """
    (written,) = wire.write()
    for _ in range(8):
        for carried in wire.take(to="XK"):
            (result,) = wire.give(wire.divert(carried, traffic=TrafficClass.RECEIPT))
            assert result.reason == "malformed"
        wire.pass_time(hours=6)
    assert _is_put_aside(wire, "XK", "malformed")
    assert wire.state(written) == "on_its_way"
    wire.be_honest()
    assert wire.shown("XK") == [written]


@attack(
    Family.MISDIRECTING,
    SURVIVED,
    Promise.PROVEN,
    seen="the sender's administrators: refused, wrong class; then delivered",
)
def carry_a_receipt_as_a_message(wire: Wire) -> None:
    """Deliver every receipt in the class of messages, and what answers it, too.

    It moves nothing and is shown to nobody; refusals do not answer each other without end. Carried
    in its class, the next one counts.
    """
    (written,) = wire.write()
    wire.give(*wire.take(to="XK"))
    for _ in range(20):
        moved = wire.take()
        wire.give(*(wire.divert(each, traffic=TrafficClass.MESSAGE) for each in moved))
        if not moved:
            break
    assert wire.state(written) == "on_its_way"
    assert wire.shown("AL") == []
    wire.be_honest()
    assert wire.state(written) == "delivered"
    assert wire.shown("XK") == [written]


@attack(
    Family.MISDIRECTING,
    SURVIVED,
    Promise.ARRIVES,
    seen="nobody: both are shown",
)
def take_the_identifier_of_one_under_way(wire: Wire) -> None:
    """Hold AL's message back, and let MK send another one under the same identifier first.

    Identifiers are a sender's own: both are shown, each with its sender, and AL's is receipted.
    """
    (written,) = wire.write()
    (held,) = wire.take()
    fields = make_fields("general.message") | {
        "message_id": written,
        "sender": "MK",
        "from_authority": "MK-desk",
    }
    rival = wire.forge(
        encode(fields),
        key=wire.network.node("MK").keys.signing_key,
        sender="MK",
        message_id=written,
    )
    results = wire.give(rival, held)
    assert [result.intake for result in results] == ["stored", "stored"]
    wire.network.settle()
    assert wire.state(written) == "delivered"
    assert wire.count_rows(MessageRow) == 2
    assert wire.told(EventKind.LINK_CONFLICT) == 0


def encode(fields: dict[str, object]) -> bytes:
    """Return a payload as JSON."""
    return json.dumps(fields).encode()
