"""Which agreements count: those that every party states itself, in the very same terms.

A statement is in a Participant's own ``contacts.json`` and so under its directory key. No one else
can state it for a Participant: not another party, not the operators, and not with a key that the
operators hold for it. One statement that is missing, or differs by one letter, and the agreement
does not count - for nobody, because names travel on it. An end or a notice counts whoever lists it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from contact_registry.agreements import AgreementStatement, AgreementTerms, Notice
from contact_registry.directory import Directory
from contact_registry.models import ListedBy
from protocol.identifiers import ParticipantCode
from protocol.notice import compute_end


class Shortcoming(StrEnum):
    """Why a party's word is missing."""

    NO_PARTICIPANT = "no_participant"
    NOT_STATED = "not_stated"
    OTHER_TERMS = "other_terms"
    LISTED_BY_OPERATOR = "listed_by_operator"


@dataclass(frozen=True, slots=True)
class AgreementStanding:
    """One agreement in one wording, who states it, and what is missing for it to count."""

    terms: AgreementTerms
    statements: Mapping[ParticipantCode, AgreementStatement]
    shortcomings: Mapping[ParticipantCode, Shortcoming]

    @property
    def counts(self) -> bool:
        """Whether all parties state these very terms. Whether it is in force is another matter."""
        return not self.shortcomings

    @property
    def terminated_on(self) -> date | None:
        """The first day without it, where a party lists one; the earliest that any lists."""
        ends = [s.terminated_on for s in self.statements.values() if s.terminated_on is not None]
        return min(ends, default=None)

    @property
    def notices(self) -> tuple[Notice, ...]:
        """What any party lists as notice; of one giver the earliest."""
        listed = sorted(
            (notice for s in self.statements.values() for notice in s.notices),
            key=lambda notice: notice.received_on,
            reverse=True,
        )
        earliest = {notice.given_by: notice for notice in listed}
        return tuple(earliest[code] for code in sorted(earliest))


def list_agreements(directory: Directory) -> tuple[AgreementStanding, ...]:
    """Return every wording of every agreement that anybody states, by identifier and hash.

    The cost is that of the statements that are listed, not of the pairs that could have one.
    """
    wordings: dict[tuple[str, str], AgreementTerms] = {}
    for document in directory.contacts.values():
        for statement in document.agreements:
            wordings[statement.terms.id, statement.terms.sha256] = statement.terms
    return tuple(_stand(directory, wordings[key]) for key in sorted(wordings))


def _stand(directory: Directory, terms: AgreementTerms) -> AgreementStanding:
    return AgreementStanding(
        terms=terms,
        statements=dict(_find_statements(directory, terms)),
        shortcomings=dict(_find_shortcomings(directory, terms)),
    )


def _find_statements(
    directory: Directory, terms: AgreementTerms
) -> Iterator[tuple[ParticipantCode, AgreementStatement]]:
    for code in terms.parties:
        document = directory.contacts.get(code)
        for statement in document.agreements if document is not None else ():
            if statement.terms == terms:
                yield code, statement


def _find_shortcomings(
    directory: Directory, terms: AgreementTerms
) -> Iterator[tuple[ParticipantCode, Shortcoming]]:
    for code in terms.parties:
        document = directory.contacts.get(code)
        stated = [] if document is None else [s.terms for s in document.agreements]
        if directory.participant(code) is None:
            yield code, Shortcoming.NO_PARTICIPANT
        elif terms not in stated:
            differs = any(other.id == terms.id for other in stated)
            yield code, Shortcoming.OTHER_TERMS if differs else Shortcoming.NOT_STATED
        elif document is not None and document.listed_by is ListedBy.OPERATOR:
            yield code, Shortcoming.LISTED_BY_OPERATOR


def compute_last_day(standing: AgreementStanding, party: ParticipantCode) -> date | None:
    """Return the last day on which an agreement holds for a party, by all that is known; or None.

    It ends with its term, with an end that the parties settled on, or with the party's own notice.
    """
    ends = [standing.terms.valid_to]
    if standing.terminated_on is not None:
        ends.append(standing.terminated_on - timedelta(days=1))
    ends += [
        compute_end(standing.terms.notice_rule, received_on=notice.received_on) - timedelta(days=1)
        for notice in standing.notices
        if notice.given_by == party
    ]
    return min((end for end in ends if end is not None), default=None)
