"""Messages of the phase return: the reception, and whether the person arrived."""

from enum import StrEnum
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from protocol.identifiers import Phase
from protocol.messages.codes import Kind, Need, Urgency
from protocol.messages.fields import (
    Instant,
    Line,
    Narrative,
    Sensitivity,
    TriState,
)
from protocol.messages.guarded import GuardedPersonBody
from protocol.messages.head import Answer, CaseManager, CaseMessage
from protocol.messages.journey import Companion, Journey, Reception
from protocol.messages.return_readiness import PriorNotice, PriorNoticeState, ReturnBody


class ArrivalReceptionBody(ReturnBody):
    """A request to receive the person: place, time, transport, accommodation.

    Rules: the journey says the place and the moment of arrival.
    """

    prior_notice: PriorNotice
    journey: Journey
    companions: Annotated[tuple[Companion, ...], Field(max_length=6)] = ()
    reception: Reception | None = None
    transport_wanted: Annotated[bool, Sensitivity.NONE]
    needs_on_arrival: Annotated[
        tuple[Need, ...], Field(max_length=len(Need)), Sensitivity.NONE
    ] = ()
    health_note: Annotated[Narrative | None, Sensitivity.HEALTH] = None
    #: How the person and the ones who wait know each other; no name, no photograph.
    recognised_by: Annotated[Line | None, Sensitivity.PROTECTION] = None
    #: Reachable during the journey.
    case_manager: CaseManager
    note: Annotated[Narrative | None, Sensitivity.PROTECTION] = None

    @model_validator(mode="after")
    def _verify_place_and_time(self) -> Self:
        if self.journey.arrival_at is None or self.journey.arrival_place is None:
            raise ValueError("Who is to receive somebody needs the place and the time of arrival.")
        return self


class ArrivalReceptionRequest(CaseMessage):
    """Asks the recipient to receive the person, and to confirm it."""

    type: Literal["return.arrival_reception"] = "return.arrival_reception"
    version: Literal[1] = 1
    kind: Literal[Kind.REQUEST]
    phase: Literal[Phase.RETURN]
    body: ArrivalReceptionBody


class ReceptionReply(StrEnum):
    """What the recipient says to a reception."""

    CONFIRMED = "confirmed"
    CONFIRMED_WITH_CHANGES = "confirmed_with_changes"
    NOT_POSSIBLE = "not_possible"


class ArrivalReceptionAnswer(Answer):
    """The reception as confirmed: this is what opens the gate "reception confirmed".

    Rules: a confirmation has the reception, meeting place, moment, post that waits, and case
    manager; a reception that is not possible has a note.
    """

    answers: Literal["return.arrival_reception"] = "return.arrival_reception"
    reply: Annotated[ReceptionReply, Sensitivity.NONE]
    reception: Reception | None = None
    meeting_place: Annotated[Line | None, Sensitivity.PROTECTION] = None
    meeting_at: Annotated[Instant | None, Sensitivity.PROTECTION] = None
    #: The post of the one who waits.
    met_by: Annotated[Line | None, Sensitivity.PROTECTION] = None
    transport: Annotated[Line | None, Sensitivity.PROTECTION] = None
    #: For a child: whether the guardian on the receiving side is there at the arrival.
    guardian_present: Annotated[TriState | None, Sensitivity.FAMILY] = None
    case_manager: CaseManager | None = None
    note: Annotated[Narrative | None, Sensitivity.PROTECTION] = None

    @model_validator(mode="after")
    def _verify_reply(self) -> Self:
        if self.reply is ReceptionReply.NOT_POSSIBLE:
            if self.note is None:
                raise ValueError("Say in the note why, and when or where it would be possible.")
            return self
        needed = (
            self.reception,
            self.meeting_place,
            self.meeting_at,
            self.met_by,
            self.case_manager,
        )
        if None in needed:
            raise ValueError(
                "A confirmed reception says who receives, where and when they meet, who waits, and "
                "which desk is reachable."
            )
        return self


class ArrivalOutcome(StrEnum):
    """Whether the person is there."""

    ARRIVED = "arrived"
    ARRIVED_BUT_LEFT = "arrived_but_left"
    DELAYED = "delayed"
    DID_NOT_ARRIVE = "did_not_arrive"


class StateOnArrival(StrEnum):
    """How the person is, as far as those who received them can say."""

    WELL = "well"
    EXHAUSTED_OR_DISTRESSED = "exhausted_or_distressed"
    NEEDS_MEDICAL_CARE = "needs_medical_care"
    INJURED = "injured"
    UNKNOWN = "unknown"


class NextStep(StrEnum):
    """What happens now."""

    STAY_IN_SHELTER = "stay_in_shelter"
    STAY_WITH_FAMILY = "stay_with_family"
    STAY_ELSEWHERE = "stay_elsewhere"
    MEDICAL_CARE = "medical_care"
    NEEDS_ASSESSMENT = "needs_assessment"
    ASSISTANCE_PLAN = "assistance_plan"
    SEARCH = "search"
    NEW_DATE_OF_ARRIVAL = "new_date_of_arrival"
    NONE_WANTED_BY_PERSON = "none_wanted_by_person"


class SearchMeasure(StrEnum):
    """What was done to find somebody who did not arrive."""

    SENDER_CALLED = "sender_called"
    ESCORT_CALLED = "escort_called"
    PERSON_CALLED = "person_called"
    CARRIER_ASKED = "carrier_asked"
    BORDER_POLICE_ASKED = "border_police_asked"
    POLICE_INFORMED = "police_informed"
    MISSING_PERSON_REPORTED = "missing_person_reported"


_HERE: Final = frozenset({ArrivalOutcome.ARRIVED, ArrivalOutcome.ARRIVED_BUT_LEFT})
_MISSING: Final = frozenset({ArrivalOutcome.ARRIVED_BUT_LEFT, ArrivalOutcome.DID_NOT_ARRIVE})


class ArrivalConfirmationBody(GuardedPersonBody):
    """Arrived, received by, state, next step; or did not arrive.

    Rules: the moment and the state are given if, and only if, the person came (``arrived``,
    ``arrived_but_left``); who stays has a reception; a delay has a new moment; search measures and
    suspected danger are given for a missing person (``did_not_arrive``, ``arrived_but_left``), and
    only then; whether the guardian took over, for a child who ``arrived``, and only then.
    """

    outcome: Annotated[ArrivalOutcome, Sensitivity.NONE]
    #: What monitoring counts: a return without an acknowledged prior notice is a defect.
    prior_notice: PriorNotice
    arrived_at: Annotated[Instant | None, Sensitivity.PROTECTION] = None
    expected_at: Annotated[Instant | None, Sensitivity.PROTECTION] = None
    reception: Reception | None = None
    companions: Annotated[tuple[Companion, ...], Field(max_length=6)] = ()
    guardian_took_over: Annotated[TriState | None, Sensitivity.FAMILY] = None
    state: Annotated[StateOnArrival | None, Sensitivity.HEALTH] = None
    state_note: Annotated[Narrative | None, Sensitivity.HEALTH] = None
    next_steps: Annotated[
        tuple[NextStep, ...], Field(min_length=1, max_length=len(NextStep)), Sensitivity.PROTECTION
    ]
    search_measures: Annotated[
        tuple[SearchMeasure, ...], Field(max_length=len(SearchMeasure)), Sensitivity.PROTECTION
    ] = ()
    danger_suspected: Annotated[TriState | None, Sensitivity.PROTECTION] = None
    case_manager: CaseManager
    note: Annotated[Narrative | None, Sensitivity.PROTECTION] = None

    @model_validator(mode="after")
    def _verify_outcome(self) -> Self:
        said = {part is not None for part in (self.arrived_at, self.state)}
        if said != {self.outcome in _HERE}:
            raise ValueError(
                "Say when the person arrived and in which state, or that they did not."
            )
        if self.outcome is ArrivalOutcome.ARRIVED and self.reception is None:
            raise ValueError("Say who received the person and where they stay.")
        if self.outcome is ArrivalOutcome.DELAYED and self.expected_at is None:
            raise ValueError("Say when the person is expected now.")
        missing = self.outcome in _MISSING
        if missing != bool(self.search_measures) or missing != (self.danger_suspected is not None):
            raise ValueError(
                "Of a person who is missing, and of no other, say what was done to find them and "
                "whether danger is suspected."
            )
        return self

    @model_validator(mode="after")
    def _verify_guardian(self) -> Self:
        needed = self.treated_as_child and self.outcome is ArrivalOutcome.ARRIVED
        if needed != (self.guardian_took_over is not None):
            raise ValueError(
                "Of a child who arrived, and of nobody else, say whether the guardian took over."
            )
        return self

    @property
    def came_without_acknowledged_notice(self) -> bool:
        """Whether this is the defect that monitoring must show."""
        return (
            self.outcome in _HERE and self.prior_notice.state is not PriorNoticeState.ACKNOWLEDGED
        )


class ArrivalConfirmation(CaseMessage):
    """Tells the side that sent the person whether they arrived.

    Rules: a message about a missing person (did not arrive, or arrived but left) is at least
    urgent.
    """

    type: Literal["return.arrival_confirmation"] = "return.arrival_confirmation"
    version: Literal[1] = 1
    kind: Literal[Kind.NOTIFICATION]
    phase: Literal[Phase.RETURN]
    body: ArrivalConfirmationBody

    @model_validator(mode="after")
    def _verify_missing_is_urgent(self) -> Self:
        if self.body.outcome in _MISSING and self.urgency is Urgency.STANDARD:
            raise ValueError("A person who is missing is at least urgent.")
        return self
