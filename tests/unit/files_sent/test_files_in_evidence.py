"""Evidence about a message with a file stays true: the manifest is signed, no content is in it."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from contact_registry.evidence.container import unpack_members
from contact_registry.evidence.presenting import format_verdict
from contact_registry.evidence.verdict import Outcome
from contact_registry.evidence.verifying import verify_bundle
from node.adapters.blob_store import FolderBlobStore
from node.domain.files import FileRules
from node.service.attachments.opening import list_complete, open_file
from node.service.evidence import export_message
from protocol.evidence.manifest import EVENTS_PATH
from protocol.evidence.steps import Step
from tests.support.evidence_nodes import make_evidence_network
from tests.support.files_sent import hand_over, make_picture, send_file
from tests.support.people import STAFF
from tests.support.received_files import carry_chunks


def test_a_bundle_proves_a_message_with_a_file(
    tmp_path: Path, node_url_of: Callable[[str], str]
) -> None:
    """The signed payload with its manifest verifies, and no byte of the file is in the bundle."""
    made = make_evidence_network(["AL", "XK"], folder=tmp_path, url_of=node_url_of)
    for code, each in made.network.nodes.items():
        made.network.nodes[code] = replace(
            each,
            blob_store=FolderBlobStore(tmp_path / f"{code}-files"),
            file_rules=FileRules(reserve=0),
        )
    node, content = made.network.node("AL"), make_picture(600_000)
    sent = send_file(node, content)
    made.network.settle()
    chunks = [chunk.encode() for _, chunk in hand_over(node)]
    carry_chunks(made.network, chunks, to="XK", sender="AL")
    xk = made.network.node("XK")
    for file_id in list_complete(xk, limit=10):
        open_file(xk, file_id, has_scanner=False)
    made.network.settle()
    for code in ("AL", "XK"):
        bundle = export_message(
            made.network.node(code), made.archives[code], sent.message_id, who=STAFF
        )
        verdict = verify_bundle(bundle.data, trusted_root=made.world.trusted_root)
        assert verdict.outcome is Outcome.PROVED, format_verdict(verdict)
        found = [proof.step for proof in verdict.judgement.messages[0].proofs]
        assert found == [Step.SIGNED, Step.DELIVERED]
        assert len(bundle.data) < len(content) / 2
        events = json.loads(unpack_members(bundle.data)[EVENTS_PATH])["events"]
        told = {claim["kind"]: claim.get("step") for claim in events}
        assert told.get("message_received") is None
        assert told.get("files_arrived", Step.DELIVERED) == Step.DELIVERED
    made.network.close()
