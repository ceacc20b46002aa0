"""Find who in a Participant is competent for a phase, for this person, at this moment.

The answer is a :class:`Desk` or a :class:`Gap`; both say why. Nothing here depends on the order in
which authorities are listed, so that two nodes with the same registry version name the same desk.

The steps, tried in order until one has a desk that somebody can reach, itself or by its reserve:

1. the phase, in the channel asked for;
2. the phase, in the other channels - never out of ``witness_protection`` into another one or the
   reverse, and never into ``trend``: these are need-to-know;
3. the Participant's desk for identification, which the guidance makes the focal point of last
   resort, in the channel asked for;
4. that desk in the other channels.

If no step has a reachable desk, a competent but unreachable one is no answer but a gap with its
candidates, because a message that nobody can ask about by telephone must not look delivered.

A desk that is closed at this moment is still the competent one: the answer then names who answers
meanwhile. Only between desks that are equal in all that matters more does the open one win.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import IntEnum, StrEnum
from typing import Final

from contact_registry.directory import Directory
from contact_registry.importing.folding import fold
from contact_registry.models import Authority, Competence, ContactsDocument, ListedBy, PersonGroup
from contact_registry.schedules import Duty
from contact_registry.standing_in import DutyState, StandIn, find_valid, follow_route, judge_duty
from protocol.identifiers import Channel, ParticipantCode, Phase


class FallBack(StrEnum):
    """What had to be let go to find a desk."""

    OTHER_CHANNEL = "other_channel"
    IDENTIFICATION_DESK = "identification_desk"
    RESERVE = "reserve"
    """The desk itself has no telephone and no mailbox that works from abroad; its reserve has."""


class GapReason(StrEnum):
    """Why there is no desk."""

    UNKNOWN_PARTICIPANT = "unknown_participant"
    NOTHING_LISTED = "nothing_listed"
    NOBODY_COMPETENT = "nobody_competent"
    NOBODY_REACHABLE = "nobody_reachable"


class TurnTo(StrEnum):
    """Whom to ring at this moment."""

    DESK = "desk"
    OUT_OF_HOURS = "out_of_hours"
    RESERVE = "reserve"
    NOBODY_NOW = "nobody_now"
    """The desk is closed, and nobody is listed who answers meanwhile."""


@dataclass(frozen=True, slots=True)
class Desk:
    """The desk to write to. ``alternatives`` are further competent desks, best first.

    ``state`` says whether it is staffed at the moment asked for; ``reserve`` and ``out_of_hours``
    are who stands in for it, None where it lists nobody.
    """

    authority: Authority
    competence: Competence
    reason: str
    fell_back_on: tuple[FallBack, ...]
    alternatives: tuple[Authority, ...]
    is_reachable_by_telephone: bool
    is_reachable_by_mail: bool
    listed_by: ListedBy
    state: DutyState
    reserve: StandIn | None
    out_of_hours: StandIn | None

    @property
    def is_reachable(self) -> bool:
        """Whether anybody in another Participant can reach the desk outside this system."""
        return self.is_reachable_by_telephone or self.is_reachable_by_mail

    @property
    def is_confirmed(self) -> bool:
        """Whether the Participant itself answers for the entry."""
        return self.listed_by is ListedBy.PARTICIPANT

    @property
    def turn_to(self) -> TurnTo:
        """Whom to ring now."""
        return choose_whom(
            self.state,
            is_reachable=self.is_reachable,
            reserve=self.reserve,
            out_of_hours=self.out_of_hours,
        )


def choose_whom(
    state: DutyState,
    *,
    is_reachable: bool,
    reserve: StandIn | None,
    out_of_hours: StandIn | None,
) -> TurnTo:
    """Say whom to ring now: the desk unless it is known to be closed, then who stands in."""
    is_closed = state.duty is Duty.OFF
    if not is_closed and is_reachable:
        return TurnTo.DESK
    if is_closed and out_of_hours is not None and _answers_now(out_of_hours):
        return TurnTo.OUT_OF_HOURS
    if reserve is not None and _answers_now(reserve):
        return TurnTo.RESERVE
    return TurnTo.NOBODY_NOW


def _answers_now(route: StandIn) -> bool:
    return route.is_reachable and not route.is_off_duty


@dataclass(frozen=True, slots=True)
class Gap:
    """There is no desk, and why. ``candidates`` are competent desks that nobody can reach."""

    reason_code: GapReason
    reason: str
    candidates: tuple[Authority, ...] = ()


@dataclass(frozen=True, slots=True)
class _Step:
    phase: Phase
    channels: tuple[Channel, ...]
    fell_back_on: tuple[FallBack, ...]


@dataclass(frozen=True, slots=True)
class _Question:
    """What is asked, and the document that answers. ``place`` is in its comparable form."""

    document: ContactsDocument
    days_off: frozenset[date]
    phase: Phase
    at: datetime
    child: bool
    place: str

    @property
    def own_group(self) -> PersonGroup:
        return PersonGroup.CHILD if self.child else PersonGroup.ADULT


class _Reach(IntEnum):
    ITSELF = 0
    BY_RESERVE = 1
    NOT = 2


@dataclass(frozen=True, slots=True)
class _Candidate:
    authority: Authority
    competence: Competence
    reach: _Reach
    state: DutyState
    reserve: StandIn | None


#: Where a search may go on when a channel has nobody: assistance and police work on one case and
#: may hand a person over; the other two never leave their own.
_OTHER_CHANNELS: Final = {
    Channel.ASSISTANCE: (Channel.POLICE,),
    Channel.POLICE: (Channel.ASSISTANCE,),
    Channel.WITNESS_PROTECTION: (),
    Channel.TREND: (),
}
_DUTY_ORDER: Final = (Duty.ON, Duty.UNKNOWN, Duty.OFF)


def resolve(  # noqa: PLR0913 - the parts of one question, all by name
    directory: Directory,
    *,
    participant: ParticipantCode,
    phase: Phase,
    at: datetime,
    child: bool = False,
    channel: Channel = Channel.ASSISTANCE,
    place: str = "",
) -> Desk | Gap:
    """Answer the question as of ``at``; a person who may be under 18 is asked for as a child.

    With a ``place``, desks that are competent for another place only are left out, and those for
    this one come first. Names of places are compared without regard to case, marks and script.
    """
    if directory.participant(participant) is None:
        return Gap(
            GapReason.UNKNOWN_PARTICIPANT,
            f"{participant} does not take part: check the code, or ask the registry operators.",
        )
    document = directory.contacts.get(participant)
    valid = [] if document is None else find_valid(document.authorities, at)
    if document is None or not valid:
        return Gap(
            GapReason.NOTHING_LISTED,
            f"{participant} has no authority listed on this day: ask the registry operators.",
        )
    days_off = document.calendar.days_off if document.calendar else frozenset[date]()
    question = _Question(document, days_off, phase, at, child, fold(place))
    unreachable: dict[str, Authority] = {}
    for step in _plan(phase, channel):
        candidates = _rank(_find_competent(valid, step, question), question)
        if candidates and candidates[0].reach is not _Reach.NOT:
            return _answer(candidates, step, question)
        unreachable |= {c.authority.id: c.authority for c in candidates}
    return _explain_gap(participant, question, tuple(unreachable.values()))


def _plan(phase: Phase, channel: Channel) -> Iterable[_Step]:
    others = _OTHER_CHANNELS[channel]
    yield _Step(phase, (channel,), ())
    if others:
        yield _Step(phase, others, (FallBack.OTHER_CHANNEL,))
    if phase is not Phase.IDENTIFICATION:
        yield _Step(Phase.IDENTIFICATION, (channel,), (FallBack.IDENTIFICATION_DESK,))
        if others:
            yield _Step(
                Phase.IDENTIFICATION,
                others,
                (FallBack.IDENTIFICATION_DESK, FallBack.OTHER_CHANNEL),
            )


def _find_competent(
    authorities: Iterable[Authority], step: _Step, question: _Question
) -> Iterable[_Candidate]:
    groups = (question.own_group, PersonGroup.ANY)
    for authority in authorities:
        fitting = [
            c
            for c in authority.competences
            if c.phase is step.phase
            and c.channel in step.channels
            and c.person_group in groups
            and _fits_place(c, question.place)
        ]
        if fitting:
            best = min(fitting, key=lambda c: _rank_competence(c, question))
            yield _weigh(authority, best, question)


def _fits_place(competence: Competence, wanted: str) -> bool:
    return not wanted or not competence.place or fold(competence.place) == wanted


def _rank_competence(competence: Competence, question: _Question) -> tuple[bool, bool]:
    """For this person group first; then for the place asked for, or everywhere if none was."""
    other_group = competence.person_group is not question.own_group
    return other_group, bool(competence.place) is not bool(question.place)


def _weigh(authority: Authority, competence: Competence, question: _Question) -> _Candidate:
    reserve = follow_route(
        authority.reserve, question.document, days_off=question.days_off, at=question.at
    )
    if authority.is_reachable:
        reach = _Reach.ITSELF
    else:
        reach = _Reach.BY_RESERVE if reserve and reserve.is_reachable else _Reach.NOT
    state = judge_duty(authority, days_off=question.days_off, at=question.at)
    return _Candidate(authority, competence, reach, state, reserve)


def _rank(candidates: Iterable[_Candidate], question: _Question) -> list[_Candidate]:
    """Best first: reachable, for this person group and place, around the clock, open, by telephone.

    For a child a desk for children comes before one that answers around the clock: the guidance
    wants the specialised one. The identifier breaks ties.
    """

    def key(candidate: _Candidate) -> tuple[object, ...]:
        authority = candidate.authority
        return (
            candidate.reach,
            *_rank_competence(candidate.competence, question),
            not authority.available_24_7,
            _DUTY_ORDER.index(candidate.state.duty),
            not _has_telephone(authority),
            not authority.mailboxes,
            authority.id,
        )

    return sorted(candidates, key=key)


def _has_telephone(authority: Authority) -> bool:
    return any(telephone.is_dialable_from_abroad for telephone in authority.telephones)


def _answer(candidates: Sequence[_Candidate], step: _Step, question: _Question) -> Desk:
    best = candidates[0]
    by_reserve = (FallBack.RESERVE,) if best.reach is _Reach.BY_RESERVE else ()
    return Desk(
        authority=best.authority,
        competence=best.competence,
        reason="; ".join(_explain(candidates, step, question)) + ".",
        fell_back_on=(*step.fell_back_on, *by_reserve),
        alternatives=tuple(c.authority for c in candidates[1:]),
        is_reachable_by_telephone=_has_telephone(best.authority),
        is_reachable_by_mail=bool(best.authority.mailboxes),
        listed_by=question.document.listed_by,
        state=best.state,
        reserve=best.reserve,
        out_of_hours=follow_route(
            best.authority.out_of_hours,
            question.document,
            days_off=question.days_off,
            at=question.at,
        ),
    )


def _explain(candidates: Sequence[_Candidate], step: _Step, question: _Question) -> Iterable[str]:
    best = candidates[0]
    group = {
        PersonGroup.ANY: "people of any age",
        PersonGroup.CHILD: "children",
        PersonGroup.ADULT: "adults",
    }[best.competence.person_group]
    place = f" in {best.competence.place}" if best.competence.place else ""
    yield f"Listed as competent for {step.phase} for {group}{place}"
    if FallBack.OTHER_CHANNEL in step.fell_back_on:
        yield (
            f"in the {best.competence.channel} channel, because the channel asked for has nobody "
            "who can be reached"
        )
    if FallBack.IDENTIFICATION_DESK in step.fell_back_on:
        yield f"taken because nobody reachable is listed for {question.phase}"
    if best.reach is _Reach.BY_RESERVE:
        yield "it cannot be reached itself, but its reserve can"
    if best.authority.available_24_7:
        yield "answers around the clock"
    if question.child and best.competence.person_group is not PersonGroup.CHILD:
        yield "no desk for children alone is listed"
    passed_over = sum(c.reach is not _Reach.ITSELF for c in candidates[1:])
    if passed_over:
        yield f"{passed_over} further competent but listed without telephone and mailbox"


def _explain_gap(
    participant: ParticipantCode, question: _Question, unreachable: tuple[Authority, ...]
) -> Gap:
    person = "a child" if question.child else "an adult"
    phases = " or ".join(dict.fromkeys((question.phase, Phase.IDENTIFICATION)))
    if unreachable:
        return Gap(
            GapReason.NOBODY_REACHABLE,
            f"{participant} lists {len(unreachable)} competent for {phases} for {person}, and none "
            "of them with a telephone or a mailbox that works from abroad: ask the registry "
            "operators.",
            unreachable,
        )
    return Gap(
        GapReason.NOBODY_COMPETENT,
        f"{participant} lists nobody competent for {phases} for {person} in this channel: ask the "
        "registry operators.",
    )
