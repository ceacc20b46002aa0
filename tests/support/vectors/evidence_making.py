"""Make the bundles of the vectors of evidence anew.

    python -m tests.support.vectors.evidence_making

They are made by a whole invented registry, once, and kept in the file of vectors itself, so that
nothing that changes in the tests of evidence changes what others have to verify. Afterwards
``scripts/generate_vectors.py`` writes the file.
"""

import base64
import json
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

from contact_registry.evidence.container import pack_members, unpack_members
from protocol.errors import RejectionCode
from protocol.evidence.bundle import parse_bundle
from protocol.evidence.manifest import CoversCase, CoversMessage
from protocol.messages.system import ReceiptStatus
from tests.support.evidence import AL, CASE, EvidenceWorld
from tests.support.evidence_verdicts import exchange, sign_again
from tests.support.vectors.evidence import STORE, find_members_changed
from tests.support.vectors.evidence_forgeries import (
    forge_histories,
    forge_manifests,
    forge_members,
    forge_messages,
)
from tests.support.vectors.evidence_forging import Forger, Members
from tests.support.vectors.evidence_outcomes import SECOND_ROOT, WHOLE
from tests.support.vectors.evidence_registries import (
    forge_expiries,
    forge_keys,
    forge_metadata,
    forge_roots,
    forge_second_registries,
)
from tests.support.vectors.family import Json

#: The bundle from which the changed ones differ.
BASE = "delivered and read"


def make_bundles(world: EvidenceWorld) -> dict[str, bytes]:
    """Return one bundle for each way in which a verification can end."""
    message, delivered = exchange(world)
    read = world.make_receipt(message, status=ReceiptStatus.READ)
    refused = world.make_message()
    rejected = world.make_receipt(
        refused, status=ReceiptStatus.REJECTED, reason=RejectionCode.EXPIRED
    )
    unopened = world.make_receipt(
        refused, status=ReceiptStatus.REJECTED, reason=RejectionCode.UNOPENABLE
    )
    stranger = world.make_message(key=world.make_key())
    world.clock.move(timedelta(hours=1))
    good = world.make_bundle([message], [delivered, read])
    members = unpack_members(good)
    one = next(path for path in members if path.startswith("messages/"))
    theirs = next(
        path
        for path, data in members.items()
        if path.startswith("registry/objects/") and json.loads(data).get("participant") == "XK"
    )
    changed = members | {one: members[one].replace(b"has arrived", b"has not yet")}
    without = {path: data for path, data in members.items() if path != theirs}
    both = [message, refused]
    return {
        "delivered and read": good,
        "refused": world.make_bundle([refused], [rejected]),
        "a rejection that proves nothing": world.make_bundle([refused], [unopened]),
        "no receipt": world.make_bundle([message], []),
        "signed by nobody": world.make_bundle([message], [delivered], signed=False),
        "a message changed, and the bundle signed again": sign_again(changed, world.keys[AL]),
        "a registry file left out, and the bundle signed again": sign_again(
            without, world.keys[AL]
        ),
        "signed with a key that is not listed": world.make_bundle([stranger], []),
        "two messages at one place of a link": world.make_bundle(
            both, [delivered, rejected], covers=CoversCase(case=CASE)
        ),
        "about another message than it says": world.make_bundle(
            [message], [delivered], covers=CoversMessage(sender="MK", message_id="ab" * 16)
        ),
        "a receipt of somebody else": world.make_bundle(
            [message], [world.make_receipt(message, signer=AL)]
        ),
    }


def make_forged(forger: Forger) -> tuple[dict[str, Members], bytes]:
    """Return the members of each bundle that is wrong in one thing, and the second root."""
    rooted, second_root = forge_roots(forger)
    return {
        **forge_manifests(forger),
        **forge_members(forger),
        **forge_messages(forger),
        **forge_histories(forger),
        **forge_metadata(forger),
        **forge_keys(forger),
        **forge_expiries(forger),
        **rooted,
        **forge_second_registries(forger),
    }, second_root


def make_given(world: EvidenceWorld, elsewhere: EvidenceWorld) -> Json:
    """Return what the file gives to its cases: roots, whole bundles, and changed ones."""
    made = {name: unpack_members(data) for name, data in make_bundles(world).items()}
    base = made[BASE]
    contents = parse_bundle(base).contents
    forger = Forger(
        world,
        message=next(iter(contents.messages.values())),
        receipt=next(it for it in contents.receipts.values() if b'"delivered"' in it.payload),
        log=contents.events,
    )
    forged, second_root = make_forged(forger)
    return {
        "roots": {
            "of the registry": world.trusted_root.decode(),
            SECOND_ROOT: second_root.decode(),
            "of another registry": elsewhere.trusted_root.decode(),
        },
        "bundles": {name: base64.b64encode(pack_members(made[name])).decode() for name in WHOLE},
        "changed": {
            name: {"from": BASE, "members": find_members_changed(base, members)}
            for name, members in {**made, **forged}.items()
            if name not in WHOLE
        },
    }


def main() -> int:
    """Make the bundles and keep them; the file is written properly by the generator."""
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        given = make_given(EvidenceWorld(Path(first)), EvidenceWorld(Path(second), seed=8))
    STORE.write_text(json.dumps({"given": given}), encoding="ascii")
    return 0


if __name__ == "__main__":
    sys.exit(main())
