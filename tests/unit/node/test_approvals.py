"""The second person: who decides about what, until when, and what leaves in the end."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from node.domain.access import Principal
from node.domain.approvals import ApprovalState
from node.domain.events import EventKind
from node.service.approval_rows import (
    ApprovalAsked,
    ApprovalGiven,
    ApprovalRefused,
    open_asked_file,
)
from node.service.approvals import (
    expire_approvals,
    get_approval,
    handle_approve,
    handle_ask_approval,
    handle_refuse_approval,
    handle_take_back_approval,
    list_approvals,
)
from node.service.attachments.staging import FileDraft, FileWriter, handle_begin_file
from node.service.building import Draft
from node.service.composing import handle_send
from node.service.consent.circumstances import Circumstances, handle_set_circumstances
from node.service.context import NotFoundError, RefusedDraftError, StaleError
from node.service.permitting import ForbiddenError
from node.service.policy.checking import check_draft
from node.service.policy.gate import NeedsApprovalError, PolicyRefusedError
from node.service.reading import get_case, get_message
from node.service.tokens import handle_revoke_tokens
from protocol.identifiers import Channel
from protocol.messages.fields import Sensitivity
from protocol.messages.head import CaseMessage, ExceptionBasis
from protocol.policy.decision import Outcome
from protocol.policy.facts import Role
from tests.support.node import Network, make_draft, make_network
from tests.support.people import LOCAL, STAFF, acting, token_of

#: A program: nobody's account, so that no table of people is needed.
AUTHOR = Principal(
    actor="api:register",
    permissions=STAFF.permissions,
    channels=STAFF.channels,
    roles=STAFF.roles,
)
APPROVER = acting("approver", Role.APPROVER)
GIVEN = ApprovalGiven(post="Head of unit")


def danger(**changes: Any) -> Draft:
    """Return free text about a person in danger, whom nobody could ask."""
    fields = {
        "type": "general.message",
        "urgency": "immediate",
        "legal_basis": {"kind": "exception", "ground": "vital_interest"},
        "exception": {
            "ground": "vital_interest",
            "justification": "He knows where she lives and is on his way.",
            "person_told": "no",
            "reason_not_told": "She does not answer her telephone.",
        },
        "body": {"text": "He is on his way to her."},
    }
    return make_draft(**fields | changes)


def ask(network: Network, draft: Draft | None = None, **more: Any) -> str:
    """Ask for approval of it; returns the request."""
    token_of(network.node("AL"), "register")
    asked = ApprovalAsked(draft=draft or danger(), justification="It cannot wait.", **more)
    return handle_ask_approval(network.node("AL"), asked, who=AUTHOR).approval_id


def test_an_exception_leaves_once_a_second_person_said_yes(network: Network) -> None:
    """It is refused alone; approved, it goes out with the approver's post and the justification."""
    al = network.node("AL")
    check = check_draft(al, danger(), who=AUTHOR)
    assert check.decision.outcome is Outcome.NEEDS_SECOND_PERSON
    assert check.desk
    assert check.desk.authority == "XK-anti-trafficking-desk"
    with pytest.raises(NeedsApprovalError) as refused:
        handle_send(al, danger(), who=AUTHOR)
    codes = [reason["code"] for reason in refused.value.members["decision"]["reasons"]]
    assert codes == ["exceptions.second_person"]

    approval_id = ask(network)
    assert ask(network) == approval_id
    [listed] = list_approvals(al, who=APPROVER)
    assert listed.draft.body == {"text": "He is on his way to her."}
    sent = handle_approve(al, approval_id, GIVEN, who=APPROVER, row_version=listed.row_version)

    message = get_message(al, sent.message_id, who=STAFF).message
    assert isinstance(message, CaseMessage)
    basis = message.legal_basis
    assert isinstance(basis, ExceptionBasis)
    assert basis.approved_by_post == "Head of unit"
    assert basis.justification == "He knows where she lives and is on his way."
    view = get_approval(al, approval_id, who=AUTHOR)
    assert (view.state, view.message_id) == (ApprovalState.SENT, sent.message_id)
    kinds = {entry.kind for entry in get_case(al, sent.case_id, who=STAFF).timeline}
    assert {EventKind.APPROVAL_ASKED, EventKind.APPROVAL_GIVEN} <= kinds
    with pytest.raises(StaleError, match="settled before"):
        handle_approve(al, approval_id, GIVEN, who=APPROVER)


@pytest.mark.parametrize(
    ("who", "error"),
    [
        (AUTHOR, ForbiddenError),
        (acting("officer-2"), ForbiddenError),
        (acting("admin", Role.APPROVER, Role.NODE_ADMIN), ForbiddenError),
        (acting("police", Role.APPROVER, channels=[Channel.POLICE]), NotFoundError),
    ],
    ids=["its author", "a focal point", "an administrator", "not cleared"],
)
def test_who_does_not_decide(network: Network, who: Principal, error: type[Exception]) -> None:
    """Neither the author, nor who is no approver, nor who is not cleared, decides."""
    al = network.node("AL")
    approval_id = ask(network)
    with pytest.raises(error):
        handle_approve(al, approval_id, GIVEN, who=who)
    with pytest.raises(error):
        handle_refuse_approval(al, approval_id, ApprovalRefused(reason="No."), who=who)
    assert get_approval(al, approval_id, who=APPROVER).state is ApprovalState.WAITING


def test_nobody_approves_what_their_own_program_asked(network: Network) -> None:
    """A program that is bound to an approver's account asked: that approver is no second person."""
    al = network.node("AL")
    both = acting("both", Role.APPROVER, Role.FOCAL_POINT)
    asked = ApprovalAsked(draft=danger(), justification="It cannot wait.")
    program = Principal(
        actor="api:of-both", permissions=both.permissions, channels=both.channels, person="both"
    )
    approval_id = handle_ask_approval(al, asked, who=program).approval_id
    with pytest.raises(ForbiddenError, match="own message"):
        handle_approve(al, approval_id, GIVEN, who=both)
    with pytest.raises(StaleError, match="anew"):  # no active account stands behind it
        handle_approve(al, approval_id, GIVEN, who=APPROVER)


def test_a_request_of_a_channel_that_was_taken_is_not_there(network: Network) -> None:
    """Whoever asked and is not cleared for its channel any more neither sees nor touches it."""
    al = network.node("AL")
    approval_id = ask(network)
    without = replace(AUTHOR, channels=frozenset({Channel.POLICE}))
    assert [view.approval_id for view in list_approvals(al, who=AUTHOR)] == [approval_id]
    assert list_approvals(al, who=without) == []
    with pytest.raises(NotFoundError):
        get_approval(al, approval_id, who=without)
    with pytest.raises(NotFoundError):
        handle_take_back_approval(al, approval_id, who=without)


def test_a_request_ends(network: Network) -> None:
    """Refused with a reason, taken back, or too late: it is told, and nothing leaves."""
    al = network.node("AL")
    refused, taken_back, late = (
        ask(network, danger(body={"text": text})) for text in ("one", "two", "three")
    )
    reason = ApprovalRefused(reason="Ring her first.")
    view = handle_refuse_approval(al, refused, reason, who=APPROVER)
    assert (view.state, view.reason) == (ApprovalState.REFUSED, "Ring her first.")
    with pytest.raises(ForbiddenError, match="whoever asked"):
        handle_take_back_approval(
            al, late, who=acting("officer-2", Role.FOCAL_POINT, Role.APPROVER)
        )
    handle_take_back_approval(al, taken_back, who=AUTHOR)
    assert expire_approvals(al) == 0
    network.clock.advance(hours=24)
    with pytest.raises(StaleError, match="time is over"):
        handle_approve(al, late, GIVEN, who=APPROVER)
    assert expire_approvals(al) == 1
    assert expire_approvals(al) == 0
    states = {
        view.approval_id: view.state for view in list_approvals(al, who=AUTHOR, waiting_only=False)
    }
    assert states[late] is ApprovalState.EXPIRED
    assert not list_approvals(al, who=APPROVER)
    assert not network.collect("AL")


def test_what_cannot_or_need_not_be_approved_is_not_asked_for(network: Network) -> None:
    """A refusal is not hidden behind a request, and what may leave is simply sent."""
    al = network.node("AL")
    recorded = danger().exception
    assert recorded is not None
    silent = danger(exception=recorded.model_copy(update={"reason_not_told": None}))
    with pytest.raises(PolicyRefusedError, match="person was told"):
        ask(network, silent)
    with pytest.raises(RefusedDraftError, match="send it"):
        ask(network, make_draft())
    with pytest.raises(RefusedDraftError, match="14 days"):
        ask(network, decide_by=network.clock() + timedelta(days=15))
    assert not list_approvals(al, who=AUTHOR)


def test_the_facts_of_the_moment_decide(network: Network) -> None:
    """What was asked in time and is not allowed any more stays here, and may be asked again."""
    al = network.node("AL")
    approval_id = ask(network)
    case_id = get_approval(al, approval_id, who=AUTHOR).case_id
    handle_set_circumstances(
        al, case_id, Circumstances(in_witness_protection=True), who=AUTHOR, row_version=0
    )
    with pytest.raises(PolicyRefusedError, match="not worked on in this channel"):
        handle_approve(al, approval_id, GIVEN, who=APPROVER)
    assert get_approval(al, approval_id, who=AUTHOR).state is ApprovalState.WAITING


def test_a_program_that_may_not_come_in_any_more_sends_nothing(network: Network) -> None:
    """Its token taken back, or good for less: what it asked before leaves only as far as now."""
    al = network.node("AL")
    approval_id = ask(network)
    assert handle_revoke_tokens(al, label="register", who=LOCAL) == 1
    with pytest.raises(StaleError, match="have a focal point write it anew"):
        handle_approve(al, approval_id, GIVEN, who=APPROVER)
    token_of(al, "register", channels=frozenset({Channel.POLICE}))
    with pytest.raises((ForbiddenError, NotFoundError)):
        handle_approve(al, approval_id, GIVEN, who=APPROVER)
    assert get_approval(al, approval_id, who=AUTHOR).state is ApprovalState.WAITING
    token_of(al, "register")
    assert handle_approve(al, approval_id, GIVEN, who=APPROVER).message_id


def test_who_approves_sees_the_files_that_would_go_along(
    tmp_path: Path, node_url_of: Callable[[str], str]
) -> None:
    """Name, class and content of each; not for who may not decide, nor once it is settled."""
    network = make_network(["AL", "XK"], url_of=node_url_of, files=tmp_path)
    al = network.node("AL")
    content = b"Where she is safe.\n"
    file = FileDraft(name="scan.txt", size=len(content), sensitivity=Sensitivity.PROTECTION)
    staged = handle_begin_file(al, file, owner=AUTHOR.actor)
    writer = FileWriter(al, staged.file_id, owner=AUTHOR.actor, offset=0)
    writer.write(content)
    writer.finish()
    approval_id = ask(network, danger(files=(staged.file_id,)))
    [described] = get_approval(al, approval_id, who=APPROVER).files
    assert (described.name, described.sensitivity) == ("scan.txt", Sensitivity.PROTECTION)
    asked, pieces = open_asked_file(al, approval_id, staged.file_id, who=APPROVER)
    assert (asked, b"".join(pieces)) == (described, content)
    stranger = acting("police", Role.APPROVER, channels=[Channel.POLICE])
    with pytest.raises(NotFoundError):
        open_asked_file(al, approval_id, staged.file_id, who=stranger)
    handle_take_back_approval(al, approval_id, who=AUTHOR)
    with pytest.raises(NotFoundError, match="No such file"):
        open_asked_file(al, approval_id, staged.file_id, who=APPROVER)
    network.close()
