"""The second person: what needs one, and whose word counts."""

from typing import Final

from protocol.messages.fields import Sensitivity
from protocol.policy.competence import is_bound_elsewhere, is_stand_in
from protocol.policy.decision import Finding, Outcome, Rule
from protocol.policy.facts import Approval, Basis, Facts, Role
from protocol.policy.gates import travels_unprepared
from protocol.policy.roles import SEES_NO_CONTENT


def rests_on_exception(facts: Facts) -> bool:
    """Whether the message claims an exception instead of consent."""
    return facts.message.basis is Basis.EXCEPTION


def may_tell_shelter(facts: Facts) -> bool:
    """Whether contact data travels of somebody who lives in a shelter."""
    lives_there = facts.case.in_shelter or bool(facts.message.shelter_codes)
    return lives_there and Sensitivity.CONTACT in facts.message.classes


def tells_unconfirmed_desk(facts: Facts) -> bool:
    """Whether an identifier goes to a desk that only the operators vouch for."""
    recipient = facts.registry.recipient
    return facts.message.holds_identifiers and recipient is not None and not recipient.is_confirmed


def leaves_channel(facts: Facts) -> bool:
    """Whether the desk works in another channel, and is written to as the last resort."""
    recipient = facts.registry.recipient
    return recipient is not None and not is_bound_elsewhere(facts) and is_stand_in(recipient, facts)


def sends_unclassed_file(facts: Facts) -> bool:
    """Whether a file travels of which only the sender's word says that nobody is in it."""
    return facts.message.has_unclassed_file


def tells_relative(facts: Facts) -> bool:
    """Whether a suspect is named by whom the person, unnamed, is known."""
    return facts.message.names_suspected_relative and Sensitivity.IDENTITY not in (
        facts.message.classes
    )


def _needs_approval(facts: Facts) -> bool:
    return (
        rests_on_exception(facts)
        or may_tell_shelter(facts)
        or tells_unconfirmed_desk(facts)
        or sends_unclassed_file(facts)
        or tells_relative(facts)
        or leaves_channel(facts)
        or travels_unprepared(facts)
    )


def _is_own(approval: Approval, facts: Facts) -> bool:
    return approval.by.name == facts.author.name


def _lacks_role(approval: Approval) -> bool:
    return Role.APPROVER not in approval.by.roles or bool(SEES_NO_CONTENT & approval.by.roles)


def _lacks_clearance(approval: Approval, facts: Facts) -> bool:
    return facts.message.channel not in approval.by.channels


def is_approved(facts: Facts) -> bool:
    """Whether a second person who may has approved this content."""
    approval = facts.approval
    return (
        approval is not None
        and not _is_own(approval, facts)
        and not _lacks_role(approval)
        and not _lacks_clearance(approval, facts)
        and approval.is_of_this_content
    )


def _is_by_author(facts: Facts) -> Finding | None:
    approval = facts.approval
    if approval is not None and _is_own(approval, facts) and _needs_approval(facts):
        return Finding()
    return None


def _is_without_role(facts: Facts) -> Finding | None:
    approval = facts.approval
    if approval is not None and _lacks_role(approval) and _needs_approval(facts):
        return Finding()
    return None


def _is_without_clearance(facts: Facts) -> Finding | None:
    approval = facts.approval
    if approval is not None and _lacks_clearance(approval, facts) and _needs_approval(facts):
        return Finding((str(facts.message.channel),))
    return None


def _is_of_other_content(facts: Facts) -> Finding | None:
    approval = facts.approval
    if approval is not None and not approval.is_of_this_content and _needs_approval(facts):
        return Finding()
    return None


RULES: Final = (
    Rule(
        code="approval.own",
        outcome=Outcome.NEEDS_SECOND_PERSON,
        check=_is_by_author,
        statement="Nobody approves their own message.",
        sentence="The author approved the message.",
        remedy="Ask another person who may approve.",
    ),
    Rule(
        code="approval.role",
        outcome=Outcome.NEEDS_SECOND_PERSON,
        check=_is_without_role,
        statement="Only somebody with the role of approver approves, and never a node "
        "administrator or an auditor.",
        sentence="Whoever approved the message may not approve.",
        remedy="Ask a person with the role of approver who is neither node administrator nor "
        "auditor.",
    ),
    Rule(
        code="approval.clearance",
        outcome=Outcome.NEEDS_SECOND_PERSON,
        check=_is_without_clearance,
        statement="Who approves is cleared for the channel: approving means reading.",
        sentence="Whoever approved the message is not cleared for its channel.",
        remedy="Ask an approver who is cleared for this channel.",
    ),
    Rule(
        code="approval.other_content",
        outcome=Outcome.NEEDS_SECOND_PERSON,
        check=_is_of_other_content,
        statement="An approval is for one content: what was changed afterwards is approved again.",
        sentence="The message was changed after it was approved.",
        remedy="Ask for approval of the message as it is now.",
    ),
)
