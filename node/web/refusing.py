"""What a page says when a service refuses: every kind of refusal, in the reader's language."""

from typing import Final

from pydantic import ValidationError

from console.i18n import Message, msg
from console.refusals import join_sentences, say_refusal
from node.service.policy.gate import PolicyRefusedError
from node.web.forms.rules import find_rule
from node.web.policy_preview import describe_reason

#: Of fields that each have a page of their own, which says more.
_MISFIT: Final = msg("These answers do not fit together. Check them.")
_WORDS_OF_RULE: Final = "Value error, "


def say_refused(error: Exception) -> Message:
    """Say an error that stopped what somebody wanted; the name of a rule or field is no sentence.

    Reasons of the policy and rules of the messages are English where they are made: here they get
    the words that the forms have for them.
    """
    if isinstance(error, PolicyRefusedError):
        return _say_policy(error)
    misfit = error if isinstance(error, ValidationError) else error.__cause__
    if isinstance(misfit, ValidationError):
        return _say_misfit(misfit)
    return say_refusal(error)


def _say_policy(error: PolicyRefusedError) -> Message:
    decision = error.decision
    sentences: list[Message | str] = []
    for reason in decision.reasons:
        if reason.outcome is decision.outcome:
            why = describe_reason(reason.code, reason.outcome, reason.sentence, reason.remedy)
            sentences += [why.sentence, why.remedy]
    return join_sentences(sentences)


def _say_misfit(error: ValidationError) -> Message:
    rules: dict[str, Message] = {}
    for found in error.errors(include_url=False, include_context=False, include_input=False):
        rule = find_rule(found["msg"].removeprefix(_WORDS_OF_RULE))
        if rule is not None:
            rules[rule.words.msgid] = rule.words
    return join_sentences([_MISFIT, *rules.values()])
