"""What is to be said about a change before anybody signs it.

*Blocking* findings keep the signing file from being made: what cannot be published is not signed.
They come from the very checks that the registry host runs. Warnings and notes are for people, who
may have reasons.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from contact_registry.agreed import Shortcoming, list_agreements
from contact_registry.changes.change import Change, EntryKind
from contact_registry.changes.effects import Effects
from contact_registry.changes.published_role import PublishedRole
from contact_registry.coverage import CoverageCode, CoverageFinding
from contact_registry.directory import Directory
from contact_registry.models import Authority, ContactsDocument, PersonGroup
from protocol.identifiers import Phase


class Severity(StrEnum):
    """What a finding asks of people."""

    BLOCKING = "blocking"
    WARNING = "warning"
    NOTE = "note"


class FindingCode(StrEnum):
    """What was found, for programs and for the words of a page."""

    NOTHING_CHANGED = "nothing_changed"
    NOT_PUBLISHABLE = "not_publishable"
    """The registry host would refuse it; the message says why."""
    TERMS_CHANGED = "terms_changed"
    """An agreement's terms changed under their identifier."""
    GAP_OPENS = "gap_opens"
    GAP_STAYS = "gap_stays"
    GAP_CLOSES = "gap_closes"
    NOBODY_LISTED = "nobody_listed"
    AUTHORITY_REMOVED = "authority_removed"
    UNREACHABLE = "unreachable"
    NUMBER_NOT_VALID = "number_not_valid"
    NOT_CONFIRMED = "not_confirmed"
    REVIEW_PASSED = "review_passed"
    ENDED = "ended"
    AGREEMENT_NOT_SHARED = "agreement_not_shared"
    """Another party does not state these terms, so they do not count (yet)."""
    NODE_KEYS_CHANGED = "node_keys_changed"
    OTHER_CHANGE_OPEN = "other_change_open"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing to know before signing. ``entry`` is an identifier; ``message`` plain English."""

    code: FindingCode
    severity: Severity
    message: str
    entry_kind: EntryKind = EntryKind.DOCUMENT
    entry: str = ""
    phase: Phase | None = None
    person_group: PersonGroup | None = None
    coverage: CoverageCode | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Everything that findings are drawn from."""

    change: Change
    published: PublishedRole
    new: Directory
    """The whole directory as it would be."""
    effects: Effects
    refusal: str | None
    """What the registry host would answer, signatures left aside; None: it would take it."""
    other_changes: Sequence[str]
    at: datetime


def list_findings(case: Case) -> tuple[Finding, ...]:
    """Return the findings about a change, the blocking ones first."""
    found = [
        *_judge_whole(case),
        *_judge_entries(case),
        *_judge_agreements(case),
        *_judge_coverage(case.effects),
    ]
    order = list(Severity)
    return tuple(sorted(found, key=lambda finding: order.index(finding.severity)))


def is_changed(change: Change, published: PublishedRole) -> bool:
    """Whether the draft says anything else than what is published, or names other node keys."""
    return change.draft != published.document or set(change.node_keys) != set(published.node_keys)


def _judge_whole(case: Case) -> Iterator[Finding]:
    change = case.change
    if not change.is_renewal and not is_changed(change, case.published):
        yield Finding(
            code=FindingCode.NOTHING_CHANGED,
            severity=Severity.BLOCKING,
            message="The draft says what is published already: change something, or withdraw it.",
        )
    if case.refusal is not None:
        yield Finding(
            code=FindingCode.NOT_PUBLISHABLE, severity=Severity.BLOCKING, message=case.refusal
        )
    if set(change.node_keys) != set(case.published.node_keys):
        yield Finding(
            code=FindingCode.NODE_KEYS_CHANGED,
            severity=Severity.WARNING,
            message="Other keys may speak for this Participant's node: let the node's "
            "administrator read out their identifiers, by telephone, before you sign.",
            entry_kind=EntryKind.NODE_KEYS,
        )
    if not change.draft.authorities:
        yield Finding(
            code=FindingCode.NOBODY_LISTED,
            severity=Severity.WARNING,
            message="No authority is listed: nobody will find a desk in this Participant.",
        )
    for other in case.other_changes:
        yield Finding(
            code=FindingCode.OTHER_CHANGE_OPEN,
            severity=Severity.NOTE,
            message="Another change of these contacts is open. Whichever is published second is "
            "merged with the first, or refused with both shown.",
            entry=other,
        )


def _judge_entries(case: Case) -> Iterator[Finding]:
    before = _by_id(case.published.document)
    after = _by_id(case.change.draft)
    for name in before.keys() - after.keys():
        yield _about(
            before[name],
            FindingCode.AUTHORITY_REMOVED,
            Severity.WARNING,
            f"{before[name].name} is taken out altogether. If it did exist, rather set its last "
            "day (valid_to), so that people see that it ended.",
        )
    for name, authority in after.items():
        if authority != before.get(name):
            yield from _judge_authority(authority, case.at)


def _judge_authority(authority: Authority, at: datetime) -> Iterator[Finding]:
    today = at.astimezone(ZoneInfo(authority.time_zone)).date()
    name = authority.name
    if authority.valid_to is not None and authority.valid_to < today:
        yield _about(
            authority, FindingCode.ENDED, Severity.NOTE, f"{name} ended on {authority.valid_to}."
        )
        return
    if not authority.is_reachable:
        yield _about(
            authority,
            FindingCode.UNREACHABLE,
            Severity.WARNING,
            f"Nobody in another Participant can reach {name}: add a number in international form "
            "or a mailbox.",
        )
    if any(t.e164 is None and not t.national_only for t in authority.telephones):
        yield _about(
            authority,
            FindingCode.NUMBER_NOT_VALID,
            Severity.WARNING,
            f"A number of {name} cannot be dialled as it is listed: write it in international "
            "form, or mark it as working inside the Participant only.",
        )
    yield from _judge_dates(authority, today)


def _judge_dates(authority: Authority, today: date) -> Iterator[Finding]:
    name = authority.name
    if authority.last_confirmed is None:
        yield _about(
            authority,
            FindingCode.NOT_CONFIRMED,
            Severity.NOTE,
            f"{name} has no day on which its entry was confirmed.",
        )
    if authority.review_due is not None and authority.review_due < today:
        yield _about(
            authority,
            FindingCode.REVIEW_PASSED,
            Severity.WARNING,
            f"The review of {name} was due on {authority.review_due}: set a new day.",
        )


def _judge_agreements(case: Case) -> Iterator[Finding]:
    code = case.change.participant
    for name in list_changed_terms(case.published.document, case.change.draft):
        yield Finding(
            code=FindingCode.TERMS_CHANGED,
            severity=Severity.BLOCKING,
            message=say_terms_changed(name),
            entry_kind=EntryKind.AGREEMENT,
            entry=name,
        )
    stated = {s.terms.id: s.terms for s in case.change.draft.agreements}
    for standing in list_agreements(case.new):
        missing = {p: why for p, why in standing.shortcomings.items() if p != code}
        if stated.get(standing.terms.id) == standing.terms and missing:
            yield Finding(
                code=FindingCode.AGREEMENT_NOT_SHARED,
                severity=Severity.NOTE,
                message=f"{standing.terms.id} does not count yet: "
                f"{', '.join(sorted(missing))} {_missing_words(set(missing.values()))}.",
                entry_kind=EntryKind.AGREEMENT,
                entry=standing.terms.id,
            )


def list_changed_terms(was: ContactsDocument | None, becomes: ContactsDocument) -> list[str]:
    """Return the agreements whose terms would change under their identifier, which they never do.

    (docs/registry-documents.md, "Agreements".)
    """
    before = {s.terms.id: s.terms for s in was.agreements} if was is not None else {}
    after = {s.terms.id: s.terms for s in becomes.agreements}
    return [name for name, terms in after.items() if before.get(name, terms) != terms]


def say_terms_changed(name: str) -> str:
    """Say what is to be done about it."""
    return (
        f"The terms of {name} are changed. Terms are never changed under their identifier: end "
        "this agreement, and state the new terms under a new one."
    )


def _missing_words(reasons: set[Shortcoming]) -> str:
    if Shortcoming.OTHER_TERMS in reasons:
        return "states other terms under this identifier; compare the hash of the terms"
    return "has not stated these terms"


def _judge_coverage(effects: Effects) -> Iterator[Finding]:
    for findings, code, severity in (
        (effects.opened, FindingCode.GAP_OPENS, Severity.WARNING),
        (effects.left, FindingCode.GAP_STAYS, Severity.NOTE),
        (effects.closed, FindingCode.GAP_CLOSES, Severity.NOTE),
    ):
        for finding in findings:
            yield _of_coverage(finding, code, severity)


def _of_coverage(finding: CoverageFinding, code: FindingCode, severity: Severity) -> Finding:
    closes = code is FindingCode.GAP_CLOSES
    return Finding(
        code=code,
        severity=severity,
        message=f"Put right: {finding.message}" if closes else finding.message,
        entry_kind=EntryKind.AUTHORITY if finding.authority else EntryKind.DOCUMENT,
        entry=finding.authority.id if finding.authority else "",
        phase=finding.phase,
        person_group=finding.person_group,
        coverage=finding.code,
    )


def _by_id(document: ContactsDocument | None) -> dict[str, Authority]:
    return {} if document is None else {a.id: a for a in document.authorities}


def _about(authority: Authority, code: FindingCode, severity: Severity, message: str) -> Finding:
    return Finding(
        code=code,
        severity=severity,
        message=message,
        entry_kind=EntryKind.AUTHORITY,
        entry=authority.id,
    )
