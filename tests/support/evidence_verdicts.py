"""Short ways to make an exchange, to forge a bundle, to verify it, and to say what was found."""

import json
from collections.abc import Mapping
from typing import Any

from contact_registry.evidence.container import pack_members
from contact_registry.evidence.presenting import format_verdict
from contact_registry.evidence.verdict import Verdict
from contact_registry.evidence.verifying import verify_bundle
from protocol.envelope import SignedPayload
from protocol.evidence.bundle import find_kind
from protocol.evidence.manifest import (
    MANIFEST_PATH,
    SIGNATURE_PATH,
    FileEntry,
    ManifestSignature,
)
from protocol.evidence.steps import Step
from protocol.signing import SigningKey
from tests.support.evidence import EvidenceWorld


def exchange(world: EvidenceWorld, **changes: Any) -> tuple[SignedPayload, SignedPayload]:
    """Return a message and its receipt."""
    message = world.make_message(**changes)
    return message, world.make_receipt(message)


def judge(world: EvidenceWorld, data: bytes) -> Verdict:
    """Verify from the root that everybody was given."""
    return verify_bundle(data, trusted_root=world.trusted_root)


def read(verdict: Verdict) -> str:
    """Return what a person reads."""
    return "\n".join(format_verdict(verdict))


def steps(verdict: Verdict) -> list[Step]:
    """Return what is proved of the first message."""
    return [proof.step for proof in verdict.judgement.messages[0].proofs]


def sign_again(members: Mapping[str, bytes], key: SigningKey, **changes: Any) -> bytes:
    """Return the bundle of altered members with a manifest that fits them, signed by ``key``.

    That is what a forger makes who has a key, but not those that signed the messages. ``changes``
    are what else the manifest says.
    """
    manifest = json.loads(members[MANIFEST_PATH])
    rest = {
        path: data for path, data in members.items() if path not in {MANIFEST_PATH, SIGNATURE_PATH}
    }
    manifest["signer"] = key.key_id
    manifest["files"] = [
        FileEntry.of(path, find_kind(path), rest[path]).model_dump(mode="json")
        for path in sorted(rest)
    ]
    altered = json.dumps(manifest | changes).encode()
    signature = ManifestSignature.sign(altered, key=key).encode()
    return pack_members({MANIFEST_PATH: altered, SIGNATURE_PATH: signature} | rest)
