"""Bringing a list onto the documents that are there: what is new, changed, unchanged, vanished.

A list is a claim, not a decision. It adds desks and replaces what it states; it ends nothing. An
empty cell erases nothing, another spelling renames nothing, and a desk that the list no longer
names stays as it is and is reported.
"""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any, Final

from pydantic import ValidationError

from contact_registry.errors import ContactListError, DocumentError
from contact_registry.importing.findings import Finding, FindingCode, Severity
from contact_registry.importing.folding import fold
from contact_registry.importing.matching import ListedDesk, MatchedBy, match_desks
from contact_registry.models import (
    Authority,
    Competence,
    ContactsDocument,
    ListedBy,
    Telephone,
    parse_contacts,
    serialize_document,
)
from contact_registry.particulars import AuthorityType
from protocol.errors import MalformedError
from protocol.identifiers import (
    AuthorityId,
    ParticipantCode,
    get_participant_of,
    parse_authority_id,
)

#: The row of findings about the list as a whole: its headings.
_LIST_ITSELF: Final = 1
_LOOSELY: Final = frozenset({MatchedBy.ALIAS, MatchedBy.NAME_BUT_POST, MatchedBy.NAME_BUT_CITY})


class ChangeKind(StrEnum):
    """What a list does to a desk."""

    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    VANISHED = "vanished"
    """The list does not name it; it stays as it is."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a list does to one desk: the fields that change, the rows that name it."""

    participant: ParticipantCode
    authority: AuthorityId
    kind: ChangeKind
    fields: tuple[str, ...] = ()
    rows: tuple[int, ...] = ()


@dataclass
class Reconciled:
    """The documents that result, and what is to be said about them."""

    contacts: dict[ParticipantCode, ContactsDocument] = field(default_factory=dict)
    changes: tuple[Change, ...] = ()
    findings: list[Finding] = field(default_factory=list)

    def report(self, row: int, code: FindingCode, severity: Severity, message: str) -> None:
        """Add a finding."""
        self.findings.append(Finding(row, code, severity, message))


def reconcile(
    listed: Mapping[ParticipantCode, Sequence[ListedDesk]],
    onto: Mapping[ParticipantCode, ContactsDocument],
    *,
    day: date,
    listed_by: ListedBy,
) -> Reconciled:
    """Return the documents after the list; a Participant that it does not name is left alone.

    Raises :class:`~contact_registry.errors.ContactListError` if a document would grow too large.
    """
    result = Reconciled()
    changes: list[Change] = []
    for participant, desks in listed.items():
        document = onto.get(participant)
        authorities = document.authorities if document else ()
        merged = _merge_desks(desks, authorities, day=day, result=result)
        result.contacts[participant] = _build(participant, document, listed_by, merged)
        changes += [change for change, _ in merged]
    for participant in onto.keys() - listed.keys():
        result.report(
            _LIST_ITSELF,
            FindingCode.PARTICIPANT_NOT_LISTED,
            Severity.NOTE,
            f"The list names no desk of {participant}: its document was left as it is.",
        )
    result.changes = tuple(changes)
    return result


def _build(
    participant: ParticipantCode,
    document: ContactsDocument | None,
    listed_by: ListedBy,
    merged: Iterable[tuple[Change, Authority]],
) -> ContactsDocument:
    authorities = tuple(authority for _, authority in merged)
    try:
        if document is None:
            return ContactsDocument(
                participant=participant, listed_by=listed_by, authorities=authorities
            )
        changed = document.model_copy(update={"authorities": authorities})
        return parse_contacts(serialize_document(changed))
    except (ValidationError, DocumentError) as error:
        raise ContactListError(
            f"The list and the document of {participant} do not go together into one document: it "
            "holds at most 500 desks and 1 MB. Remove the desks that have ended."
        ) from error


def _merge_desks(
    desks: Sequence[ListedDesk],
    authorities: Sequence[Authority],
    *,
    day: date,
    result: Reconciled,
) -> list[tuple[Change, Authority]]:
    """Return the registry's desks in their order, then the new ones in the list's."""
    matches = match_desks(desks, authorities)
    listed_at = {authority.id: index for index, (authority, _) in matches.found.items()}
    merged: list[tuple[Change, Authority]] = []
    for authority in authorities:
        participant = get_participant_of(authority.id)
        index = listed_at.get(authority.id)
        if index is None:
            if authority.is_valid_on(day):
                _report_vanished(authority, result)
                merged.append((Change(participant, authority.id, ChangeKind.VANISHED), authority))
            else:
                merged.append((Change(participant, authority.id, ChangeKind.UNCHANGED), authority))
            continue
        desk = desks[index]
        _report_match(authority, desk, matches.found[index][1], day=day, result=result)
        updated, fields = _update(authority, desk, result)
        kind = ChangeKind.CHANGED if fields else ChangeKind.UNCHANGED
        merged.append((Change(participant, authority.id, kind, fields, desk.rows), updated))
    taken = {authority.id for authority in authorities}
    for index, desk in enumerate(desks):
        if index in matches.found:
            continue
        if index in matches.ambiguous:
            result.report(
                desk.rows[0],
                FindingCode.AMBIGUOUS_DESK,
                Severity.BLOCKS,
                f"The row may mean any of {', '.join(matches.ambiguous[index])[:200]}: it was "
                "entered as a new desk. Say which one it is in a column 'id'.",
            )
        named = desk.authority.model_copy(update={"id": _choose_id(desk, taken)})
        taken.add(named.id)
        change = Change(get_participant_of(named.id), named.id, ChangeKind.NEW, (), desk.rows)
        merged.append((change, named))
    return merged


def _choose_id(desk: ListedDesk, taken: set[AuthorityId]) -> AuthorityId:
    """Take the list's own identifier if it is a free one of this Participant, or the one made."""
    made = desk.authority.id
    try:
        listed = parse_authority_id(desk.listed_id)
    except MalformedError:
        listed = made
    if get_participant_of(listed) == get_participant_of(made) and listed not in taken:
        return listed
    candidate, number = made, 2
    while candidate in taken:
        candidate = AuthorityId(f"{made}-{number}")
        number += 1
    return candidate


def _report_vanished(authority: Authority, result: Reconciled) -> None:
    result.report(
        _LIST_ITSELF,
        FindingCode.DESK_VANISHED,
        Severity.FIX_SOON,
        f"The list does not name {authority.id} any more: it stays as it is. If it has ended, set "
        "its last day (valid_to).",
    )


def _report_match(
    authority: Authority,
    desk: ListedDesk,
    by: MatchedBy,
    *,
    day: date,
    result: Reconciled,
) -> None:
    row = desk.rows[0]
    if by in _LOOSELY:
        code = FindingCode.MATCHED_BY_ALIAS if by is MatchedBy.ALIAS else FindingCode.POST_CHANGED
        what = {
            MatchedBy.ALIAS: "by another of its names",
            MatchedBy.NAME_BUT_POST: "though the post is another one",
            MatchedBy.NAME_BUT_CITY: "though only one of them names a city",
        }[by]
        result.report(row, code, Severity.FIX_SOON, f"Read as {authority.id}, {what}. Confirm it.")
    elif any(
        fold(theirs) == fold(ours) and theirs != ours
        for theirs, ours in zip(_identity(desk.authority), _identity(authority), strict=True)
    ):
        result.report(
            row,
            FindingCode.SPELLING_KEPT,
            Severity.NOTE,
            f"Read as {authority.id}, which the registry spells otherwise: its spelling was kept.",
        )
    if not authority.is_valid_on(day):
        result.report(
            row,
            FindingCode.ENDED_DESK,
            Severity.FIX_SOON,
            f"The list names {authority.id}, which the registry does not hold valid on {day}: its "
            "days were kept. Correct valid_from or valid_to if it works again.",
        )
    listed = desk.authority
    if (authority.telephones and not listed.telephones) or (
        authority.mailboxes and not listed.mailboxes
    ):
        result.report(
            row,
            FindingCode.VALUE_KEPT,
            Severity.NOTE,
            f"The list gives no telephone or no mailbox of {authority.id}, and the registry has "
            "one: it was kept.",
        )


def _words(text: str) -> list[str]:
    """Return the words as a table holds them, whichever form of its letters the registry has."""
    return unicodedata.normalize("NFC", text).split()


def _identity(authority: Authority) -> tuple[str, str, str, str]:
    return authority.name, authority.unit, authority.city, authority.post


def _update(
    authority: Authority, desk: ListedDesk, result: Reconciled
) -> tuple[Authority, tuple[str, ...]]:
    """Return the desk with what the list states, and the names of the fields that changed."""
    listed = desk.authority
    changes = _compare_identity(authority, desk)
    competences = _merge_competences(authority, desk, result)
    if competences != authority.competences:
        changes["competences"] = competences
    telephones = _merge_telephones(authority.telephones, listed.telephones)
    if listed.telephones and set(telephones) != set(authority.telephones):
        changes["telephones"] = telephones
    if listed.mailboxes and _lower(listed.mailboxes) != _lower(authority.mailboxes):
        changes["mailboxes"] = listed.mailboxes
    # A desk whose hours the registry knows has no need of a list's yes or no.
    states_hours = "available_24_7" in desk.stated and not authority.schedules
    if states_hours and listed.available_24_7 != authority.available_24_7:
        changes["available_24_7"] = listed.available_24_7
    if listed.languages and set(listed.languages) != set(authority.languages):
        changes["languages"] = listed.languages
    if listed.note and _words(listed.note) != _words(authority.note):
        changes["note"] = listed.note
    if not changes:
        return authority, ()
    fields = tuple(sorted(changes))
    # Who confirmed the entry confirmed what it said before.
    changes |= {"source": listed.source, "last_confirmed": None}
    return authority.model_copy(update=changes), fields


def _compare_identity(authority: Authority, desk: ListedDesk) -> dict[str, Any]:
    """Return what is another name, not another spelling; an alias is the name only with the id."""
    names: tuple[str, ...] = ("unit", "city", "post")
    if desk.listed_id == authority.id:
        names = ("name", *names)
    changes: dict[str, Any] = {}
    for name in names:
        if name == "city" and authority.type is AuthorityType.SHELTER:
            continue  # where a shelter stands is never listed
        theirs, ours = getattr(desk.authority, name), getattr(authority, name)
        if theirs and fold(theirs) != fold(ours):
            changes[name] = theirs
    return changes


def _lower(mailboxes: Iterable[str]) -> set[str]:
    return {mailbox.casefold() for mailbox in mailboxes}


def _merge_competences(
    authority: Authority, desk: ListedDesk, result: Reconciled
) -> tuple[Competence, ...]:
    """Add what the list names and the registry lacks; what the list lacks stays, and is reported.

    A list that names neither channel nor person group is compared by phase alone, so that what
    people set in the registry is not undone by the next import.
    """
    stated = [column for column in ("channel", "person_group") if column in desk.stated]

    def key(competence: Competence) -> tuple[str, ...]:
        return (competence.phase, *(getattr(competence, column) for column in stated))

    ours = {key(competence) for competence in authority.competences}
    theirs = {key(competence) for competence in desk.authority.competences}
    for lost in sorted({k[0] for k in ours - theirs}):
        result.report(
            desk.rows[0],
            FindingCode.COMPETENCE_VANISHED,
            Severity.FIX_SOON,
            f"The list does not name {authority.id} for {lost} as the registry does: the "
            "competence was kept. Remove it there if it has ended.",
        )
    added = [c for c in desk.authority.competences if key(c) not in ours]
    return (*authority.competences, *added)


def _merge_telephones(
    ours: Sequence[Telephone], theirs: Sequence[Telephone]
) -> tuple[Telephone, ...]:
    """Return the list's numbers, each as the registry has it if the registry has it."""
    known = {_dial(telephone): telephone for telephone in ours}
    return tuple(dict.fromkeys(known.get(_dial(telephone), telephone) for telephone in theirs))


def _dial(telephone: Telephone) -> tuple[str, str]:
    number = telephone.e164 or "".join(filter(str.isalnum, telephone.as_listed))
    return number, telephone.extension or ""
