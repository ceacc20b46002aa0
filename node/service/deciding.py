"""The human answer to a received message: accept, decline, forward, ask."""

from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session

from console.i18n import msg
from node.domain.access import Permission, Principal
from node.domain.audit import Act
from node.domain.events import EventKind
from node.domain.states import DECIDABLE, Handling
from node.service.audit import record
from node.service.building import Draft
from node.service.composing import Along, Sent, Submission, find_submission, queue_message
from node.service.context import NodeContext, NotFoundError, RefusedDraftError, StaleError
from node.service.permitting import find_seen_message, require
from node.service.records import IN, add_event
from node.store.tables import CaseRow, MessageRow
from protocol.identifiers import Phase
from protocol.messages.codes import Urgency
from protocol.messages.general import DeclineReason, Outcome

_BASIS = {"kind": "no_personal_data"}


class CaseManagerDraft(BaseModel):
    """Who coordinates the case on our side: a post, with official contacts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    post: str = Field(min_length=1, max_length=500)
    telephone: str | None = Field(default=None, max_length=500)
    mailbox: str | None = Field(default=None, max_length=500)
    reachable: str | None = Field(default=None, max_length=500)


class DecisionDraft(BaseModel):
    """What a person decided. ``procedure_note`` speaks of the procedure, never of the person."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    outcome: Outcome
    decline_reason: DeclineReason | None = None
    forwarded_to: str | None = Field(default=None, max_length=120)
    case_manager: CaseManagerDraft | None = None
    procedure_note: str | None = Field(default=None, max_length=500)
    language: str = "en"


def handle_decide(  # noqa: PLR0913 - who decides what about which, on which view of it
    context: NodeContext,
    message_id: str,
    decision: DecisionDraft,
    *,
    who: Principal,
    row_version: int | None = None,
    submission_key: str | None = None,
) -> Sent:
    """Decide about a received message and queue the decision to its sender, in one transaction.

    ``row_version`` is what the decider saw: if somebody else has decided since, ``StaleError``.
    """
    require(who, Permission.WORK_CASES)
    asked = f"decide {message_id}"
    submission = Submission.of(asked, decision, actor=who.actor, key=submission_key)

    def decide(session: Session) -> Sent:
        return find_submission(session, submission) or _decide(
            context,
            session,
            message_id,
            decision,
            who=who,
            row_version=row_version,
            submission=submission,
        )

    sent = context.transact(decide)
    context.signals.tell_queued()
    return sent


def _decide(  # noqa: PLR0913 - as above
    context: NodeContext,
    session: Session,
    message_id: str,
    decision: DecisionDraft,
    *,
    who: Principal,
    row_version: int | None,
    submission: Submission | None,
) -> Sent:
    row = find_seen_message(session, message_id, who=who, lock=True)
    if row is None or row.direction != IN or row.case_id is None:
        raise NotFoundError("There is no such received message here: open it from the inbox.")
    if row_version is not None and row_version != row.row_version:
        raise StaleError(
            "Somebody changed this while your page was open. Nothing was sent: look at the newest "
            "state below and decide again if it is still yours."
        )
    _verify_open(row, is_seen=row_version is not None)
    case = session.get_one(CaseRow, row.case_id)
    draft = _draft(row, case, decision)
    sent = queue_message(context, session, draft, who=who, along=Along(submission))
    add_event(
        session,
        kind=EventKind.DECIDED,
        at=context.clock(),
        actor=who.actor,
        case_id=row.case_id,
        message_id=row.message_id,
        code=decision.outcome,
    )
    record(context, session, who, Act.MESSAGE_DECIDED, subject=row.message_id)
    return sent


def _verify_open(row: MessageRow, *, is_seen: bool) -> None:
    """Refuse what is no decision at all, and what would change one that its author did not see.

    What may be decided in which state, the table of conversations says when the message is queued.
    """
    if row.handling == Handling.NOTHING_EXPECTED:
        raise StaleError("This message expects no decision: answer it with a message instead.")
    if row.handling not in DECIDABLE and not is_seen:
        raise StaleError(
            f"This was already decided: {row.handling.replace('_', ' ')}. Look at its newest state "
            "first; to change a decision, say which version of the message you saw."
        )


def _draft(row: MessageRow, case: CaseRow, decision: DecisionDraft) -> Draft:
    if row.phase is None or row.urgency is None:
        raise RefusedDraftError(
            msg("This message cannot be read by this version: update the node.")
        )
    body = decision.model_dump(mode="json", exclude_none=True, exclude={"language"})
    if decision.case_manager is not None:
        body["case_manager"]["authority"] = row.to_authority
    return Draft(
        type="general.decision",
        recipient=row.peer,
        case=case.reference,
        in_reply_to=row.message_id,
        phase=Phase(row.phase),
        urgency=Urgency(row.urgency),
        language=decision.language,
        from_authority=row.to_authority,
        to_authority=row.from_authority,
        legal_basis=dict(_BASIS),
        body=body,
    )
