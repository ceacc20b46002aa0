"""Children: under 18, or possibly so."""

from typing import Final

from protocol.identifiers import Channel, Phase
from protocol.messages.codes import Urgency
from protocol.policy.consent import make_flaw_check
from protocol.policy.decision import Finding, Outcome, Rule
from protocol.policy.facts import Facts


def _are_not_urgent(facts: Facts) -> Finding | None:
    if (
        facts.about_child
        and facts.message.channel is not Channel.TREND
        and facts.message.urgency is Urgency.STANDARD
    ):
        return Finding()
    return None


def _lack_guardian_as_case_manager(facts: Facts) -> Finding | None:
    case = facts.case
    if (
        facts.about_child
        and case.guardian_appointed
        and not case.guardian_is_case_manager
        and facts.message.phase is not Phase.IDENTIFICATION
    ):
        return Finding()
    return None


def _are_passed_on_unapproved(facts: Facts) -> Finding | None:
    if facts.about_child and facts.onward is not None and not facts.onward.case_manager_approved:
        return Finding()
    return None


RULES: Final = (
    Rule(
        code="children.urgency",
        outcome=Outcome.REFUSE,
        check=_are_not_urgent,
        statement="Every message in the case of a child is at least urgent.",
        sentence="A message in the case of a child cannot be of standard urgency.",
        remedy="Set the urgency to urgent or immediate.",
    ),
    Rule(
        code="children.consent_by_child",
        outcome=Outcome.REFUSE,
        check=make_flaw_check("children.consent_by_child"),
        statement="For a child the guardian consents, or a parent who is no suspect.",
        sentence="The child's own consent is the only one recorded.",
        remedy="Obtain the consent of the guardian, or of a parent who is not a suspect.",
    ),
    Rule(
        code="children.no_such_guardian",
        outcome=Outcome.REFUSE,
        check=make_flaw_check("children.no_such_guardian"),
        statement="A guardian consents once appointed, and the message does not say otherwise.",
        sentence="A guardian consented, and by the case or the message none is appointed.",
        remedy="Record the appointment, and say so in the message; or obtain the consent of "
        "whoever may give it.",
    ),
    Rule(
        code="children.not_informed",
        outcome=Outcome.REFUSE,
        check=make_flaw_check("children.not_informed"),
        statement="The child is informed, in a way that fits its age.",
        sentence="It is not recorded that the child was informed.",
        remedy="Have the guardian inform the child in a way that fits its age, and record it.",
    ),
    Rule(
        code="children.case_manager",
        outcome=Outcome.REFUSE,
        check=_lack_guardian_as_case_manager,
        statement="The guardian of a child acts as its case manager. In the phase of "
        "identification, where a guardian is still being found or has just been appointed, nothing"
        " waits for this.",
        sentence="The child has a guardian, and somebody else is the case manager.",
        remedy="Record the guardian as the case manager.",
    ),
    Rule(
        code="children.onward_not_approved",
        outcome=Outcome.NEEDS_SECOND_PERSON,
        check=_are_passed_on_unapproved,
        statement="What is known of a child is passed on only with its case manager's approval.",
        sentence="The child's case manager has not approved that this is passed on.",
        remedy="Ask the case manager, and record the approval.",
    ),
)
