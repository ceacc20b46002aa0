"""Find who in a Participant is competent for a phase, for this person, at this moment.

The answer is a :class:`Desk` or a :class:`Gap`; both say why. Nothing here depends on the order in
which authorities are listed, so that two nodes with the same registry version name the same desk.

The steps, tried in order until one has a desk that somebody can reach:

1. the phase, in the channel asked for;
2. the phase, in the other channels - never out of ``witness_protection`` into another one or the
   reverse, and never into ``trend``: these are need-to-know;
3. the Participant's desk for identification, which the guidance makes the focal point of last
   resort, in the channel asked for.

If no step has a reachable desk, a competent but unreachable one is no answer but a gap with its
candidates, because a message that nobody can ask about by telephone must not look delivered.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from contact_registry.directory import Directory
from contact_registry.models import Authority, Competence, ListedBy, PersonGroup
from protocol.identifiers import Channel, ParticipantCode, Phase


class FallBack(StrEnum):
    """What had to be let go to find a desk."""

    OTHER_CHANNEL = "other_channel"
    IDENTIFICATION_DESK = "identification_desk"


class GapReason(StrEnum):
    """Why there is no desk."""

    UNKNOWN_PARTICIPANT = "unknown_participant"
    NOTHING_LISTED = "nothing_listed"
    NOBODY_COMPETENT = "nobody_competent"
    NOBODY_REACHABLE = "nobody_reachable"


@dataclass(frozen=True, slots=True)
class Desk:
    """The desk to write to. ``alternatives`` are further competent desks, best first."""

    authority: Authority
    competence: Competence
    reason: str
    fell_back_on: tuple[FallBack, ...]
    alternatives: tuple[Authority, ...]
    is_reachable_by_telephone: bool
    is_reachable_by_mail: bool
    listed_by: ListedBy

    @property
    def is_reachable(self) -> bool:
        """Whether anybody in another Participant can reach the desk outside this system."""
        return self.is_reachable_by_telephone or self.is_reachable_by_mail

    @property
    def is_confirmed(self) -> bool:
        """Whether the Participant itself answers for the entry."""
        return self.listed_by is ListedBy.PARTICIPANT


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
class _Candidate:
    authority: Authority
    competence: Competence


#: Where a search may go on when a channel has nobody: assistance and police work on one case and
#: may hand a person over; the other two never leave their own.
_OTHER_CHANNELS: Final = {
    Channel.ASSISTANCE: (Channel.POLICE,),
    Channel.POLICE: (Channel.ASSISTANCE,),
    Channel.WITNESS_PROTECTION: (),
    Channel.TREND: (),
}


def resolve(  # noqa: PLR0913 - the parts of one question, all by name
    directory: Directory,
    *,
    participant: ParticipantCode,
    phase: Phase,
    at: datetime,
    child: bool = False,
    channel: Channel = Channel.ASSISTANCE,
) -> Desk | Gap:
    """Answer the question as of ``at``; a person who may be under 18 is asked for as a child."""
    if directory.participant(participant) is None:
        return Gap(
            GapReason.UNKNOWN_PARTICIPANT,
            f"{participant} does not take part: check the code, or ask the registry operators.",
        )
    document = directory.contacts.get(participant)
    valid = [] if document is None else _find_valid(document.authorities, at)
    if document is None or not valid:
        return Gap(
            GapReason.NOTHING_LISTED,
            f"{participant} has no authority listed on this day: ask the registry operators.",
        )
    unreachable: dict[str, Authority] = {}
    for step in _plan(phase, channel):
        candidates = _rank(_find_competent(valid, step, child=child), child=child)
        reachable = [c for c in candidates if c.authority.is_reachable]
        if reachable:
            return _answer(reachable, candidates, step, asked=phase, child=child,
                           listed_by=document.listed_by)  # fmt: skip
        unreachable |= {c.authority.id: c.authority for c in candidates}
    return _explain_gap(participant, phase, tuple(unreachable.values()), child=child)


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


def _find_valid(authorities: Sequence[Authority], at: datetime) -> list[Authority]:
    """Return the authorities that are valid on the day that ``at`` is where they are."""
    return [a for a in authorities if a.is_valid_on(at.astimezone(ZoneInfo(a.time_zone)).date())]


def _find_competent(
    authorities: Iterable[Authority], step: _Step, *, child: bool
) -> Iterable[_Candidate]:
    groups = (PersonGroup.CHILD if child else PersonGroup.ADULT, PersonGroup.ANY)
    for authority in authorities:
        fitting = [
            c
            for c in authority.competences
            if c.phase is step.phase and c.channel in step.channels and c.person_group in groups
        ]
        if fitting:
            yield _Candidate(authority, min(fitting, key=lambda c: groups.index(c.person_group)))


def _rank(candidates: Iterable[_Candidate], *, child: bool) -> list[_Candidate]:
    """Best first: reachable, for this person group, around the clock, by telephone, by mail.

    For a child a desk for children comes before one that answers around the clock: the guidance
    wants the specialised one. The identifier breaks ties.
    """
    own = PersonGroup.CHILD if child else PersonGroup.ADULT

    def key(candidate: _Candidate) -> tuple[bool, bool, bool, bool, bool, str]:
        authority = candidate.authority
        return (
            not authority.is_reachable,
            candidate.competence.person_group is not own,
            not authority.available_24_7,
            not _has_telephone(authority),
            not authority.mailboxes,
            authority.id,
        )

    return sorted(candidates, key=key)


def _has_telephone(authority: Authority) -> bool:
    return any(telephone.is_dialable_from_abroad for telephone in authority.telephones)


def _answer(  # noqa: PLR0913 - the parts of one answer
    reachable: Sequence[_Candidate],
    candidates: Sequence[_Candidate],
    step: _Step,
    *,
    asked: Phase,
    child: bool,
    listed_by: ListedBy,
) -> Desk:
    best = reachable[0]
    group = {
        PersonGroup.ANY: "people of any age",
        PersonGroup.CHILD: "children",
        PersonGroup.ADULT: "adults",
    }[best.competence.person_group]
    parts = [f"Listed as competent for {step.phase} for {group}"]
    if FallBack.OTHER_CHANNEL in step.fell_back_on:
        parts.append(
            f"in the {best.competence.channel} channel, because the channel asked for has nobody "
            "who can be reached"
        )
    if FallBack.IDENTIFICATION_DESK in step.fell_back_on:
        parts.append(f"taken because nobody reachable is listed for {asked}")
    if best.authority.available_24_7:
        parts.append("answers around the clock")
    if child and best.competence.person_group is not PersonGroup.CHILD:
        parts.append("no desk for children alone is listed")
    passed_over = len(candidates) - len(reachable)
    if passed_over:
        parts.append(f"{passed_over} further competent but listed without telephone and mailbox")
    return Desk(
        authority=best.authority,
        competence=best.competence,
        reason="; ".join(parts) + ".",
        fell_back_on=step.fell_back_on,
        alternatives=tuple(c.authority for c in candidates if c is not best),
        is_reachable_by_telephone=_has_telephone(best.authority),
        is_reachable_by_mail=bool(best.authority.mailboxes),
        listed_by=listed_by,
    )


def _explain_gap(
    participant: ParticipantCode, phase: Phase, unreachable: tuple[Authority, ...], *, child: bool
) -> Gap:
    person = "a child" if child else "an adult"
    if unreachable:
        return Gap(
            GapReason.NOBODY_REACHABLE,
            f"{participant} lists {len(unreachable)} competent for {phase} or identification for "
            f"{person}, and none of them with a telephone or a mailbox that works from abroad: ask "
            "the registry operators.",
            unreachable,
        )
    return Gap(
        GapReason.NOBODY_COMPETENT,
        f"{participant} lists nobody competent for {phase} or identification for {person} in this "
        "channel: ask the registry operators.",
    )
