"""The vectors: in the tree as they should be, what our code does, and what other libraries say.

The generator runs our own code, so here everything that another library can judge is judged by it:
cbor2, python-stdnum, hashlib, and Ed25519 of cryptography. (Ours is PyNaCl's.)
"""

import base64
import hashlib
import io
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import cbor2
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from stdnum.iso7064 import mod_37_36

from contact_registry.evidence.verdict import Outcome
from protocol.deadlines import AnswerByVerdict
from protocol.errors import RejectionCode
from protocol.links import HeadVerdict, LinkVerdict
from protocol.messages.catalogue import CATALOGUE
from protocol.registry_pins import PinVerdict
from scripts.generate_vectors import main
from tests.support.checkout import ROOT
from tests.support.vectors import frozen
from tests.support.vectors.family import Family, VectorError, run_case
from tests.support.vectors.generating import (
    FOLDER,
    find_differences,
    list_existing,
    list_wanted,
    make_families,
    render,
    write,
)

#: Thousands of cases over code that other tests cover: they go without its measurement.
pytestmark = pytest.mark.no_cover

FAMILIES: Final = {family.name: family for family in make_families()}
FILES: Final = render(list(FAMILIES.values()))

#: Families that refuse nothing: they judge, and every verdict that there is occurs.
VERDICTS: Final[Mapping[str, tuple[str, frozenset[str]]]] = {
    "links": ("judge", frozenset(LinkVerdict)),
    "registry_pins": ("judge", frozenset(PinVerdict)),
    "receipts": (
        "apply",
        frozenset({"delivered", "read", "rejected", "hand_over_again", "ignored"}),
    ),
}
TABLES: Final = frozenset(
    {"link_repair", "epochs", "conversation_table", "conversations", "deadlines", "evidence"}
    | set(VERDICTS)
)


def load(name: str) -> dict[str, Any]:
    """Read a file of vectors as a stranger does."""
    found: dict[str, Any] = json.loads((ROOT / FOLDER / f"{name}.json").read_text("ascii"))
    return found


def cases(name: str, operation: str) -> list[dict[str, Any]]:
    """Return the cases of one operation."""
    return [case for case in load(name)["cases"] if case["operation"] == operation]


# ------------------------------------------------------------------ the files


def test_the_files_are_what_code_and_cases_say() -> None:
    """Nothing in the tree is missing, different, or left over."""
    assert list(find_differences(ROOT, FILES)) == []


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_our_code_agrees_with_every_vector_of_a_file(family: Family) -> None:
    """Each case, read from its file, comes out as the file says."""
    content = load(family.name)
    wrong = [
        case["name"]
        for case in content["cases"]
        if run_case(family, case, content.get("given", {}))
        != {key: case[key] for key in ("expected", "error") if key in case}
    ]
    assert wrong == []


@pytest.mark.parametrize("name", FAMILIES)
def test_a_file_explains_itself(name: str) -> None:
    """Sections that exist, every operation in words, cases of one shape, each name once."""
    content = load(name)
    headings = re.findall(
        r"^#+ ([0-9.]*[0-9])\.? ", (ROOT / "protocol/SPEC.md").read_text("utf-8"), re.MULTILINE
    )
    assert content["description"]
    assert set(content["spec"]) <= set(headings)
    assert {case["operation"] for case in content["cases"]} == set(content["operations"])
    names = [case["name"] for case in content["cases"]]
    assert len(set(names)) == len(names)
    for case in content["cases"]:
        assert set(case) in (
            {"name", "operation", "input", "expected"},
            {"name", "operation", "input", "error"},
        )
        assert case.get("error", "malformed") in set(RejectionCode)


@pytest.mark.parametrize("name", sorted(set(FAMILIES) - TABLES))
def test_a_family_has_good_and_bad_cases(name: str) -> None:
    """What accepts something refuses something, too."""
    kinds = {"error" in case for case in load(name)["cases"]}
    assert kinds == {True, False}


@pytest.mark.parametrize("name", VERDICTS)
def test_every_verdict_occurs(name: str) -> None:
    """Each outcome that a judgement can have is the outcome of a case."""
    operation, verdicts = VERDICTS[name]
    assert {case["expected"] for case in cases(name, operation)} == verdicts


def test_every_verdict_on_heads_deadlines_and_bundles_occurs() -> None:
    """The verdicts of the remaining judgements occur as well."""
    assert {case["expected"] for case in cases("links", "judge_head")} == set(HeadVerdict)
    found = {case["expected"]["verdict"] for case in cases("deadlines", "judge")}
    assert found == set(AnswerByVerdict)
    ends = {case["expected"]["outcome"] for case in cases("evidence", "verify")}
    assert ends == {outcome.name.lower() for outcome in Outcome}


def test_every_rejection_code_of_an_envelope_occurs() -> None:
    """All but conflict, which only the store of a recipient can find."""
    found = {case["error"] for case in cases("receiving", "receive") if "error" in case}
    assert found == set(RejectionCode) - {RejectionCode.CONFLICT}


def test_every_type_has_a_file_of_payloads() -> None:
    """No type of the catalogue is left out."""
    assert {f"payloads/{tag}" for tag in CATALOGUE} <= set(FAMILIES)


def test_the_readme_explains_every_file() -> None:
    """A stranger finds each file in the table, and no file that is not there."""
    text = (ROOT / FOLDER / "README.md").read_text("utf-8")
    named = set(re.findall(r"^\| `([a-z_]+)\.json`", text, re.MULTILINE))
    assert named == {name for name in FAMILIES if "/" not in name}


# ------------------------------------------------------------------ what other libraries say


def _read_with_cbor2(data: bytes) -> Any:
    stream = io.BytesIO(data)
    found = cbor2.load(stream)
    if stream.read():
        raise ValueError("Something follows.")
    return found


def _as_items(value: Any) -> list[Any]:
    return [{"bytes": item.hex()} if isinstance(item, bytes) else item for item in value]


def _is_flat_and_shortest(data: bytes, length: int) -> bool:
    try:
        found = _read_with_cbor2(data)
        return (
            isinstance(found, list)
            and len(found) == length
            and all(type(item) in {int, bytes, str} for item in found)
            and all(item >= 0 for item in found if isinstance(item, int))
            and cbor2.dumps(found, canonical=True) == data
        )
    except (cbor2.CBORError, ValueError, EOFError):
        return False


@pytest.mark.parametrize("case", cases("cbor", "decode"), ids=lambda case: case["name"])
def test_cbor2_reads_the_same(case: dict[str, Any]) -> None:
    """Good bytes are the canonical encoding of the items to cbor2, and bad bytes of none."""
    data = bytes.fromhex(case["input"]["bytes"])
    assert _is_flat_and_shortest(data, case["input"]["length"]) is ("expected" in case)
    if "expected" in case:
        assert _as_items(_read_with_cbor2(data)) == case["expected"]


def test_cbor2_reads_every_object() -> None:
    """Consignments, signed payloads and envelopes are canonical CBOR with the parts named."""
    for case in cases("consignments", "write"):
        data = bytes.fromhex(case["expected"])
        version, message_id, sender, recipient, _ = _read_with_cbor2(data)
        assert version == 1
        assert message_id.hex() == case["input"]["message_id"]
        assert (sender, recipient) == (case["input"]["sender"], case["input"]["recipient"])
        assert cbor2.dumps(cbor2.loads(data), canonical=True) == data
    for case in cases("envelopes", "read"):
        if "expected" in case:
            parts = _read_with_cbor2(bytes.fromhex(case["input"]["envelope"]))
            wanted = case["expected"]
            assert parts[0] == "TRM1"
            assert parts[1].hex() == wanted["consignment"]
            assert (parts[2], parts[3].hex()) == (wanted["suite"], wanted["recipient_key_id"])
            assert parts[4].hex() == wanted["sealed"]


def _check_signature(public: str, signature: str, statement: bytes) -> bool:
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public))
        key.verify(bytes.fromhex(signature), statement)
    except (InvalidSignature, ValueError):
        return False
    return True


def _state(context: str, *parts: bytes) -> bytes:
    digests = b"".join(hashlib.sha256(part).digest() for part in parts)
    return b"TRM1\0" + context.encode() + b"\0" + digests


@pytest.mark.parametrize("case", cases("signing", "verify"), ids=lambda case: case["name"])
def test_another_ed25519_verifies_the_same(case: dict[str, Any]) -> None:
    """Good signatures verify over the statement in another library, bad ones do not."""
    data = case["input"]
    statement = _state(data["context"], *map(bytes.fromhex, data["parts"]))
    found = _check_signature(data["public"], data["signature"], statement)
    assert found is ("expected" in case)


def test_another_ed25519_signs_the_same() -> None:
    """Signatures and public keys follow from the seeds."""
    for case in cases("signing", "sign"):
        data = case["input"]
        key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(data["seed"]))
        statement = _state(data["context"], *map(bytes.fromhex, data["parts"]))
        assert key.sign(statement).hex() == case["expected"]


def test_signed_payloads_verify_elsewhere() -> None:
    """cbor2, hashlib and another Ed25519 agree on good signed payloads and on bad ones."""
    for case in cases("signed_payloads", "verify"):
        magic, consignment, payload, key_id, signature = _read_with_cbor2(
            bytes.fromhex(case["input"]["bytes"])
        )
        public = case["input"]["public"]
        named = hashlib.sha256(bytes.fromhex(public)).digest()[:16] == key_id
        statement = _state("payload", consignment, payload)
        good = named and _check_signature(public, signature.hex(), statement)
        assert magic == "TRM1-signed"
        assert good is ("expected" in case)


def test_hashlib_names_the_keys() -> None:
    """Key ids are the beginning of SHA-256, of signing and of recipient keys."""
    for case in cases("signing", "key_id"):
        public = bytes.fromhex(case["input"]["public"])
        assert hashlib.sha256(public).hexdigest()[:32] == case["expected"]
    for case in cases("envelopes", "public"):
        public = bytes.fromhex(case["expected"]["public"])
        assert len(public) == 1216
        assert hashlib.sha256(public).hexdigest()[:32] == case["expected"]["key_id"]


def test_stdnum_finds_the_check_characters() -> None:
    """ISO/IEC 7064 MOD 37,36 of another implementation; those outside the alphabet are null."""
    for case in cases("identifiers", "case_check"):
        drawn = case["input"]["characters"]
        check = mod_37_36.calc_check_digit(drawn)
        good = check not in "ILOU"
        wanted = f"TRM-{drawn[:5]}-{drawn[5:]}-{check}" if good else None
        assert case["expected"] == wanted


def test_broker_keys_and_proofs_verify_elsewhere() -> None:
    """Public nkeys are base 32 of kind, key, and CRC; proofs are Ed25519 over the statement."""
    for case in cases("broker", "read_public"):
        if "expected" in case:
            raw = base64.b32decode(case["input"]["text"])
            assert raw[1:33].hex() == case["expected"]["public"]
    for case in cases("broker", "verify_proof"):
        data = case["input"]
        if case.get("error") == "malformed":
            continue
        statement = b"\0".join(
            (b"trm broker account v1", data["participant"].encode(), data["account"].encode())
        )
        public = base64.b32decode(data["account"])[1:33].hex()
        signature = base64.b64decode(data["proof"]).hex()
        assert _check_signature(public, signature, statement) is ("expected" in case)


def test_padme_by_the_formula_of_the_paper() -> None:
    """With floating-point logarithms nowhere: E and S counted in bits, as the text says."""
    for case in cases("padding", "padme"):
        length = case["input"]["length"]
        exponent = length.bit_length() - 1
        step = 1 << (exponent - exponent.bit_length()) if length > 1 else 1
        assert case["expected"] == -(-length // step) * step


@pytest.mark.parametrize("name", [name for name in FAMILIES if name.startswith("payload")])
def test_digests_and_types_of_payloads_by_the_standard_library(name: str) -> None:
    """What is read is JSON whose type and version are as said; the digest is of the bytes."""
    for case in load(name)["cases"]:
        if "expected" in case:
            payload = case["input"]["text"].encode()
            tree = json.loads(payload)
            wanted = case["expected"]
            assert (tree["type"], tree["version"]) == (wanted["type"], wanted["version"])
            assert hashlib.sha256(payload).hexdigest() == wanted["sha256"]


# ------------------------------------------------------------------ the command


def test_nothing_differs_right_after_writing(tmp_path: Path) -> None:
    """What was written is what is wanted; a file of no family is taken away, others stay."""
    for other in ("of_old.json", "messages/general.message.json"):
        (tmp_path / FOLDER / other).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / FOLDER / other).write_text("{}")
    write(tmp_path, FILES)
    assert list(find_differences(tmp_path, FILES)) == []
    assert (tmp_path / FOLDER / "messages/general.message.json").exists()
    assert set(list_existing(tmp_path)) == set(FILES)


def test_each_difference_is_named(tmp_path: Path) -> None:
    """A changed case is named; so is a file that is missing, no JSON, or one too many."""
    write(tmp_path, FILES)
    changed = FILES[FOLDER / "cbor.json"].replace('"expected": [0]', '"expected": [1]')
    (tmp_path / FOLDER / "cbor.json").write_text(changed)
    (tmp_path / FOLDER / "padding.json").write_text("no JSON")
    (tmp_path / FOLDER / "links.json").unlink()
    (tmp_path / FOLDER / "payloads/of_old.json").write_text("{}")
    assert set(find_differences(tmp_path, FILES)) == {
        "protocol/vectors/cbor.json differs from the code at 'decode: zero'",
        "protocol/vectors/padding.json differs from the code",
        "protocol/vectors/links.json is missing",
        "protocol/vectors/payloads/of_old.json belongs to no family",
    }


def test_a_check_writes_nothing_and_says_how_to_repair(tmp_path: Path) -> None:
    """Checking an empty tree fails, names each file with the command, and leaves it empty."""
    told: list[str] = []
    assert main(["--check"], root=tmp_path, report=told.append) == 1
    wanted = "protocol/vectors/cbor.json is missing: run scripts/generate_vectors.py"
    assert f"vectors: {wanted}" in told
    assert list(tmp_path.iterdir()) == []


def test_the_count_ends_with_the_sum(tmp_path: Path) -> None:
    """The last line counts all vectors, good and bad."""
    told: list[str] = []
    assert main(["--count"], root=tmp_path, report=told.append) == 0
    total = sum(len(family.cases) for family in FAMILIES.values())
    assert told[-1].startswith(f"{total:5} vectors in {len(FAMILIES)} files")
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_argument_is_explained(tmp_path: Path) -> None:
    """Anything else gives the usage and writes nothing."""
    told: list[str] = []
    assert main(["--verify"], root=tmp_path, report=told.append) == 2
    assert told[0].startswith("usage:")
    assert list(tmp_path.iterdir()) == []


# ------------------------------------------------------------------ what was sealed once


def test_what_was_sealed_is_opened_and_compared(tmp_path: Path) -> None:
    """A store that lacks something, holds other content, or too much is refused, and says how."""
    wanted = list_wanted()[:2]
    store = tmp_path / "frozen.json"
    with pytest.raises(VectorError, match="--seal-again"):
        frozen.load(wanted, path=store)
    sealed = frozen.seal_all(wanted)
    frozen.save(sealed, path=store)
    assert frozen.load(wanted, path=store) == sealed
    first, second = wanted
    frozen.save({first.name: sealed[second.name], second.name: sealed[second.name]}, path=store)
    with pytest.raises(VectorError, match="holds something else"):
        frozen.load(wanted, path=store)
    with pytest.raises(VectorError, match="Nobody needs"):
        frozen.load([second], path=store)
    frozen.save({first.name: sealed[first.name][:-1] + b"\0", second.name: b""}, path=store)
    with pytest.raises(VectorError, match="sealed otherwise"):
        frozen.load(wanted, path=store)


def test_a_case_that_the_code_contradicts_is_not_written() -> None:
    """A wrong expectation, a good case that is refused, and a bad one that is not, all stop."""
    family = Family("x", "x", ("1",), FAMILIES["identifiers"].operations)
    with pytest.raises(VectorError, match="not BA"):
        family.good("a", "participant", {"text": "AL"}, expected="BA")
    with pytest.raises(VectorError, match="is refused here"):
        family.good("b", "participant", {"text": "al"})
    with pytest.raises(VectorError, match="is not refused here"):
        family.bad("c", "participant", {"text": "AL"}, error="malformed")
    with pytest.raises(VectorError, match="is malformed here"):
        family.bad("d", "participant", {"text": "al"}, error="forged")
    family.good("e", "participant", {"text": "AL"})
    with pytest.raises(VectorError, match="two cases"):
        family.good("e", "participant", {"text": "XK"})
    assert [case["name"] for case in family.cases] == ["e"]
