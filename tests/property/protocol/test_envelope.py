"""Envelopes: one encoding each, no bit can change unseen, garbage is refused in one way."""

from datetime import timedelta

import cbor2
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from protocol.cbor import decode_array, encode_array
from protocol.envelope import (
    Consignment,
    Envelope,
    SignedPayload,
    encode_info,
    verify_same_consignment,
)
from protocol.errors import (
    ForgedError,
    LocalProtocolError,
    MalformedError,
    MisaddressedError,
    RemoteProtocolError,
    UnopenableError,
    UnsupportedError,
)
from protocol.limits import LIMITS
from protocol.padding import padme_length
from protocol.sealing import OpeningKey, RecipientKey, pad, unpad
from protocol.signing import SigningKey
from tests.support.messages import NOW, SIGNING_KEY, consignments, flip_bit, make_signed

OPENING_KEY = OpeningKey(bytes(range(96)))
SIGNED = make_signed(b'{"a": 1}')
SEALED = OPENING_KEY.recipient_key.seal(SIGNED).encode()
OUTSIDE = (Consignment.parse, SignedPayload.parse, Envelope.parse)


def open_and_verify(data: bytes) -> SignedPayload:
    """Do what a recipient does, as far as the bytes go."""
    signed = OPENING_KEY.open(Envelope.parse(data))
    signed.verify(SIGNING_KEY.verify_key)
    return signed


@given(consignments)
def test_a_consignment_reads_back(consignment: Consignment) -> None:
    """What is written is read as itself, and again as the same bytes."""
    data = consignment.encode()
    assert Consignment.parse(data) == consignment
    assert Consignment.parse(data).encode() == data


def test_an_envelope_reads_back() -> None:
    """What was sealed opens, verifies, and is the same."""
    assert open_and_verify(SEALED) == SIGNED


@settings(max_examples=750)
@given(st.integers(min_value=0))
def test_any_flipped_bit_is_refused(position: int) -> None:
    """Whatever single bit of an envelope is changed, it does not open."""
    with pytest.raises(RemoteProtocolError):
        open_and_verify(flip_bit(SEALED, position))


def test_every_flipped_bit_of_the_clear_part_is_refused() -> None:
    """All bits of the clear part, one after the other: none can be changed."""
    clear = len(SEALED) - len(Envelope.parse(SEALED).sealed)
    for position in range(clear * 8):
        with pytest.raises(RemoteProtocolError):
            open_and_verify(flip_bit(SEALED, position))


@settings(max_examples=250)
@given(st.integers(min_value=0))
def test_any_flipped_bit_of_a_signed_payload_is_refused(position: int) -> None:
    """Evidence of which one bit was changed does not verify."""
    with pytest.raises(RemoteProtocolError):
        SignedPayload.parse(flip_bit(SIGNED.encode(), position)).verify(SIGNING_KEY.verify_key)


@settings(max_examples=500)
@given(st.binary(max_size=400))
@example(b"")
@example(b"\x85" + b"\x60" * 5)
@example(bytes.fromhex("9f" * 400))  # open-ended arrays, 400 deep
@example(bytes.fromhex("5b7fffffffffffffff"))  # a byte string said to have 2**63 - 1 bytes
@example(bytes.fromhex("c249010000000000000000"))  # a bignum tag
@example(bytes.fromhex("d81c85f6f6f6f6f6"))  # a shareable tag
@example(
    bytes.fromhex("85d824") + b"\x58\x22From: a@example.org\nSubject: hello\n\n" + b"\x00" * 3
)  # MIME
@example(bytes.fromhex("85d823") + b"\x60" * 4)  # a regular expression
@example(b"\x85\x64TRM1" + b"\xc2\x59\x0b\xb8" + b"\xff" * 3000)  # a number of 7000 digits
def test_garbage_is_refused_in_one_way(data: bytes) -> None:
    """Any bytes parse or raise the protocol's own error, never anything else."""
    for parse in OUTSIDE:
        try:
            parsed = parse(data)
        except RemoteProtocolError:
            continue
        assert parsed.encode() == data


atoms = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=12),
    st.binary(max_size=40),
)


@given(
    st.lists(
        st.one_of(st.sampled_from(["TRM1", "TRM1-signed", 1]), atoms, st.lists(atoms, max_size=3)),
        max_size=7,
    )
)
def test_well_formed_cbor_of_another_shape_is_refused(items: list[object]) -> None:
    """CBOR that is no object of ours parses to nothing."""
    data = cbor2.dumps(items, canonical=True)
    for parse in OUTSIDE:
        try:
            parsed = parse(data)
        except RemoteProtocolError:
            continue
        assert parsed.encode() == data


@settings(max_examples=300)
@given(st.binary(max_size=80), st.integers(0, 6))
def test_the_decoder_agrees_with_another(data: bytes, length: int) -> None:
    """What our decoder reads, an independent one reads the same, in the same one encoding."""
    try:
        items = decode_array(data, length=length)
    except MalformedError:
        return
    assert cbor2.loads(data) == items
    assert cbor2.dumps(items, canonical=True) == data == encode_array(items)


@given(
    st.lists(
        st.one_of(st.integers(0, 2**64 - 1), st.binary(max_size=300), st.text(max_size=300)),
        max_size=30,
    )
)
def test_the_encoder_agrees_with_another(items: list[int | bytes | str]) -> None:
    """What we write is what an independent encoder writes, and reads back."""
    data = encode_array(items)
    assert data == cbor2.dumps(items, canonical=True)
    assert decode_array(data, length=len(items)) == items


@given(consignments)
def test_another_encoding_of_the_same_is_refused(consignment: Consignment) -> None:
    """An object has one encoding: open-ended arrays and long integers are refused."""
    data = consignment.encode()
    loose = b"\x9f" + data[1:] + b"\xff"
    assert cbor2.loads(loose) == cbor2.loads(data)
    with pytest.raises(MalformedError):
        Consignment.parse(loose)
    longer = data[:1] + b"\x18\x01" + data[2:]
    assert cbor2.loads(longer) == cbor2.loads(data)
    with pytest.raises(MalformedError):
        Consignment.parse(longer)
    with pytest.raises(MalformedError):
        Consignment.parse(data + b"\x00")


def test_a_wrong_recipient_cannot_open() -> None:
    """Another recipient's key opens nothing."""
    with pytest.raises(UnopenableError):
        OpeningKey.generate().open(Envelope.parse(SEALED))


def test_a_message_cannot_be_passed_on_as_the_senders() -> None:
    """A recipient that seals what it got for a third party is found out.

    (Surreptitious forwarding: Davis, "Defective Sign & Encrypt", 2001.)
    """
    third = OpeningKey.generate()
    other = Consignment(
        message_id=SIGNED.consignment.message_id,
        sender=SIGNED.consignment.sender,
        recipient=type(SIGNED.consignment.recipient)("MK"),
        expires_at=SIGNED.consignment.expires_at,
    )
    honest = third.recipient_key.seal(SIGNED)
    forged = Envelope(
        consignment_bytes=other.encode(),
        suite=honest.suite,
        recipient_key_id=honest.recipient_key_id,
        sealed=honest.sealed,
    )
    with pytest.raises(UnopenableError):
        third.open(forged)
    with pytest.raises(MisaddressedError):
        verify_same_consignment(forged, SIGNED)


def test_a_signature_covers_consignment_and_payload() -> None:
    """Neither can be exchanged under a signature, and no other key made it."""
    for changed in (
        SignedPayload(SIGNED.consignment_bytes, b'{"a": 2}', SIGNED.signer, SIGNED.signature),
        SignedPayload(
            Consignment(
                SIGNED.consignment.message_id,
                SIGNED.consignment.sender,
                SIGNED.consignment.recipient,
                SIGNED.consignment.expires_at + timedelta(days=1),
            ).encode(),
            SIGNED.payload,
            SIGNED.signer,
            SIGNED.signature,
        ),
    ):
        with pytest.raises(ForgedError):
            changed.verify(SIGNING_KEY.verify_key)
    with pytest.raises(ForgedError):
        SIGNED.verify(SigningKey.generate().verify_key)


def test_sealing_again_changes_no_evidence() -> None:
    """Sealed for a newer key, a message keeps signature and digest."""
    newer = OpeningKey.generate()
    again = newer.open(Envelope.parse(newer.recipient_key.seal(SIGNED).encode()))
    assert (again.signature, again.digest) == (SIGNED.signature, SIGNED.digest)


def test_versions_and_suites_that_are_not_spoken_are_named() -> None:
    """A newer version or a withdrawn suite is refused as such, so that the sender is told."""
    consignment = cbor2.loads(SIGNED.consignment_bytes)
    with pytest.raises(UnsupportedError, match="update"):
        Consignment.parse(cbor2.dumps([2, *consignment[1:]], canonical=True))
    envelope = cbor2.loads(SEALED)
    with pytest.raises(UnsupportedError, match="suite"):
        Envelope.parse(cbor2.dumps([*envelope[:2], 0, *envelope[3:]], canonical=True))


def test_limits_hold_on_both_sides() -> None:
    """Too large is refused by the sender with advice, and by the recipient."""
    with pytest.raises(LocalProtocolError, match="attach"):
        make_signed(b"x" * (LIMITS.payload + 1))
    with pytest.raises(MalformedError, match="limit"):
        Envelope.parse(b"\x00" * (LIMITS.envelope + 1))
    largest = OPENING_KEY.recipient_key.seal(make_signed(b"x" * LIMITS.payload)).encode()
    assert len(largest) <= LIMITS.envelope


def test_a_recipient_key_from_the_registry_is_checked() -> None:
    """A key of wrong length, or that is no key, says where to look."""
    for public in (b"", b"\xff" * 1216):
        with pytest.raises(MalformedError, match="registry entry"):
            RecipientKey(public).seal(SIGNED)


@given(st.binary(max_size=5000))
def test_padding_hides_the_length_cheaply(content: bytes) -> None:
    """Padding comes off exactly, costs at most 12 percent, and few lengths remain visible."""
    padded = pad(content)
    assert unpad(padded) == content
    assert len(padded) == padme_length(len(content) + 4)
    assert len(padded) <= (len(content) + 4) * 1.12 + 1


def test_padding_leaves_few_lengths() -> None:
    """Of 100,000 lengths fewer than 200 can be told apart (Padmé: O(log log) bits)."""
    assert len({padme_length(length) for length in range(1, 100_001)}) < 200


@given(st.binary(min_size=1, max_size=300), st.integers(min_value=0))
def test_padding_is_not_malleable(content: bytes, position: int) -> None:
    """No other bytes unpad to the same: hidden bits in the padding are refused."""
    padded = pad(content)
    changed = flip_bit(padded, position)
    try:
        assert unpad(changed) != content
    except MalformedError:
        return


def test_info_binds_the_whole_clear_part() -> None:
    """The sealing covers consignment, suite and recipient key."""
    envelope = Envelope.parse(SEALED)
    assert envelope.info == encode_info(
        SIGNED.consignment_bytes, suite=1, recipient_key_id=OPENING_KEY.key_id
    )
    assert envelope.consignment.expires_at == NOW + timedelta(days=21)
