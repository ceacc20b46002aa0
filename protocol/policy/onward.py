"""Onward disclosure: only what the first sender allowed, to listed authorities, reported back."""

from typing import Final

from protocol.messages.fields import Sensitivity
from protocol.messages.head import OnwardScope
from protocol.policy.decision import Finding, make_refusal
from protocol.policy.facts import Facts


def _is_unaccounted_for(facts: Facts) -> Finding | None:
    return Finding() if facts.message.forwarded_to is not None and facts.onward is None else None


def _goes_beyond_authorities(facts: Facts) -> Finding | None:
    onward = facts.onward
    if onward is None or onward.was_asked_and_allowed:
        return None
    is_allowed = {
        OnwardScope.ASK_FIRST: False,
        OnwardScope.COMPETENT_AUTHORITIES: onward.is_target_competent,
        OnwardScope.LISTED_AUTHORITIES: facts.onward_target in onward.allowed_authorities,
    }[onward.scope]
    return None if is_allowed else Finding((str(onward.scope),))


def _goes_beyond_classes(facts: Facts) -> Finding | None:
    onward = facts.onward
    if onward is None:
        return None
    passed_on = onward.classes - {Sensitivity.NONE}
    beyond = tuple(str(m) for m in Sensitivity if m in passed_on - onward.allowed_classes)
    return Finding(beyond) if beyond else None


def _goes_beyond_phases(facts: Facts) -> Finding | None:
    onward = facts.onward
    if onward is None or facts.message.phase in onward.allowed_phases:
        return None
    return Finding((str(facts.message.phase),))


def _changes_channel(facts: Facts) -> Finding | None:
    onward = facts.onward
    if onward is None or facts.message.channel is onward.source_channel:
        return None
    return Finding((str(onward.source_channel),))


def _goes_to_unlisted(facts: Facts) -> Finding | None:
    return Finding() if facts.onward is not None and not facts.onward.is_target_listed else None


def _goes_on_after_withdrawal(facts: Facts) -> Finding | None:
    return Finding() if facts.onward is not None and facts.onward.consent_withdrawn else None


def _is_not_recorded(facts: Facts) -> Finding | None:
    return Finding() if facts.onward is not None and not facts.onward.is_recorded else None


def _is_not_reported(facts: Facts) -> Finding | None:
    onward = facts.onward
    return Finding() if onward is not None and not onward.report_back_arranged else None


RULES: Final = (
    make_refusal(
        "onward.no_account",
        _is_unaccounted_for,
        statement="Who forwards a case says what is passed on, and what its sender allowed.",
        sentence="The case is forwarded, and nothing says what its sender allowed.",
        remedy="Forward from the message that brought the case, so that its terms are known.",
    ),
    make_refusal(
        "onward.authority",
        _goes_beyond_authorities,
        statement="Data is passed on to whom its sender allowed. To nobody without asking, to the "
        "competent authorities, or to those that the sender listed.",
        sentence="The sender of the data has not allowed that this authority gets it.",
        remedy="Ask the sender first, and record the answer.",
    ),
    make_refusal(
        "onward.class",
        _goes_beyond_classes,
        statement="Only the kinds of data that the sender allowed are passed on.",
        sentence="More kinds of data are passed on than their sender allowed.",
        remedy="Leave these out, or ask the sender.",
    ),
    make_refusal(
        "onward.phase",
        _goes_beyond_phases,
        statement="Data is passed on for the phases that it was given for.",
        sentence="The data was not given for this phase.",
        remedy="Ask the sender whether it may be used for this purpose.",
    ),
    make_refusal(
        "onward.channel",
        _changes_channel,
        statement="Data stays in the channel that it came in, also when it is passed on.",
        sentence="The data came in another channel.",
        remedy="Pass it on in the channel that it came in, or ask its sender to send it anew.",
    ),
    make_refusal(
        "onward.target_not_listed",
        _goes_to_unlisted,
        statement="Data is passed on to authorities of the registry only.",
        sentence="The authority is not in the registry today.",
        remedy="Choose an authority from the registry.",
    ),
    make_refusal(
        "onward.withdrawn",
        _goes_on_after_withdrawal,
        statement="What a withdrawal notice reached is not passed on any more.",
        sentence="The person withdrew consent: what was received is not passed on any more.",
        remedy="Tell those who already have it, and delete what the withdrawal names.",
    ),
    make_refusal(
        "onward.not_recorded",
        _is_not_recorded,
        statement="Passing on is recorded.",
        sentence="It is not recorded that this is passed on.",
        remedy="Record what is passed on, to whom and why.",
    ),
    make_refusal(
        "onward.not_reported",
        _is_not_reported,
        statement="Passing on is reported back to the sender of the data.",
        sentence="No report back to the sender of the data is arranged.",
        remedy="Let the report to the sender go out together with this message.",
    ),
)
