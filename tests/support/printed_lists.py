"""A small invented registry to export: every kind of number, hours, routes, and hostile names."""

from datetime import UTC, date, datetime

from contact_registry.directory import Directory
from contact_registry.founding import FOUNDING_PARTICIPANTS
from contact_registry.models import (
    Authority,
    Competence,
    ContactsDocument,
    ListedBy,
    PersonGroup,
    Route,
    Telephone,
    TelephoneKind,
)
from contact_registry.particulars import PostalAddress
from contact_registry.schedules import Schedule, Weekday
from protocol.identifiers import AuthorityId, Channel, ParticipantCode, Phase

DAY = date(2026, 3, 1)
HOSTILE = '=cmd|"/c calc"!A1 <script>alert(1)</script> {nb} **x**'

_WEEK = (Weekday.MONDAY, Weekday.TUESDAY, Weekday.WEDNESDAY, Weekday.FRIDAY)


def make_desk(code: str, slug: str, **changes: object) -> Authority:
    """Return an invented desk, with ``changes``."""
    fields: dict[str, object] = {
        "id": AuthorityId(f"{code}-{slug}"),
        "name": f"Kancelarija {slug}",
        "competences": (Competence(phase=Phase.RETURN),),
        "telephones": (Telephone(as_listed="+381 11 3008000", e164="+381113008000"),),
        "time_zone": "Europe/Belgrade",
        "valid_from": date(2022, 1, 1),
    }
    return Authority.model_validate(fields | changes)


def make_directory(*desks: Authority) -> Directory:
    """Return a directory of the founding Participants with these desks."""
    codes = dict.fromkeys(ParticipantCode(desk.id.split("-")[0]) for desk in desks)
    return Directory(
        version=12,
        sha256="0123456789abcdef" * 4,
        expires_at=datetime(2026, 3, 2, tzinfo=UTC),
        verified_at=datetime(2026, 3, 1, tzinfo=UTC),
        participants=FOUNDING_PARTICIPANTS,
        contacts={
            code: ContactsDocument(
                participant=code,
                listed_by=ListedBy.PARTICIPANT,
                authorities=tuple(desk for desk in desks if desk.id.startswith(f"{code}-")),
            )
            for code in codes
        },
        keys={},
    )


def make_full_directory() -> Directory:
    """Return a directory with one desk that says all it can, one that is hostile, one ended."""
    full = make_desk(
        "RS",
        "full",
        name="Министарство, Šumarska; ëç",
        unit="Odeljenje",
        city="Niš",
        post="Koordinator",
        competences=(
            Competence(phase=Phase.RETURN, person_group=PersonGroup.CHILD, channel=Channel.POLICE),
            Competence(phase=Phase.PROCEEDINGS, place="Vranje"),
        ),
        telephones=(
            Telephone(as_listed="+381 11 3008000 ext. 12", e164="+381113008000", extension="12"),
            Telephone(as_listed="0800 100 388", national_only=True, kind=TelephoneKind.TOLL_FREE),
            Telephone(as_listed="ring us"),
            Telephone(as_listed="+381 11 1", e164="+381111234567", kind=TelephoneKind.FAX),
            Telephone(as_listed="+9991234567", e164="+9991234567"),
        ),
        mailboxes=("desk@mup.example",),
        addresses=(PostalAddress(address_1="Ulica 1", city="Niš", postal_code="18000"),),
        schedules=(Schedule(byday=_WEEK, opens_at="08:00", closes_at="16:00"),),
        reserve=Route(authority=AuthorityId("RS-hostile")),
        out_of_hours=Route(mailboxes=("night@mup.example",), note="after 16:00"),
        languages=("sr-Latn", "en"),
        last_confirmed=date(2026, 2, 1),
        note="First line\nsecond, line; with \\ marks",
    )
    hostile = make_desk(
        "RS", "hostile", name=HOSTILE, post="+1", unit="@SUM(A1)", telephones=(), note="-2+3"
    )
    ended = make_desk("RS", "ended", name="Ended", valid_to=date(2025, 12, 31))
    idle = make_desk("XK", "idle", name="Zyra e Kosovës", competences=(), available_24_7=True)
    return make_directory(full, hostile, ended, idle)
