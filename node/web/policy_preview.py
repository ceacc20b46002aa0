"""The policy's answer on the page that is looked at before sending."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from console.i18n import Message
from node.domain.access import Principal
from node.service.building import Draft
from node.service.context import NodeContext
from node.service.policy.checking import check_draft
from node.web.policy_remedies import POLICY_REMEDIES
from node.web.policy_sentences import POLICY_SENTENCES
from protocol.messages.fields import Sensitivity
from protocol.policy.decision import Outcome

_LOOKS: Final = {
    Outcome.ALLOW: "allowed",
    Outcome.NEEDS_SECOND_PERSON: "second_person",
    Outcome.REFUSE: "refused",
}


@dataclass(frozen=True, slots=True)
class Why:
    """One reason of the policy: how it looks, which rule it is, and what would change it."""

    look: str
    rule: str
    sentence: Message | str
    remedy: Message | str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer: whether it may leave, alone or with a second person, and each reason."""

    outcome: Outcome
    reasons: tuple[Why, ...]

    @property
    def may_leave(self) -> bool:
        """Whether it may be sent as it is."""
        return self.outcome is Outcome.ALLOW

    @property
    def needs_second_person(self) -> bool:
        """Whether another person's approval, and nothing else, is missing."""
        return self.outcome is Outcome.NEEDS_SECOND_PERSON


def preview_policy(
    context: NodeContext, draft: Draft, *, file_classes: Sequence[Sensitivity], who: Principal
) -> Verdict:
    """Say what the policy decides now. Raises ``RefusedDraftError``, ``NotFoundError``."""
    decision = check_draft(context, draft, who=who, file_classes=file_classes).decision
    return Verdict(
        outcome=decision.outcome,
        reasons=tuple(
            describe_reason(reason.code, reason.outcome, reason.sentence, reason.remedy)
            for reason in decision.reasons
        ),
    )


def describe_reason(code: str, outcome: Outcome, sentence: str, remedy: str) -> Why:
    """Say a reason in the reader's language; one of a rule that is not known here as it came."""
    return Why(
        look=_LOOKS[outcome],
        rule=code,
        sentence=POLICY_SENTENCES.get(code, sentence),
        remedy=POLICY_REMEDIES.get(code, remedy),
    )


def describe_stored(decision: Mapping[str, Any]) -> tuple[Why, ...]:
    """Say the reasons of a decision that was kept with a request for approval."""
    found = decision.get("reasons")
    return tuple(
        describe_reason(
            str(one["code"]), Outcome(str(one["outcome"])), str(one["sentence"]), str(one["remedy"])
        )
        for one in (found if isinstance(found, list) else [])
    )
