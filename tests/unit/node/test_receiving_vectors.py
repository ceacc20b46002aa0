"""A node's own opening of envelopes agrees with ``protocol/vectors/receiving.json``."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

import pytest

from contact_registry.directory import Directory
from contact_registry.models import BrokerIdentity, KeysDocument, SigningKeyEntry
from node.service.context import NodeContext
from node.service.opening import Arrival, Opened, open_arrival
from protocol.envelope import Envelope, SignedPayload
from protocol.errors import RejectionCode, UnopenableError
from protocol.identifiers import ParticipantCode
from protocol.messages.catalogue import UnreadableMessage
from protocol.nkeys import Nkey, NkeyKind
from protocol.sealing import OpeningKey
from protocol.signing import SigningKey, VerifyKey
from protocol.subjects import TrafficClass, parse_account_id
from tests.support.checkout import ROOT

VECTORS: Final[dict[str, Any]] = json.loads(
    (ROOT / "protocol" / "vectors" / "receiving.json").read_text("ascii")
)
GIVEN: Final[dict[str, Any]] = VECTORS["given"]
ISSUED: Final = datetime(2026, 1, 1, tzinfo=UTC)
#: The vectors list accounts by their public keys; a key document needs a proof by the private one.
ACCOUNTS: Final = {
    code: Nkey(NkeyKind.ACCOUNT, SigningKey(letter * 32))
    for code, letter in {"AL": b"a", "MK": b"m"}.items()
}


def make_document(code: str) -> KeysDocument:
    """Return the key document of a Participant of the vectors."""
    listed = GIVEN["registry"][code]
    assert ACCOUNTS[code].public == listed["account"]
    return KeysDocument(
        participant=ParticipantCode(code),
        issued_at=ISSUED,
        signing_keys=tuple(
            SigningKeyEntry.of(VerifyKey(bytes.fromhex(public)), valid_from=ISSUED)
            for public in listed["signing_keys"]
        ),
        encryption_keys=(),
        broker=BrokerIdentity.of(ParticipantCode(code), ACCOUNTS[code]),
    )


DIRECTORY: Final = Directory(
    version=7,
    sha256="ab" * 32,
    expires_at=ISSUED + timedelta(days=365),
    verified_at=ISSUED,
    participants=(),
    contacts={},
    keys={ParticipantCode(code): make_document(code) for code in GIVEN["registry"]},
)


class OneKey:
    """A key store that holds the private key of the vectors."""

    key: Final = OpeningKey(bytes.fromhex(GIVEN["private_key"]))

    def open_envelope(self, envelope: Envelope) -> SignedPayload:
        """Open with this key, if it is the one that is named."""
        if envelope.recipient_key_id != self.key.key_id:
            raise UnopenableError("This key is not held.")
        return self.key.open(envelope)


@dataclass(frozen=True, slots=True)
class Recipient:
    """As much of a node as opening needs."""

    now: datetime
    participant: ParticipantCode
    keys: OneKey

    def clock(self) -> datetime:
        """Return the moment of the case."""
        return self.now


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["name"])
def test_a_node_takes_in_and_refuses_what_the_vector_says(case: dict[str, Any]) -> None:
    """The same message, or the same code; nothing that came late is awaited here."""
    data = case["input"]
    arrival = Arrival(
        sender=parse_account_id(data["account"]),
        recipient=parse_account_id(ACCOUNTS["MK"].public),
        traffic=TrafficClass(data["class"]),
        envelope=bytes.fromhex(data["envelope"]),
    )
    recipient = Recipient(
        now=datetime.fromisoformat(data["now"]),
        participant=ParticipantCode(GIVEN["participant"]),
        keys=OneKey(),
    )
    outcome = open_arrival(cast("NodeContext", recipient), arrival, DIRECTORY)
    if not isinstance(outcome, Opened):
        assert outcome.error.code == case["error"]
    elif outcome.late:
        assert case["error"] == RejectionCode.EXPIRED
    else:
        assert case["expected"] == {
            "message_id": outcome.consignment.message_id,
            "sender": outcome.consignment.sender,
            "type": outcome.message.type,
            "version": outcome.message.version,
            "readable": not isinstance(outcome.message, UnreadableMessage),
            "payload": outcome.signed.payload.decode(),
            "payload_sha256": outcome.signed.digest,
        }
