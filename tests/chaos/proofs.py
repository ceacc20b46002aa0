"""What each node can prove, judged by the library of ``trm-verify`` from the root alone."""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlmodel import select

from contact_registry.evidence.verdict import MessageVerdict, Outcome
from contact_registry.evidence.verifying import verify_bundle
from node.parts import build_parts
from node.service.evidence import export_case
from node.settings import NodeSettings
from node.store.tables import CaseRow, MessageRow
from protocol.evidence.steps import Step
from protocol.identifiers import CaseReference
from tests.support.people import STAFF


@dataclass(slots=True)
class Proofs:
    """What one node can prove of every message it holds."""

    #: By name (sender and message id on the wire): None if the evidence is complete, else why not.
    by_name: dict[str, str | None] = field(default_factory=dict)
    #: The mark that its program put into each, by name.
    marks: dict[str, str] = field(default_factory=dict)
    #: The node's own names for messages, to those on the wire.
    names: dict[str, str] = field(default_factory=dict)
    bundles: int = 0
    #: Cases whose bundle proves everything in it.
    proved_cases: list[str] = field(default_factory=list)

    def explain(self, name: str) -> str | None:
        """Say what is lacking for a message, or nothing."""
        return self.by_name.get(name, "no bundle holds it")

    def find_mark(self, message_id: str) -> tuple[str, str]:
        """Return name and mark of a message that the node shows under its own name."""
        name = self.names[message_id]
        return name, self.marks[name]


def collect_proofs(settings: NodeSettings, trusted_root: bytes) -> Proofs:
    """Export every case of a node that does not run, and verify each bundle."""
    found = Proofs()
    parts = build_parts(settings)
    try:
        parts.directory.complete_archive()
        with parts.context.database.reading() as session:
            cases = list(session.exec(select(CaseRow.reference)))
            for row in session.exec(select(MessageRow)):
                sender = _name_sender(parts.context.participant, row)
                found.names[row.message_id] = f"{sender}-{row.wire_id}"
        for reference in cases:
            exported = export_case(
                parts.context, parts.archive, CaseReference(reference), who=STAFF
            )
            if _judge_bundle(found, exported.data, trusted_root):
                found.proved_cases.append(reference)
    finally:
        parts.close()
    return found


def _name_sender(participant: str, row: MessageRow) -> str:
    """Return who sent a stored message."""
    return participant if row.direction == "out" else row.peer


def _judge_bundle(found: Proofs, data: bytes, trusted_root: bytes) -> bool:
    """Take in what a bundle proves; returns whether that is everything in it."""
    verdict = verify_bundle(data, trusted_root=trusted_root)
    found.bundles += 1
    whole = "; ".join(each.text for each in (*verdict.problems, *verdict.judgement.problems))
    for message in verdict.judgement.messages:
        found.by_name[message.name] = _explain(message) or whole or None
        found.marks[message.name] = read_mark(message.payload)
    return verdict.outcome is Outcome.PROVED


def _explain(message: MessageVerdict) -> str | None:
    if message.problems:
        return "; ".join(each.text for each in message.problems)
    if message.find_proof(Step.SIGNED) is None:
        return "the sender's signature is not proved"
    if not (message.find_proof(Step.DELIVERED) or message.find_proof(Step.READ)):
        return "no receipt proves that it was delivered"
    return None


def read_mark(payload: bytes) -> str:
    """Return what a program put into its message to know it by."""
    fields: Mapping[str, Any] = json.loads(payload)
    return str(fields.get("instrument") or fields["body"].get("procedure_note") or "none")


def try_program(settings: NodeSettings, reference: str, *, root: Path, folder: Path) -> str | None:
    """Let the program ``trm-verify`` judge the bundle of one case; returns what is wrong."""
    file = folder / f"{settings.data_dir.name}-{reference}.zip"
    parts = build_parts(settings)
    try:
        made = export_case(parts.context, parts.archive, CaseReference(reference), who=STAFF)
        file.write_bytes(made.data)
    finally:
        parts.close()
    program = Path(sys.executable).parent / "trm-verify"
    done = subprocess.run(
        [str(program), str(file), "--root", str(root)], capture_output=True, check=False, text=True
    )
    return f"{file.name}: trm-verify {done.returncode}: {done.stdout}" if done.returncode else None
