"""The legal basis of a message that is being written: what was answered, and what it carries."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar, Final
from zoneinfo import ZoneInfo

from console.dates import DateParts
from console.i18n import Message, msg
from directory_pages.codes import LANGUAGES, say_language
from node.service.consent.circumstances import Circumstances
from node.service.consent.exceptions import ExceptionDraft
from node.service.consent.records import ConsentDraft, ConsentStatement, ConsentView
from node.service.drafts import OpenDraft
from node.web.fields import clean_text, get_date_parts, list_date_names
from node.web.labels import CODE_LABELS, list_choices
from protocol.identifiers import Phase
from protocol.messages.codes import GuardianSituation
from protocol.messages.fields import Sensitivity, TriState
from protocol.messages.head import ConsentGiver, ExceptionGround
from protocol.policy.consent import COVERED_BY_GROUND

NEW: Final = "new"
"""Stands for a consent that is recorded with this message, not one on file."""


class Basis(StrEnum):
    """On which legal basis it is sent."""

    NO_PERSONAL_DATA = "no_personal_data"
    CONSENT = "consent"
    EXCEPTION = "exception"


@dataclass(frozen=True, slots=True)
class FiledConsent:
    """A consent on file that can carry a message to this recipient in this phase."""

    consent_id: str
    content: ConsentDraft


def find_usable(
    consents: list[ConsentView], *, recipient: str, phase: Phase
) -> tuple[FiledConsent, ...]:
    """Choose the consents that count for a recipient and phase, the newest first."""
    return tuple(
        FiledConsent(view.consent_id, view.content)
        for view in reversed(consents)
        if view.withdrawn_at is None
        and recipient in view.content.recipients
        and phase in view.content.phases
        and view.content.explained_in is not None
        and view.content.is_written
        and view.content.is_on_file
    )


@dataclass(frozen=True, slots=True)
class Stated:
    """What a draft for the service says of its basis."""

    legal_basis: dict[str, Any]
    consent: ConsentStatement | None = None
    exception: ExceptionDraft | None = None
    circumstances: Circumstances | None = None


@dataclass(frozen=True, slots=True)
class BasisAnswers:
    """The answers about the legal basis."""

    draft: OpenDraft
    zone: ZoneInfo
    consents: tuple[FiledConsent, ...] = ()

    #: The names of the answers.
    names: ClassVar[frozenset[str]] = frozenset(
        {
            *list_date_names("given_at"),
            "basis", "consent_record", "given_by", "explained_in", "classes",
            "ground", "justification", "person_told", "reason_not_told",
        }
    )  # fmt: skip

    @property
    def kind(self) -> Basis | None:
        """Which basis was chosen; None as long as none was."""
        chosen = self.draft.get("basis")
        return Basis(chosen) if chosen in set(Basis) else None

    @property
    def filed(self) -> FiledConsent | None:
        """The consent on file that was chosen."""
        chosen = self.draft.get("consent_record")
        return next((c for c in self.consents if c.consent_id == chosen), None)

    @property
    def classes(self) -> frozenset[Sensitivity]:
        """The classes that the chosen consent names."""
        if self.filed is not None:
            return frozenset(self.filed.content.classes)
        return frozenset(Sensitivity(c) for c in self.draft.list("classes") if c in _CLASSES)

    @property
    def ground(self) -> ExceptionGround | None:
        """The ground of the exception that is claimed."""
        chosen = self.draft.get("ground")
        return ExceptionGround(chosen) if chosen in set(ExceptionGround) else None

    @property
    def covers(self) -> frozenset[Sensitivity]:
        """The classes that may leave on it.

        Of a consent that is recorded now every class can: one that is filled in and not ticked is
        an error, which is said.
        """
        match self.kind:
            case Basis.CONSENT:
                return _CLASSES if self.filed is None else self.classes
            case Basis.EXCEPTION:
                return COVERED_BY_GROUND[self.ground] if self.ground else frozenset()
            case _:
                return frozenset()

    @property
    def given_at(self) -> DateParts:
        """When the consent was given, as it was typed."""
        return get_date_parts(self.draft.answers, "given_at")

    def text(self, name: str) -> str:
        """Return a text as messages carry it."""
        return clean_text(self.draft.get(name))

    def list_givers(self, *, is_child: bool) -> list[tuple[str, Message]]:
        """List who may consent: for a child never the child alone."""
        return [
            (value, label)
            for value, label in CODE_LABELS[ConsentGiver].items()
            if not (is_child and value == ConsentGiver.PERSON)
        ]

    def state(self, *, phase: Phase, recipient: str, body: Mapping[str, Any]) -> Stated:
        """Say it as the service takes it. What is missing or wrong was said before."""
        match self.kind:
            case Basis.CONSENT if self.filed is not None:
                return Stated(_describe_filed(self.filed), circumstances=_say_guardian(body))
            case Basis.CONSENT:
                return self._state_new(phase=phase, recipient=recipient, body=body)
            case Basis.EXCEPTION:
                return self._state_exception(body)
            case _:
                return Stated({"kind": Basis.NO_PERSONAL_DATA.value})

    def _state_new(self, *, phase: Phase, recipient: str, body: Mapping[str, Any]) -> Stated:
        child = body.get("child") or {}
        return Stated(
            {
                "kind": Basis.CONSENT.value,
                "given_by": self.draft.get("given_by"),
                "given_at": self.given_at.parse_moment(self.zone).isoformat(),
                "explained_in": self.draft.get("explained_in"),
                "classes": list(self.draft.list("classes")),
                "phases": sorted({phase, *(body.get("phases_concerned") or ())}),
                "recipients": [recipient],
            },
            # The form says all of this where a consent is chosen, so that it goes on file.
            consent=ConsentStatement(
                is_free=True,
                is_informed=True,
                is_written=True,
                is_on_file=True,
                giver_is_suspect=TriState.NO,
                child_informed=child.get("child_informed") == TriState.YES,
            ),
            circumstances=_say_guardian(body),
        )

    def _state_exception(self, body: Mapping[str, Any]) -> Stated:
        if self.ground is None:
            return Stated({"kind": Basis.EXCEPTION.value})
        told = self.draft.get("person_told")
        return Stated(
            {"kind": Basis.EXCEPTION.value, "ground": self.ground.value},
            exception=ExceptionDraft(
                ground=self.ground,
                justification=self.text("justification"),
                person_told=TriState(told) if told in set(TriState) else TriState.UNKNOWN,
                reason_not_told=self.text("reason_not_told") or None,
            ),
            circumstances=_say_guardian(body),
        )


_CLASSES: Final = frozenset(Sensitivity) - {Sensitivity.NONE}


def _describe_filed(consent: FiledConsent) -> dict[str, Any]:
    content = consent.content
    return {
        "kind": Basis.CONSENT.value,
        "given_by": content.given_by.value,
        "given_at": content.given_at.isoformat(),
        "explained_in": content.explained_in,
        "classes": [mark.value for mark in content.classes],
        "phases": [phase.value for phase in content.phases],
        "recipients": list(content.recipients),
    }


def _say_guardian(body: Mapping[str, Any]) -> Circumstances | None:
    """Say that a child has a guardian where the form says so: only then one consents."""
    child = body.get("child") or {}
    if child.get("guardian") != GuardianSituation.APPOINTED:
        return None
    return Circumstances(treated_as_child=True, guardian_appointed=True)


GROUND_NOTES: Final[Mapping[ExceptionGround, Message]] = {
    ExceptionGround.VITAL_INTEREST: msg("Somebody's life or health is in danger now."),
    ExceptionGround.BEST_INTEREST_OF_THE_CHILD: msg("Only for a child. Say what was assessed."),
    ExceptionGround.OVERRIDING_PUBLIC_INTEREST: msg("Name the interest, and why it outweighs."),
    ExceptionGround.DUTY_UNDER_LAW: msg("Name the law and its article."),
}
"""What each ground means, in one sentence."""


def list_grounds(*, is_child: bool) -> list[tuple[str, Message, Message]]:
    """List the grounds of an exception with what each means; that of children for children."""
    return [
        (value, label, GROUND_NOTES[ExceptionGround(value)])
        for value, label in list_choices(ExceptionGround)
        if is_child or value != ExceptionGround.BEST_INTEREST_OF_THE_CHILD
    ]


def name_classes(marks: frozenset[Sensitivity]) -> list[Message]:
    """Name classes in words, in their own order."""
    return [CODE_LABELS[Sensitivity][mark] for mark in Sensitivity if mark in marks]


def describe_basis(basis: BasisAnswers, *, is_child: bool) -> dict[str, Any]:
    """Give what the template of the legal basis shows, of a message as of an answer."""
    return {
        "basis_answers": basis,
        "is_child_basis": is_child,
        "consents": [
            (c.consent_id, c.content, name_classes(frozenset(c.content.classes)))
            for c in basis.consents
        ],
        "new_consent": NEW,
        "givers": basis.list_givers(is_child=is_child),
        "grounds": list_grounds(is_child=is_child),
        "told": list_choices(TriState),
        "spoken": list(LANGUAGES.items()),
        "say_language": say_language,
    }
