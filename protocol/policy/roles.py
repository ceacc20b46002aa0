"""Who may send at all, and in which channel."""

from typing import Final

from protocol.policy.decision import Finding, Outcome, Rule
from protocol.policy.facts import Facts, Role

SEES_NO_CONTENT: Final = frozenset({Role.NODE_ADMIN, Role.AUDITOR})
"""Who neither writes nor approves, whatever other role they hold."""


def _is_no_focal_point(facts: Facts) -> Finding | None:
    return None if Role.FOCAL_POINT in facts.author.roles else Finding()


def _keeps_out_of_content(facts: Facts) -> Finding | None:
    found = facts.author.roles & SEES_NO_CONTENT
    return Finding(tuple(sorted(found))) if found else None


def _is_not_cleared(facts: Facts) -> Finding | None:
    if facts.message.channel in facts.author.channels:
        return None
    return Finding((str(facts.message.channel),))


RULES: Final = (
    Rule(
        code="roles.not_focal_point",
        outcome=Outcome.REFUSE,
        check=_is_no_focal_point,
        statement="Messages are sent by focal points. Who approves is the second person, not the "
        "first.",
        sentence="You do not have the role of focal point.",
        remedy="Ask a focal point to send the message.",
    ),
    Rule(
        code="roles.administrator_or_auditor",
        outcome=Outcome.REFUSE,
        check=_keeps_out_of_content,
        statement="Node administrators and auditors never send, whatever other role they hold.",
        sentence="Node administrators and auditors do not send messages.",
        remedy="Ask a focal point who is neither to send the message.",
    ),
    Rule(
        code="roles.not_cleared",
        outcome=Outcome.REFUSE,
        check=_is_not_cleared,
        statement="A person sends only in the channels that they are cleared for.",
        sentence="You are not cleared for this channel.",
        remedy="Ask a focal point who is cleared for it to send the message.",
    ),
)
