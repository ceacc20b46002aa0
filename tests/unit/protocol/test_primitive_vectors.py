"""The primitives as they are used here accept and refuse what the vectors say, one by one.

The vectors are those of ``protocol/vectors/primitives``: for any implementation, and run here
through the functions that a node uses.
"""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from protocol.account_proof import verify_account_proof
from protocol.envelope import Envelope
from protocol.errors import RemoteProtocolError
from protocol.identifiers import ParticipantCode
from protocol.nkeys import decode_public_nkey, parse_nkey_seed
from protocol.padding import padme_length
from protocol.sealing import OpeningKey, RecipientKey, pad, unpad
from protocol.signing import Context, VerifyKey, derive_key_id
from tests.support.primitive_vectors import FOLDER, load_file, load_sealed, make_files, write_text
from tests.support.sealing_vectors import SIGNED

#: Thousands of cases over code that other tests cover: they go without its measurement.
pytestmark = pytest.mark.no_cover

Vector = Mapping[str, Any]


def verify_signature(vector: Vector) -> None:
    """Verify as a recipient does."""
    key = VerifyKey(bytes.fromhex(vector["public"]))
    parts = [bytes.fromhex(part) for part in vector["parts"]]
    signature = bytes.fromhex(vector["signature"])
    key.verify(Context(vector["context"]), *parts, signature=signature)


def seal_for(vector: Vector) -> None:
    """Seal as a sender does."""
    RecipientKey(bytes.fromhex(vector["public"])).seal(SIGNED)


def open_envelope(vector: Vector) -> None:
    """Open as a recipient does; what opens is what was sealed."""
    key = OpeningKey(bytes.fromhex(vector["private"]))
    assert key.open(Envelope.parse(bytes.fromhex(vector["envelope"]))) == SIGNED


def take_padding_off(vector: Vector) -> None:
    """Take the padding off; put on again it is the same bytes."""
    padded = bytes.fromhex(vector["padded"])
    content = unpad(padded)
    assert content.hex() == vector["content"]
    assert pad(content) == padded


def read_nkey(vector: Vector) -> None:
    """Read a broker key, public or private."""
    if vector["comment"].startswith("seed"):
        parse_nkey_seed(vector["text"])
    else:
        decode_public_nkey(vector["text"])


def verify_proof(vector: Vector) -> None:
    """Verify the proof of a broker account."""
    participant = ParticipantCode(vector["participant"])
    verify_account_proof(vector["proof"], participant=participant, account=vector["account"])


RUN: dict[str, Callable[[Vector], None]] = {
    "signatures": verify_signature,
    "recipient_keys": seal_for,
    "envelopes": open_envelope,
    "padding": take_padding_off,
    "nkeys": read_nkey,
    "base64": verify_proof,
}
CASES = [(name, vector) for name in RUN for vector in load_file(name)["tests"]]


@pytest.mark.parametrize(
    ("name", "vector"), CASES, ids=[f"{name}: {vector['comment']}" for name, vector in CASES]
)
def test_a_vector_has_its_result(name: str, vector: Vector) -> None:
    """What is valid passes; what is not is refused under the rejection code that stands there."""
    try:
        RUN[name](vector)
    except RemoteProtocolError as error:
        assert error.code.value == vector["result"]
    else:
        assert vector["result"] == "valid"


@pytest.mark.parametrize("name", RUN)
def test_vectors_are_of_both_kinds_and_told_apart(name: str) -> None:
    """A file has good cases and bad ones, and no two of the same name."""
    vectors = load_file(name)["tests"]
    assert {vector["result"] == "valid" for vector in vectors} == {True, False}
    assert len({vector["comment"] for vector in vectors}) == len(vectors)


@pytest.mark.parametrize("vector", load_file("key_ids")["tests"], ids=lambda v: v["comment"])
def test_a_key_has_its_name(vector: Vector) -> None:
    """A key id is the first half of the SHA-256 of the raw bytes."""
    assert derive_key_id(bytes.fromhex(vector["public"])) == vector["key_id"]


def test_lengths_are_padded_as_listed() -> None:
    """The table of Padmé lengths holds, and none is shorter or costs more than an eighth."""
    for length, padded in load_file("padding")["padme"]:
        assert padme_length(length) == padded
        assert length <= padded <= length * 1.12 + 1


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("*.json")))
def test_the_vectors_follow_from_their_code(name: str) -> None:
    """Made anew, a file is the same, but for what was sealed, which is random."""
    made = make_files(load_sealed())
    assert write_text(made[name]) == (FOLDER / f"{name}.json").read_text(encoding="utf-8")
