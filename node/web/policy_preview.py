"""The policy's answer on the page that is looked at before sending."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from node.domain.access import Permission, Principal
from node.service.building import Draft
from node.service.context import NodeContext
from node.service.policy.checking import check_draft
from protocol.identifiers import Channel
from protocol.messages.fields import Sensitivity
from protocol.policy.decision import Outcome

#: Whoever sees the page may write: only what is sent is judged here, and again when it is sent.
_ANYBODY: Final = Principal(
    actor="page",
    permissions=frozenset({Permission.READ_CASES, Permission.WORK_CASES}),
    channels=frozenset(Channel),
)
_LOOKS: Final = {
    Outcome.ALLOW: "allowed",
    Outcome.NEEDS_SECOND_PERSON: "second_person",
    Outcome.REFUSE: "refused",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer: whether it may leave, and each reason with what to do."""

    may_leave: bool
    #: How it looks, the rule's code, its sentence, its remedy.
    reasons: tuple[tuple[str, str, str, str], ...]


def preview_policy(
    context: NodeContext, draft: Draft, *, file_classes: Sequence[Sensitivity]
) -> Verdict:
    """Say what the policy decides now. Raises ``RefusedDraftError``, ``NotFoundError``."""
    check = check_draft(context, draft, who=_ANYBODY, file_classes=file_classes)
    decision = check.decision
    return Verdict(
        may_leave=decision.outcome is Outcome.ALLOW,
        reasons=tuple(
            (_LOOKS[reason.outcome], reason.code, reason.sentence, reason.remedy)
            for reason in decision.reasons
            if reason.outcome is not Outcome.ALLOW
        ),
    )
