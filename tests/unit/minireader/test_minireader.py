"""The specification is enough: a reader written from it alone passes all vectors, good and bad.

tests/support/minireader was written from protocol/SPEC.md, MESSAGES.md, the schemas and the
vectors, with other libraries, and without a look at the code of the packages.
"""

import ast
import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl import bindings

from tests.support.minireader import attachments as files
from tests.support.minireader import (
    bundle,
    key_documents,
    keys,
    padding,
    payload,
    schemas,
    sealing,
    secretstream,
    signature,
    strict_json,
    vector_operations,
)
from tests.support.minireader import envelope as envelopes
from tests.support.minireader.rejection import RejectedError
from tests.support.minireader.texts import parse_moment

#: Thousands of cases over code that other tests cover: they go without its measurement.
pytestmark = pytest.mark.no_cover

ROOT = Path(__file__).resolve().parents[3]
VECTORS = ROOT / "protocol" / "vectors"
READER = ROOT / "tests" / "support" / "minireader"
LIBRARIES = {"cbor2", "cryptography", "jsonschema"}
TOPICS = sorted(path.stem for path in VECTORS.glob("*.json"))
TYPES = sorted(path.stem for path in (VECTORS / "payloads").glob("*.json"))
PRIMITIVES = sorted(path.stem for path in (VECTORS / "primitives").glob("*.json"))


def load(*path: str) -> dict[str, Any]:
    """Load one file of vectors."""
    file = VECTORS.joinpath(*path[:-1], f"{path[-1]}.json")
    document: dict[str, Any] = json.loads(file.read_bytes())
    return document


def find_deviations(topic: str, document: dict[str, Any]) -> list[str]:
    """Run all cases of a document; tell those whose outcome is another."""
    deviations = []
    for case in document["cases"]:
        kind, outcome = vector_operations.run_case(topic, case, document.get("given", {}))
        wanted = case.get(kind)
        if topic == "epochs" and kind == "expected":
            wanted = {name: wanted[name] for name in ("list", "erase")}
        if kind not in case or outcome != wanted:
            deviations.append(f"{case['name']}: {kind} {outcome}")
    return deviations


@pytest.mark.parametrize("topic", TOPICS)
def test_every_vector_of_a_topic_has_its_outcome(topic: str) -> None:
    """Each good vector gives what it says, each bad one is refused with its code."""
    assert find_deviations(topic, load(topic)) == []


@pytest.mark.parametrize("tag", TYPES)
def test_every_payload_of_a_type_has_its_outcome(tag: str) -> None:
    """Whole payloads of every type: read with their digest, or refused."""
    assert find_deviations("payloads", load("payloads", tag)) == []


@pytest.mark.parametrize("tag", sorted(path.stem for path in (VECTORS / "messages").glob("*.json")))
def test_a_bad_payload_is_refused_for_the_place_that_is_wrong(tag: str) -> None:
    """The rule that refuses a bad example is one of the place that its author named."""
    examples = load("messages", tag)
    answers = examples.get("answers", {}).get("bad", [])
    wanted = {f"bad: {one['name']}": one["error_at"] for one in examples["bad"]}
    wanted |= {f"bad answer: {one['name']}": f"body.answer.{one['error_at']}" for one in answers}
    astray = []
    for case in load("payloads", tag)["cases"]:
        place = wanted.get(case["name"], "").removesuffix("message").rstrip(".")
        # An answer to another type is read as one: it is wrong wherever that type is.
        if case["name"] not in wanted or "text" not in case["input"] or place.endswith(".answers"):
            continue
        fields = strict_json.parse_object(case["input"]["text"].encode())
        schema = schemas.load_schema(fields["type"], fields["version"])
        assert schema is not None
        found = list(payload.find_faults(fields, schema))
        if place not in found:
            astray.append(f"{case['name']}: {found} instead of {place!r}")
    assert astray == []


def test_new_keys_cover_the_lead() -> None:
    """What the vectors make of epochs keeps the rule; which days begin them is a free choice."""
    for case in load("epochs")["cases"]:
        given, expected = case["input"], case["expected"]
        listed = [one for one in given["held"] if one["key_id"] in expected["list"]]
        spans = [
            (parse_moment(one["valid_from"]), parse_moment(one["valid_to"]))
            for one in listed + expected["make"]
        ]
        assert key_documents.covers_lead(spans, parse_moment(given["now"])), case["name"]


def verify_primitive(name: str, case: dict[str, Any]) -> None:
    """Do with a case of ``primitives`` what section 17 says of its file."""
    raw = {
        field: bytes.fromhex(case[field])
        for field in ("public", "signature", "private", "envelope", "padded", "content")
        if isinstance(case.get(field), str)
    }
    match name:
        case "signatures":
            parts = [bytes.fromhex(part) for part in case["parts"]]
            statement = signature.make_statement(case["context"], *parts)
            signature.verify_ed25519(raw["public"], statement, raw["signature"])
        case "recipient_keys":
            sealing.check_recipient_key(raw["public"])
        case "envelopes":
            envelopes.open_envelope(envelopes.read_envelope(raw["envelope"]), raw["private"])
        case "padding":
            content = padding.unpad(raw["padded"])
            assert (content, padding.pad(content)) == (raw["content"], raw["padded"])
        case "key_ids":
            assert keys.derive_key_id(raw["public"]).hex() == case["key_id"]
        case "nkeys" if case["comment"].startswith("seed"):
            keys.read_nkey_seed(case["text"])
        case "nkeys":
            keys.read_nkey_public(case["text"])
        case "base64":
            keys.verify_account_proof(
                participant=case["participant"], account=case["account"], proof=case["proof"]
            )
        case _:
            pytest.fail(f"primitives/{name}.json is new: say here what is done with it")


@pytest.mark.parametrize("name", PRIMITIVES)
def test_every_vector_of_a_primitive_has_its_outcome(name: str) -> None:
    """Wrong keys, signatures, ciphertexts and encodings end with the code that they name."""
    deviations = []
    for case in load("primitives", name)["tests"]:
        try:
            verify_primitive(name, case)
            outcome = "valid"
        except RejectedError as refusal:
            outcome = refusal.code
        if outcome != case.get("result", "valid"):
            deviations.append(f"{case['comment']}: {outcome}")
    assert deviations == []


def test_lengths_of_padding() -> None:
    """The table of Padmé lengths comes out of the formula in section 5."""
    for length, padded in load("primitives", "padding")["padme"]:
        assert padding.compute_padme(length) == padded


def test_the_example_of_an_attachment_in_the_text() -> None:
    """The chunk object that section 13 shows comes out of the inputs beside it."""
    manifest = {
        "attachment_id": bytes(range(16)).hex(),
        "chunk_size": 8192,
        "chunk_count": 1,
        "key": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        "header": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYX",
    }
    message_id = bytes.fromhex("0123456789abcdef0123456789abcdef")
    sealed = files.seal_file(b"Tungjatje", manifest, message_id)
    assert sealed[0].hex() in (ROOT / "protocol" / "SPEC.md").read_text("utf-8")


@pytest.mark.parametrize("size", [1, 15, 16, 17, 63, 64, 65, 8192])
def test_the_stream_by_hand_is_the_one_of_libsodium(size: int) -> None:
    """What libsodium pushes, with lengths around its blocks, is pulled by hand."""
    key, aad = bytes(range(32)), b"associated"
    state = bindings.crypto_secretstream_xchacha20poly1305_state()
    header = bindings.crypto_secretstream_xchacha20poly1305_init_push(state, key)
    stream = secretstream.Stream(key, header)
    for tag in (secretstream.MESSAGE, secretstream.MESSAGE, secretstream.FINAL):
        sealed = bindings.crypto_secretstream_xchacha20poly1305_push(
            state, bytes([tag + 1]) * size, ad=aad, tag=tag
        )
        assert stream.pull(sealed, aad=aad) == (tag, bytes([tag + 1]) * size)


def test_number_of_vectors() -> None:
    """All that is in the folder is read, and it is not little."""
    topics = sum(len(load(topic)["cases"]) for topic in TOPICS)
    payloads = sum(len(load("payloads", tag)["cases"]) for tag in TYPES)
    primitives = sum(len(load("primitives", name)["tests"]) for name in PRIMITIVES)
    assert topics >= 1150
    assert payloads >= 900
    assert primitives >= 313


READ = {
    "envelope": envelopes.read_envelope,
    "signed payload": envelopes.read_signed_payload,
    "consignment": envelopes.read_consignment,
    "payload": payload.read_message,
    "chunk": files.read_chunk,
    "key document": key_documents.read_key_document,
    "bundle": bundle.unpack,
}


@pytest.mark.parametrize("name", READ)
@given(raw=st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(name: str, raw: bytes) -> None:
    """Nothing but a rejection comes out of bytes that are no such object."""
    with suppress(RejectedError):
        READ[name](raw)


@given(
    case=st.sampled_from([one for one in load("payload_rules")["cases"] if "expected" in one]),
    name=st.sampled_from(["link", "body", "legal_basis", "type", "case", "attachments", "sender"]),
    value=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
        max_leaves=4,
    ),
)
def test_any_value_in_a_payload_is_read_or_refused(
    case: dict[str, Any], name: str, value: object
) -> None:
    """A value of any shape in a place of a payload leads to a message or a rejection."""
    fields = json.loads(case["input"]["text"])
    with suppress(RejectedError):
        payload.read_message(json.dumps(fields | {name: value}).encode())


def find_imports(source: str) -> set[str]:
    """Find the modules that a source imports, the mini reader's own by their full name."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            found.add(str(node.module))
    return found


def test_the_reader_imports_nothing_of_ours() -> None:
    """The mini reader stands on the standard library, three libraries, and itself."""
    own = "tests.support.minireader"
    strangers = {
        f"{path.name}: {module}"
        for path in READER.glob("*.py")
        for module in find_imports(path.read_text("utf-8"))
        if not (module == own or module.startswith(f"{own}."))
        and module.split(".")[0] not in LIBRARIES | sys.stdlib_module_names
    }
    assert strangers == set()
    assert not any(
        word in path.read_text("utf-8")
        for path in READER.glob("*.py")
        for word in ("importlib", "__import__")
    )
