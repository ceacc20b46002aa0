"""A registry of the size that the product is built for: 200 Participants with 40 authorities each.

All keys follow from names, so that a folder made by an earlier run can be opened and changed again.
The desks differ in everything that compression could otherwise take for repetition.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Final

from contact_registry.models import (
    Authority,
    BrokerIdentity,
    Competence,
    ContactsDocument,
    EncryptionKeyEntry,
    KeysDocument,
    ListedBy,
    ParticipantEntry,
    PersonGroup,
    Route,
    SigningKeyEntry,
    Telephone,
)
from contact_registry.particulars import AppointmentDecision, LocalName, PostalAddress
from contact_registry.schedules import Holiday, Schedule, Weekday, WorkCalendar
from contact_registry.trust.layout import participant_role
from contact_registry.trust.published import PublishedVersion
from contact_registry.trust.repository import NewParticipant, OnlineSigners, RegistryRepository
from contact_registry.trust.signers import RegistrySigner
from contact_registry.trust.submitting import (
    Submission,
    build_contacts_submission,
    build_keys_submission,
)
from protocol.identifiers import AuthorityId, ParticipantCode, Phase
from protocol.nkeys import Nkey, NkeyKind
from protocol.signing import SigningKey
from tests.support.registry import Timepiece

PARTICIPANTS: Final = 200
AUTHORITIES: Final = 40
_EPOCHS: Final = 5
_WEEK: Final = timedelta(days=7)
_OFFICE_DAYS: Final = (
    Weekday.MONDAY, Weekday.TUESDAY, Weekday.WEDNESDAY, Weekday.THURSDAY, Weekday.FRIDAY,
)  # fmt: skip
_PHASES: Final = tuple(Phase)


def _signer(name: str) -> RegistrySigner:
    return RegistrySigner(_key(name))


def _key(name: str) -> SigningKey:
    return SigningKey(hashlib.sha256(f"large registry: {name}".encode()).digest())


def list_codes(number: int) -> list[ParticipantCode]:
    """Return so many invented codes, in order."""
    return [ParticipantCode(f"Q{place:03d}") for place in range(number)]


def make_desk(code: ParticipantCode, place: int, *, note: str = "") -> Authority:
    """Return a desk that says most of what a desk can say: about 2 kB."""
    random = Random(f"{code}-{place}")
    digits = f"{random.randrange(10**8):08d}"
    word = random.randbytes(6).hex()
    return Authority(
        id=AuthorityId(f"{code}-desk-{place}"),
        name=f"Invented Office {word} for Referrals",
        alternate_names=(LocalName(name=f"Zyra {word}", language="sq"),),
        unit=f"Unit {random.randrange(100)}",
        city=f"City {random.randrange(1000)}",
        post="Focal point on duty",
        competences=(
            Competence(
                phase=_PHASES[place % len(_PHASES)],
                person_group=tuple(PersonGroup)[place % 3],
                measure_as_listed=f"Measure {random.randrange(40)}",
            ),
            Competence(phase=_PHASES[(place + 2) % len(_PHASES)]),
        ),
        telephones=(
            Telephone(as_listed=f"+355 4 {digits}", e164=f"+3554{digits}"),
            Telephone(as_listed=f"0{digits[:6]}", national_only=True),
        ),
        mailboxes=(f"desk-{word}@authority.example",),
        addresses=(PostalAddress(address_1=f"Invented Street {digits[:3]}", city="City"),),
        available_24_7=place % 10 == 0,
        schedules=()
        if place % 10 == 0
        else (Schedule(byday=_OFFICE_DAYS, opens_at="08:00", closes_at="16:00"),),
        reserve=Route(authority=AuthorityId(f"{code}-desk-{10 * (place // 10)}"))
        if place % 10
        else None,
        languages=("sq", "en"),
        time_zone="Europe/Tirane",
        valid_from=date(2022, 1, 1),
        last_confirmed=date(2026, 2, 1),
        appointment_decision=AppointmentDecision(reference=f"No. {digits[:4]}/2022"),
        note=note or f"Ask for extension {digits[:2]}.",
    )


def make_contacts(
    code: ParticipantCode, *, authorities: int = AUTHORITIES, note: str = ""
) -> ContactsDocument:
    """Return the contacts of one Participant; a ``note`` stands in its first desk."""
    return ContactsDocument(
        participant=code,
        listed_by=ListedBy.PARTICIPANT,
        calendar=WorkCalendar(
            holidays=tuple(Holiday(day=date(2026, month, 1)) for month in range(1, 13))
        ),
        authorities=tuple(
            make_desk(code, place, note=note if place == 0 else "") for place in range(authorities)
        ),
    )


def make_keys(code: ParticipantCode, at: datetime) -> KeysDocument:
    """Return the keys of one node: those of the weeks ahead."""
    random = Random(f"keys of {code}")
    account = Nkey(NkeyKind.ACCOUNT, _key(f"account of {code}"))
    return KeysDocument(
        participant=code,
        issued_at=at,
        signing_keys=(SigningKeyEntry.of(_key(f"messages of {code}").verify_key, valid_from=at),),
        encryption_keys=tuple(
            EncryptionKeyEntry.of(
                random.randbytes(1216),
                valid_from=at + epoch * _WEEK,
                valid_to=at + (epoch + 1) * _WEEK,
            )
            for epoch in range(_EPOCHS)
        ),
        broker=BrokerIdentity.of(code, account),
    )


@dataclass
class LargeRegistry:
    """A repository of so many Participants, each with contacts and a node's keys."""

    folder: Path
    participants: int = PARTICIPANTS
    authorities: int = AUTHORITIES
    clock: Timepiece = field(default_factory=Timepiece)

    def __post_init__(self) -> None:
        """Make the keys, and look at what the folder holds."""
        self.operators = [_signer(f"operator {number}") for number in range(3)]
        online = _signer("online")
        self.online = OnlineSigners(snapshot=online, timestamp=online)
        self.codes = list_codes(self.participants)
        self.repository = RegistryRepository(self.folder, clock=self.clock)

    def open_or_make(self) -> PublishedVersion:
        """Renew what an earlier run left in the folder, or make all of it."""
        if (self.folder / "metadata" / "timestamp.json").exists():
            return self.repository.refresh_timestamp(self.online)
        self.repository.create(
            root_signers=self.operators,
            root_threshold=2,
            targets_signers=self.operators,
            targets_threshold=2,
            online=self.online,
            participants=[self._admit(code) for code in self.codes],
        )
        return self._publish_together(list(self._submit_all()))

    def change(self, code: ParticipantCode, note: str) -> PublishedVersion:
        """Let a Participant change the note of its first desk."""
        return self.repository.accept(self.next_contacts(code, note=note), self.online)

    def next_contacts(self, code: ParticipantCode, *, note: str = "") -> Submission:
        """Return the next version of a Participant's contacts."""
        return build_contacts_submission(
            make_contacts(code, authorities=self.authorities, note=note),
            previous_version=self.repository.role_status(participant_role(code)).version,
            signers=[_signer(f"directory of {code}")],
            expires=self._in_three_months(),
            node_keys=[_key(f"node of {code}").verify_key],
        )

    def _admit(self, code: ParticipantCode) -> NewParticipant:
        entry = ParticipantEntry(code=code, name=f"Participant {code}", display_name=str(code))
        return NewParticipant(entry, (_key(f"directory of {code}").verify_key,))

    def _submit_all(self) -> Iterator[Submission]:
        for code in self.codes:
            yield build_contacts_submission(
                make_contacts(code, authorities=self.authorities),
                previous_version=0,
                signers=[_signer(f"directory of {code}")],
                expires=self._in_three_months(),
                node_keys=[_key(f"node of {code}").verify_key],
            )
            yield build_keys_submission(
                make_keys(code, self.clock()),
                previous_version=0,
                signer=_signer(f"node of {code}"),
                expires=self._in_three_months(),
            )

    def _publish_together(self, submissions: list[Submission]) -> PublishedVersion:
        """Publish all first versions in one: 400 publications would only take longer."""
        roles: Mapping[str, tuple[int, bytes]] = {s.role: (1, s.metadata) for s in submissions}
        documents = {path: data for s in submissions for path, data in s.targets.items()}
        top = self.repository.load_top()
        return self.repository._publish(top, roles, documents, self.online)

    def _in_three_months(self) -> datetime:
        return (self.clock() + timedelta(days=90)).astimezone(UTC)
