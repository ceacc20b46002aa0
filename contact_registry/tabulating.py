"""Coverage and agreements as text for people and as data for programs."""

from collections.abc import Container, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Final

from contact_registry.agreed import AgreementStanding, Shortcoming, compute_last_day
from contact_registry.coverage import Coverage, CoverageFinding, CoverageState, Hours
from contact_registry.directory import Directory
from contact_registry.models import PersonGroup
from protocol.identifiers import ParticipantCode, Phase

_GROUPS: Final = (PersonGroup.ADULT, PersonGroup.CHILD)
_WORDS: Final = {
    CoverageState.COVERED: "yes",
    CoverageState.STAND_IN: "stand-in",
    CoverageState.GAP: "NOBODY",
}
_SHORTCOMINGS: Final = {
    Shortcoming.NO_PARTICIPANT: "does not take part",
    Shortcoming.NOT_STATED: "does not state it",
    Shortcoming.OTHER_TERMS: "states other terms under this name: compare the hashes",
    Shortcoming.LISTED_BY_OPERATOR: "has not stated it itself: the operators hold its key",
}


def describe_coverage(coverage: Coverage, directory: Directory) -> dict[str, object]:
    """Return the table as data, with the version of the registry that it is about."""
    return {
        "at": coverage.at.isoformat(),
        "channel": coverage.channel,
        "registry": {"version": directory.version, "sha256": directory.sha256},
        "cells": [
            {
                "participant": cell.participant,
                "phase": cell.phase,
                "person_group": cell.person_group,
                "hours": cell.hours,
                "state": cell.state,
                "authority": cell.authority.id if cell.authority else None,
            }
            for cell in coverage.cells
        ],
        "findings": [
            {
                "code": finding.code,
                "participant": finding.participant,
                "phase": finding.phase,
                "person_group": finding.person_group,
                "authority": finding.authority.id if finding.authority else None,
                "message": finding.message,
            }
            for finding in coverage.findings
        ],
    }


def format_coverage(coverage: Coverage, directory: Directory) -> Iterator[str]:
    """Yield the table and its findings as lines of text, with the footnotes that names need."""
    yield (
        f"Coverage on {coverage.at:%Y-%m-%d %H:%M} UTC, channel {coverage.channel}, "
        f"registry version {directory.version}"
    )
    yield f"{'':<24}{'adult':<22}{'child':<22}".rstrip()
    yield f"{'':<24}{'in hours':<11}{'outside':<11}{'in hours':<11}{'outside'}"
    words = {
        (cell.participant, cell.phase, cell.person_group, cell.hours): _WORDS[cell.state]
        for cell in coverage.cells
    }
    for entry in directory.participants:
        yield f"{entry.display_name} ({entry.code})"
        for phase in Phase:
            row = (words[entry.code, phase, group, hours] for group in _GROUPS for hours in Hours)
            yield f"  {phase:<22}{''.join(f'{word:<11}' for word in row)}".rstrip()
    yield f"{len(coverage.findings)} findings"
    yield from _format_findings(coverage.findings)
    yield from _list_footnotes(directory, {entry.code for entry in directory.participants})


def _format_findings(findings: Iterable[CoverageFinding]) -> Iterator[str]:
    """Yield one line for what is said of adults and of children alike."""
    groups: dict[tuple[ParticipantCode, str, Phase | None, str], list[str]] = {}
    for finding in findings:
        key = (finding.participant, finding.code, finding.phase, finding.message)
        groups.setdefault(key, []).append(finding.person_group or "")
    for (participant, code, phase, message), listed in groups.items():
        who = " and ".join(filter(None, listed))
        about = f" ({phase}, {who})" if phase else ""
        yield f"  {participant} {code}{about}: {message}"


def _list_footnotes(directory: Directory, shown: Container[ParticipantCode]) -> Iterator[str]:
    """Yield each footnote that the names of these Participants need, once."""
    entries = (entry for entry in directory.participants if entry.code in shown)
    yield from dict.fromkeys(entry.footnote for entry in entries if entry.footnote)


def describe_agreements(
    standings: Sequence[AgreementStanding], *, at: datetime
) -> list[dict[str, object]]:
    """Return agreements as data; ``last_day`` is each party's, as far as it is known."""
    return [
        {
            "terms": standing.terms.model_dump(mode="json"),
            "sha256": standing.terms.sha256,
            "stated_by": sorted(standing.statements),
            "missing": dict(standing.shortcomings),
            "counts": standing.counts,
            "in_term": standing.terms.is_in_term(at.date()),
            "last_day": {
                party: None if (last := compute_last_day(standing, party)) is None
                else last.isoformat()
                for party in standing.terms.parties
            },
            "notices": [notice.model_dump(mode="json") for notice in standing.notices],
        }
        for standing in standings
    ]  # fmt: skip


def format_agreements(
    standings: Sequence[AgreementStanding], directory: Directory, *, at: datetime
) -> Iterator[str]:
    """Yield agreements as lines of text, with the footnotes that names need."""
    if not standings:
        yield "No Participant states an agreement: names stay at home, and defaults hold."
    for standing in standings:
        terms = standing.terms
        yield f"{terms.id}: {terms.instrument}"
        yield f"  between {', '.join(_name(directory, party) for party in terms.parties)}"
        yield f"  for {', '.join(terms.phases)}"
        yield f"  covers {', '.join(terms.sensitivity_classes) or 'no personal data'}"
        yield f"  terms {terms.sha256}"
        yield f"  {_say_state(standing, at)}"
        for party, shortcoming in standing.shortcomings.items():
            yield f"  MISSING: {_name(directory, party)} {_SHORTCOMINGS[shortcoming]}"
        for notice in standing.notices:
            yield (
                f"  notice of {_name(directory, notice.given_by)}, received on "
                f"{notice.received_on}; its last day is "
                f"{compute_last_day(standing, notice.given_by)}"
            )
    shown = {party for standing in standings for party in standing.terms.parties}
    yield from _list_footnotes(directory, shown)


def _say_state(standing: AgreementStanding, at: datetime) -> str:
    terms, today = standing.terms, at.date()
    if not standing.counts:
        return "does NOT count: not every party states these terms itself"
    if today < terms.valid_from:
        return f"counts from {terms.valid_from}"
    ends = [compute_last_day(standing, party) for party in terms.parties]
    holding = [last for last in ends if last is None or today <= last]
    if len(holding) <= 1:
        return "has ended"
    return "counts" if None in holding else f"counts until {max(filter(None, holding))}"


def _name(directory: Directory, code: ParticipantCode) -> str:
    entry = directory.participant(code)
    return f"{entry.display_name} ({code})" if entry else code
