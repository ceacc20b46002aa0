"""Writing a message: its screens, what each asks, and what the answers add up to.

Pure: answers and a directory in, fields, errors, and the service's draft out. The pages are in
:mod:`node.web.composing`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any, Final
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from console.dates import DateParts
from console.i18n import Message, msg
from contact_registry.directory import Directory
from contact_registry.routing import Desk, Gap, resolve
from node.service.building import Draft
from node.service.consent.circumstances import Circumstances
from node.service.consent.records import ConsentStatement
from node.service.drafts import OpenDraft
from node.web.fields import (
    Control,
    FormField,
    clean_text,
    collect_body,
    describe_fields,
    get_date_parts,
    list_date_names,
)
from node.web.labels import CODE_LABELS
from protocol.errors import MalformedError
from protocol.identifiers import ParticipantCode, Phase, parse_participant_code
from protocol.messages.codes import AgeGroup, GuardianSituation, Urgency
from protocol.messages.fields import Sensitivity, TriState
from protocol.messages.general import TextBody
from protocol.messages.head import ConsentGiver
from protocol.messages.identification import InitialReferralBody, PresumedVictimBody


class Purpose(StrEnum):
    """What a message is for."""

    NOTIFICATION = "notification"
    REFERRAL = "referral"
    MESSAGE = "message"


class Screen(StrEnum):
    """The screens of a message, in order."""

    LINK = "link"
    DESK = "desk"
    FACTS = "facts"
    BASIS = "basis"
    CHECK = "check"


class Basis(StrEnum):
    """On which legal basis it is sent."""

    NO_PERSONAL_DATA = "no_personal_data"
    CONSENT = "consent"


@dataclass(frozen=True, slots=True)
class Plan:
    """What one purpose means: the type that is sent, and the screens it takes."""

    tag: str
    body: type[BaseModel]
    screens: tuple[Screen, ...]


_ALL: Final = tuple(Screen)
PLANS: Final[Mapping[Purpose, Plan]] = {
    Purpose.NOTIFICATION: Plan(
        "identification.presumed_victim_notification", PresumedVictimBody, _ALL
    ),
    Purpose.REFERRAL: Plan("identification.initial_referral", InitialReferralBody, _ALL),
    Purpose.MESSAGE: Plan("general.message", TextBody, (Screen.BASIS, Screen.CHECK)),
}

_ASKED_FIRST: Final = frozenset({"possibly_under_18", "danger_now", "ties"})
"""Fields of the body that choose desk and deadline, and are asked on the first screen."""

_SET_BY_US: Final = frozenset({"possibly_under_18", "danger_now", "case_manager-authority"})

#: Classes that need an agreement between the two Participants besides consent: this form does not
#: offer their fields.
_NEEDS_AGREEMENT: Final = frozenset({Sensitivity.IDENTITY, Sensitivity.CONTACT})


@cache
def _list_fields(model: type[BaseModel]) -> tuple[FormField, ...]:
    return tuple(describe_fields(model))


@dataclass(frozen=True, slots=True)
class Composition:
    """A draft, and everything that follows from its answers."""

    draft: OpenDraft
    participant: ParticipantCode
    zone: ZoneInfo

    @property
    def purpose(self) -> Purpose:
        """What it is for; a notification until something else is chosen."""
        kind = self.draft.kind
        return Purpose(kind) if kind in set(Purpose) else Purpose.NOTIFICATION

    @property
    def plan(self) -> Plan:
        """What its purpose means."""
        return PLANS[self.purpose]

    @property
    def is_child(self) -> bool:
        """Under 18, or possibly so: then it is treated as a child's."""
        return (
            self.purpose is not Purpose.MESSAGE
            and self.draft.get("possibly_under_18") != TriState.NO
        )

    @property
    def urgency_floor(self) -> Urgency:
        """The least urgency that the rules allow."""
        return Urgency.URGENT if self.is_child else Urgency.STANDARD

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
        if wanted is Urgency.STANDARD and self.is_child:
            return Urgency.URGENT
        return wanted

    @property
    def phase(self) -> Phase:
        """The phase it belongs to."""
        chosen = self.draft.get("phase")
        return Phase(chosen) if chosen in set(Phase) else Phase.IDENTIFICATION

    @property
    def recipient(self) -> str:
        """Whom it goes to."""
        return self.draft.get("participant")

    @property
    def has_consent(self) -> bool:
        """Whether it is sent on consent."""
        return self.draft.get("basis") == Basis.CONSENT

    def fact_fields(self) -> list[FormField]:
        """List the fields of the screen of safe facts."""
        fields = []
        for field in _list_fields(self.plan.body):
            outside = field.name in _ASKED_FIRST | _SET_BY_US
            other_group = field.path[0] == "child" and not self.is_child
            own_age = field.name == "age_group" and self.is_child
            if field.sensitivity is Sensitivity.NONE and not (outside or other_group or own_age):
                fields.append(self._without_child_age(field))
        return fields

    @staticmethod
    def _without_child_age(field: FormField) -> FormField:
        if field.name != "age_group":
            return field
        adult = tuple(choice for choice in field.choices if choice[0] != AgeGroup.UNDER_18)
        return FormField(
            path=field.path,
            control=field.control,
            label=field.label,
            hint=field.hint,
            sensitivity=field.sensitivity,
            is_required=field.is_required,
            choices=adult,
        )

    def tie_fields(self) -> list[FormField]:
        """List the field of the first screen that only some types have."""
        return [field for field in _list_fields(self.plan.body) if field.name == "ties"]

    def consent_fields(self) -> list[FormField]:
        """List the fields that open with consent."""
        return [
            field
            for field in _list_fields(self.plan.body)
            if field.sensitivity not in {Sensitivity.NONE, *_NEEDS_AGREEMENT}
        ]

    def withheld(self) -> list[FormField]:
        """Fields that are filled in and stay here, because there is no consent."""
        if self.has_consent:
            return []
        return [f for f in self.consent_fields() if self.is_filled(f)]

    def is_filled(self, field: FormField) -> bool:
        """Say whether anything was typed into a field."""
        return any(clean_text(self.draft.get(name)) for name in field.answer_names)

    def date_parts(self, name: str) -> DateParts:
        """Return a date as it was typed."""
        return get_date_parts(self.draft.answers, name)

    def body(self, *, our_desk: str) -> dict[str, Any]:
        """Put the body together, as JSON values."""
        plain = [f for f in _list_fields(self.plan.body) if f.sensitivity is Sensitivity.NONE]
        fields = [*plain, *(self.consent_fields() if self.has_consent else ())]
        if not self.is_child:
            fields = [f for f in fields if f.path[0] != "child"]
        body = collect_body(fields, self.draft.answers, zone=self.zone)
        if self.purpose is Purpose.MESSAGE:
            return body
        if self.is_child:
            sure = self.draft.get("possibly_under_18") == TriState.YES
            body["age_group"] = AgeGroup.UNDER_18 if sure else AgeGroup.UNKNOWN
            body.setdefault("child", {})
        body.setdefault("case_manager", {})["authority"] = our_desk
        if self.purpose is Purpose.REFERRAL:
            body.setdefault("risk", {})
        return body

    def resolve_desk(self, directory: Directory, *, at: datetime) -> Desk | Gap:
        """Find who is competent in the recipient."""
        return resolve(
            directory,
            participant=ParticipantCode(self.recipient),
            phase=self.phase,
            at=at,
            child=self.is_child,
        )

    def build(self, *, our_desk: str) -> Draft:
        """Make what the service sends."""
        basis: dict[str, Any] = {"kind": "no_personal_data"}
        if self.has_consent:
            basis = {
                "kind": "consent",
                "given_by": self.draft.get("given_by"),
                "given_at": self.date_parts("given_at").parse_moment(self.zone).isoformat(),
                "explained_in": self.draft.get("explained_in"),
                "classes": list(self.draft.list("classes")),
                "phases": sorted({self.phase, *self.draft.list("phases_concerned")}),
                "recipients": [self.recipient],
            }
        return Draft(
            type=self.plan.tag,
            recipient=self.recipient,
            case=self.draft.case_reference,
            in_reply_to=self.draft.get("in_reply_to") or None,
            phase=self.phase,
            urgency=self.urgency,
            language=self.draft.get("language") or "en",
            from_authority=our_desk,
            to_authority=self.draft.get("to_authority") or None,
            legal_basis=basis,
            body=(body := self.body(our_desk=our_desk)),
            consent=self._state_consent(body) if self.has_consent else None,
            circumstances=self._state_circumstances(body) if self.has_consent else None,
        )

    def _state_circumstances(self, body: Mapping[str, Any]) -> Circumstances | None:
        """Say that a child has a guardian where the form says so: only then one consents."""
        child = body.get("child") or {}
        if child.get("guardian") != GuardianSituation.APPOINTED:
            return None
        return Circumstances(treated_as_child=True, guardian_appointed=True)

    def _state_consent(self, body: Mapping[str, Any]) -> ConsentStatement:
        """Say of the consent what the form says where it is chosen, so that it goes on file."""
        child = body.get("child") or {}
        return ConsentStatement(
            is_free=True,
            is_informed=True,
            is_written=True,
            is_on_file=True,
            giver_is_suspect=TriState.NO,
            child_informed=child.get("child_informed") == TriState.YES,
        )

    def givers(self) -> list[tuple[str, Message]]:
        """List who may consent: for a child never the child alone."""
        return [
            (value, label)
            for value, label in CODE_LABELS[ConsentGiver].items()
            if not (self.is_child and value == ConsentGiver.PERSON)
        ]

    def classes(self) -> list[Sensitivity]:
        """List the classes of data that the fields of this message fall into."""
        present = {field.sensitivity for field in self.consent_fields()}
        return [mark for mark in Sensitivity if mark in present]

    def names_of(self, screen: Screen) -> set[str]:
        """Name the answers that a screen gives: the others stay as they were."""
        match screen:
            case Screen.LINK:
                ties = {field.name for field in self.tie_fields()}
                return {"participant", "possibly_under_18", "danger_now", "ties"} | ties
            case Screen.DESK:
                return {"to_authority", "urgency"}
            case Screen.FACTS:
                return {name for field in self.fact_fields() for name in field.answer_names}
            case Screen.BASIS:
                fields = {n for field in self.consent_fields() for n in field.answer_names}
                return fields | {
                    *list_date_names("given_at"),
                    "basis", "given_by", "explained_in", "classes", "language",
                }  # fmt: skip
            case _:
                return set()


def is_reachable(directory: Directory, code: str) -> bool:
    """Say whether a Participant has a node that messages can be sealed for."""
    try:
        return parse_participant_code(code) in directory.keys
    except MalformedError:
        return False


def group_facts(fields: Sequence[FormField]) -> list[tuple[Message, list[FormField]]]:
    """Put the facts into parts with a heading each, in the order that people work in."""
    parts: list[tuple[Message, frozenset[str]]] = [
        (msg("The child"), frozenset({"child"})),
        (
            msg("The person"),
            frozenset(
                {"age_group", "status", "sex", "found_on", "exploitation_forms", "whereabouts"}
            ),
        ),
        (
            msg("The referral"),
            frozenset({"handover", "reason", "services_requested", "phases_concerned", "risk"}),
        ),
        (
            msg("Needs and language"),
            frozenset(
                {"immediate_needs", "languages_spoken", "interpreter_needed",
                 "reflection_period_until"}
            ),
        ),
        (msg("The case manager on our side"), frozenset({"case_manager"})),
    ]  # fmt: skip
    return [
        (title, found)
        for title, names in parts
        if (found := [field for field in fields if field.path[0] in names])
    ]


def is_wide(field: FormField) -> bool:
    """Say whether a control has so many choices that they stand in columns."""
    return field.control in {Control.CHECKBOXES, Control.RADIOS} and len(field.choices) > 4  # noqa: PLR2004 - what fits in one line
