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
from protocol.evidence.manifest import CoversCase, CoversMessage
from protocol.messages.system import ReceiptStatus
from tests.support.evidence import AL, CASE, EvidenceWorld
from tests.support.evidence_verdicts import exchange, sign_again
from tests.support.vectors.evidence import STORE


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
    role = next(
        path
        for path, data in members.items()
        if path.startswith("registry/objects/") and b'"trm-keys/1"' in data
    )
    changed = members | {one: members[one].replace(b"has arrived", b"has not yet")}
    without = {path: data for path, data in members.items() if path != role}
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


def main() -> int:
    """Make the bundles and keep them; the file is written properly by the generator."""
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        world, elsewhere = EvidenceWorld(Path(first)), EvidenceWorld(Path(second), seed=8)
        bundles = make_bundles(world)
        given = {
            "roots": {
                "of the registry": world.trusted_root.decode(),
                "of another registry": elsewhere.trusted_root.decode(),
            },
            "bundles": {name: base64.b64encode(data).decode() for name, data in bundles.items()},
        }
    if any(pack_members(unpack_members(data)) != data for data in bundles.values()):
        raise ValueError("A bundle is not in its one form: look at its container.")
    STORE.write_text(json.dumps({"given": given}), encoding="ascii")
    return 0


if __name__ == "__main__":
    sys.exit(main())
