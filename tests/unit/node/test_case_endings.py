"""How a case ends here, is taken up again, and what of it only a few may see."""

from dataclasses import replace
from datetime import date
from typing import Final

import pytest
from sqlmodel import select

from node.domain.access import Permission
from node.domain.cases import ReopenReason, StrandState
from node.service.cases.closing import Closing, StillOpenError, handle_close, handle_reopen
from node.service.cases.confidential import get_confidential, handle_write_confidential
from node.service.cases.erasing import erase_case_records
from node.service.cases.listing import list_cases
from node.service.composing import handle_send
from node.service.context import NotFoundError, StaleError
from node.service.conversations import list_conversations
from node.service.deciding import CaseManagerDraft, DecisionDraft, handle_decide
from node.service.erasing import handle_erase_case
from node.service.permitting import ForbiddenError
from node.service.reading import get_message
from node.store.audit_tables import AuditDueRow
from node.store.case_tables import (
    CaseConfidentialRow,
    CaseStrandRow,
)
from node.store.tables import CaseRow
from protocol.identifiers import Channel
from protocol.messages.general import CaseOutcome, ErasureGround, Outcome
from protocol.messages.social_inclusion_follow_up import ConfidentialPart
from tests.support.case_steps import case_at, find_strand, kinds_of, settle, start
from tests.support.node import Network, make_draft
from tests.support.people import STAFF, acting

CLEARED: Final = replace(STAFF, permissions=STAFF.permissions | {Permission.READ_CONFIDENTIAL})
CLOSING: Final = Closing(outcome=CaseOutcome.OBJECTIVES_REACHED, closed_on=date(2026, 3, 4))
PART_I: Final = ConfidentialPart.model_validate_json(
    '{"identity": {"given_names": "Invented", "family_name": "Person"}, "children_count": 2}'
)


# ------------------------------------------------------------------ the end of a case


def test_a_case_is_closed_told_and_opened_again_by_what_comes(network: Network) -> None:
    """What waits is named first; the other side is told; what comes later is not left lying."""
    al, xk = network.node("AL"), network.node("XK")
    sent = start(network)
    case_id = case_at(network, "XK", sent)
    with pytest.raises(StillOpenError) as raised:
        handle_close(xk, case_id, CLOSING, who=STAFF)
    assert raised.value.members == {"messages": [sent.message_id]}
    accept = DecisionDraft(outcome=Outcome.ACCEPTED, case_manager=CaseManagerDraft(post="Desk"))
    handle_decide(xk, sent.message_id, accept, who=STAFF)
    settle(network)
    closed = handle_close(xk, case_id, CLOSING, who=STAFF)
    assert [told.to_authority for told in closed.told] == ["AL-anti-trafficking-desk"]
    with pytest.raises(StaleError, match="closed already"):
        handle_close(xk, case_id, CLOSING, who=STAFF)
    settle(network)
    assert find_strand(al, sent.case_id, Channel.ASSISTANCE).state == StrandState.OPEN
    strand = find_strand(xk, case_id, Channel.ASSISTANCE)
    assert (strand.state, strand.outcome) == ("closed", CaseOutcome.OBJECTIVES_REACHED)
    assert [line.state for line in list_cases(xk, who=STAFF, limit=9)] == ["closed"]
    network.clock.advance(hours=1)
    handle_send(al, make_draft(case=sent.case_reference), who=STAFF)
    settle(network)
    assert find_strand(xk, case_id, Channel.ASSISTANCE).state == StrandState.OPEN
    assert "case_reopened" in kinds_of(xk, case_id)


def test_somebody_reopens_a_case_or_closes_it_despite_what_waits(network: Network) -> None:
    """Both are done by whoever saw the newest version, and nobody is told of a reopening."""
    xk = network.node("XK")
    sent = start(network)
    case_id = case_at(network, "XK", sent)
    quiet = CLOSING.model_copy(update={"tell": False, "despite_open": True})
    closed = handle_close(xk, case_id, quiet, who=STAFF)
    assert closed.told == ()
    with pytest.raises(StaleError, match="Somebody changed"):
        handle_reopen(
            xk, case_id, ReopenReason.OTHER, who=STAFF, row_version=closed.row_version - 1
        )
    handle_reopen(xk, case_id, ReopenReason.NEW_FACTS, who=STAFF, row_version=closed.row_version)
    with pytest.raises(StaleError, match="is open"):
        handle_reopen(xk, case_id, ReopenReason.OTHER, who=STAFF)


# ------------------------------------------------------------------ the confidential part


def test_part_one_is_for_those_to_whom_it_was_opened(network: Network) -> None:
    """It has a key of its own, each look at it is in the audit log, it is erased with the case."""
    al = network.node("AL")
    sent = start(network)
    for refused in (STAFF, acting("admin")):
        with pytest.raises(ForbiddenError):
            get_confidential(al, sent.case_id, who=refused)
        with pytest.raises(ForbiddenError):
            handle_write_confidential(al, sent.case_id, PART_I, who=refused)
    with pytest.raises(NotFoundError, match="Nobody has written"):
        get_confidential(al, sent.case_id, who=CLEARED)
    written = handle_write_confidential(al, sent.case_id, PART_I, who=CLEARED)
    with pytest.raises(StaleError):
        handle_write_confidential(al, sent.case_id, PART_I, who=CLEARED)
    assert get_confidential(al, sent.case_id, who=CLEARED).content == PART_I
    with pytest.raises(NotFoundError):
        get_confidential(
            al, sent.case_id, who=replace(CLEARED, channels=frozenset({Channel.POLICE}))
        )
    with al.database.reading() as session:
        row = session.exec(select(CaseConfidentialRow)).one()
        case = session.get_one(CaseRow, sent.case_id)
        assert row.wrapped_key != case.wrapped_key
        assert b"Invented" not in row.content_sealed
        acts = set(session.exec(select(AuditDueRow.action)).all())
    assert {"confidential_seen", "confidential_changed"} <= acts
    assert written.row_version == 1
    settle(network)
    with al.database.transaction() as session:
        erase_case_records(session, sent.case_id)
        assert session.exec(select(CaseConfidentialRow)).all() == []
        assert session.exec(select(CaseStrandRow)).all() == []


def test_what_comes_for_an_erased_case_is_not_lost(network: Network) -> None:
    """The case begins anew under another key: the new message is read, the erased ones are not."""
    al, xk = network.node("AL"), network.node("XK")
    sent = start(network)
    case_id = case_at(network, "XK", sent)
    handle_erase_case(xk, case_id, who=STAFF, ground=ErasureGround.RETENTION_OVER)
    network.clock.advance(minutes=1)
    later = handle_send(al, make_draft(case=sent.case_reference), who=STAFF)
    settle(network)
    assert get_message(xk, later.message_id, who=STAFF).message.type == make_draft().type
    assert get_message(al, later.message_id, who=STAFF).item.dispatch == "delivered"
    assert [line.case_id for line in list_cases(xk, who=STAFF, limit=9)] == [case_id]
    with pytest.raises(NotFoundError):
        get_message(xk, sent.message_id, who=STAFF)
    (held,), more = list_conversations(xk, case_id, who=STAFF, limit=1)
    assert held.opener.message_id == later.message_id
    assert list_conversations(xk, case_id, who=STAFF, limit=1, after=more)[0] == []
