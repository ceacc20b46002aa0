"""What a draft states beside its message: recorded first, then asked for by the gate."""

import json
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from console.i18n import msg
from node.service.building import Draft
from node.service.case_work import CaseWork
from node.service.consent.circumstances import load_circumstances, set_circumstances
from node.service.consent.exceptions import describe_exception, record_exception
from node.service.consent.records import (
    ConsentDraft,
    ConsentStatement,
    describe_consent,
    record_consent,
)
from node.service.context import RefusedDraftError
from node.service.policy.knowledge import Known
from protocol.identifiers import Channel
from protocol.messages.catalogue import describe_errors
from protocol.messages.head import ConsentBasis
from protocol.policy.facts import Approval

_EXCEPTION: Final = "exception"
_CONSENT_BASIS: Final = TypeAdapter(ConsentBasis)
#: Stands in a preview where the approver's post will stand. No message leaves with it: an
#: exception is never allowed without an approver.
_NOT_YET: Final = "(not yet approved)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A second person's approval, as it goes with the message."""

    approval: Approval
    #: The approver's post, which an exception tells the recipient.
    post: str
    at: datetime
    #: The child's case manager agreed that its data is passed on.
    case_manager_approved: bool = False


def states_something(draft: Draft) -> bool:
    """Whether a draft brings statements that have to be recorded with it."""
    return not (draft.consent is None and draft.exception is None and draft.circumstances is None)


def begins_with_consent(draft: Draft) -> bool:
    """Whether a draft opens a case, and states the consent for it and nothing else."""
    states_more = draft.exception is not None or draft.circumstances is not None
    return draft.case is None and draft.consent is not None and not states_more


def record_statements(work: CaseWork, draft: Draft, *, channel: Channel) -> None:
    """Record in the caller's transaction what a draft states beside its message.

    ``channel``: the one in which the message goes. Raises ``RefusedDraftError`` if it states a
    consent and its legal basis describes none.
    """
    if draft.consent is not None:
        record_consent(work, read_consent(draft, draft.consent), channel=channel)
    if draft.exception is not None:
        record_exception(work, draft.exception, channel=channel)
    if draft.circumstances is not None:
        known = load_circumstances(work.context, work.session, work.case)
        set_circumstances(work, known.add(draft.circumstances))


def read_consent(draft: Draft, statement: ConsentStatement) -> ConsentDraft:
    """Return the consent that a draft states, by its legal basis; raises ``RefusedDraftError``."""
    try:
        basis = _CONSENT_BASIS.validate_json(json.dumps(draft.legal_basis))
        return ConsentDraft.of(basis, statement)
    except ValidationError as error:
        raise RefusedDraftError(
            msg(
                "A draft that states a consent describes it in its legal basis: %(faults)s",
                faults=describe_errors(error),
            )
        ) from error


def complete_basis(
    draft: Draft, known: Known, given: Given | None, *, channel: Channel, now: datetime
) -> Draft:
    """Fill an exception in from its record, and from the approval, which is the node's to say.

    ``channel``: the one in which the message goes. What another one justified stays there.
    """
    if draft.legal_basis.get("kind") != _EXCEPTION:
        return draft
    basis: dict[str, Any] = dict(draft.legal_basis)
    recorded = known.find_exception(channel, basis.get("ground"))
    if recorded is not None:
        basis.setdefault("justification", recorded.justification)
        basis.setdefault("person_informed", recorded.person_told.value)
    basis["approved_by_post"] = given.post if given else _NOT_YET
    basis["approved_at"] = (given.at if given else now).replace(microsecond=0).isoformat()
    return draft.model_copy(update={"legal_basis": basis})


def preview_known(draft: Draft, known: Known, *, channel: Channel) -> Known:
    """Return what would be recorded if the draft were sent, without recording it."""
    if draft.consent is not None:
        stated = describe_consent(read_consent(draft, draft.consent), reference="")
        known = replace(known, consents=(*known.consents, stated))
    if draft.exception is not None:
        record = describe_exception(draft.exception)
        known = replace(known, exceptions={**known.exceptions, (channel, record.ground): record})
    if draft.circumstances is not None:
        known = replace(known, circumstances=known.circumstances.add(draft.circumstances))
    return known
