"""An invented contact list that uses everything a document can say."""

import copy
import json
from collections.abc import Iterable
from datetime import date
from types import MappingProxyType
from typing import Any, Final

from contact_registry.agreements import AgreementStatement, AgreementTerms
from contact_registry.directory import Directory
from contact_registry.founding import FOUNDING_PARTICIPANTS
from contact_registry.models import Authority, ContactsDocument, ListedBy
from contact_registry.schedules import Holiday, WorkCalendar
from protocol.identifiers import ParticipantCode
from tests.support.registry import Timepiece, make_authority, make_entry

_KOSOVO: Final = next(entry for entry in FOUNDING_PARTICIPANTS if entry.code == "XK")
_TERMS: Final[dict[str, Any]] = {
    "id": "al-mk-2026",
    "instrument": "Memorandum of understanding of 12 January 2026",
    "parties": ["AL", "MK"],
    "phases": ["identification", "return"],
    "sensitivity_classes": ["identity", "contact"],
    "deadlines": [{"working_days": 4}, {"between": ["AL", "MK"], "urgent_minutes": 720}],
    "notice_rule": "six_months",
    "valid_from": "2026-02-01",
    "valid_to": "2030-12-31",
}
FULL_CONTACTS: Final[dict[str, Any]] = {
    "format": "trm-contacts/1",
    "participant": "AL",
    "listed_by": "participant",
    "calendar": {
        "weekend": ["SA", "SU"],
        "holidays": [{"day": "2026-01-01", "name": "New Year"}, {"day": "2026-11-28"}],
    },
    "authorities": [
        {
            "id": "AL-coordination-office",
            "name": "Coordination Office",
            "alternate_names": [
                {"name": "Zyra e Koordinimit", "language": "sq"},
                {"name": "Office for Coordination"},
            ],
            "type": "national_coordination",
            "unit": "Referral Unit",
            "city": "Tirana",
            "post": "Duty officer",
            "competences": [
                {"phase": "return", "person_group": "any", "channel": "assistance",
                 "measure_as_listed": "Return", "place": "Tirana"},
            ],
            "telephones": [
                {"as_listed": "+355 44541821 ext. 12", "e164": "+35544541821", "extension": "12"},
                {"as_listed": "116 006", "national_only": True, "kind": "toll_free"},
            ],
            "mailboxes": ["desk@coordination.example"],
            "addresses": [
                {"attention": "Duty officer", "address_1": "Invented Street 1",
                 "address_2": "Floor 2", "city": "Tirana", "region": "Tirana",
                 "postal_code": "1001"},
            ],
            "schedules": [
                {"byday": ["MO", "TU", "WE", "TH", "FR"], "opens_at": "08:00",
                 "closes_at": "16:00", "valid_from": "2026-01-01", "valid_to": "2027-12-31"},
            ],
            "reserve": {"authority": "AL-duty-office", "note": "Ask for the referral desk."},
            "out_of_hours": {
                "telephones": [{"as_listed": "+355 44541822", "e164": "+35544541822"}],
                "mailboxes": ["night@coordination.example"],
            },
            "languages": ["sq", "en"],
            "time_zone": "Europe/Tirane",
            "valid_from": "2022-01-01",
            "last_confirmed": "2026-02-01",
            "review_due": "2026-08-01",
            "appointment_decision": {"reference": "No. 12/2022", "issued_by": "Ministry",
                                     "issued_on": "2021-12-20"},
            "licenses": [{"number": "L-7", "issued_by": "Ministry", "valid_from": "2022-01-01",
                          "valid_to": "2027-12-31"}],
            "note": "Ring twice.",
            "source": "Invented list, row 2",
        },
        {
            "id": "AL-duty-office",
            "name": "Duty Office",
            "telephones": [{"as_listed": "+355 44541823", "e164": "+35544541823"}],
            "available_24_7": True,
            "time_zone": "Europe/Tirane",
            "valid_from": "2022-01-01",
        },
    ],
    "agreements": [
        {"terms": _TERMS, "terminated_on": "2029-06-01",
         "notices": [{"given_by": "MK", "received_on": "2028-11-03"}]},
    ],
}  # fmt: skip


def dump_contacts() -> dict[str, Any]:
    """Return a copy of the full document, to be changed."""
    return copy.deepcopy(FULL_CONTACTS)


def make_terms(**changes: Any) -> AgreementTerms:
    """Return the terms of an agreement of AL and MK, with ``changes`` as JSON has them."""
    return AgreementTerms.model_validate_json(json.dumps(_TERMS | changes))


def state(terms: AgreementTerms, **changes: Any) -> AgreementStatement:
    """Return a party's word."""
    return AgreementStatement.model_validate({"terms": terms} | changes)


def list_contacts(
    code: ParticipantCode,
    *authorities: Authority,
    listed_by: ListedBy = ListedBy.PARTICIPANT,
    agreements: Iterable[AgreementStatement] = (),
    holidays: Iterable[date] | None = None,
) -> ContactsDocument:
    """Return the contacts of a Participant; with one desk if none is given."""
    calendar = None
    if holidays is not None:
        calendar = WorkCalendar(holidays=tuple(Holiday(day=day) for day in holidays))
    return ContactsDocument(
        participant=code,
        listed_by=listed_by,
        calendar=calendar,
        authorities=authorities or (make_authority(code),),
        agreements=tuple(agreements),
    )


def make_view(*documents: ContactsDocument, silent: Iterable[ParticipantCode] = ()) -> Directory:
    """Return a verified view of these contacts; ``silent`` take part and list nobody."""
    now = Timepiece()()
    codes = [*(document.participant for document in documents), *silent]
    return Directory(
        version=1,
        sha256="0" * 64,
        expires_at=now,
        verified_at=now,
        participants=tuple(_KOSOVO if code == _KOSOVO.code else make_entry(code) for code in codes),
        contacts=MappingProxyType({document.participant: document for document in documents}),
        keys=MappingProxyType({}),
    )
