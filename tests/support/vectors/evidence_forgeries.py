"""Bundles that are signed by whom they name, and yet wrong in one thing: manifest, log, messages.

Beside each stands what is right by a hair. How each ends is in
:mod:`tests.support.vectors.evidence_outcomes`.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from protocol.cbor import encode_array
from protocol.envelope import SignedPayload
from protocol.errors import RejectionCode
from protocol.evidence.bundle import name_signed
from protocol.evidence.manifest import (
    EVENTS_PATH,
    MANIFEST_PATH,
    REPORT_PATH,
    SIGNATURE_PATH,
    ManifestSignature,
)
from protocol.limits import LIMITS
from protocol.links import FIRST_PREVIOUS
from protocol.messages.system import ReceiptStatus
from protocol.signing import Context, SigningKey
from tests.support.evidence import AL, CASE, MK, XK
from tests.support.vectors.evidence_forging import (
    Forger,
    Members,
    change_payload,
    name_hash,
    seal,
    sign_as,
    sign_manifest,
)


def forge_manifests(forger: Forger) -> dict[str, Members]:
    """Return bundles whose manifest or its signature is wrong."""
    key = forger.world.keys[AL]
    good = forger.bundle([forger.message], [forger.receipt])
    manifest = json.loads(good[MANIFEST_PATH])
    files, covers, pin = manifest["files"], manifest["covers"], manifest["registry"]
    first, second, *rest = files
    said: Mapping[str, Mapping[str, Any]] = {
        "a manifest with a surplus field": {"note": "x"},
        "a manifest of another format": {"format": "trm-evidence/2"},
        "a manifest that covers with a surplus field": {"covers": covers | {"note": "x"}},
        "a manifest that covers another kind": {"covers": covers | {"kind": "link"}},
        "a manifest of no moment": {"made_at": "yesterday"},
        "a manifest of a number for its moment": {"made_at": 5},
        "a manifest on a registry with a surplus field": {"registry": pin | {"note": "x"}},
        "a manifest whose signer is no key id": {"signer": key.key_id.upper()},
        "a list that lacks a member": {"files": files[:-1]},
        "a list with a file that is not there": {
            "files": [*files, {**files[-1], "path": "report.htmm"}]
        },
        "a list with another size": {"files": [first | {"size": first["size"] + 1}, second, *rest]},
        "a list with another hash": {"files": [first | {"sha256": "ab" * 32}, second, *rest]},
        "a list with another kind": {"files": [first | {"kind": "report"}, second, *rest]},
        "a list with a surplus field": {"files": [first | {"note": "x"}, second, *rest]},
        "a list in another order": {"files": [second, first, *rest]},
        "a list with a file twice": {"files": [first, first, second, *rest]},
        "no signer beside a signature": {"signer": None},
        "a signer that is not the key of the signature": {"signer": forger.world.keys[XK].key_id},
    }
    stranger = sign_manifest(manifest, forger.world.make_key())
    other = key.sign(Context.PAYLOAD, good[MANIFEST_PATH])
    signatures = {
        "a signature by another key than the signer": stranger[SIGNATURE_PATH],
        "a signature with another magic": _write_signature(good, "TRM1-evidenced"),
        "a signature with a fourth item": _write_signature(good, "TRM1-evidence", 1),
        "a signature for another context": ManifestSignature(key.verify_key, other).encode(),
    }
    unsigned = {path: data for path, data in good.items() if path != SIGNATURE_PATH}
    size = LIMITS.evidence_text - len(good[MANIFEST_PATH])
    return {
        **{name: seal(good, key, **changes) for name, changes in said.items()},
        **{name: good | {SIGNATURE_PATH: data} for name, data in signatures.items()},
        "a signer without a signature": unsigned,
        "no manifest": {path: unsigned[path] for path in unsigned if path != MANIFEST_PATH},
        "a manifest of nobody": _make_nobodys(good, key),
        "a manifest as long as one may be": good | sign_manifest(manifest, key, blanks=size),
        "a manifest that is too long": good | sign_manifest(manifest, key, blanks=size + 1),
    }


def _make_nobodys(members: Members, key: SigningKey) -> Members:
    log = members[EVENTS_PATH].replace(b'"claimed_by": "AL"', b'"claimed_by": "al"')
    return seal({**members, EVENTS_PATH: log}, key, made_by="al")


def _write_signature(members: Members, magic: str, *more: int) -> bytes:
    found = ManifestSignature.parse(members[SIGNATURE_PATH])
    return encode_array([magic, found.key.public, found.signature, *more])


def forge_members(forger: Forger) -> dict[str, Members]:
    """Return bundles of which a member is wrong, under a manifest that fits."""
    message, receipt = forger.message, forger.receipt
    good = forger.bundle([message], [receipt])
    log = json.loads(good[EVENTS_PATH])
    event = {"at": "2026-03-04T11:00:00Z", "kind": "noted", "actor": "staff"}
    foreign = f"registry/objects/{name_hash(b'[]')}.json"
    changed: dict[str, Mapping[str, bytes | None]] = {
        "a registry file under another hash": {foreign: b"{}"},
        "a message under another name": _rename(f"messages/{name_signed(message)}.signed", good),
        "a receipt under another name": _rename(f"receipts/{name_signed(receipt)}.signed", good),
        "no log": {EVENTS_PATH: None},
        "no report": {REPORT_PATH: None},
        "a log that is none": {EVENTS_PATH: b"{}"},
        "a log of another format": _log(log, format="trm-evidence-events/2"),
        "a log of somebody else": _log(log, claimed_by="XK"),
        "a log with a surplus field": _log(log, note="x"),
        "a log with an event": _log(log, events=[event | {"step": "signed", "code": "a.b"}]),
        "a log that names an officer": _log(log, events=[event | {"actor": "officer-7"}]),
        "a log with an event of no moment": _log(log, events=[event | {"at": "yesterday"}]),
        "a log with an event of no kind": _log(log, events=[event | {"kind": "Noted!"}]),
        "a log with an event of an unknown step": _log(log, events=[event | {"step": "seen"}]),
        "a log with an event of a surplus field": _log(log, events=[event | {"note": "x"}]),
        "a log as long as one may be": {EVENTS_PATH: good[EVENTS_PATH].ljust(LIMITS.evidence_text)},
        "a log that is too long": {EVENTS_PATH: good[EVENTS_PATH].ljust(LIMITS.evidence_text + 1)},
    }
    return {name: _swap(forger, good, changes) for name, changes in changed.items()}


def _rename(path: str, members: Members) -> Mapping[str, bytes | None]:
    return {path: None, path.replace(path[-39:-7], "ab" * 16): members[path]}


def _log(log: Mapping[str, Any], **changes: Any) -> Mapping[str, bytes | None]:
    return {EVENTS_PATH: json.dumps({**log, **changes}).encode()}


def _swap(forger: Forger, members: Members, changes: Mapping[str, bytes | None]) -> Members:
    changed = {path: data for path, data in {**members, **changes}.items() if data is not None}
    return seal(changed, forger.world.keys[AL])


def forge_messages(forger: Forger) -> dict[str, Members]:
    """Return bundles whose messages or receipts are signed by their senders, and wrong."""
    world = forger.world
    key, theirs = world.keys[AL], world.keys[XK]
    message, receipt = forger.message, forger.receipt

    def receive(wrong: SignedPayload) -> Members:
        return forger.bundle([message], [wrong])

    def send(wrong: SignedPayload) -> Members:
        return forger.bundle([wrong], [world.make_receipt(wrong)])

    def read_status(status: str) -> bytes:
        return receipt.payload.replace(b'"delivered"', f'"{status}"'.encode())

    twice = message.payload[:-1] + b', "body": {"text": "Nothing."}}'
    forged = sign_as(receipt, world.make_key(), read_status("read"))
    altered = replace(receipt, payload=read_status("read"))
    later = world.make_message(sender=XK, recipient=AL, version=2)
    return {
        **{
            f"payload and consignment name another {field}": forger.bundle(
                [change_payload(message, key, **{field: other})], []
            )
            for field, other in (("message_id", "ab" * 16), ("sender", MK), ("recipient", MK))
        },
        "a receipt that names another recipient inside": receive(
            change_payload(receipt, theirs, recipient=MK)
        ),
        "a receipt of wrong shape": receive(change_payload(receipt, theirs, body={})),
        "a receipt of a later version": receive(change_payload(receipt, theirs, version=2)),
        "a message among the receipts": receive(later),
        "a receipt that was changed": receive(altered),
        "a receipt signed with a key that is not listed": receive(forged),
        "a message of an unknown type": send(world.make_message(type="general.later")),
        "a message with a name twice": forger.bundle([sign_as(message, key, twice)], []),
        "a message of no moment": forger.bundle(
            [change_payload(message, key, composed_at="yesterday")], []
        ),
        "a message of a number for its moment": forger.bundle(
            [change_payload(message, key, composed_at=5)], []
        ),
        "a message with a link of no number": forger.bundle(
            [
                change_payload(
                    message, key, link={"generation": 1, "seq": 0, "prev": FIRST_PREVIOUS}
                )
            ],
            [],
        ),
        "a message outside of all links": send(world.make_message(link=None)),
        "a message as deep as one may be": send(world.make_message(body=_nest(15))),
        "a message that is too deep": forger.bundle([world.make_message(body=_nest(16))], []),
    }


def _nest(depth: int) -> Any:
    body: Any = [1]
    for _ in range(depth - 1):
        body = {"in": body}
    return body


def forge_histories(forger: Forger) -> dict[str, Members]:
    """Return bundles of which everything verifies, but not together."""
    world = forger.world
    message, taken = forger.message, forger.receipt

    def answer(
        status: ReceiptStatus, reason: RejectionCode | None, digest: str | None = None
    ) -> Members:
        other = world.make_receipt(message, status=status, reason=reason, digest=digest)
        return forger.bundle([message], [taken, other])

    def follow(**place: Any) -> Members:
        link = {"generation": 1, "seq": 2, "prev": message.digest} | place
        after = world.make_message(link=link)
        return forger.bundle([message, after], [world.make_receipt(message, after)])

    rejected, elsewhere = ReceiptStatus.REJECTED, "ab" * 32
    other = world.make_message(recipient=MK)
    read = world.make_receipt(message, status=ReceiptStatus.READ)
    refused = world.make_receipt(message, status=rejected, reason=RejectionCode.EXPIRED)
    stray = world.make_message(recipient=MK, case=None)
    empty = forger.bundle([message], [taken])
    del empty[f"messages/{name_signed(message)}.signed"]
    key, beside = (
        world.keys[AL],
        forger.bundle([message, other], [taken, world.make_receipt(other)]),
    )
    one = {"kind": "message", "sender": "AL", "message_id": str(message.consignment.message_id)}
    return {
        "delivered and rejected": answer(rejected, RejectionCode.EXPIRED),
        "read and rejected": forger.bundle([message], [read, refused]),
        "other bytes of the id delivered": answer(ReceiptStatus.DELIVERED, None, elsewhere),
        "other bytes of the id read": answer(ReceiptStatus.READ, None, elsewhere),
        "other bytes of the id in conflict": answer(rejected, RejectionCode.CONFLICT, elsewhere),
        "other bytes of the id forged": answer(rejected, RejectionCode.FORGED, elsewhere),
        "a message that follows another": follow(),
        "a message that follows something else": follow(prev="ab" * 32),
        "a message behind a gap": follow(seq=3, prev="ab" * 32),
        "one place in two generations": follow(generation=2, seq=1, prev=FIRST_PREVIOUS),
        "a message without receipt beside one": forger.bundle([message, other], [taken]),
        "two messages to two recipients": beside,
        "a message beside the one that it covers": seal(beside, key, covers=one),
        "a case with a message of none": forger.bundle(
            [message, stray], [taken, world.make_receipt(stray)]
        ),
        "a message is covered, and there is none": seal(empty, key),
        "a case is covered, and there is no message": seal(
            empty, key, covers={"kind": "case", "case": CASE}
        ),
    }
