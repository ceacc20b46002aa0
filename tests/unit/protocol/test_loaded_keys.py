"""Keys are loaded once: that changes what they cost and nothing else."""

import pytest

from protocol.envelope import Consignment, Envelope
from protocol.errors import LocalProtocolError, MalformedError
from protocol.sealing import PUBLIC_BYTES, OpeningKey, RecipientKey
from protocol.signing import SigningKey, VerifyKey, derive_key_id
from tests.support.messages import make_signed

SEED = bytes(range(32))
PRIVATE = bytes(range(96))


def test_keys_of_the_same_bytes_are_equal() -> None:
    """What was loaded is no part of a key: equality and hash are those of its bytes."""
    pairs: list[tuple[object, object]] = [
        (SigningKey(SEED), SigningKey(SEED)),
        (SigningKey(SEED).verify_key, VerifyKey(SigningKey(SEED).verify_key.public)),
        (OpeningKey(PRIVATE), OpeningKey(PRIVATE)),
        (OpeningKey(PRIVATE).recipient_key, OpeningKey(PRIVATE).recipient_key),
    ]
    for one, other in pairs:
        assert one == other
        assert hash(one) == hash(other)
        assert one is not other
    assert SigningKey(SEED) != SigningKey(PRIVATE[:32][::-1])
    assert OpeningKey(PRIVATE) != OpeningKey(PRIVATE[::-1])


def test_a_key_shows_no_secret() -> None:
    """The text of a private key, and of what holds it, does not have the seed in it."""
    shown = repr([SigningKey(SEED), {"key": OpeningKey(PRIVATE)}])
    for secret in (SEED, PRIVATE):
        assert repr(secret)[2:-1] not in shown
        assert secret.hex() not in shown


def test_a_key_is_named_by_its_public_bytes() -> None:
    """The name that is kept is the one that is derived."""
    signing, opening = SigningKey(SEED), OpeningKey(PRIVATE)
    assert signing.key_id == signing.verify_key.key_id == derive_key_id(signing.verify_key.public)
    public = opening.recipient_key.public
    assert len(public) == PUBLIC_BYTES
    assert opening.key_id == opening.recipient_key.key_id == derive_key_id(public)


def test_a_bad_key_is_refused_every_time() -> None:
    """A refusal is not kept for a key, and a good key is not taken for a bad one afterwards."""
    signed = make_signed(b"{}")
    good, bad = OpeningKey(PRIVATE).recipient_key, RecipientKey(b"\xff" * PUBLIC_BYTES)
    for _ in range(2):
        with pytest.raises(MalformedError, match="not a valid key"):
            bad.seal(signed)
        assert OpeningKey(PRIVATE).open(good.seal(signed)) == signed
    for length in (95, 97):
        with pytest.raises(LocalProtocolError, match="96 bytes"):
            OpeningKey((PRIVATE * 2)[:length])


def test_more_consignments_than_are_remembered_are_read_right() -> None:
    """Each of many messages is read as its own, in whatever order they come again."""
    envelopes = []
    key = OpeningKey(PRIVATE)
    for number in range(100):
        signed = make_signed(b"%d" % number)
        consignment = signed.consignment
        other = Consignment(
            message_id=type(consignment.message_id)(f"{number:032x}"),
            sender=consignment.sender,
            recipient=consignment.recipient,
            expires_at=consignment.expires_at,
        )
        envelope = Envelope(other.encode(), 1, key.key_id, b"sealed")
        envelopes.append((number, envelope.encode()))
    for number, data in [*envelopes, *reversed(envelopes)]:
        assert Envelope.parse(data).consignment.message_id == f"{number:032x}"
