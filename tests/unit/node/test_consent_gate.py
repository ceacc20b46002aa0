"""Consent on file, and the gate in front of both paths of sending."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from sqlmodel import Session, col, select

from node.domain.events import EventKind
from node.service.attachments.staging import FileDraft, FileWriter, handle_begin_file
from node.service.building import Draft
from node.service.cases.opening import handle_open_case
from node.service.composing import handle_send
from node.service.consent.circumstances import (
    Circumstances,
    get_circumstances,
    handle_set_circumstances,
)
from node.service.consent.documents import handle_file_document, open_document
from node.service.consent.records import ConsentDraft, handle_record_consent, list_consents
from node.service.consent.shelters import ShelterDraft, handle_issue_code, list_shelters
from node.service.context import NodeError, NotFoundError, StaleError
from node.service.deciding import DecisionDraft, handle_decide
from node.service.erasing import handle_erase_case, handle_erase_message
from node.service.onward_answers import OnwardAnswer, handle_record_onward_answer
from node.service.plain_sending import Order, queue_plain
from node.service.policy.checking import check_draft
from node.service.policy.gate import PolicyRefusedError
from node.service.reading import get_case, get_message
from node.store.tables import CaseRow, EventRow, MessageRow
from protocol.identifiers import Channel
from protocol.messages.codes import Urgency
from protocol.messages.fields import Sensitivity
from protocol.messages.general import ErasureGround, Outcome
from protocol.policy.decision import Outcome as Verdict
from tests.support.consent import ON_FILE
from tests.support.messages import CONSENT
from tests.support.node import Network, make_draft, make_network
from tests.support.people import STAFF, acting

BASIS = {**CONSENT, "classes": ["protection"]}
TEXT = "She asked to be rung in the morning."
QUESTION = {
    "type": "first_assistance.security_assessment",
    "kind": "request",
    "phase": "first_assistance",
    "legal_basis": {**BASIS, "phases": ["first_assistance"]},
    "body": {
        "person_group": "adult",
        "question": {
            "purpose": "return",
            "topics": ["offenders_at_liberty"],
            "places": [{"place": "Invented Town", "role": "planned_residence"}],
        },
    },
}
ON_PAPER = ConsentDraft.model_validate(
    {name: value for name, value in BASIS.items() if name != "kind"} | dict(ON_FILE)
)


def text(**changes: Any) -> Draft:
    """Return free text on consent."""
    fields = {"type": "general.message", "legal_basis": BASIS, "body": {"text": TEXT}}
    return make_draft(**fields | changes)


def codes_of(error: PolicyRefusedError) -> set[str]:
    """Return which rules refused."""
    return {reason["code"] for reason in error.members["decision"]["reasons"]}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"is_on_file": False}, "consent.not_on_file"),
        ({"explained_in": None}, "consent.no_language"),
        ({"recipients": ["MK"]}, "consent.recipient_not_covered"),
        ({"phases": ["return"]}, "consent.phase_not_covered"),
        ({"classes": ["health"]}, "consent.class_not_covered"),
        ({"given_at": "2026-03-05T09:00:00Z"}, "consent.given_later"),
    ],
)
def test_a_flawed_consent_carries_nothing(
    network: Network, changes: dict[str, Any], code: str
) -> None:
    """What is wrong with the paper is said in front of the user, and again when it is sent."""
    al = network.node("AL")
    opened = handle_open_case(al, who=STAFF)
    flawed = ConsentDraft.model_validate(ON_PAPER.model_dump() | changes)
    handle_record_consent(al, opened.case_id, flawed, who=STAFF)
    draft = text(case=opened.reference)
    check = check_draft(al, draft, who=STAFF)
    assert check.decision.outcome is Verdict.REFUSE
    assert code in {reason.code for reason in check.decision.reasons}
    with pytest.raises(PolicyRefusedError) as refused:
        handle_send(al, draft, who=STAFF)
    assert code in codes_of(refused.value)


def test_both_paths_ask_the_gate(network: Network) -> None:
    """Many at once are judged like one alone, and cost no statement each for being judged."""
    al = network.node("AL")
    opened = handle_open_case(al, who=STAFF)
    refused = al.transact(lambda s: queue_plain(al, s, [Order(text(case=opened.reference), STAFF)]))
    assert isinstance(refused[0], PolicyRefusedError)
    assert codes_of(refused[0]) >= {"consent.missing"}
    [view] = [handle_record_consent(al, opened.case_id, ON_PAPER, who=STAFF)]
    assert handle_record_consent(al, opened.case_id, ON_PAPER, who=STAFF).consent_id == (
        view.consent_id
    )

    def count(orders: list[Order]) -> int:
        asked: list[str] = []

        def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
            asked.append(statement)

        engine = al.database.engine
        event.listen(engine, "before_cursor_execute", note)
        outcomes = al.transact(lambda session: queue_plain(al, session, orders))
        event.remove(engine, "before_cursor_execute", note)
        assert not [each for each in outcomes if isinstance(each, NodeError)]
        return len(asked)

    order = Order(text(case=opened.reference), STAFF)
    few, many = count([order] * 2), count([order] * 20)
    assert many == few


def test_a_scan_is_filed_with_the_case_and_erased_with_it(
    tmp_path: Path, node_url_of: Callable[[str], str]
) -> None:
    """Brought in like a file, it is read by who may, and gone when the case's key is erased."""
    network = make_network(["AL"], url_of=node_url_of, files=tmp_path)
    al = network.node("AL")
    opened = handle_open_case(al, who=STAFF)
    consent = handle_record_consent(al, opened.case_id, ON_PAPER, who=STAFF)
    content = b"Signed on paper.\n" * 50
    begun = handle_begin_file(
        al,
        FileDraft(name="consent.txt", sensitivity=Sensitivity.IDENTITY, size=len(content)),
        owner=STAFF.actor,
    )
    writer = FileWriter(al, begun.file_id, owner=STAFF.actor, offset=0)
    writer.write(content)
    writer.finish()
    with pytest.raises(NotFoundError):
        handle_file_document(
            al, opened.case_id, consent.consent_id, begun.file_id, who=acting("another")
        )
    filed = handle_file_document(al, opened.case_id, consent.consent_id, begun.file_id, who=STAFF)
    taken = open_document(al, opened.case_id, consent.consent_id, who=STAFF)
    assert b"".join(taken.pieces) == content
    assert list_consents(al, opened.case_id, who=STAFF)[0].document_id == filed
    with pytest.raises(NotFoundError):
        open_document(
            al, opened.case_id, consent.consent_id, who=acting("p", channels=[Channel.POLICE])
        )

    handle_erase_case(al, opened.case_id, who=STAFF, ground=ErasureGround.RETENTION_OVER)

    assert not list(al.blobs.list_names())
    with pytest.raises(NotFoundError):
        list_consents(al, opened.case_id, who=STAFF)
    network.close()


def test_what_is_erased_cannot_be_read_any_more(network: Network) -> None:
    """The bytes are gone from the row, the proofs stay, and nothing more is sent in such a case."""
    al, xk = network.node("AL"), network.node("XK")
    sent = handle_send(al, text(consent=ON_FILE), who=STAFF)
    ground = ErasureGround.SENT_BY_MISTAKE
    with pytest.raises(NodeError, match="take it back"):
        handle_erase_message(al, sent.message_id, who=STAFF, ground=ground)
    network.settle()
    handle_erase_message(al, sent.message_id, who=STAFF, ground=ground)
    handle_erase_message(al, sent.message_id, who=STAFF, ground=ground)
    with pytest.raises(NotFoundError, match="erased"):
        get_message(al, sent.message_id, who=STAFF)
    kinds = [entry.kind for entry in get_case(al, sent.case_id, who=STAFF).timeline]
    assert kinds.count(EventKind.ERASED) == 1

    [case_id] = [get_message(xk, sent.message_id, who=STAFF).item.case_id]
    xk.transact(lambda session: _add_protected(session, str(case_id)))
    with pytest.raises(NodeError, match="not yours to erase"):
        handle_erase_case(
            xk, str(case_id), who=acting("p", channels=[Channel.ASSISTANCE]), ground=ground
        )
    handle_erase_case(xk, str(case_id), who=STAFF, ground=ground)
    with xk.database.reading() as session:
        row = session.exec(select(MessageRow).where(MessageRow.message_id == sent.message_id)).one()
        assert (row.signed_payload_sealed, row.dispatch) == (b"", None)
        assert session.get_one(CaseRow, row.case_id).wrapped_key == b""
    with pytest.raises(NotFoundError, match="no case"):
        handle_send(xk, make_draft(recipient="AL", case=sent.case_reference), who=STAFF)


def _add_protected(session: Session, case_id: str) -> None:
    """Let the case have a message under witness protection, too."""
    row = session.exec(select(MessageRow).where(MessageRow.case_id == case_id)).one()
    names = {"message_id": "f" * 32, "wire_id": "f" * 32, "channel": "witness_protection"}
    session.add(MessageRow(**row.model_dump() | names))


def test_data_is_passed_on_as_its_sender_allowed(network: Network) -> None:
    """Forwarding data whose sender wants to be asked is refused until the answer is on record."""
    al, xk = network.node("AL"), network.node("XK")
    sent = handle_send(al, make_draft(**QUESTION, consent=ON_FILE), who=STAFF)
    network.settle()
    forward = DecisionDraft(outcome=Outcome.FORWARDED, forwarded_to="MK-anti-trafficking-desk")
    with pytest.raises(PolicyRefusedError) as refused:
        handle_decide(xk, sent.message_id, forward, who=STAFF)
    assert codes_of(refused.value) == {"onward.authority"}
    answer = OnwardAnswer(target="MK-anti-trafficking-desk", allowed=True)
    handle_record_onward_answer(xk, sent.message_id, answer, who=STAFF)
    handle_decide(xk, sent.message_id, forward, who=STAFF)
    with xk.database.reading() as session:
        kinds = session.exec(
            select(EventRow.kind).where(col(EventRow.message_id) == sent.message_id)
        ).all()
    assert {"onward_allowed", "decided"} <= set(kinds)


def test_a_guardian_consents_once_appointed(network: Network) -> None:
    """The draft says so with the consent; what was known before stays; urgent is the least."""
    al = network.node("AL")
    opened = handle_open_case(al, who=STAFF)
    shelter = Circumstances(treated_as_child=True, in_shelter=True)
    handle_set_circumstances(al, opened.case_id, shelter, who=STAFF)
    draft = text(
        case=opened.reference,
        legal_basis={**BASIS, "given_by": "guardian"},
        consent=ON_FILE,
    )
    with pytest.raises(PolicyRefusedError) as refused:
        handle_send(al, draft, who=STAFF)
    assert codes_of(refused.value) == {"children.urgency", "children.no_such_guardian"}
    appointed = Circumstances(guardian_appointed=True)
    urgent = draft.model_copy(update={"urgency": Urgency.URGENT, "circumstances": appointed})
    handle_send(al, urgent, who=STAFF)
    known = get_circumstances(al, opened.case_id, who=STAFF).circumstances
    assert (known.in_shelter, known.guardian_appointed) == (True, True)


def test_what_is_known_of_a_case_is_changed_by_who_saw_it(network: Network) -> None:
    """A stale page changes nothing; a code for a shelter is drawn, and its name stays here."""
    al = network.node("AL")
    opened = handle_open_case(al, who=STAFF)
    known = Circumstances(in_shelter=True)
    view = handle_set_circumstances(al, opened.case_id, known, who=STAFF, row_version=0)
    assert view.row_version == 1
    with pytest.raises(StaleError):
        handle_set_circumstances(al, opened.case_id, known, who=STAFF, row_version=0)
    issued = handle_issue_code(al, ShelterDraft(name="The house by the lake"), who=STAFF)
    assert [shelter.code for shelter in list_shelters(al, who=STAFF)] == [issued.code]
    assert "lake" not in issued.code
