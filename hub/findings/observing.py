"""Everything that is wrong in a version of the registry at a moment, each thing once.

Coverage (:mod:`contact_registry.coverage`), entries that nobody has looked at for long, and
signatures that people must renew. What is said of adults and of children alike is one finding.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from contact_registry.coverage import Coverage, CoverageCode
from contact_registry.directory import Directory
from contact_registry.freshness import ReviewState, list_reviews
from contact_registry.history.versions import Holder, SignedFile
from contact_registry.models import Authority, PersonGroup
from protocol.identifiers import AuthorityId, ParticipantCode, Phase

#: When to say that a signature is about to run out: time enough to reach people and their key.
RENEW_WITHIN: Final = timedelta(days=21)


class UpkeepCode(StrEnum):
    """What is wrong beside coverage."""

    REVIEW_OVERDUE = "review_overdue"
    NEVER_CONFIRMED = "never_confirmed"
    SIGNATURE_RUNS_OUT = "signature_runs_out"
    SIGNATURE_RAN_OUT = "signature_ran_out"


FindingCode = CoverageCode | UpkeepCode
#: That the operators listed an entry is known from the list; it is no finding of each desk.
_OF_REVIEW: Final = {
    ReviewState.OVERDUE: UpkeepCode.REVIEW_OVERDUE,
    ReviewState.NEVER_CONFIRMED: UpkeepCode.NEVER_CONFIRMED,
}


@dataclass(frozen=True, slots=True)
class Observed:
    """One thing to put right. What it is not about is None or empty.

    ``key`` is the same for the same thing in every version, so that who looks after it is not
    forgotten by a publication. ``signature`` is the file whose signature runs out.
    """

    key: str
    code: FindingCode
    participant: ParticipantCode | None
    phase: Phase | None = None
    groups: tuple[PersonGroup, ...] = ()
    authority: Authority | None = None
    signature: SignedFile | None = None


def observe(
    directory: Directory, coverage: Coverage, signed: Iterable[SignedFile], *, now: datetime
) -> tuple[Observed, ...]:
    """Return every finding, the gravest first, then in the order of the registry."""
    found = [
        *_observe_signatures(signed, now=now),
        *_observe_coverage(coverage),
        *_observe_reviews(directory, now=now),
    ]
    return tuple(sorted(found, key=lambda one: ORDER.index(one.code)))


ORDER: Final[tuple[FindingCode, ...]] = (
    UpkeepCode.SIGNATURE_RAN_OUT,
    CoverageCode.NOTHING_LISTED,
    CoverageCode.NOBODY_COMPETENT,
    CoverageCode.NOBODY_REACHABLE,
    UpkeepCode.SIGNATURE_RUNS_OUT,
    CoverageCode.ROUTE_UNREACHABLE,
    CoverageCode.ROUTE_ENDED,
    CoverageCode.ONLY_STAND_IN,
    CoverageCode.NOBODY_OUT_OF_HOURS,
    UpkeepCode.REVIEW_OVERDUE,
    UpkeepCode.NEVER_CONFIRMED,
    CoverageCode.HOLIDAYS_NOT_LISTED,
)
"""From what stops a referral to what makes it late."""


def _observe_coverage(coverage: Coverage) -> Iterator[Observed]:
    merged: dict[str, Observed] = {}
    for finding in coverage.findings:
        authority = finding.authority
        key = make_key(
            finding.code,
            finding.participant,
            phase=finding.phase,
            authority=authority.id if authority else None,
        )
        groups = (finding.person_group,) if finding.person_group else ()
        before = merged.get(key)
        merged[key] = Observed(
            key=key,
            code=finding.code,
            participant=finding.participant,
            phase=finding.phase,
            groups=(*(before.groups if before else ()), *groups),
            authority=authority,
        )
    yield from merged.values()


def _observe_reviews(directory: Directory, *, now: datetime) -> Iterator[Observed]:
    for entry in directory.participants:
        for review in list_reviews(directory, now, participant=entry.code):
            code = _OF_REVIEW.get(review.state)
            if code is not None:
                key = make_key(code, entry.code, authority=review.authority.id)
                yield Observed(key, code, entry.code, authority=review.authority)


def _observe_signatures(signed: Iterable[SignedFile], *, now: datetime) -> Iterator[Observed]:
    """Yield signatures of people that run out; the host and the nodes renew theirs themselves."""
    for file in signed:
        left = file.expires_at - now
        renewed_by_people = file.held_by in {Holder.OPERATORS, Holder.PARTICIPANT}
        if left > (RENEW_WITHIN if renewed_by_people else timedelta()):
            continue
        over = left <= timedelta()
        code = UpkeepCode.SIGNATURE_RAN_OUT if over else UpkeepCode.SIGNATURE_RUNS_OUT
        participant = file.entry.code if file.entry else None
        yield Observed(
            make_key(code, participant, role=file.role), code, participant, signature=file
        )


def make_key(
    code: FindingCode,
    participant: ParticipantCode | None,
    *,
    phase: Phase | None = None,
    authority: AuthorityId | None = None,
    role: str = "",
) -> str:
    """Return the name of a finding: 32 hexadecimal digits that tell nothing in a URL."""
    about = json.dumps([code.value, participant, phase, authority, role])
    return hashlib.sha256(about.encode()).hexdigest()[:32]
