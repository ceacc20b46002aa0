"""Message of the phase return: tracing of the family."""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from protocol.identifiers import Phase
from protocol.messages.codes import Kind
from protocol.messages.fields import (
    Day,
    Model,
    Narrative,
    Sensitivity,
    TriState,
)
from protocol.messages.guarded import GuardedPersonBody
from protocol.messages.head import Answer, CaseManager, CaseMessage
from protocol.messages.person import Identity, PersonalContact
from protocol.messages.rules import verify_noted


class TracingPurpose(StrEnum):
    """Why somebody is sought."""

    RETURN_TO_THE_FAMILY = "return_to_the_family"
    RESTORE_CONTACT = "restore_contact"
    GUARDIANSHIP = "guardianship"
    CONSENT_OF_A_PARENT = "consent_of_a_parent"
    CONFIRM_IDENTITY = "confirm_identity"
    SAFETY_OF_THE_FAMILY = "safety_of_the_family"
    OTHER = "other"


class SoughtRelation(StrEnum):
    """Who is sought, seen from the person of the case."""

    MOTHER = "mother"
    FATHER = "father"
    SIBLING = "sibling"
    CHILD = "child"
    GRANDPARENT = "grandparent"
    PARTNER = "partner"
    GUARDIAN = "guardian"
    OTHER_RELATIVE = "other_relative"
    OTHER = "other"


class MayBeTold(StrEnum):
    """What a person who is found may be told. Nothing on the list: a discreet check only."""

    SOMEBODY_ASKS = "somebody_asks"
    PERSON_IS_SAFE = "person_is_safe"
    PERSON_WISHES_CONTACT = "person_wishes_contact"
    PARTICIPANT_OF_STAY = "participant_of_stay"
    RETURN_IS_PLANNED = "return_is_planned"
    ASSISTANCE_IS_GIVEN = "assistance_is_given"


class LastKnownPlace(Model):
    """Where a person who is sought was last."""

    contact: PersonalContact
    until_on: Annotated[Day | None, Sensitivity.CONTACT] = None


class PersonSought(Model):
    """One person who is sought, and what they may be told.

    Rules: an identity or a last known place is given; who is under suspicion (``yes``) is told
    nothing; another relation has a note.
    """

    relation: Annotated[SoughtRelation, Sensitivity.FAMILY]
    identity: Identity | None = None
    last_known_places: Annotated[tuple[LastKnownPlace, ...], Field(max_length=5)] = ()
    may_be_told: Annotated[
        tuple[MayBeTold, ...], Field(max_length=len(MayBeTold)), Sensitivity.PROTECTION
    ] = ()
    #: Involved in the trafficking, or violent: then nothing may be told.
    suspected: Annotated[TriState, Sensitivity.PROTECTION]
    note: Annotated[Narrative | None, Sensitivity.FAMILY] = None

    @model_validator(mode="after")
    def _verify_sought(self) -> Self:
        if self.identity is None and not self.last_known_places:
            raise ValueError("Say who is sought or where they were last: else nobody can search.")
        if self.suspected is TriState.YES and self.may_be_told:
            raise ValueError("Somebody under suspicion is told nothing: empty what may be told.")
        verify_noted([self.relation], self.note)
        return self


class FamilyTracingBody(GuardedPersonBody):
    """Persons sought, last known places, what may be disclosed to them.

    Rules: a search that the person does not want is not asked for; another purpose has a note.
    """

    purpose: Annotated[TracingPurpose, Sensitivity.NONE]
    #: The person (for a child the guardian) knows of the search and wants it.
    person_agrees: Annotated[TriState, Sensitivity.NONE]
    sought: Annotated[tuple[PersonSought, ...], Field(min_length=1, max_length=10)]
    #: Who the person of the case is, where the search cannot do without.
    identity: Identity | None = None
    search_until: Annotated[Day | None, Sensitivity.NONE] = None
    stop_if: Annotated[Narrative | None, Sensitivity.PROTECTION] = None
    case_manager: CaseManager
    note: Annotated[Narrative | None, Sensitivity.FAMILY] = None

    @model_validator(mode="after")
    def _verify_agreement(self) -> Self:
        if self.person_agrees is TriState.NO:
            raise ValueError("The person does not want the search: do not ask for it.")
        verify_noted([self.purpose], self.note)
        return self


class FamilyTracingRequest(CaseMessage):
    """Asks to find members of the person's family, discreetly."""

    type: Literal["return.family_tracing"] = "return.family_tracing"
    version: Literal[1] = 1
    kind: Literal[Kind.REQUEST]
    phase: Literal[Phase.RETURN]
    body: FamilyTracingBody


class TracingOutcome(StrEnum):
    """What the search for one person brought."""

    FOUND = "found"
    FOUND_ELSEWHERE = "found_elsewhere"
    NOT_FOUND = "not_found"
    DECEASED = "deceased"
    SEARCH_CONTINUES = "search_continues"
    STOPPED_AS_UNSAFE = "stopped_as_unsafe"


class TracingResult(Model):
    """What was found of one person who is sought.

    Rules: the wish for contact and the readiness to receive the person are given for who was found
    (``found``, ``found_elsewhere``), and only then; a search stopped as unsafe says the concern.
    """

    #: The place in the request's list, counted from 1: so that no name has to travel back.
    number: Annotated[int, Field(ge=1, le=10), Sensitivity.NONE]
    outcome: Annotated[TracingOutcome, Sensitivity.FAMILY]
    #: Accounts for every disclosure: at most what the request allowed.
    was_told: Annotated[
        tuple[MayBeTold, ...], Field(max_length=len(MayBeTold)), Sensitivity.PROTECTION
    ] = ()
    wishes_contact: Annotated[TriState | None, Sensitivity.FAMILY] = None
    would_receive_person: Annotated[TriState | None, Sensitivity.FAMILY] = None
    contact: PersonalContact | None = None
    circumstances: Annotated[Narrative | None, Sensitivity.FAMILY] = None
    concerns: Annotated[Narrative | None, Sensitivity.PROTECTION] = None

    @model_validator(mode="after")
    def _verify_result(self) -> Self:
        reached = self.outcome in {TracingOutcome.FOUND, TracingOutcome.FOUND_ELSEWHERE}
        said = {part is not None for part in (self.wishes_contact, self.would_receive_person)}
        if said != {reached}:
            raise ValueError(
                "Of somebody who was found, and of nobody else, say whether they wish contact and "
                "would receive the person."
            )
        if self.outcome is TracingOutcome.STOPPED_AS_UNSAFE and self.concerns is None:
            raise ValueError("Say which concern stopped the search.")
        return self


class FamilyTracingAnswer(Answer):
    """What the search brought, person by person.

    Rules: each number stands once; the end of the search is given if, and only if, one goes on.
    """

    answers: Literal["return.family_tracing"] = "return.family_tracing"
    results: Annotated[tuple[TracingResult, ...], Field(min_length=1, max_length=10)]
    search_continues_until: Annotated[Day | None, Sensitivity.NONE] = None
    note: Annotated[Narrative | None, Sensitivity.FAMILY] = None

    @model_validator(mode="after")
    def _verify_results(self) -> Self:
        numbers = [result.number for result in self.results]
        if len(set(numbers)) != len(numbers):
            raise ValueError("Each person who is sought has one result: join those of one number.")
        continues = any(
            result.outcome is TracingOutcome.SEARCH_CONTINUES for result in self.results
        )
        if continues != (self.search_continues_until is not None):
            raise ValueError("Say until when the search goes on if, and only if, one does.")
        return self
