"""The broker changes envelopes, and makes its own: it can seal for anybody, as everybody can."""

import json
import random
from dataclasses import replace
from unittest.mock import patch

from node.service import quarantine, receipts
from node.service.receiving import Intake
from node.store.tables import MessageRow, QuarantineRow, ReceiptDueRow
from protocol.envelope import Consignment, Envelope
from protocol.identifiers import MessageId, ParticipantCode
from protocol.signing import SigningKey
from tests.malicious.table import Family, Outcome, Promise, attack
from tests.malicious.wire import Wire, damage
from tests.support.messages import make_fields
from tests.support.node import Carried

REFUSED, SURVIVED, DETECTED = Outcome.REFUSED, Outcome.SURVIVED, Outcome.DETECTED
_PLACES = 48


def _say(**changes: object) -> bytes:
    """Return the payload of a message from AL to XK."""
    return json.dumps(make_fields("general.message") | changes).encode()


@attack(
    Family.ALTERING,
    REFUSED,
    Promise.GENUINE,
    seen="the recipient's administrators: refused; people see the honest copy only",
)
def change_one_bit_anywhere(wire: Wire) -> None:
    """Change one bit of an envelope, at places all over it, and deliver each of these copies.

    None is shown. The whole copy that comes after them is.
    """
    (written,) = wire.write()
    (carried,) = wire.take()
    whole = carried.arrival.envelope
    for place in range(0, len(whole), max(1, len(whole) // _PLACES)):
        bent = bytearray(whole)
        bent[place] ^= 1 << place % 8
        (result,) = wire.give(wire.divert(carried, envelope=bytes(bent)))
        assert result.intake == "quarantined", place
    assert wire.shown() == []
    wire.give(carried)
    wire.network.settle()
    assert wire.shown() == [written]
    assert wire.state(written) == "delivered"


@attack(
    Family.ALTERING,
    SURVIVED,
    Promise.ARRIVES,
    seen="the recipient's administrators: refused, cannot be opened",
)
def damage_every_copy_for_days(wire: Wire) -> None:
    """Damage every copy of a message for four days; refusals travel back untouched.

    A refusal of what could not be opened ends nothing: the sender seals and sends again, and the
    first whole copy counts.
    """
    (written,) = wire.write()
    for _ in range(16):
        for each in wire.take(to="XK"):
            wire.give(wire.divert(each, envelope=damage(each.arrival.envelope)))
        wire.network.settle_mailbox()
        wire.pass_time(hours=6)
    assert wire.state(written) == "on_its_way"
    assert ("AL", "unopenable") in wire.quarantine()
    wire.be_honest()
    assert wire.shown() == [written]
    assert wire.state(written) == "delivered"


@attack(
    Family.ALTERING,
    REFUSED,
    Promise.WORKS,
    seen="the recipient's administrators: refused, malformed",
)
def mix_rubbish_into_a_batch(wire: Wire) -> None:
    """Deliver nothing, half an envelope, text, a megabyte of noise and a good message in one batch.

    The good one is taken in; the others are put aside, each once.
    """
    (written,) = wire.write()
    (carried,) = wire.take()
    noise = random.Random(1).randbytes(1_000_001)
    rubbish = [b"", carried.arrival.envelope[:300], b"{}" * 40, noise, b"\x85" * 5_000]
    copies = [wire.divert(carried, envelope=each) for each in rubbish]
    results = wire.give_at_once("XK", *copies[:3], carried, *copies[3:])
    assert [result.intake for result in results].count(Intake.QUARANTINED) == len(rubbish)
    assert wire.shown() == [written]


@attack(
    Family.ALTERING,
    REFUSED,
    Promise.GENUINE,
    seen="the recipient's administrators: no such key of the sender",
)
def invent_a_message(wire: Wire) -> None:
    """Write a message in AL's name, signed with a key of the hub's own, sealed for XK.

    The registry lists no such key for AL: refused.
    """
    (result,) = wire.give(wire.forge(_say(), key=SigningKey(b"h" * 32)))
    assert result.reason == "unknown_sender"
    assert wire.shown() == []


@attack(
    Family.ALTERING,
    REFUSED,
    Promise.GENUINE,
    seen="the recipient's administrators: the signature does not match",
)
def invent_a_message_under_a_real_key(wire: Wire) -> None:
    """Write a message in AL's name and put the name of AL's real key beside an own signature.

    The signature does not match: refused.
    """
    wire.write()
    (carried,) = wire.take()
    real = wire.open(carried)
    forged = replace(real, payload=_say(message_id=str(real.consignment.message_id)))
    (result,) = wire.give(wire.seal(forged, sender="AL", to="XK"))
    assert result.reason == "forged"
    assert wire.shown() == []


@attack(
    Family.ALTERING,
    REFUSED,
    Promise.GENUINE,
    seen="the recipient's administrators: cannot be opened",
)
def prolong_its_life(wire: Wire) -> None:
    """Set the expiry on the outside of an envelope to ten years, to show an old order as new.

    The outside is bound to the sealing: it does not open.
    """
    wire.write()
    (carried,) = wire.take()
    envelope = Envelope.parse(carried.arrival.envelope)
    old = envelope.consignment
    longer = Consignment(
        message_id=old.message_id,
        sender=old.sender,
        recipient=old.recipient,
        expires_at=old.expires_at.replace(year=old.expires_at.year + 10),
    )
    bent = replace(envelope, consignment_bytes=longer.encode())
    (result,) = wire.give(wire.divert(carried, envelope=bent.encode()))
    assert result.reason == "unopenable"
    assert wire.shown() == []


@attack(
    Family.ALTERING,
    SURVIVED,
    Promise.WORKS,
    seen="the recipient's administrators: how often, and why, with one envelope for each reason",
)
def invent_thousands_of_envelopes(wire: Wire) -> None:
    """Invent envelopes of AL without end, each with a new identifier, and carry no refusal away.

    What a node keeps of them, and what it owes for them, is bounded; a real message passes.
    """
    envelope = Envelope.parse(_take_one(wire).arrival.envelope)
    with (
        patch.object(receipts, "UNPROVEN_PER_PEER", 20),
        patch.object(quarantine, "ROWS_PER_PEER", 30),
    ):
        template = wire.recorded[0]
        for number in range(60):
            consignment = Consignment(
                message_id=MessageId(f"{number:032x}"),
                sender=ParticipantCode("AL"),
                recipient=ParticipantCode("XK"),
                expires_at=envelope.consignment.expires_at,
            )
            invented = replace(envelope, consignment_bytes=consignment.encode())
            wire.give(wire.divert(template, envelope=invented.encode()))
        assert wire.count_rows(QuarantineRow) == 30
        assert wire.count_rows(ReceiptDueRow) == 20
        (result,) = wire.give(template)
    assert result.intake == "stored"
    assert wire.count_rows(ReceiptDueRow) == 21
    assert wire.count_rows(MessageRow) == 1


def _take_one(wire: Wire) -> Carried:
    wire.write()
    (carried,) = wire.take()
    return carried
