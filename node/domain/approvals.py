"""The states of an approval request, as a table. What is not in it cannot happen."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class ApprovalState(StrEnum):
    """Where a request for a second person's word stands."""

    WAITING = "waiting"
    #: Approved, and what it was about is queued.
    SENT = "sent"
    REFUSED = "refused"
    #: Nobody decided in time.
    EXPIRED = "expired"
    #: Whoever asked does not want it any more.
    TAKEN_BACK = "taken_back"


class ApprovalAct(StrEnum):
    """What moves a request."""

    APPROVE = "approve"
    REFUSE = "refuse"
    TAKE_BACK = "take_back"
    EXPIRE = "expire"


APPROVAL_TABLE: Final[Mapping[tuple[ApprovalState, ApprovalAct], ApprovalState]] = MappingProxyType(
    {
        (ApprovalState.WAITING, ApprovalAct.APPROVE): ApprovalState.SENT,
        (ApprovalState.WAITING, ApprovalAct.REFUSE): ApprovalState.REFUSED,
        (ApprovalState.WAITING, ApprovalAct.TAKE_BACK): ApprovalState.TAKEN_BACK,
        (ApprovalState.WAITING, ApprovalAct.EXPIRE): ApprovalState.EXPIRED,
    }
)


def advance_approval(state: ApprovalState, act: ApprovalAct) -> ApprovalState | None:
    """Return the next state, or ``None`` if the request was settled before."""
    return APPROVAL_TABLE.get((state, act))
