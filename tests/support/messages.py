"""Messages for tests: valid ones of every type, and strategies that make more."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from hypothesis import strategies as st

from protocol.envelope import Consignment, SignedPayload
from protocol.identifiers import MessageId, ParticipantCode, make_message_id
from protocol.messages.catalogue import CATALOGUE
from protocol.messages.head import CaseMessage, Head
from protocol.signing import SigningKey
from tests.support.examples import COMMON_HEAD, list_good
from tests.support.node import NOTIFICATION_BODY, REFERRAL_BODY

NOW: Final = datetime(2026, 3, 4, 11, 0, tzinfo=UTC)
SIGNING_KEY: Final = SigningKey(bytes(range(32)))
MESSAGE_ID: Final = MessageId("0123456789abcdef" * 2)

CONSENT: Final[dict[str, Any]] = {
    "kind": "consent",
    "given_by": "person",
    "given_at": "2026-03-03T09:00:00Z",
    "explained_in": "sq",
    "classes": ["protection", "health"],
    "phases": ["identification"],
    "recipients": ["XK"],
}

BODIES: Final[dict[str, dict[str, Any]]] = {
    "identification.presumed_victim_notification": dict(NOTIFICATION_BODY),
    "identification.initial_referral": dict(REFERRAL_BODY),
    "general.decision": {"outcome": "declined", "decline_reason": "not_competent"},
    "general.message": {"text": "Ditën e mirë. Добар дан."},
    "system.receipt": {
        "items": [
            {
                "message_id": "f" * 32,
                "payload_sha256": "0" * 64,
                "status": "delivered",
                "at": "2026-03-04T11:00:00Z",
                "readable": True,
            }
        ]
    },
    "system.resend_request": {"numbers": [{"generation": 1, "first": 3, "last": 5}]},
    "system.resend_answer": {
        "request_id": "f" * 32,
        "heads": [{"generation": 1, "seq": 9, "digest": "1" * 64}],
        "numbers": [
            {"generation": 1, "seq": 3, "payload_sha256": "2" * 64, "fate": "again"},
        ],
    },
    "system.registry_conflict": {
        "registry_version": 7,
        "held_sha256": "3" * 64,
        "named_sha256": "4" * 64,
        "verified": True,
        "message_id": "e" * 32,
        "payload_sha256": "5" * 64,
    },
}


def make_fields(tag: str, **changes: Any) -> dict[str, Any]:
    """Return a valid message of this type as JSON fields, with what the test changes."""
    if tag not in BODIES:
        return list_good(tag)[0][1] | changes
    fields: dict[str, Any] = {
        "type": tag,
        "version": 1,
        **{name: COMMON_HEAD[name] for name in Head.model_fields if name in COMMON_HEAD},
        "body": BODIES[tag],
    }
    if issubclass(CATALOGUE[tag].model, CaseMessage):
        fields |= COMMON_HEAD
        fields["kind"] = CATALOGUE[tag].kinds[0]
    if tag == "general.message":
        fields["legal_basis"] = CONSENT
    if tag == "general.decision":
        fields["in_reply_to"] = "e" * 32
    return fields | changes


def make_signed(payload: bytes, *, key: SigningKey = SIGNING_KEY) -> SignedPayload:
    """Sign a payload of AL for XK."""
    return SignedPayload.sign(
        payload,
        consignment=Consignment(
            message_id=MESSAGE_ID,
            sender=ParticipantCode("AL"),
            recipient=ParticipantCode("XK"),
            expires_at=NOW + timedelta(days=21),
        ),
        key=key,
    )


TAGS: Final = tuple(CATALOGUE)

participants = st.sampled_from(["AL", "BA", "XK", "ME", "MK", "RS", "EU27"]).map(ParticipantCode)
message_ids = st.binary(min_size=16, max_size=16).map(lambda raw: make_message_id(lambda _: raw))
moments = st.datetimes(
    min_value=datetime(2000, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    max_value=datetime(2100, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    timezones=st.just(UTC),
).map(lambda moment: moment.replace(microsecond=0))
consignments = st.builds(
    Consignment,
    message_id=message_ids,
    sender=participants,
    recipient=participants,
    expires_at=moments,
)


def flip_bit(data: bytes, position: int) -> bytes:
    """Return ``data`` with one bit changed; positions beyond the end wrap around."""
    index, bit = divmod(position % (len(data) * 8), 8)
    changed = bytearray(data)
    changed[index] ^= 1 << bit
    return bytes(changed)
