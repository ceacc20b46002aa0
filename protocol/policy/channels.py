"""Channels: assistance, police, witness protection and trends are kept apart.

Which types belong to which channel is the product's own reading of need to know: what describes a
person's care does not go to the police, what describes suspects does not go to carers.
"""

from typing import Final

from protocol.identifiers import Channel
from protocol.policy.approval import is_approved, leaves_channel
from protocol.policy.competence import (
    find_for_group,
    is_bound_elsewhere,
    is_in_channel,
    is_stand_in,
)
from protocol.policy.decision import Finding, Outcome, Rule
from protocol.policy.facts import Facts

TREND_ALERT: Final = "general.trend_alert"

ABOUT_SUSPECTS: Final = frozenset(
    {
        "identification.trafficking_information",
        "identification.joint_investigation",
        "identification.evidence_request",
        "proceedings.asset_tracing",
    }
)
"""Types that never travel in the assistance channel."""

ABOUT_CARE: Final = frozenset(
    {
        "first_assistance.needs_assessment",
        "first_assistance.social_protection_history",
        "first_assistance.medical_records",
        "social_inclusion.assistance_plan",
        "social_inclusion.case_follow_up",
    }
)
"""Types that never travel in the police channel."""


def _carry_other_type(facts: Facts) -> Finding | None:
    message = facts.message
    carried = {message.type, message.answers}
    if (message.channel is Channel.ASSISTANCE and carried & ABOUT_SUSPECTS) or (
        message.channel is Channel.POLICE and carried & ABOUT_CARE
    ):
        return Finding((str(message.channel),))
    return None


def _leave_channel_of_question(facts: Facts) -> Finding | None:
    """Find a reply elsewhere; none to a trend alert, and none that comes under protection."""
    asked_in = facts.case.replies_in
    if asked_in in {None, Channel.TREND, facts.message.channel}:
        return None
    if facts.message.channel is Channel.WITNESS_PROTECTION:
        return None
    return Finding((str(asked_in),))


def _mix_with_trends(facts: Facts) -> Finding | None:
    message = facts.message
    if (message.type == TREND_ALERT) == (message.channel is Channel.TREND):
        return None
    return Finding((str(message.channel),))


def _tell_of_persons_in_trends(facts: Facts) -> Finding | None:
    message = facts.message
    if message.channel is Channel.TREND and message.classes:
        return Finding(tuple(sorted(message.classes)))
    return None


def _leave_witness_protection(facts: Facts) -> Finding | None:
    if facts.case.in_witness_protection and facts.message.channel not in {
        Channel.WITNESS_PROTECTION,
        Channel.TREND,
    }:
        return Finding((str(facts.message.channel),))
    return None


def _reach_desk_of_other_channel(facts: Facts) -> Finding | None:
    recipient = facts.registry.recipient
    if recipient is None or is_bound_elsewhere(facts) or not find_for_group(recipient, facts):
        return None  # not competent at all is said by the rules of the registry
    if is_in_channel(recipient, facts) or is_stand_in(recipient, facts):
        return None
    return Finding((str(facts.message.channel),))


def _fall_back_on_other_channel(facts: Facts) -> Finding | None:
    return Finding() if leaves_channel(facts) and not is_approved(facts) else None


RULES: Final = (
    Rule(
        code="channels.type",
        outcome=Outcome.REFUSE,
        check=_carry_other_type,
        statement="What is about suspects stays out of assistance, what is about care out of "
        "police; so do the answers to it.",
        sentence="A message of this type does not travel in this channel.",
        remedy="Send it in the channel that it belongs to, by somebody cleared for that one.",
    ),
    Rule(
        code="channels.reply",
        outcome=Outcome.REFUSE,
        check=_leave_channel_of_question,
        statement="What replies to a message stays in its channel. Two things differ: a trend "
        "alert is replied to in another one, and a case may move to witness protection.",
        sentence="The message that this one replies to came in another channel.",
        remedy="Reply in the channel of that message, by somebody cleared for it.",
    ),
    Rule(
        code="channels.trend_only",
        outcome=Outcome.REFUSE,
        check=_mix_with_trends,
        statement="The trend channel carries trend alerts, and nothing else does.",
        sentence="Trend alerts have a channel of their own, and share it with nothing.",
        remedy="Send a trend alert in the trend channel, and anything else outside it.",
    ),
    Rule(
        code="channels.trend_personal_data",
        outcome=Outcome.REFUSE,
        check=_tell_of_persons_in_trends,
        statement="A trend alert holds no personal data at all.",
        sentence="The trend channel carries no personal data.",
        remedy="Take out everything that is about a person.",
    ),
    Rule(
        # Who is refused may not be cleared to know why.
        code="channels.elsewhere",
        outcome=Outcome.REFUSE,
        check=_leave_witness_protection,
        statement="A case under witness protection stays in that channel, trend alerts aside. "
        "Whoever is refused is not told why.",
        sentence="This case is not worked on in this channel.",
        remedy="Do not send it another way. Ask your supervisor who works on the case, and hand "
        "the message to them.",
    ),
    Rule(
        code="channels.desk",
        outcome=Outcome.REFUSE,
        check=_reach_desk_of_other_channel,
        statement="The recipient's desk works in the message's channel, unless it asked or has the "
        "data already. As the last resort an assistance message may reach a police desk, and the "
        "reverse.",
        sentence="The recipient's desk does not work in this channel.",
        remedy="Choose a desk that the registry lists for this channel.",
    ),
    Rule(
        code="channels.last_resort",
        outcome=Outcome.NEEDS_SECOND_PERSON,
        check=_fall_back_on_other_channel,
        statement="A second person approves when a desk of another channel is the last resort.",
        sentence="Nobody in this channel can be reached, and the desk works in another one.",
        remedy="Ask an approver whether this desk may see the message.",
    ),
)
