"""What nodes export is what ``trm-verify`` accepts: on real exchanges, on both databases."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlmodel import col, func, select

from contact_registry.evidence.container import unpack_members
from contact_registry.evidence.presenting import format_verdict
from contact_registry.evidence.verdict import Outcome, Verdict
from contact_registry.evidence.verifying import verify_bundle
from node.service import reading
from node.service.building import Draft
from node.service.composing import handle_send
from node.service.context import NotFoundError
from node.service.deciding import CaseManagerDraft, DecisionDraft, handle_decide
from node.service.evidence import ExportedBundle, export_case, export_message
from node.store.tables import RegistryFileRow, RegistryRootRow, RegistryVersionRow
from protocol.evidence.steps import Step
from protocol.identifiers import CaseReference
from protocol.messages.general import Outcome as Decided
from tests.support.evidence_nodes import EvidenceNetwork, make_evidence_network
from tests.support.node import make_draft
from tests.support.people import STAFF, acting

OFFICER = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def nodes(url_of: Callable[[str], str], tmp_path: Path) -> Iterator[EvidenceNetwork]:
    """AL and XK on a real registry."""
    made = make_evidence_network(["AL", "XK"], folder=tmp_path, url_of=url_of)
    yield made
    made.network.close()


def export(nodes: EvidenceNetwork, code: str, message_id: str) -> ExportedBundle:
    """Export one message."""
    return export_message(nodes.network.node(code), nodes.archives[code], message_id, who=STAFF)


def judge(nodes: EvidenceNetwork, made: ExportedBundle) -> Verdict:
    """Verify from the root that everybody was given."""
    return verify_bundle(made.data, trusted_root=nodes.world.trusted_root)


def steps(verdict: Verdict) -> list[Step]:
    """Return what is proved of the first message."""
    return [proof.step for proof in verdict.judgement.messages[0].proofs]


def test_both_sides_prove_the_same_message(nodes: EvidenceNetwork) -> None:
    """Sender and recipient each hold both signatures: neither needs the other, or the hub."""
    sent = handle_send(nodes.network.node("AL"), make_draft(), who=acting(OFFICER))
    nodes.network.settle()
    reading.handle_open(nodes.network.node("XK"), sent.message_id, who=acting(OFFICER))
    nodes.network.settle()
    for code in ("AL", "XK"):
        made = export(nodes, code, sent.message_id)
        verdict = judge(nodes, made)
        assert verdict.outcome is Outcome.PROVED, format_verdict(verdict)
        assert steps(verdict) == [Step.SIGNED, Step.DELIVERED, Step.READ]
        assert verdict.made_by == code
        assert made.missing == ()
        assert (made.messages, made.receipts) == (1, 2)


def test_a_bundle_names_no_officer(nodes: EvidenceNetwork) -> None:
    """Who clicked is the node's own business; the log says staff."""
    sent = handle_send(nodes.network.node("AL"), make_draft(), who=acting(OFFICER))
    nodes.network.settle()
    members = unpack_members(export(nodes, "AL", sent.message_id).data)
    events = json.loads(members["events.json"])["events"]
    assert [event["kind"] for event in events] == [
        "message_queued",
        "message_on_its_way",
        "message_delivered",
    ]
    assert [event["actor"] for event in events] == ["staff", "system", "XK"]
    assert all(OFFICER.encode() not in data for data in members.values())
    assert "Kosovo*" in members["report.html"].decode()


def test_a_whole_case_is_exported(nodes: EvidenceNetwork) -> None:
    """Notification and answer, with every receipt, from either side."""
    al, xk = nodes.network.node("AL"), nodes.network.node("XK")
    sent = handle_send(al, make_draft(), who=acting(OFFICER))
    nodes.network.settle()
    reading.handle_open(xk, sent.message_id, who=acting(OFFICER))
    accept = DecisionDraft(
        outcome=Decided.ACCEPTED, case_manager=CaseManagerDraft(post="Case manager on duty")
    )
    handle_decide(xk, sent.message_id, accept, who=acting(OFFICER))
    nodes.network.settle()
    other = handle_send(al, make_draft(), who=acting(OFFICER))
    nodes.network.settle()
    for code in ("AL", "XK"):
        made = export_case(
            nodes.network.node(code),
            nodes.archives[code],
            CaseReference(sent.case_reference),
            who=STAFF,
        )
        verdict = judge(nodes, made)
        assert verdict.outcome is Outcome.PROVED, format_verdict(verdict)
        assert made.messages == 2
        names = {message.name.split("-")[1] for message in verdict.judgement.messages}
        assert sent.message_id in names
        assert other.message_id not in names
        assert verdict.claims, "the case was opened: a claim about no message"


def test_a_message_on_its_way_is_signed_and_no_more(nodes: EvidenceNetwork) -> None:
    """The broker's word is a claim in the log; there is no receipt yet."""
    sent = handle_send(nodes.network.node("AL"), make_draft(), who=acting(OFFICER))
    nodes.network.collect("AL")
    verdict = judge(nodes, export(nodes, "AL", sent.message_id))
    assert verdict.outcome is Outcome.INCOMPLETE
    assert steps(verdict) == [Step.SIGNED]
    assert Step.ACCEPTED_BY_BROKER in {it.step for it in verdict.judgement.messages[0].claims}


def test_a_refusal_is_exported(nodes: EvidenceNetwork) -> None:
    """It came after its expiry: the recipient's signed refusal is the sender's evidence."""
    sent = handle_send(nodes.network.node("AL"), make_draft(), who=acting(OFFICER))
    nodes.network.collect("AL")
    nodes.advance(days=22)
    nodes.publish()
    nodes.network.settle_mailbox()
    nodes.network.settle()
    verdict = judge(nodes, export(nodes, "AL", sent.message_id))
    assert verdict.outcome is Outcome.PROVED, format_verdict(verdict)
    assert steps(verdict) == [Step.SIGNED, Step.REJECTED]


def test_old_evidence_rests_on_the_registry_of_its_day(nodes: EvidenceNetwork) -> None:
    """The registry went on, keys included; the version that the message names was kept."""
    sent = handle_send(nodes.network.node("AL"), make_draft(), who=acting(OFFICER))
    nodes.network.settle()
    before = nodes.network.directory.directory.version
    for _ in range(3):
        nodes.advance(days=20)
        nodes.publish()
    assert nodes.network.directory.directory.version > before
    verdict = judge(nodes, export(nodes, "AL", sent.message_id))
    assert verdict.outcome is Outcome.PROVED, format_verdict(verdict)
    pins = {proof.signer.registry.version for proof in verdict.judgement.messages[0].proofs}
    assert pins == {before}


def test_a_version_that_was_never_kept_is_named(nodes: EvidenceNetwork) -> None:
    """The bundle is made all the same, says what it lacks, and verifies as incomplete."""
    nodes.advance(days=5)
    nodes.publish("XK")
    sent = handle_send(nodes.network.node("XK"), make_draft_of_xk(), who=acting(OFFICER))
    nodes.network.settle()
    nodes.advance(days=5)
    nodes.publish()
    made = export(nodes, "AL", sent.message_id)
    assert len(made.missing) == 2
    assert "keys of XK" in made.missing[0]
    verdict = judge(nodes, made)
    assert verdict.outcome is Outcome.INCOMPLETE, format_verdict(verdict)
    assert judge(nodes, export(nodes, "XK", sent.message_id)).outcome is Outcome.PROVED
    missing = nodes.archives["AL"].list_missing()
    assert len(missing) == 1
    assert nodes.archives["XK"].list_missing() == []


def test_a_signature_that_the_registry_will_not_confirm_is_said(nodes: EvidenceNetwork) -> None:
    """A node long cut off rests on a registry that has run out: whoever exports learns it first."""
    sent = handle_send(nodes.network.node("AL"), make_draft(), who=acting(OFFICER))
    nodes.network.settle()
    assert export(nodes, "AL", sent.message_id).missing == ()
    nodes.advance(days=10)
    made = export(nodes, "AL", sent.message_id)
    (line,) = made.missing
    assert line.startswith("Confirmation of this node's own signature")
    assert "had run out" in line
    verdict = judge(nodes, made)
    assert verdict.outcome is Outcome.UNTRUSTED
    assert verdict.maker is None
    assert steps(verdict) == [Step.SIGNED, Step.DELIVERED]


def make_draft_of_xk() -> Draft:
    """Return a notification in the other direction."""
    body = dict(make_draft().body)
    return make_draft(
        recipient="AL",
        body={**body, "case_manager": {**body["case_manager"], "authority": "XK-desk"}},
    )


def test_what_did_not_change_is_kept_once(nodes: EvidenceNetwork) -> None:
    """A hundred refreshes of one version are one; a new version adds the files that changed."""
    archive = nodes.archives["AL"]
    tables = (RegistryVersionRow, RegistryFileRow, RegistryRootRow)

    def count() -> list[int]:
        with archive.database.reading() as session:
            return [session.exec(select(func.count()).select_from(it)).one() for it in tables]

    before = count()
    nodes.publish()
    assert count() == before
    nodes.advance(days=5)
    nodes.publish()
    versions, files, roots = before
    assert count() == [versions + 1, files + 1, roots]
    with archive.database.reading() as session:
        newest = session.exec(
            select(RegistryVersionRow).order_by(col(RegistryVersionRow.version).desc())
        ).first()
    assert newest is not None
    assert archive.has(newest.sha256)
    assert not archive.has("ab" * 32)


def test_what_is_not_here_cannot_be_exported(nodes: EvidenceNetwork) -> None:
    """Neither a message nor a case of that name."""
    node, archive = nodes.network.node("AL"), nodes.archives["AL"]
    with pytest.raises(NotFoundError):
        export_message(node, archive, "ab" * 16, who=STAFF)
    with pytest.raises(NotFoundError):
        export_case(node, archive, CaseReference("TRM-7G1A0-2C028-R"), who=STAFF)
