"""How a node shows the hub who asks, where the answer is for one Participant only (SPEC 12.7).

::

    statement = [1, purpose, participant, asked at (seconds since 1970)]
    request   = ["TRM1-hub-request", statement, signer key id (16 bytes), signature]

Such a request only reads: it is good for a few minutes around the moment that it names, and whoever
could repeat it within them would get what its owner got. What changes something carries a signature
of its own over what it changes.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, Self

from protocol.cbor import decode_array, encode_array
from protocol.errors import (
    ExpiredError,
    ForgedError,
    LocalProtocolError,
    MalformedError,
    UnsupportedError,
)
from protocol.identifiers import ParticipantCode, parse_participant_code
from protocol.signing import SIGNATURE_BYTES, Context, KeyId, SigningKey, VerifyKey

#: Bytes of a request; one has about 150.
MAX_REQUEST_BYTES: Final = 256
#: How far the node's clock may be from the hub's.
REQUEST_WINDOW: Final = timedelta(minutes=5)

_VERSION: Final = 1
_LARGEST_VERSION: Final = 0xFFFF
_MAGIC: Final = "TRM1-hub-request"
_KEY_ID_BYTES: Final = 16
_LATEST: Final = 253_402_300_799  # the last second of the year 9999


class Purpose(StrEnum):
    """What is asked for. A request made for one purpose is refused for another."""

    DRILLS = "drills"


@dataclass(frozen=True, slots=True)
class HubRequest:
    """A signed request, as received."""

    statement_bytes: bytes
    purpose: Purpose
    participant: ParticipantCode
    asked_at: datetime
    signer: KeyId
    signature: bytes

    @classmethod
    def sign(
        cls, purpose: Purpose, *, participant: ParticipantCode, at: datetime, key: SigningKey
    ) -> Self:
        """Sign a request with the node's signing key; ``at`` is cut to whole seconds."""
        if at.tzinfo is None:
            raise LocalProtocolError("Give the moment of asking with its time zone.")
        asked_at = at.astimezone(UTC).replace(microsecond=0)
        said = encode_array([_VERSION, purpose.value, participant, int(asked_at.timestamp())])
        return cls(
            statement_bytes=said,
            purpose=purpose,
            participant=participant,
            asked_at=asked_at,
            signer=key.key_id,
            signature=key.sign(Context.HUB_REQUEST, said),
        )

    def verify(self, key: VerifyKey, *, purpose: Purpose, now: datetime) -> None:
        """Check that ``key`` signed this request, for this purpose, and not long ago.

        Raises ``ForgedError`` and :class:`~protocol.errors.ExpiredError`.
        """
        if key.key_id != self.signer or purpose is not self.purpose:
            raise ForgedError("The request was signed for something else, or by another key.")
        key.verify(Context.HUB_REQUEST, self.statement_bytes, signature=self.signature)
        if abs(now - self.asked_at) > REQUEST_WINDOW:
            raise ExpiredError(
                "The request names another moment than now: set the clocks of node and hub right."
            )

    def encode(self) -> bytes:
        """Deterministic CBOR."""
        return encode_array(
            [_MAGIC, self.statement_bytes, bytes.fromhex(self.signer), self.signature]
        )

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a request; the signature is *not* yet checked: call :meth:`verify`.

        Raises ``MalformedError`` or ``UnsupportedError``.
        """
        if len(data) > MAX_REQUEST_BYTES:
            raise MalformedError(f"A request to the hub has at most {MAX_REQUEST_BYTES} bytes.")
        magic, said, signer, signature = decode_array(data, length=4)
        if magic != _MAGIC or not isinstance(said, bytes):
            raise MalformedError("This is no request to the hub of TRM1.")
        if not isinstance(signer, bytes) or len(signer) != _KEY_ID_BYTES:
            raise MalformedError("The name of the signing key has 16 bytes.")
        if not isinstance(signature, bytes) or len(signature) != SIGNATURE_BYTES:
            raise MalformedError("A signature has 64 bytes.")
        version, purpose, participant, asked_at = decode_array(said, length=4)
        if not isinstance(version, int) or version > _LARGEST_VERSION:
            raise MalformedError("The version of the request is not a number of 16 bits.")
        if version != _VERSION or purpose not in set(Purpose):
            raise UnsupportedError("This kind of request is not spoken here: update the hub.")
        if not isinstance(participant, str) or not isinstance(asked_at, int) or asked_at > _LATEST:
            raise MalformedError("The request does not say who asks, and when.")
        return cls(
            statement_bytes=said,
            purpose=Purpose(str(purpose)),
            participant=parse_participant_code(participant),
            asked_at=datetime.fromtimestamp(asked_at, tz=UTC),
            signer=KeyId(signer.hex()),
            signature=signature,
        )
