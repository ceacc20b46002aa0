"""A typed answer that is being written: its form, its legal basis, what it adds up to.

Pure: the request, a draft and its surroundings in; form, errors, and the service's draft out.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any, Final

from pydantic import BaseModel

from console.dates import DateError
from console.i18n import Message, msg
from directory_pages.codes import LANGUAGES
from node.service.answering import AnswerDraft
from node.service.reading import MessageView
from node.web.checking import find_onward_errors
from node.web.composition import Composition
from node.web.fields import FormField
from node.web.forms.filled import FilledForm, FormSetting
from node.web.labels import CODE_LABELS, Explained, explain_codes
from node.web.legal_basis import NEW, Basis, BasisAnswers
from node.web.terms import TermsAnswers
from protocol.messages.catalogue import CATALOGUE
from protocol.messages.fields import Sensitivity, TriState
from protocol.messages.head import CaseMessage
from protocol.messages.response import ResponseBody

RESPONSE: Final = "general.response"
_ANSWER: Final = ("answer",)
_LONGEST_LANGUAGE: Final = 20

#: What a reply answers besides the fields of its body.
BASIS_NAMES: Final = BasisAnswers.names | TermsAnswers.onward_names | {"language"}


def find_answer_model(tag: str) -> type[BaseModel] | None:
    """Return the model of the typed answer to a type; None if nothing typed answers it."""
    entry = CATALOGUE.get(tag)
    return None if entry is None else entry.answer


@dataclass(frozen=True)
class Reply:
    """An answer in hand, and the request that it answers."""

    view: MessageView
    #: The draft with case, recipient, consents and choices of the moment around it.
    composition: Composition

    @property
    def message(self) -> CaseMessage | None:
        """The request, as it was read."""
        return self.view.message if isinstance(self.view.message, CaseMessage) else None

    @property
    def draft_id(self) -> str:
        """The draft's identifier, under which it is sent once."""
        return self.composition.draft.draft_id

    @property
    def basis(self) -> BasisAnswers:
        """What was answered about the legal basis."""
        return self.composition.basis

    @property
    def is_child(self) -> bool:
        """Whether the rules for children apply to the case."""
        about_child = self.message is not None and self.message.body.treated_as_child
        return about_child or self.composition.around.is_child_case

    @cached_property
    def form(self) -> FilledForm:
        """The form of the answer, with what was typed."""
        around = self.composition.around
        model = find_answer_model(self.view.item.type)
        setting = FormSetting(
            zone=around.zone,
            own_desk=around.own_desk,
            offers=around.offers,
            variants={_ANSWER: model} if model else {},
        )
        return FilledForm(ResponseBody, self.composition.draft.answers, setting)

    def uncovered(self) -> list[FormField]:
        """List the filled fields whose class the chosen legal basis does not cover."""
        covered = self.basis.covers
        if self.basis.kind is Basis.CONSENT:
            covered = self.basis.classes
        return self.form.withheld(covered | {Sensitivity.NONE})

    def find_errors(self, *, now: datetime) -> dict[str, Message]:
        """Say what is wrong or missing, in the order of the page."""
        errors = self.form.find_errors()
        if self.basis.kind is None:
            return errors | {"basis": msg("Choose the legal basis.")}
        for leaf in self.uncovered():
            errors.setdefault(
                leaf.name,
                msg(
                    "The legal basis does not cover this: empty %(field)s, or choose a basis that "
                    "covers %(mark)s.",
                    field=leaf.label,
                    mark=leaf.class_word,
                ),
            )
        match self.basis.kind:
            case Basis.CONSENT:
                errors |= self._find_consent_errors(now)
            case Basis.EXCEPTION:
                errors |= self._find_exception_errors()
        return errors | find_onward_errors(self.composition)

    def _find_consent_errors(self, now: datetime) -> dict[str, Message]:
        basis, draft = self.basis, self.composition.draft
        if basis.filed is not None:
            return {}
        errors: dict[str, Message] = {}
        if basis.consents and draft.get("consent_record") != NEW:
            errors["consent_record"] = msg("Choose a consent on file, or record a new one.")
        if draft.get("given_by") not in {v for v, _ in basis.list_givers(is_child=self.is_child)}:
            errors["given_by"] = msg("Say who gave the consent.")
        try:
            if basis.given_at.parse_moment(self.composition.zone) > now:
                errors["given_at"] = msg("The consent was given in the past: check the day.")
        except DateError as error:
            errors["given_at"] = error.message
        if draft.get("explained_in") not in LANGUAGES:
            errors["explained_in"] = msg("Say in which language it was explained.")
        if not basis.classes or set(draft.list("classes")) - set(CODE_LABELS[Sensitivity]):
            errors["classes"] = msg("Choose what the signed consent covers.")
        return errors

    def _find_exception_errors(self) -> dict[str, Message]:
        basis, draft = self.basis, self.composition.draft
        errors: dict[str, Message] = {}
        if basis.ground is None:
            errors["ground"] = msg("Say which exception it is.")
        if not basis.text("justification"):
            errors["justification"] = msg("Write down why it cannot wait for consent.")
        if draft.get("person_told") not in set(TriState):
            errors["person_told"] = msg("Say whether the person was told.")
        elif draft.get("person_told") != TriState.YES and not basis.text("reason_not_told"):
            errors["reason_not_told"] = msg("Write down why the person was not told.")
        return errors

    def classes(self) -> Explained:
        """List the classes that the fields of this answer fall into, in words."""
        present = {leaf.sensitivity for leaf in self.form.shapes}
        return explain_codes(
            mark for mark in Sensitivity if mark in present and mark is not Sensitivity.NONE
        )

    def build(self, files: tuple[str, ...]) -> AnswerDraft:
        """Make what the service sends; what is wrong was said before."""
        body: dict[str, Any] = self.form.body()
        item, draft = self.view.item, self.composition.draft
        stated = self.basis.state(phase=self.composition.phase, recipient=item.peer, body=body)
        return AnswerDraft(
            type=RESPONSE,
            phase=self.composition.phase,
            language=draft.get("language")[:_LONGEST_LANGUAGE] or "en",
            legal_basis=stated.legal_basis,
            body=body,
            files=files,
            consent=stated.consent,
            exception=stated.exception,
            circumstances=stated.circumstances,
            **self._state_onward(),
        )

    def _state_onward(self) -> dict[str, Any]:
        """Say what may be passed on; of an answer without personal data there is nothing."""
        if not self.composition.has_personal_basis:
            return {}
        terms = self.composition.terms
        passed_on = terms.passed_on
        return {
            "onward": terms.state_onward(),
            "passes_on": passed_on.message_id if passed_on else None,
        }

    def over(self, answers: dict[str, tuple[str, ...]]) -> "Reply":
        """Return the same reply with other answers."""
        draft = replace(self.composition.draft, answers=answers)
        return replace(self, composition=replace(self.composition, draft=draft))
