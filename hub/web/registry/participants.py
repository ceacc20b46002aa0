"""The list of Participants: who lists, how many desks, what is missing, what runs out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from console.formats import describe_duration
from console.i18n import nmsg, pmsg
from contact_registry.directory import Directory
from contact_registry.freshness import Review, ReviewState, list_reviews
from contact_registry.history.versions import Holder, SignedFile
from contact_registry.models import ContactsDocument, ListedBy, ParticipantEntry
from contact_registry.standing_in import find_valid
from contact_registry.trust.layout import node_role, participant_role
from directory_pages.looks import Look
from hub.findings.observing import RENEW_WITHIN
from hub.web.registry.coverage import ParticipantCoverage
from protocol.identifiers import ParticipantCode

_TO_REVIEW: Final = frozenset({ReviewState.OVERDUE, ReviewState.NEVER_CONFIRMED})


@dataclass(frozen=True, slots=True)
class ParticipantRow:
    """One Participant of the list."""

    entry: ParticipantEntry
    listed_by: Look
    desks: int
    unreachable: int
    coverage: Look
    reviews: Look
    signature: Look
    node: Look


def describe_participants(
    directory: Directory,
    shown: Sequence[ParticipantCoverage],
    signed: Sequence[SignedFile],
    *,
    now: datetime,
) -> list[ParticipantRow]:
    """Describe these Participants, in their order. ``signed``: the files of this version."""
    expiries = {file.role: file.expires_at for file in signed}
    return [_describe(directory, one, expiries, now=now) for one in shown]


def _describe(
    directory: Directory,
    coverage: ParticipantCoverage,
    expiries: dict[str, datetime],
    *,
    now: datetime,
) -> ParticipantRow:
    entry = coverage.entry
    document = directory.contacts.get(entry.code)
    valid = find_valid(document.authorities, now) if document is not None else []
    return ParticipantRow(
        entry=entry,
        listed_by=look_of_listing(document),
        desks=len(valid),
        unreachable=sum(not authority.is_reachable for authority in valid),
        coverage=_look_of_gaps(coverage),
        reviews=look_of_reviews(list_reviews(directory, now, participant=entry.code)),
        signature=look_of_expiry(expiries.get(participant_role(entry.code)), now=now),
        node=look_of_node(directory, entry.code, expiries, now=now),
    )


def look_of_listing(document: ContactsDocument | None) -> Look:
    """Say who answers for what a Participant lists."""
    if document is None:
        return Look(pmsg("directory", "Nothing published"), "danger", "circle-alert")
    if document.listed_by is ListedBy.OPERATOR:
        return Look(pmsg("directory", "Listed by the operator"), "neutral", "building-2")
    return Look(pmsg("directory", "Listed by the Participant"), "ok", "circle-check")


def _look_of_gaps(coverage: ParticipantCoverage) -> Look:
    if not coverage.has_gap:
        return Look(pmsg("coverage", "No gap"), "ok", "circle-check")
    if coverage.gaps_by_day:
        both = coverage.gaps_by_day + coverage.gaps_by_night
        return Look(nmsg("%(count)s gap", "%(count)s gaps", both), "danger", "circle-alert")
    word = nmsg(
        "%(count)s gap, out of hours", "%(count)s gaps, out of hours", coverage.gaps_by_night
    )
    return Look(word, "warn", "alarm-clock")


def look_of_reviews(reviews: Sequence[Review]) -> Look:
    """Say how many desks should be looked at again."""
    due = sum(1 for review in reviews if review.state in _TO_REVIEW)
    if not reviews:
        return Look(pmsg("review", "Nothing to review"))
    if due:
        word = nmsg("%(count)s desk to review", "%(count)s desks to review", due)
        return Look(word, "warn", "hourglass")
    if any(review.state is ReviewState.LISTED_BY_OPERATOR for review in reviews):
        return Look(pmsg("review", "Not confirmed by the Participant"), "neutral", "building-2")
    return Look(pmsg("review", "All looked at"), "ok", "circle-check")


def look_of_expiry(
    expires_at: datetime | None, *, now: datetime, held_by: Holder = Holder.PARTICIPANT
) -> Look:
    """Say how long a signature still holds; those that programs renew are short by design."""
    if expires_at is None:
        return Look(pmsg("signature", "Nothing signed"), "neutral", "circle-dashed")
    left = expires_at - now
    if left <= timedelta():
        return Look(pmsg("signature", "Ran out"), "danger", "alarm-clock")
    holds = pmsg("signature", "Holds %(time)s", time=describe_duration(left))
    by_people = held_by in {Holder.OPERATORS, Holder.PARTICIPANT}
    if left < (RENEW_WITHIN if by_people else timedelta()):
        return Look(holds, "warn", "hourglass")
    return Look(holds, "ok", "shield-check")


def look_of_node(
    directory: Directory, code: ParticipantCode, expiries: dict[str, datetime], *, now: datetime
) -> Look:
    """Say whether the Participant's node is connected."""
    if code not in directory.keys:
        return Look(pmsg("node", "No node"), "neutral", "circle-dashed")
    expires_at = expiries.get(node_role(code))
    if expires_at is not None and expires_at <= now:
        return Look(pmsg("node", "Keys ran out"), "danger", "key-round")
    return Look(pmsg("node", "Keys published"), "ok", "key-round")
