"""The documents of the contact registry: JSON, signed as bytes, never changed once published.

======================================  ===========================  ===========================
target                                  document                     signed by
======================================  ===========================  ===========================
``participants.json``                   :class:`ParticipantsDocument`  the operators (``targets``)
``participants/<P>/contacts.json``      :class:`ContactsDocument`    P's directory key
``participants/<P>/keys.json``          :class:`KeysDocument`        P's node (online key)
======================================  ===========================  ===========================

Field names follow vCard 4 (RFC 6350) and Open Referral HSDS 3 where these have one: ``name``,
``alternate_names``, ``telephones``, ``addresses``, ``schedules``, ``languages``, ``valid_to``.
Unknown fields are refused: a new field is a new format number. Moments are UTC, days are calendar
days of the Participant.
"""

import base64
from collections.abc import Iterable
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from contact_registry.agreements import AgreementStatement
from contact_registry.document import (
    Document,
    parse_document,
    require_distinct,
    require_later,
    require_span,
)
from contact_registry.fields import (
    E164,
    AccountKey,
    AuthorityName,
    Extension,
    Language,
    Line,
    Mailbox,
    Moment,
    OptionalLine,
    Participant,
    Text,
    TimeZone,
    check_key,
    decode_base64,
)
from contact_registry.file_limits import FileLimits
from contact_registry.particulars import (
    AppointmentDecision,
    AuthorityType,
    License,
    LocalName,
    LocalText,
    PostalAddress,
    check_local_names,
)
from contact_registry.schedules import Schedule, WorkCalendar
from protocol.account_proof import sign_account_proof, verify_account_proof
from protocol.errors import RemoteProtocolError
from protocol.identifiers import Channel, ParticipantCode, Phase, get_participant_of
from protocol.nkeys import Nkey
from protocol.signing import VerifyKey, derive_key_id
from protocol.suites import LARGEST_SUITE, SUITE_HYBRID

#: Largest accepted document, in bytes. 500 plain desks take about 500 kB, and 400 that say all
#: they can fit in.
MAX_DOCUMENT_BYTES: Final = 1_000_000
#: Largest accepted key document, in bytes. One with 32 encryption keys takes about 60 kB.
MAX_KEYS_BYTES: Final = 65_536
#: Bytes of an ML-KEM-768 encapsulation key (FIPS 203) and of an X25519 public key (RFC 7748).
HYBRID_PUBLIC_BYTES: Final = 1184 + 32

KOSOVO_FOOTNOTE: Final = (
    "* This designation is without prejudice to positions on status, and is in line with "
    "UNSCR 1244/1999 and the ICJ Opinion on the Kosovo declaration of independence."
)

_ED25519_PUBLIC_BYTES: Final = 32
_LEAST_ENVELOPE_BYTES: Final = 16_384


class PersonGroup(StrEnum):
    """For whom a desk is competent. A person who may be under 18 is treated as a child."""

    ADULT = "adult"
    CHILD = "child"
    ANY = "any"


class TelephoneKind(StrEnum):
    """What answers at a number (vCard TEL types voice and fax, and the toll-free numbers)."""

    VOICE = "voice"
    FAX = "fax"
    VOICE_AND_FAX = "voice_and_fax"
    TOLL_FREE = "toll_free"


class ListedBy(StrEnum):
    """Who answers for an entry: the operators who typed it in, or the Participant itself."""

    OPERATOR = "operator"
    PARTICIPANT = "participant"


class ParticipantEntry(Document):
    """A Participant of the mechanism, as the operators admitted it.

    ``directory_key_held_by`` says whose hands hold the key that signs its contacts: while it is the
    operators', nothing published with it may claim that the Participant confirmed it. ``names`` and
    ``footnotes`` are those in the working languages.
    """

    code: Participant
    name: Line
    display_name: Line
    footnote: Annotated[Text, Field(max_length=1000)] | None = None
    directory_key_held_by: ListedBy = ListedBy.PARTICIPANT
    names: Annotated[tuple[LocalName, ...], Field(max_length=32)] = ()
    footnotes: Annotated[tuple[LocalText, ...], Field(max_length=32)] = ()

    @model_validator(mode="after")
    def _check_footnote(self) -> Self:
        if self.code == "XK" and self.display_name != "Kosovo*":
            raise ValueError("XK is displayed as Kosovo*, with its footnote.")
        if self.display_name.endswith("*") and not self.footnote:
            raise ValueError("A display name with an asterisk needs its footnote.")
        check_local_names(self.names, self.footnotes, starred=self.display_name.endswith("*"))
        return self

    def name_in(self, language: str) -> str:
        """Return the name to show in a language; the display name where none is listed."""
        listed = {local.language: local.name for local in self.names}
        return listed.get(language, self.display_name)

    def footnote_in(self, language: str) -> str | None:
        """Return the footnote in a language; the common one where none is listed."""
        listed = {local.language: local.text for local in self.footnotes}
        return listed.get(language, self.footnote)


class ParticipantsDocument(Document):
    """Target ``participants.json``: who takes part."""

    format: Literal["trm-participants/1"] = "trm-participants/1"
    participants: Annotated[tuple[ParticipantEntry, ...], Field(max_length=1000)]

    @model_validator(mode="after")
    def _check_unique(self) -> Self:
        require_distinct(
            (entry.code for entry in self.participants), "A Participant is listed once."
        )
        return self


class Competence(Document):
    """One thing an authority is competent for; ``place``: only there, nothing: everywhere."""

    phase: Phase
    person_group: PersonGroup = PersonGroup.ANY
    channel: Channel = Channel.ASSISTANCE
    measure_as_listed: OptionalLine = ""
    place: OptionalLine = ""


class Telephone(Document):
    """A telephone number.

    ``e164`` is the number that can be dialled from any Participant; it is None where none is known
    (the listed text is no valid number) and where none exists (``national_only``).
    """

    as_listed: Line
    e164: E164 | None = None
    extension: Extension | None = None
    national_only: bool = False
    kind: TelephoneKind = TelephoneKind.VOICE

    @model_validator(mode="after")
    def _check_national(self) -> Self:
        if self.national_only and self.e164 is not None:
            raise ValueError("A number that works inside one Participant only has no E.164 form.")
        return self

    @property
    def is_dialable_from_abroad(self) -> bool:
        """Whether a person in another Participant can ring this number and be answered."""
        return self.e164 is not None and self.kind is not TelephoneKind.FAX


def reaches_abroad(telephones: Iterable[Telephone], mailboxes: Iterable[str]) -> bool:
    """Whether anybody in another Participant can use one of these channels."""
    return any(mailboxes) or any(t.is_dialable_from_abroad for t in telephones)


class Route(Document):
    """Who stands in for a desk: another authority of its Participant, or channels of its own."""

    authority: AuthorityName | None = None
    telephones: Annotated[tuple[Telephone, ...], Field(max_length=8)] = ()
    mailboxes: Annotated[tuple[Mailbox, ...], Field(max_length=8)] = ()
    note: OptionalLine = ""

    @model_validator(mode="after")
    def _check_one_way(self) -> Self:
        if (self.authority is None) is not bool(self.telephones or self.mailboxes):
            raise ValueError("A route names an authority, or telephones and mailboxes of its own.")
        return self


class Authority(Document):
    """A desk: a post in an authority, never a person.

    ``valid_to`` is the last day on which the entry holds; None means until further notice.
    ``last_confirmed`` is the day on which the Participant last said that the entry is right, and
    ``review_due`` the day by which it has promised to look again. Without ``schedules`` nobody
    knows the desk's hours. ``reserve`` is who to turn to if the desk does not answer,
    ``out_of_hours`` while it is closed. Where a shelter stands is never listed.
    """

    id: AuthorityName
    name: Line
    alternate_names: Annotated[tuple[LocalName, ...], Field(max_length=32)] = ()
    type: AuthorityType | None = None
    unit: OptionalLine = ""
    city: OptionalLine = ""
    post: OptionalLine = ""
    competences: Annotated[tuple[Competence, ...], Field(max_length=64)] = ()
    telephones: Annotated[tuple[Telephone, ...], Field(max_length=32)] = ()
    mailboxes: Annotated[tuple[Mailbox, ...], Field(max_length=16)] = ()
    addresses: Annotated[tuple[PostalAddress, ...], Field(max_length=8)] = ()
    available_24_7: bool = False
    schedules: Annotated[tuple[Schedule, ...], Field(max_length=32)] = ()
    open_on_holidays: bool = False
    reserve: Route | None = None
    out_of_hours: Route | None = None
    languages: Annotated[tuple[Language, ...], Field(max_length=32)] = ()
    time_zone: TimeZone
    valid_from: date
    valid_to: date | None = None
    last_confirmed: date | None = None
    review_due: date | None = None
    appointment_decision: AppointmentDecision | None = None
    licenses: Annotated[tuple[License, ...], Field(max_length=8)] = ()
    note: Annotated[Text, Field(max_length=2000)] = ""
    source: OptionalLine = ""

    @model_validator(mode="after")
    def _check_entry(self) -> Self:
        require_span(self.valid_from, self.valid_to, "An authority")
        if self.type is AuthorityType.SHELTER and (self.addresses or self.city):
            raise ValueError("Where a shelter stands is never listed: take address and city out.")
        if self.available_24_7 and self.schedules:
            raise ValueError("A desk answers around the clock or has hours: leave one out.")
        if any(r and r.authority == self.id for r in (self.reserve, self.out_of_hours)):
            raise ValueError("A desk does not stand in for itself: name another, or channels.")
        return self

    @property
    def is_reachable(self) -> bool:
        """Whether anybody in another Participant can reach this desk, by telephone or mail."""
        return reaches_abroad(self.telephones, self.mailboxes)

    def is_valid_on(self, day: date) -> bool:
        """Whether the entry holds on ``day``."""
        return self.valid_from <= day and (self.valid_to is None or day <= self.valid_to)


class ContactsDocument(Document):
    """Target ``participants/<P>/contacts.json``: the desks of one Participant."""

    format: Literal["trm-contacts/1"] = "trm-contacts/1"
    participant: Participant
    listed_by: ListedBy
    calendar: WorkCalendar | None = None
    authorities: Annotated[tuple[Authority, ...], Field(max_length=500)]
    agreements: Annotated[tuple[AgreementStatement, ...], Field(max_length=200)] = ()

    @model_validator(mode="after")
    def _check_routes(self) -> Self:
        listed = {authority.id for authority in self.authorities}
        routes = (r for a in self.authorities for r in (a.reserve, a.out_of_hours) if r)
        if any(route.authority is not None and route.authority not in listed for route in routes):
            raise ValueError("A route names an authority of the same document: list it there.")
        return self

    @model_validator(mode="after")
    def _check_agreements(self) -> Self:
        require_distinct((s.terms.id for s in self.agreements), "An agreement is listed once.")
        if any(self.participant not in s.terms.parties for s in self.agreements):
            raise ValueError("A Participant states the agreements that it is a party of.")
        return self

    @model_validator(mode="after")
    def _check_authorities(self) -> Self:
        require_distinct((a.id for a in self.authorities), "An authority is listed once.")
        if any(get_participant_of(a.id) != self.participant for a in self.authorities):
            raise ValueError("An authority's identifier begins with its own Participant's code.")
        return self


class SigningKeyEntry(Document):
    """A node's Ed25519 key. ``public`` is base64 of its 32 raw bytes."""

    key_id: str
    public: Annotated[str, Field(max_length=44)]
    valid_from: Moment
    valid_to: Moment | None = None

    @classmethod
    def of(cls, key: VerifyKey, *, valid_from: datetime, valid_to: datetime | None = None) -> Self:
        """Make the entry of a key."""
        public = base64.b64encode(key.public).decode()
        return cls(key_id=key.key_id, public=public, valid_from=valid_from, valid_to=valid_to)

    @model_validator(mode="after")
    def _check_key(self) -> Self:
        check_key(self.public, key_id=self.key_id, size=_ED25519_PUBLIC_BYTES)
        require_later(self.valid_from, self.valid_to)
        return self

    @property
    def public_bytes(self) -> bytes:
        """The 32 raw bytes."""
        return decode_base64(self.public)


class EncryptionKeyEntry(Document):
    """A node's encryption key of one epoch.

    In suite 1 ``public`` is base64 of the ML-KEM-768 encapsulation key followed by the X25519 key:
    1216 bytes. A key of a suite that is not known here is read and left alone, so that a node that
    offers a newer suite beside this one stays reachable for those that do not speak it yet.
    """

    key_id: str
    suite: Annotated[int, Field(ge=1, le=LARGEST_SUITE)] = SUITE_HYBRID
    public: Annotated[str, Field(max_length=8192)]
    valid_from: Moment
    valid_to: Moment

    @classmethod
    def of(cls, public: bytes, *, valid_from: datetime, valid_to: datetime) -> Self:
        """Make the entry of a key of suite 1 from its 1216 raw bytes."""
        return cls(
            key_id=derive_key_id(public),
            public=base64.b64encode(public).decode(),
            valid_from=valid_from,
            valid_to=valid_to,
        )

    @model_validator(mode="after")
    def _check_key(self) -> Self:
        size = HYBRID_PUBLIC_BYTES if self.suite == SUITE_HYBRID else None
        check_key(self.public, key_id=self.key_id, size=size)
        require_later(self.valid_from, self.valid_to)
        return self

    @property
    def public_bytes(self) -> bytes:
        """The raw bytes."""
        return decode_base64(self.public)


class BrokerIdentity(Document):
    """The Participant's account at the broker: NATS nkeys of kind account (``A...``).

    ``account_proof`` shows that the Participant holds the account's private key; the document that
    names the Participant checks it. See :mod:`protocol.account_proof`.
    """

    account: AccountKey
    account_proof: Annotated[str, Field(max_length=88)]
    account_signing_keys: Annotated[tuple[AccountKey, ...], Field(max_length=8)] = ()

    @classmethod
    def of(
        cls,
        participant: ParticipantCode,
        account_key: Nkey,
        account_signing_keys: Iterable[str] = (),
    ) -> Self:
        """Make the entry of an account, with the proof that its key is at hand."""
        return cls(
            account=account_key.public,
            account_proof=sign_account_proof(participant, account_key),
            account_signing_keys=tuple(account_signing_keys),
        )


class KeysDocument(FileLimits):
    """Target ``participants/<P>/keys.json``: what peers and hub need to know of P's node."""

    format: Literal["trm-keys/1"] = "trm-keys/1"
    participant: Participant
    issued_at: Moment
    signing_keys: Annotated[tuple[SigningKeyEntry, ...], Field(min_length=1, max_length=16)]
    encryption_keys: Annotated[tuple[EncryptionKeyEntry, ...], Field(max_length=32)]
    broker: BrokerIdentity
    protocol_versions: Annotated[
        tuple[Annotated[int, Field(ge=1, le=1000)], ...], Field(min_length=1, max_length=16)
    ] = (1,)
    max_envelope_bytes: Annotated[int, Field(ge=_LEAST_ENVELOPE_BYTES, le=1_000_000)] = 1_000_000

    @model_validator(mode="after")
    def _check_distinct_keys(self) -> Self:
        require_distinct((k.key_id for k in self.signing_keys), "A signing key is listed once.")
        require_distinct(
            (k.key_id for k in self.encryption_keys), "An encryption key is listed once."
        )
        return self

    @model_validator(mode="after")
    def _check_account_proof(self) -> Self:
        broker = self.broker
        try:
            verify_account_proof(
                broker.account_proof, participant=self.participant, account=broker.account
            )
        except RemoteProtocolError as error:
            raise ValueError(str(error)) from error
        return self


AnyDocument = ParticipantsDocument | ContactsDocument | KeysDocument


def serialize_document(document: AnyDocument) -> bytes:
    """Return the UTF-8 JSON bytes that are signed and published."""
    return document.model_dump_json(indent=1).encode() + b"\n"


def parse_participants(data: bytes) -> ParticipantsDocument:
    """Read ``participants.json``; raises :class:`~contact_registry.errors.DocumentError`."""
    return parse_document(ParticipantsDocument, data, longest=MAX_DOCUMENT_BYTES)


def parse_contacts(data: bytes) -> ContactsDocument:
    """Read a ``contacts.json``; raises :class:`~contact_registry.errors.DocumentError`."""
    return parse_document(ContactsDocument, data, longest=MAX_DOCUMENT_BYTES)


def parse_keys(data: bytes) -> KeysDocument:
    """Read a ``keys.json``; raises :class:`~contact_registry.errors.DocumentError`."""
    return parse_document(KeysDocument, data, longest=MAX_DOCUMENT_BYTES)
