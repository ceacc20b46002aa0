"""What the command line prints: plain sentences for people, JSON for programs."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final

from contact_registry.directory import Directory
from contact_registry.exporting.verification_code import make_verification_code
from contact_registry.importing.importer import ImportResult
from contact_registry.importing.reconciling import ChangeKind
from contact_registry.models import Authority, ParticipantEntry, Telephone
from contact_registry.routing import Desk, Gap, TurnTo
from contact_registry.standing_in import DutyState, RouteProblem, StandIn
from protocol.identifiers import ParticipantCode, Phase

_TURN_TO: Final = {
    TurnTo.DESK: "Turn to the desk.",
    TurnTo.OUT_OF_HOURS: "Turn to the out-of-hours route.",
    TurnTo.RESERVE: "Turn to the reserve.",
    TurnTo.NOBODY_NOW: "NOBODY is listed who answers now.",
}
_PROBLEMS: Final = {
    RouteProblem.ENDED: "NOT IN USE: this entry is not valid at this moment.",
    RouteProblem.UNREACHABLE: "REACHES NOBODY: no telephone and no mailbox works from abroad.",
}


def describe_import(result: ImportResult) -> dict[str, object]:
    """Return an import as data: no row is missing from ``rows``."""
    return {
        "rows": result.rows_read,
        "accepted": result.rows_imported,
        "findings": [
            {"row": f.row, "code": f.code, "severity": f.severity, "message": f.message}
            for f in result.findings
        ],
        "held_back": [
            {"row": h.row, "reason": h.reason, "cells": list(h.cells)} for h in result.held_back
        ],
        "changes": [
            {
                "authority": c.authority,
                "change": c.kind,
                "fields": list(c.fields),
                "rows": list(c.rows),
            }
            for c in result.changes
        ],
    }


def format_import(result: ImportResult) -> Iterator[str]:
    """Yield an import as lines of text, by row."""
    yield from (
        f"row {f.row:>4}  {f.severity.value.replace('_', ' '):<9} {f.code}: {f.message}"
        for f in result.findings
    )
    yield from (
        f"{change.kind:<9} {change.authority}"
        + (f" ({', '.join(change.fields)})" if change.fields else "")
        for change in result.changes
        if change.kind is not ChangeKind.UNCHANGED
    )
    desks = sum(len(document.authorities) for document in result.contacts.values())
    yield (
        f"{result.rows_imported} of {result.rows_read} rows taken over: {desks} desks of "
        f"{len(result.contacts)} Participants, {len(result.findings)} findings, "
        f"{len(result.held_back)} rows held back."
    )
    counts = Counter(change.kind for change in result.changes)
    yield "Desks: " + ", ".join(f"{counts[kind]} {kind}" for kind in ChangeKind) + "."


def format_directory(directory: Directory, *, now: datetime) -> Iterator[str]:
    """Yield an overview of a verified registry, with the footnotes that display names need."""
    yield f"Registry version {directory.version}, sha256 {directory.sha256}"
    code = make_verification_code(directory.version, directory.sha256)
    yield f"Verification code of its printed list: {code}"
    state = "current" if now < directory.expires_at else "RAN OUT, renew it"
    yield f"Online signatures hold until {directory.expires_at:%Y-%m-%d %H:%M} UTC ({state})"
    yield from (_format_participant(directory, entry) for entry in directory.participants)
    for role, since in sorted(directory.overdue.items()):
        yield f"OVERDUE: the signature of {role} ran out on {since:%Y-%m-%d}: sign it again."
    yield from dict.fromkeys(e.footnote for e in directory.participants if e.footnote)


def _format_participant(directory: Directory, entry: ParticipantEntry) -> str:
    contacts = directory.contacts.get(entry.code)
    if contacts is None:
        listed = "no contacts published"
    else:
        unreachable = sum(not authority.is_reachable for authority in contacts.authorities)
        listed = f"{len(contacts.authorities)} desks ({unreachable} unreachable), listed by the "
        listed += contacts.listed_by.value
    node = "node keys published" if entry.code in directory.keys else "no node"
    return f"  {entry.code:<8} {entry.display_name:<28} {listed}; {node}"


def describe_resolution(answer: Desk | Gap) -> dict[str, object]:
    """Return the answer to "who is competent" as data."""
    if isinstance(answer, Gap):
        return {
            "found": False,
            "reason_code": answer.reason_code,
            "reason": answer.reason,
            "candidates": [authority.id for authority in answer.candidates],
        }
    return {
        "found": True,
        "authority": answer.authority.model_dump(mode="json"),
        "reason": answer.reason,
        "fell_back_on": list(answer.fell_back_on),
        "alternatives": [authority.id for authority in answer.alternatives],
        "reachable_by_telephone": answer.is_reachable_by_telephone,
        "reachable_by_mail": answer.is_reachable_by_mail,
        "listed_by": answer.listed_by,
        "duty": _describe_duty(answer.state),
        "turn_to": answer.turn_to,
        "reserve": _describe_stand_in(answer.reserve),
        "out_of_hours": _describe_stand_in(answer.out_of_hours),
    }


def _describe_duty(state: DutyState | None) -> dict[str, object] | None:
    if state is None:
        return None
    opening = state.next_opening
    return {
        "state": state.duty,
        "reason": state.reason,
        "next_opening": None if opening is None else opening.isoformat(),
    }


def _describe_stand_in(route: StandIn | None) -> dict[str, object] | None:
    if route is None:
        return None
    return {
        "authority": route.authority.id if route.authority else None,
        "telephones": [telephone.model_dump(mode="json") for telephone in route.telephones],
        "mailboxes": list(route.mailboxes),
        "note": route.note,
        "problem": route.problem,
        "duty": _describe_duty(route.state),
    }


def format_resolution(
    answer: Desk | Gap, directory: Directory, participant: ParticipantCode, phase: Phase
) -> Iterator[str]:
    """Yield the answer to "who is competent" as lines of text."""
    entry = directory.participant(participant)
    yield f"{entry.display_name if entry else participant}, {phase}:"
    if isinstance(answer, Gap):
        yield f"  GAP ({answer.reason_code}): {answer.reason}"
        yield from (f"  competent but unreachable: {a.name} ({a.id})" for a in answer.candidates)
    else:
        yield from _format_authority(answer.authority)
        yield f"  why: {answer.reason}"
        yield f"  listed by the {answer.listed_by.value}"
        yield f"  now: {answer.state.reason} {_TURN_TO[answer.turn_to]}"
        yield from _format_stand_in("reserve", answer.reserve)
        yield from _format_stand_in("out of hours", answer.out_of_hours)
        yield from (f"  or: {a.name} ({a.id})" for a in answer.alternatives)
    if entry is not None and entry.footnote:
        yield entry.footnote


def _format_authority(authority: Authority) -> Iterator[str]:
    place = ", ".join(filter(None, (authority.unit, authority.post, authority.city)))
    yield f"  {authority.name}" + (f" ({place})" if place else "")
    yield f"  {authority.id}"
    yield from _format_channels(authority.telephones, authority.mailboxes, indent="  ")
    if authority.available_24_7:
        yield "  answers around the clock"
    if authority.languages:
        yield f"  languages: {', '.join(authority.languages)}"


def _format_channels(
    telephones: Iterable[Telephone], mailboxes: Iterable[str], *, indent: str
) -> Iterator[str]:
    for telephone in telephones:
        number = telephone.e164 or telephone.as_listed
        extension = f" extension {telephone.extension}" if telephone.extension else ""
        limit = ", works inside this Participant only" if telephone.national_only else ""
        doubt = "" if telephone.e164 or telephone.national_only else ", as listed: not valid"
        yield f"{indent}{telephone.kind.value.replace('_', ' ')}: {number}{extension}{limit}{doubt}"
    yield from (f"{indent}mail: {mailbox}" for mailbox in mailboxes)


def _format_stand_in(role: str, route: StandIn | None) -> Iterator[str]:
    if route is None:
        yield f"  {role}: nobody is listed"
        return
    who = f"{route.authority.name} ({route.authority.id})" if route.authority else "own channels"
    yield f"  {role}: {who}" + (f" - {route.note}" if route.note else "")
    if route.problem is not None:
        yield f"    {_PROBLEMS[route.problem]}"
    else:
        yield from _format_channels(route.telephones, route.mailboxes, indent="    ")
        if route.state is not None:
            yield f"    now: {route.state.reason}"
