"""The table of all rules, and the decision."""

from collections.abc import Iterator
from typing import Final

from protocol.errors import LocalProtocolError
from protocol.messages.fields import Sensitivity
from protocol.policy import (
    approval,
    channels,
    children,
    consent,
    exceptions,
    files,
    names,
    onward,
    registry,
    returning,
    roles,
    shelters,
)
from protocol.policy.consent import find_covering
from protocol.policy.decision import (
    Decision,
    Ground,
    GroundKind,
    Outcome,
    Reason,
    Rule,
)
from protocol.policy.facts import IDENTIFYING, Basis, Facts
from protocol.policy.names import find_agreements


def make_table(*rules: Rule) -> tuple[Rule, ...]:
    """Return the rules as they stand; raises ``LocalProtocolError`` if a code stands twice."""
    codes = [rule.code for rule in rules]
    if len(set(codes)) != len(codes):
        raise LocalProtocolError("A code names one rule: give the new rule a code of its own.")
    return rules


RULES: Final = make_table(
    *roles.RULES,
    *channels.RULES,
    *registry.RULES,
    *names.RULES,
    *consent.RULES,
    *exceptions.RULES,
    *children.RULES,
    *returning.RULES,
    *onward.RULES,
    *shelters.RULES,
    *files.RULES,
    *approval.RULES,
)
"""Every rule, in the order in which its findings are shown."""


def decide(facts: Facts) -> Decision:
    """Say whether the message may be sent, why, and what would make it allowed.

    Every rule is asked, and every finding is a reason of the decision: what a second person could
    approve is never shown without the refusal beside it. The severest outcome prevails.
    """
    reasons = tuple(
        Reason(
            code=rule.code,
            outcome=rule.outcome,
            sentence=rule.sentence,
            remedy=rule.remedy,
            details=finding.details,
        )
        for rule in RULES
        if (finding := rule.check(facts)) is not None
    )
    outcome = max(
        (reason.outcome for reason in reasons),
        key=lambda found: found.severity,
        default=Outcome.ALLOW,
    )
    grounds = tuple(_list_grounds(facts)) if outcome is Outcome.ALLOW else ()
    return Decision(outcome=outcome, reasons=reasons, grounds=grounds)


def _list_grounds(facts: Facts) -> Iterator[Ground]:
    """Name once each what an allowed message rests on."""
    message = facts.message
    if message.basis is Basis.NO_PERSONAL_DATA or not message.classes:
        yield Ground(GroundKind.NO_PERSONAL_DATA)
        return
    if message.basis is Basis.EXCEPTION:
        yield Ground(GroundKind.EXCEPTION, str(message.ground))
    present = [mark for mark in Sensitivity if mark in message.classes]
    consents = [find_covering(facts, mark) for mark in present]
    agreements = [find_agreements(facts, mark) for mark in present if mark in IDENTIFYING]
    for record in dict.fromkeys(found[0].reference for found in consents if found):
        yield Ground(GroundKind.CONSENT, record)
    for instrument in dict.fromkeys(found[0].instrument for found in agreements if found):
        yield Ground(GroundKind.AGREEMENT, instrument)
