"""Evidence bundles: what is proved by whom, and what a change of any byte does."""

import base64
import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any, Final

from contact_registry.evidence.container import pack_members, unpack_members
from contact_registry.evidence.verifying import verify_bundle
from tests.support.checkout import ROOT
from tests.support.vectors.evidence_outcomes import FORGED, WHOLE, find_root
from tests.support.vectors.family import Family, Json, Operation, VectorError

_Given = Mapping[str, Any]

STORE: Final = ROOT / "protocol" / "vectors" / "evidence.json"
_HINT: Final = "make it anew with: python -m tests.support.vectors.evidence_making"


def _load_given() -> Json:
    try:
        given: Json = json.loads(STORE.read_text("ascii"))["given"]
    except (OSError, ValueError, KeyError) as error:
        raise VectorError(f"The bundles of evidence are not there: {_HINT}.") from error
    if (set(given["bundles"]), set(given["changed"])) != (set(WHOLE), set(FORGED)):
        raise VectorError(f"There are other bundles than are described: {_HINT}.")
    return given


def _change(data: bytes, change: Mapping[str, Any]) -> bytes:
    """Put other bytes in place of some: ``at``, how many are ``removed``, what is ``put``."""
    at = change["at"]
    return data[:at] + bytes.fromhex(change["put"]) + data[at + change["removed"] :]


def find_members_changed(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> Json:
    """Describe members by their difference to others, as the file of vectors does."""
    found: Json = {path: None for path in before if path not in after}
    for path, data in after.items():
        if before.get(path) == data:
            continue
        bare = data.rstrip(b" ")
        spelled = (
            {"text": bare.decode()}
            if bare.isascii()
            else {"base64": base64.b64encode(bare).decode()}
        )
        found[path] = spelled | ({"blanks": len(data) - len(bare)} if bare != data else {})
    return found


def _read_member(spelled: Mapping[str, Any]) -> bytes:
    text: str | None = spelled.get("text")
    bare = base64.b64decode(spelled["base64"]) if text is None else text.encode()
    return bare.ljust(len(bare) + spelled.get("blanks", 0))


def _find_bundle(name: str, given: _Given) -> bytes:
    """Return a whole bundle, or one that is described by its difference to another."""
    if name in given["bundles"]:
        return base64.b64decode(given["bundles"][name])
    changed = given["changed"][name]
    members = unpack_members(base64.b64decode(given["bundles"][changed["from"]]))
    for path, spelled in changed["members"].items():
        if spelled is None:
            del members[path]
        else:
            members[path] = _read_member(spelled)
    return pack_members(members)


def _verify(data: _Given, given: _Given) -> Json:
    bundle = _find_bundle(data["bundle"], given)
    if "change" in data:
        bundle = _change(bundle, data["change"])
    verdict = verify_bundle(bundle, trusted_root=given["roots"][data["root"]].encode())
    return {
        "outcome": verdict.outcome.name.lower(),
        "messages": [
            {
                "name": message.name,
                "sha256": message.digest,
                "proved": [
                    {
                        "step": proof.step.value,
                        "by": proof.signer.participant,
                        "key_id": proof.signer.key_id,
                    }
                    for proof in message.proofs
                ],
            }
            for message in sorted(verdict.judgement.messages, key=lambda each: each.name)
        ],
    }


def make_families() -> list[Family]:
    """Return the file of this family."""
    family = Family(
        name="evidence",
        description="Evidence bundles, base64 of the zip, and trusted roots, JSON text (UTF-8) as "
        "it was signed. A bundle of `changed` is another one, of which members were taken away "
        "(null) or put in (a text in ASCII, or base64, and behind it so many `blanks`, bytes "
        "0x20), packed as in 16.2. `messages` are in the order of their names; of each stand the "
        "digest of its payload and the steps that a signature proves, in the order of 16.1. In a "
        "change, `removed` bytes at the offset `at` give way to the bytes of `put`, hexadecimal.",
        spec=("16.1", "16.2", "16.3", "16.4", "16.6"),
        operations={
            "verify": Operation(
                "Verify the bundle of this name, changed as said, from the root of this name; how "
                "it ends, and what is proved of each message. Where nothing else is looked at, "
                "there are no messages.",
                _verify,
            )
        },
        given=_load_given(),
    )
    for name, (outcome, proved) in {**WHOLE, **FORGED}.items():
        family.good(name, "verify", {"bundle": name, "root": find_root(name)})
        found = family.cases[-1]["expected"]
        steps = {tuple(each["step"] for each in it["proved"]) for it in found["messages"]}
        if (found["outcome"], steps) != (outcome, set(proved)):
            raise VectorError(f"evidence: '{name}' ends as {found['outcome']}, proving {steps}.")
    other = {"bundle": "delivered and read", "root": "of another registry"}
    family.good("from the root of another registry", "verify", other)
    if family.cases[-1]["expected"]["outcome"] != "untrusted":
        raise VectorError("evidence: a bundle is trusted from another registry's root.")
    bundle = base64.b64decode(family.given["bundles"]["delivered and read"])
    for name, change in _list_changes(bundle):
        data = {"bundle": "delivered and read", "root": "of the registry", "change": change}
        expected = {"outcome": "altered", "messages": []}
        family.good(f"altered: {name}", "verify", data, expected=expected)
    return [family]


def _list_changes(bundle: bytes) -> Iterator[tuple[str, Json]]:
    def put(at: int, other: bytes, removed: int | None = None) -> Json:
        taken = len(other) if removed is None else removed
        return {"at": at, "removed": taken, "put": other.hex()}

    with zipfile.ZipFile(io.BytesIO(bundle)) as archive:
        for info in archive.infolist():
            start = info.header_offset + 30 + len(info.filename)
            at = start + info.file_size // 2
            yield f"a byte of {info.filename}", put(at, bytes([bundle[at] ^ 1]))
        first = archive.infolist()[0]
    yield "the date of a member", put(first.header_offset + 12, b"\x22")
    yield "the name of a member", put(first.header_offset + 30, b"n")
    yield "a byte behind", put(len(bundle), b"\x00")
    yield "a byte in front", put(0, b"\x00", 0)
    yield "a comment of the zip", put(len(bundle) - 2, b"\x01\x00!")
    yield "cut by a byte", put(len(bundle) - 1, b"", 1)
    yield "cut in half", put(len(bundle) // 2, b"", len(bundle) - len(bundle) // 2)
    yield "nothing", put(0, b"", len(bundle))
