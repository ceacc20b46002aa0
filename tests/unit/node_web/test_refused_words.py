"""A refusal of a service is said in the reader's language, whatever refused."""

import re

import pytest
from babel.support import NullTranslations
from pydantic import ValidationError
from typing_extensions import override

from console.i18n import msg, translate
from console.refusals import RefusalError, say_refusal
from contact_registry.routing import Gap, GapReason
from node.service.borrowed_words import borrow_words
from node.service.context import NotFoundError, RefusedDraftError
from node.service.no_desk import NoDeskError
from node.service.policy.gate import PolicyRefusedError
from node.web.policy_sentences import POLICY_SENTENCES
from node.web.refusing import say_refused
from protocol.errors import MalformedError
from protocol.identifiers import parse_case_reference
from protocol.messages.rules import Period
from protocol.policy.decision import Decision, Outcome, Reason

_PLACE = re.compile(r"%\(\w+\)s")


class _Shouting(NullTranslations):
    """A language that is English in brackets: what is not translated has none."""

    @override
    def ugettext(self, message: str) -> str:
        return f"[{message}]" if _PLACE.sub("", message).strip() else message

    gettext = ugettext


def _say(error: Exception) -> str:
    return translate(say_refused(error), _Shouting())


def test_a_sentence_is_translated_with_what_stands_in_it() -> None:
    """The page has the reader's words; programs and logs have the English ones."""
    error = RefusedDraftError(msg("At most %(count)s files.", count=3))
    assert (_say(error), str(error)) == ("[At most 3 files.]", "At most 3 files.")


def test_words_of_programs_stay_as_they_are() -> None:
    """An error that was given plain text, or that is a library's, is shown as it came."""
    for error in (NotFoundError("gone: 100 %"), OSError("gone: 100 %")):
        assert translate(say_refusal(error), _Shouting()) == "gone: 100 %"


@pytest.mark.parametrize("reason", GapReason)
def test_that_nobody_is_listed_is_said(reason: GapReason) -> None:
    """Each reason has a sentence for people; a program is told the registry's longer one."""
    error = NoDeskError(Gap(reason, "AL lists nobody."), name="Albania")
    assert _say(error).startswith("[")
    assert "Albania" in _say(error)
    assert str(error) == "AL lists nobody."


def _make_reason(code: str, outcome: Outcome, sentence: str) -> Reason:
    return Reason(code=code, outcome=outcome, sentence=sentence, remedy="Remedy.")


def test_the_policy_is_said_in_the_words_of_the_forms() -> None:
    """Every reason that decides is translated, sentence and remedy; milder ones are left out."""
    error = PolicyRefusedError(
        Decision(
            outcome=Outcome.REFUSE,
            reasons=(
                _make_reason(next(iter(POLICY_SENTENCES)), Outcome.REFUSE, "Sentence."),
                _make_reason("own.note", Outcome.ALLOW, "A note."),
            ),
        )
    )
    assert _say(error).startswith("[")
    assert "Sentence." not in _say(error)
    assert "A note." not in _say(error)
    assert str(error) == "Sentence. Remedy."


def test_rules_of_a_message_are_said_as_the_forms_say_them() -> None:
    """A body that breaks a rule names the rule in the reader's language, and no field."""
    with pytest.raises(ValidationError) as found:
        Period.model_validate({})
    refused = RefusedDraftError(msg("It does not fit."))
    refused.__cause__ = found.value
    for error in (found.value, refused):
        assert "[Give the first day, the last day, or both; or leave the period out.]" in _say(
            error
        )
        assert "Value error" not in _say(error)


def test_what_the_protocol_refuses_is_borrowed() -> None:
    """A mistyped reference is explained in the reader's language; what nobody knows stays."""
    with pytest.raises(MalformedError) as found:
        parse_case_reference("TRM-1")
    assert translate(borrow_words(found.value), _Shouting()).startswith("[A case reference")
    assert translate(borrow_words(ValueError("who knows")), _Shouting()) == "who knows"


def test_a_kind_of_error_can_be_raised_without_words() -> None:
    """Nothing was said, so nothing is shown."""
    assert translate(say_refusal(RefusalError()), _Shouting()) == ""
