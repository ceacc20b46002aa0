"""A registry of invented desks that shows what a real one has: confirmations, gaps, old entries."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date

from contact_registry.directory import Directory
from contact_registry.founding import FOUNDING_PARTICIPANTS, FOUNDING_TIME_ZONES
from contact_registry.models import (
    Authority,
    Competence,
    ContactsDocument,
    ListedBy,
    PersonGroup,
    Telephone,
)
from node.adapters.keystore import FileKeyStore
from protocol.identifiers import AuthorityId, ParticipantCode, Phase
from tests.support.node import make_directory

CITIES = {
    "AL": "Tirana", "BA": "Sarajevo", "XK": "Pristina", "ME": "Podgorica", "MK": "Skopje",
    "RS": "Belgrade",
}  # fmt: skip
PREFIXES = {"AL": "355", "BA": "387", "XK": "383", "ME": "382", "MK": "389", "RS": "381"}
NAMES = {
    "anti-trafficking-coordination-office": "Anti-Trafficking Coordination Office",
    "child-protection-unit": "Child Protection Unit",
    "centre-for-social-work": "Centre for Social Work",
    "special-prosecution-office": "Special Prosecution Office",
}
LATER = (Phase.SOCIAL_INCLUSION, Phase.RETURN)


def _desk(code: str, slug: str, number: int, *phases: Phase, **changes: object) -> Authority:
    fields: dict[str, object] = {
        "id": AuthorityId(f"{code}-{slug}"),
        "name": NAMES[slug],
        "city": CITIES[code],
        "post": "Focal point",
        "competences": tuple(Competence(phase=phase) for phase in phases),
        "telephones": (
            Telephone(
                as_listed=f"+{PREFIXES[code]} 4000000{number}",
                e164=f"+{PREFIXES[code]}4000000{number}",
            ),
        ),
        "time_zone": FOUNDING_TIME_ZONES[ParticipantCode(code)],
        "valid_from": date(2022, 1, 1),
        "last_confirmed": date(2026, 3, 1),
    }
    return Authority.model_validate(fields | changes)


def _desks(code: str) -> tuple[Authority, ...]:
    coordinator = _desk(
        code,
        "anti-trafficking-coordination-office",
        1,
        Phase.IDENTIFICATION,
        Phase.FIRST_ASSISTANCE,
        available_24_7=True,
        languages=("sq", "en"),
        mailboxes=("desk@coordination.example",),
    )
    children = _desk(
        code,
        "child-protection-unit",
        2,
        competences=(Competence(phase=Phase.IDENTIFICATION, person_group=PersonGroup.CHILD),),
        last_confirmed=date(2025, 6, 1),
    )
    social = _desk(code, "centre-for-social-work", 3, *LATER, last_confirmed=None)
    court = _desk(
        code,
        "special-prosecution-office",
        4,
        Phase.PROCEEDINGS,
        telephones=(Telephone(as_listed="04 000 004", national_only=True),),
        last_confirmed=None,
    )
    return coordinator, children, social, court


def make_invented_directory(stores: Iterable[FileKeyStore]) -> Directory:
    """Return a registry of the founding Participants, of which these nodes are connected."""
    directory = make_directory(stores)
    confirmed = {"AL", "XK", "MK"}
    contacts = {
        entry.code: ContactsDocument(
            participant=entry.code,
            listed_by=ListedBy.PARTICIPANT if entry.code in confirmed else ListedBy.OPERATOR,
            authorities=_desks(entry.code) if entry.code in confirmed else _desks(entry.code)[:1],
        )
        for entry in FOUNDING_PARTICIPANTS
        if entry.code != "BA"
    }
    return replace(directory, participants=FOUNDING_PARTICIPANTS, contacts=contacts)
