"""Writing a message: its screens, what each asks, and what the answers add up to.

Pure: answers and a directory in, forms, and the service's draft out. What is wrong is said by
:mod:`node.web.checking`; the pages are in :mod:`node.web.composing`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from zoneinfo import ZoneInfo

from console.dates import DateParts
from console.i18n import Message
from contact_registry.directory import Directory
from contact_registry.routing import Desk, Gap, resolve
from node.service.building import Draft, OnwardDraft
from node.service.consent.circumstances import Circumstances
from node.service.drafts import Answers, OpenDraft
from node.web.around import Surroundings
from node.web.fields import FormField, get_date_parts
from node.web.forms.filled import FilledForm, FormSetting
from node.web.legal_basis import Basis, BasisAnswers
from node.web.purposes import PLANS, Plan, Purpose, Shape, find_plan, list_classes
from node.web.terms import TermsAnswers
from protocol.errors import MalformedError
from protocol.identifiers import Channel, ParticipantCode, Phase, parse_participant_code
from protocol.messages.codes import AgeGroup, Formality, PersonGroup, Urgency
from protocol.messages.entries import Expectation
from protocol.messages.fields import Sensitivity, TriState
from protocol.policy.facts import IDENTIFYING

__all__ = ["PLANS", "Composition", "Purpose", "Screen", "is_reachable"]
"""The purposes are named here, too, for pages that begin a message."""


class Screen(StrEnum):
    """The screens of a message. Which of them there are, and in which order, the shape says."""

    LINK = "link"
    #: Who acts for a child.
    PERSON = "person"
    DESK = "desk"
    FACTS = "facts"
    BASIS = "basis"
    CONTENT = "content"
    CHECK = "check"


_ASKED_FIRST: Final = frozenset({"possibly_under_18", "danger_now", "ties", "person_group"})
"""Fields of a body that choose desk and deadline, and are asked on the first screen."""
_OUR_DESK: Final = "case_manager-authority"
_CHILD: Final = "child"
BEST_INTEREST_DONE: Final = "done"
"""The answer "yes" to whether the best interest of the child was assessed."""
#: Given where a message is begun in a case.
_GIVEN: Final = frozenset({"participant", "phase", "channel"})
_OF_TEXT: Final = frozenset({"language"})
_OF_FORM: Final = frozenset({"formality", "instrument"})
_NAMES: Final = {
    Screen.LINK: _GIVEN | {"possibly_under_18", "danger_now"},
    Screen.PERSON: frozenset({"best_interest"}),
    Screen.DESK: frozenset({"to_authority", "urgency"}) | TermsAnswers.due_names,
    Screen.BASIS: BasisAnswers.names | TermsAnswers.onward_names | _OF_TEXT,
    Screen.CONTENT: _OF_TEXT,
}


@dataclass(frozen=True, slots=True)
class Composition:
    """A draft, and everything that follows from its answers."""

    draft: OpenDraft
    around: Surroundings

    @property
    def participant(self) -> ParticipantCode:
        """Whose node this is."""
        return self.around.participant

    @property
    def zone(self) -> ZoneInfo:
        """The time in which people type."""
        return self.around.zone

    @property
    def plan(self) -> Plan:
        """What its purpose means; a notification until something else is chosen."""
        return find_plan(self.draft.kind) or PLANS[Purpose.NOTIFICATION]

    @property
    def is_fixed(self) -> bool:
        """Whether purpose and recipient were given where it was begun."""
        return bool(self.draft.get("is_fixed"))

    @property
    def screens(self) -> tuple[Screen, ...]:
        """The screens that this message takes, in order."""
        plan, screens = self.plan, [Screen.LINK]
        if (
            plan.shape is Shape.TEXT
            and self.draft.get("to_authority")
            and self.draft.case_reference
        ):
            return (Screen.BASIS, Screen.CHECK)
        if self.is_fixed and (not plan.is_about_person or self._age in set(TriState)):
            screens = []
        if self._has_child_part and self._age in {TriState.YES, TriState.UNKNOWN}:
            screens.append(Screen.PERSON)
        screens.append(Screen.DESK)
        if plan.shape is Shape.FACTS:
            screens.append(Screen.FACTS)
        if self.classes():
            screens.append(Screen.BASIS)
        if plan.shape is Shape.FORM:
            screens.append(Screen.CONTENT)
        return (*screens, Screen.CHECK)

    @property
    def _age(self) -> str:
        return self.draft.get("possibly_under_18")

    @property
    def _has_child_part(self) -> bool:
        return _CHILD in self.plan.body.model_fields

    @property
    def is_child(self) -> bool:
        """Under 18, or possibly so: then the person is treated as a child."""
        if self.plan.is_about_person:
            return self._age != TriState.NO
        return self.around.is_child_case

    @property
    def urgency_floor(self) -> Urgency:
        """The least urgency that the rules allow."""
        is_child = self.is_child or self.around.is_child_case
        return Urgency.URGENT if is_child else Urgency.STANDARD

    @property
    def urgency(self) -> Urgency:
        """How urgent it is: as chosen, at least the floor; in danger, immediate unless chosen."""
        chosen = self.draft.get("urgency")
        if chosen in set(Urgency):
            wanted = Urgency(chosen)
        elif self.draft.get("danger_now") == TriState.YES:
            wanted = Urgency.IMMEDIATE
        else:
            wanted = self.urgency_floor
        return self.urgency_floor if wanted is Urgency.STANDARD else wanted

    @property
    def phase(self) -> Phase:
        """The phase it belongs to."""
        chosen = self.draft.get("phase")
        known = Phase(chosen) if chosen in set(Phase) else Phase.IDENTIFICATION
        return self.plan.fixed_phase or known

    @property
    def channel(self) -> Channel:
        """The need-to-know channel in which it travels."""
        chosen = self.draft.get("channel")
        usual = self.plan.usual_channel
        return Channel(chosen) if chosen in set(self.plan.channels) else usual

    @property
    def formality(self) -> Formality:
        """Whether it is made under an instrument."""
        chosen = self.draft.get("formality")
        said = Formality(chosen) if chosen in set(Formality) else Formality.INFORMAL
        return self.plan.fixed_formality or said

    @property
    def expects_answer(self) -> bool:
        """Whether the type, sent as this kind, waits for an answer."""
        kind = self.plan.kind or self.plan.entry.kinds[0]
        return self.plan.entry.expectation_of(kind) is not Expectation.NOTHING

    @property
    def recipient(self) -> str:
        """Whom it goes to."""
        return self.draft.get("participant")

    # The legal basis.

    @property
    def basis(self) -> BasisAnswers:
        """What was answered about the legal basis."""
        return BasisAnswers(self.draft, zone=self.zone, consents=self.around.consents)

    @property
    def terms(self) -> TermsAnswers:
        """What was answered about deadline and passing on."""
        return TermsAnswers(self.draft, zone=self.zone, passable=self.around.passable)

    @property
    def has_personal_basis(self) -> bool:
        """Whether it is sent on a basis on which it may speak of the person."""
        return self.basis.kind in {Basis.CONSENT, Basis.EXCEPTION}

    @property
    def has_consent(self) -> bool:
        """Whether it is sent on consent."""
        return self.basis.kind is Basis.CONSENT

    def classes(self) -> list[Sensitivity]:
        """List the classes of data that it can hold: identifying ones only under an agreement."""
        found = list_classes(self.plan)
        barred = {Sensitivity.NONE, *(IDENTIFYING - self.around.agreed)}
        return [mark for mark in Sensitivity if mark in found - barred]

    def barred_classes(self) -> list[Sensitivity]:
        """List the classes that it could hold, and no agreement allows."""
        found = list_classes(self.plan)
        return [mark for mark in Sensitivity if mark in (found & IDENTIFYING) - self.around.agreed]

    def sendable(self) -> frozenset[Sensitivity]:
        """Return the classes that leave on the chosen basis; the others stay here."""
        return self.basis.covers & set(self.classes())

    def file_classes(self) -> list[Sensitivity]:
        """List what a file of this message may hold."""
        covered = self.basis.covers - (IDENTIFYING - self.around.agreed)
        return [mark for mark in Sensitivity if mark is Sensitivity.NONE or mark in covered]

    # Its forms.

    @property
    def answers(self) -> Answers:
        """What was typed, with what follows from it."""
        derived: dict[str, tuple[str, ...]] = {}
        names = self.plan.body.model_fields
        if "person_group" in names:
            group = PersonGroup.CHILD if self.is_child else PersonGroup.ADULT
            derived["person_group"] = (group.value,)
        if "age_group" in names and self.is_child:
            sure = self._age == TriState.YES
            derived["age_group"] = (AgeGroup.UNDER_18 if sure else AgeGroup.UNKNOWN,)
        return {**self.draft.answers, **derived}

    def form(self, keep: Callable[[FormField], bool]) -> FilledForm:
        """Lay the answers over the part of the body that ``keep`` chooses."""
        plan = self.plan
        setting = FormSetting(
            zone=self.zone,
            own_desk=self.around.own_desk,
            offers=self.around.offers,
            leave_out=plan.left_out,
            keep=keep,
        )
        return FilledForm(plan.body, self.answers, setting)

    def screen_form(self, screen: Screen) -> FilledForm | None:
        """Return the part of the body that a screen asks for; None for a screen without any."""
        match screen:
            case Screen.LINK:
                return self.form(lambda leaf: leaf.name == "ties")
            case Screen.PERSON:
                return self.form(lambda leaf: leaf.path[0] == _CHILD)
            case Screen.FACTS:
                return self.form(self._is_safe_fact)
            case Screen.BASIS if self.plan.shape is not Shape.FORM:
                shown = frozenset(self.classes())
                return self.form(lambda leaf: leaf.sensitivity in shown)
            case Screen.CONTENT:
                shown = frozenset({Sensitivity.NONE, *self.sendable()})
                return self.form(lambda leaf: leaf.sensitivity in shown and self._is_asked(leaf))
            case _:
                return None

    def _is_asked(self, leaf: FormField) -> bool:
        """Say whether a field is not answered elsewhere: by a screen before, or by the node."""
        has_screen = leaf.path[0] == _CHILD or leaf.name in {*_ASKED_FIRST, _OUR_DESK}
        return not has_screen and not (leaf.name == "age_group" and self.is_child)

    def _is_safe_fact(self, leaf: FormField) -> bool:
        return leaf.sensitivity is Sensitivity.NONE and self._is_asked(leaf)

    def whole_form(self) -> FilledForm:
        """Return the form of all that would leave."""
        shown = frozenset({Sensitivity.NONE, *self.sendable()})
        return self.form(lambda leaf: leaf.sensitivity in shown and self._belongs(leaf))

    def _belongs(self, leaf: FormField) -> bool:
        return leaf.path[0] != _CHILD or self.is_child

    def withheld(self) -> list[FormField]:
        """List the filled fields that stay here: not covered by the basis, or not applying."""
        everything = self.form(self._belongs)
        shown = frozenset({Sensitivity.NONE, *self.sendable()})
        return [*everything.withheld(shown), *everything.not_applying]

    def is_basis_too_narrow(self) -> bool:
        """Say whether the type needs what the legal basis does not let out."""
        leaving = self.whole_form()
        if leaving.find_errors():
            return False  # that is said first
        return bool(self.form(self._belongs).find_errors(leaving.body()))

    def date_parts(self, name: str) -> DateParts:
        """Return a date as it was typed."""
        return get_date_parts(self.draft.answers, name)

    def body(self) -> dict[str, Any]:
        """Put the body together, as JSON values."""
        body = self.whole_form().body()
        if self.is_child and self._has_child_part:
            body.setdefault(_CHILD, {})
        return body

    # What the service is given.

    def resolve_desk(self, directory: Directory, *, at: datetime) -> Desk | Gap:
        """Find who is competent in the recipient."""
        return resolve(
            directory,
            participant=ParticipantCode(self.recipient),
            phase=self.phase,
            at=at,
            child=self.is_child,
            channel=self.channel,
        )

    def build(self, *, our_desk: str) -> Draft:
        """Make what the service sends."""
        ours = replace(self, around=replace(self.around, own_desk=our_desk))
        body = ours.body()
        stated = self.basis.state(phase=self.phase, recipient=self.recipient, body=body)
        reply = self.draft.get("in_reply_to") or None
        terms, passed_on = self.terms, self.terms.passed_on
        is_personal = self.has_personal_basis
        names_channel = self.channel is not self.plan.usual_channel or reply is None
        return Draft(
            type=self.plan.tag,
            kind=self.plan.kind,
            channel=self.channel if names_channel else None,
            recipient=self.recipient,
            case=self.draft.case_reference,
            in_reply_to=reply,
            phase=self.phase,
            urgency=self.urgency,
            answer_by=terms.state_due() if self.expects_answer else None,
            formality=self.formality,
            instrument=self._instrument(),
            language=self.draft.get("language") or "en",
            from_authority=our_desk,
            to_authority=self.draft.get("to_authority") or None,
            legal_basis=stated.legal_basis,
            body=body,
            onward=terms.state_onward() if is_personal else OnwardDraft(),
            passes_on=passed_on.message_id if is_personal and passed_on else None,
            consent=stated.consent,
            exception=stated.exception,
            circumstances=self._add_best_interest(stated.circumstances),
        )

    def _add_best_interest(self, said: Circumstances | None) -> Circumstances | None:
        """Say that the best interest of the child was assessed, unless the case says it already."""
        is_done = self.is_child and self.draft.get("best_interest") == BEST_INTEREST_DONE
        if not is_done or self.around.is_best_interest_known:
            return said
        noted = Circumstances(treated_as_child=True, best_interest_assessed=True)
        return noted if said is None else said.add(noted)

    def _instrument(self) -> str | None:
        is_formal = self.formality is Formality.FORMAL
        return (self.draft.get("instrument") or None) if is_formal else None

    def givers(self) -> list[tuple[str, Message]]:
        """List who may consent: for a child never the child alone."""
        return self.basis.list_givers(is_child=self.is_child)

    def names_of(self, screen: Screen) -> frozenset[str]:
        """Name the answers of a screen that are no fields of the body."""
        names = _NAMES.get(screen, frozenset())
        if screen is Screen.LINK and self.is_fixed:
            names -= _GIVEN
        if screen is Screen.BASIS and self.plan.shape is Shape.FORM:
            return names - _OF_TEXT | _OF_FORM
        return names


def is_reachable(directory: Directory, code: str) -> bool:
    """Say whether a Participant has a node that messages can be sealed for."""
    try:
        return parse_participant_code(code) in directory.keys
    except MalformedError:
        return False
