"""The broker invents, withholds, repeats and redirects receipts."""

import json

from node.domain.events import EventKind
from node.service import reading
from node.store.tables import EvidenceRow
from protocol.signing import SigningKey
from protocol.subjects import TrafficClass
from tests.malicious.table import Family, Outcome, Promise, attack
from tests.malicious.wire import Wire, damage
from tests.support.people import STAFF, acting

REFUSED, SURVIVED, DETECTED = Outcome.REFUSED, Outcome.SURVIVED, Outcome.DETECTED
RECEIPT = TrafficClass.RECEIPT


def _receipt(wire: Wire, written: str, *, sender: str, status: str = "delivered") -> bytes:
    """Return the text of a receipt to AL about a message of AL's."""
    view = reading.get_message(wire.network.node("AL"), written, who=STAFF)
    directory = wire.network.directory.directory
    item = {
        "message_id": written,
        "payload_sha256": view.payload_sha256,
        "status": status,
        "at": "2026-03-04T11:00:00Z",
    }
    if status == "rejected":
        item["reason"] = "malformed"
    head = {
        "type": "system.receipt",
        "version": 1,
        "message_id": "e" * 32,
        "sender": sender,
        "recipient": "AL",
        "composed_at": "2026-03-04T11:00:00Z",
        "registry": {"version": directory.version, "sha256": directory.sha256},
    }
    return json.dumps({**head, "body": {"items": [item]}}).encode()


@attack(
    Family.RECEIPTS,
    REFUSED,
    Promise.PROVEN,
    seen="the sender's administrators: refused, no such key; the message stays without receipt",
)
def invent_a_receipt(wire: Wire) -> None:
    """Drop a message, and confirm it to AL with receipts that the hub signed itself.

    XK's key is not behind them: refused, and AL goes on sending.
    """
    (written,) = wire.write()
    wire.take()
    for status in ("delivered", "read", "rejected"):
        text = _receipt(wire, written, sender="XK", status=status)
        forged = wire.forge(
            text,
            key=SigningKey(b"h" * 32),
            sender="XK",
            to="AL",
            message_id="e" * 32,
            traffic=RECEIPT,
        )
        (result,) = wire.give(forged)
        assert result.reason == "unknown_sender"
    assert wire.state(written) == "on_its_way"
    assert wire.proofs(written) == []
    wire.be_honest()
    assert wire.shown() == [written]


@attack(
    Family.RECEIPTS,
    REFUSED,
    Promise.PROVEN,
    seen="the sender: the message stays without receipt",
)
def have_another_participant_confirm(wire: Wire) -> None:
    """Drop a message to XK, and let MK, in league with the hub, sign a receipt for it.

    Only the recipient's word counts about a message: left out.
    """
    (written,) = wire.write()
    wire.take()
    receipt = wire.forge(
        _receipt(wire, written, sender="MK"),
        key=wire.network.node("MK").keys.signing_key,
        sender="MK",
        to="AL",
        message_id="e" * 32,
        traffic=RECEIPT,
    )
    (result,) = wire.give(receipt)
    assert result.intake == "receipt"
    assert wire.state(written) == "on_its_way"
    assert wire.count_rows(EvidenceRow, "AL") == 0


@attack(
    Family.RECEIPTS,
    REFUSED,
    Promise.PROVEN,
    seen="the sender: the second message stays without receipt",
)
def use_a_receipt_for_another_message(wire: Wire) -> None:
    """Deliver the first message and drop the second; repeat XK's receipt whenever AL sends again.

    It names the first message and its digest: the second stays unproven until XK has it.
    """
    first, second = wire.write(2)
    wire.give(wire.take(to="XK")[0])
    (receipt,) = wire.take(to="AL")
    for _ in range(4):
        wire.give(receipt)
        wire.take(to="XK")
        wire.pass_time(hours=6)
    assert (wire.state(first), wire.state(second)) == ("delivered", "on_its_way")
    assert wire.count_rows(EvidenceRow, "AL") == 1
    wire.be_honest()
    assert wire.state(second) == "delivered"


@attack(
    Family.RECEIPTS,
    SURVIVED,
    Promise.PROVEN,
    seen="the sender: on its way, sent again; then delivered",
)
def withhold_receipts_for_a_week(wire: Wire) -> None:
    """Carry every message, and drop every receipt, for a week.

    The message is sent again and known each time: shown once. The first receipt that passes counts.
    """
    (written,) = wire.write()
    for _ in range(7):
        wire.give(*wire.take(to="XK"))
        wire.take(to="AL")
        wire.pass_time(hours=24)
    assert wire.shown() == [written]
    assert wire.told(EventKind.MESSAGE_RECEIVED) == 1
    assert wire.state(written) == "on_its_way"
    wire.be_honest()
    assert wire.shown() == [written]
    assert wire.proofs(written) == ["delivered"]


@attack(
    Family.RECEIPTS,
    DETECTED,
    Promise.ARRIVES,
    seen="the sender: expired, so it asks by telephone; later: delivered",
)
def withhold_receipts_for_ever(wire: Wire) -> None:
    """Carry every message and drop every receipt until the message expires; then let one through.

    The sender is told that nothing confirms it. Proof that comes late still counts.
    """
    (written,) = wire.write()
    receipts = []
    for _ in range(22):
        wire.give(*wire.take(to="XK"))
        receipts += wire.take(to="AL")
        wire.pass_time(hours=24)
    assert wire.state(written) == "expired"
    assert wire.told(EventKind.MESSAGE_EXPIRED, "AL") == 1
    assert wire.shown() == [written]
    wire.give(receipts[-1])
    assert wire.state(written) == "delivered"


@attack(
    Family.RECEIPTS,
    SURVIVED,
    Promise.PROVEN,
    seen="nobody: states never go back",
)
def deliver_receipts_backwards_and_often(wire: Wire) -> None:
    """Hold both receipts back, deliver that it was read first, then the older one ten times.

    Read stays read; each proof is kept once.
    """
    (written,) = wire.write()
    wire.give(*wire.take(to="XK"))
    delivered = wire.take(to="AL")
    reading.handle_open(wire.network.node("XK"), written, who=acting("u1"))
    read = wire.take(to="AL")
    wire.give(*read, *delivered * 10)
    assert wire.state(written) == "read"
    assert sorted(wire.proofs(written)) == ["delivered", "read"]


@attack(
    Family.RECEIPTS,
    REFUSED,
    Promise.PROVEN,
    seen="MK's administrators: refused, for somebody else",
)
def deliver_receipts_to_another(wire: Wire) -> None:
    """Put XK's receipt for AL into MK's mailbox, as XK, and as AL.

    MK refuses both and learns nothing but that they exist; AL gets another one.
    """
    (written,) = wire.write()
    wire.give(*wire.take(to="XK"))
    (receipt,) = wire.take(to="AL")
    for sender in ("XK", "AL"):
        (result,) = wire.give(wire.divert(receipt, to="MK", sender=wire.account(sender)))
        assert result.reason == "misaddressed"
    wire.be_honest()
    assert wire.state(written) == "delivered"


@attack(
    Family.RECEIPTS,
    SURVIVED,
    Promise.ARRIVES,
    seen="the sender: it could not be opened, sealed again",
)
def repeat_an_old_refusal(wire: Wire) -> None:
    """Damage one copy, keep XK's refusal of it, and repeat it for days while dropping the message.

    A refusal that names no digest ends nothing, and makes the sender hurry no more than usual.
    """
    (written,) = wire.write()
    (carried,) = wire.take()
    wire.give(wire.divert(carried, envelope=damage(carried.arrival.envelope)))
    (refusal,) = wire.take(to="AL")
    copies = 0
    for _ in range(40):
        wire.give(refusal)
        copies += len(wire.take(to="XK"))
        wire.pass_time(hours=1)
    assert copies < 12
    assert wire.state(written) == "on_its_way"
    wire.be_honest()
    assert wire.shown() == [written]
    assert wire.state(written) == "delivered"


@attack(
    Family.RECEIPTS,
    REFUSED,
    Promise.PROVEN,
    seen="administrators of the recipient: refused, not from whom it travelled as",
)
def mirror_receipts(wire: Wire) -> None:
    """Send XK's own receipt back to XK as if AL had confirmed something to it.

    Refused, and nothing answers it.
    """
    wire.write()
    wire.give(*wire.take(to="XK"))
    (receipt,) = wire.take(to="AL")
    (result,) = wire.give(wire.divert(receipt, to="XK", sender=wire.account("AL")))
    assert result.reason == "misaddressed"
    assert wire.take(to="AL") == []
