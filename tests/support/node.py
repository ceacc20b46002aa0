"""Nodes for tests: real key stores, a real database, a registry in memory, a broker in memory."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from sqlmodel import SQLModel

from console.storage.database import Database
from contact_registry.directory import Directory
from contact_registry.models import (
    KOSOVO_FOOTNOTE,
    Authority,
    BrokerIdentity,
    Competence,
    ContactsDocument,
    EncryptionKeyEntry,
    KeysDocument,
    ListedBy,
    ParticipantEntry,
    SigningKeyEntry,
    Telephone,
)
from node.adapters.blob_store import FolderBlobStore
from node.adapters.keystore import FileKeyStore
from node.service import dispatching, machine_mail, receipts
from node.service.building import Draft
from node.service.context import DeliveryRules, NodeContext
from node.service.dispatching import Attempt
from node.service.opening import Arrival
from node.service.receiving import IntakeResult, handle_arrivals
from node.store import (
    account_tables,
    attachment_tables,
    audit_tables,
    case_tables,
    change_tables,
    consent_tables,
    drill_tables,
    factor_tables,
    hook_tables,
    kept_form_tables,
    link_tables,
    pin_tables,
    search_tables,
    tables,
    work_tables,
)
from protocol.epochs import Validity
from protocol.identifiers import AuthorityId, ParticipantCode, Phase
from protocol.subjects import TrafficClass, parse_account_id
from tests.support.tables import create_tables

REGISTERED = (
    account_tables,
    attachment_tables,
    audit_tables,
    case_tables,
    change_tables,
    consent_tables,
    drill_tables,
    factor_tables,
    hook_tables,
    kept_form_tables,
    link_tables,
    pin_tables,
    search_tables,
    tables,
    work_tables,
)
NOON = datetime(2026, 3, 4, 11, 0, tzinfo=UTC)  # a Wednesday
NAMES = {"AL": "Albania", "XK": "Kosovo*", "MK": "North Macedonia", "RS": "Serbia"}
ZONES = {"AL": "Europe/Tirane", "XK": "Europe/Belgrade", "MK": "Europe/Skopje"}


@dataclass(slots=True)
class FakeClock:
    """A clock that stands until it is moved."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        """Return the present moment."""
        return self.now

    def advance(self, **span: float) -> None:
        """Let time pass."""
        self.now += timedelta(**span)


@dataclass(slots=True)
class FixedDirectory:
    """A registry that is what the test says."""

    directory: Directory

    def current(self) -> Directory:
        """Return it."""
        return self.directory


def make_authority(code: str, *, name: str = "Anti-Trafficking Desk") -> Authority:
    """Return a reachable desk that is competent for every phase."""
    return Authority(
        id=AuthorityId(f"{code}-anti-trafficking-desk"),
        name=name,
        city="Capital",
        post="Focal point",
        competences=tuple(Competence(phase=phase) for phase in Phase),
        telephones=(Telephone(as_listed="+355 44541821", e164="+35544541821"),),
        time_zone=ZONES.get(code, "Europe/Belgrade"),
        valid_from=date(2022, 1, 1),
    )


def make_keys(store: FileKeyStore, *, at: datetime = NOON) -> KeysDocument:
    """Return what the registry says of a node's keys."""
    return KeysDocument(
        participant=store.participant,
        issued_at=at,
        signing_keys=(
            SigningKeyEntry.of(store.signing_key.verify_key, valid_from=at - timedelta(days=1)),
        ),
        encryption_keys=tuple(
            EncryptionKeyEntry.of(
                epoch.key.recipient_key.public,
                valid_from=epoch.valid_from,
                valid_to=epoch.valid_to,
            )
            for epoch in store.epochs
        ),
        broker=BrokerIdentity.of(
            store.participant, store.account_key, (store.account_signing_key.public,)
        ),
    )


def make_directory(
    stores: Iterable[FileKeyStore], *, at: datetime = NOON, version: int = 7
) -> Directory:
    """Return a registry that lists these nodes, each with one desk."""
    stores = list(stores)
    codes = [store.participant for store in stores]
    return Directory(
        version=version,
        sha256="ab" * 32,
        expires_at=at + timedelta(days=1),
        verified_at=at,
        participants=tuple(
            ParticipantEntry(
                code=code,
                name=NAMES.get(code, code),
                display_name=NAMES.get(code, code),
                footnote=KOSOVO_FOOTNOTE if code == "XK" else None,
            )
            for code in codes
        ),
        contacts={
            code: ContactsDocument(
                participant=code,
                listed_by=ListedBy.PARTICIPANT,
                authorities=(make_authority(code),),
            )
            for code in codes
        },
        keys={store.participant: make_keys(store, at=at) for store in stores},
    )


def make_keystore(code: str, *, at: datetime = NOON) -> FileKeyStore:
    """Return the keys of a new node."""
    return FileKeyStore.generate(
        ParticipantCode(code),
        validities=(Validity(at - timedelta(days=1), at + timedelta(days=60)),),
    )


def make_context(
    store: FileKeyStore,
    directory: FixedDirectory,
    *,
    database_url: str,
    clock: FakeClock,
    rules: DeliveryRules | None = None,
    files: Path | None = None,
) -> NodeContext:
    """Return a node on a fresh, empty database; ``files``: the folder for files, if it has any."""
    database = Database(database_url)
    create_tables(database, SQLModel.metadata)
    # Seeded, so that a failing run can be repeated; a node itself takes the system's randomness.
    random = Random(store.participant)
    return NodeContext(
        participant=store.participant,
        database=database,
        keys=store,
        directory=directory,
        clock=clock,
        random=random.randbytes,
        rules=rules or DeliveryRules(),
        blob_store=FolderBlobStore(files) if files else None,
    )


@dataclass(slots=True)
class Carried:
    """An envelope on its way."""

    to: ParticipantCode
    arrival: Arrival


@dataclass(slots=True)
class Network:
    """Nodes and the envelopes between them, delivered when and how the test says."""

    clock: FakeClock
    directory: FixedDirectory
    nodes: dict[str, NodeContext] = field(default_factory=dict)
    mailbox: deque[Carried] = field(default_factory=deque)

    def node(self, code: str) -> NodeContext:
        """Return a node."""
        return self.nodes[code]

    def collect(self, code: str) -> int:
        """Hand over what a node's outbox owes, as the relay does; returns how many envelopes."""
        context = self.nodes[code]
        directory = context.directory.current()
        attempts = []
        handed_on = context.leaving.messages.take(100)
        for message in (*handed_on, *dispatching.claim_messages(context, limit=100)):
            sealed = dispatching.seal_for(
                directory, peer=message.peer, signed=message.signed, at=self.clock()
            )
            self._carry(context, message.peer, sealed.envelope, TrafficClass.MESSAGE)
            attempts.append(
                Attempt(
                    message_id=message.message_id,
                    transport_id=message.transport_id,
                    sealed_for=sealed.sealed_for,
                    recipient=sealed.recipient,
                )
            )
        if attempts:
            dispatching.record_attempts(context, attempts)
        count = len(attempts)
        signed = context.leaving.receipts.take(100)
        for parcel in (*signed, *receipts.claim_receipts(context)):
            sealed = dispatching.seal_for(
                directory, peer=parcel.peer, signed=parcel.signed, at=self.clock()
            )
            self._carry(context, parcel.peer, sealed.envelope, TrafficClass.RECEIPT)
            receipts.record_receipts_sent(context, parcel)
            count += 1
        for mail in machine_mail.claim_machine_mail(context):
            sealed = dispatching.seal_for(
                directory, peer=mail.peer, signed=mail.signed, at=self.clock()
            )
            self._carry(context, mail.peer, sealed.envelope, TrafficClass.RECEIPT)
            machine_mail.record_machine_mail_sent(context, mail)
            count += 1
        return count

    def _carry(
        self, context: NodeContext, peer: ParticipantCode, envelope: bytes, traffic: TrafficClass
    ) -> None:
        keys = context.directory.current().keys
        self.mailbox.append(
            Carried(
                to=peer,
                arrival=Arrival(
                    sender=parse_account_id(keys[context.participant].broker.account),
                    recipient=parse_account_id(keys[peer].broker.account),
                    traffic=traffic,
                    envelope=envelope,
                ),
            )
        )

    def carry(self, context: NodeContext, peer: ParticipantCode, envelope: bytes) -> None:
        """Put a sealed message on its way."""
        self._carry(context, peer, envelope, TrafficClass.MESSAGE)

    def settle_mailbox(self) -> None:
        """Deliver what is on its way now."""
        while self.mailbox:
            self.deliver(self.mailbox.popleft())

    def deliver(self, carried: Carried) -> IntakeResult:
        """Let its recipient take in one envelope."""
        return handle_arrivals(self.nodes[carried.to], [carried.arrival])[0]

    def settle(self) -> None:
        """Carry everything until nobody owes anything now."""
        while True:
            moved = sum(self.collect(code) for code in self.nodes) + len(self.mailbox)
            while self.mailbox:
                self.deliver(self.mailbox.popleft())
            if not moved:
                return

    def close(self) -> None:
        """Give the databases back."""
        for context in self.nodes.values():
            context.database.close()


def make_network(
    codes: Sequence[str],
    *,
    url_of: Callable[[str], str],
    rules: DeliveryRules | None = None,
    files: Path | None = None,
) -> Network:
    """Return a network of nodes that know each other; with ``files``, they take files there."""
    clock = FakeClock()
    stores = {code: make_keystore(code) for code in codes}
    directory = FixedDirectory(make_directory(stores.values()))
    network = Network(clock=clock, directory=directory)
    for code, store in stores.items():
        network.nodes[code] = make_context(
            store,
            directory,
            database_url=url_of(code),
            clock=clock,
            rules=rules,
            files=files / f"{code}-files" if files else None,
        )
    return network


def sqlite_urls(folder: Path) -> Callable[[str], str]:
    """Return where each node of a test keeps its database."""
    return lambda code: f"sqlite:///{folder / f'{code}.db'}"


NOTIFICATION_BODY: Mapping[str, Any] = {
    "age_group": "23_25",
    "possibly_under_18": "no",
    "status": "presumed",
    "sex": "female",
    "exploitation_forms": ["forced_labour_or_services"],
    "languages_spoken": ["sq"],
    "interpreter_needed": "yes",
    "danger_now": "no",
    "case_manager": {
        "post": "Duty officer",
        "authority": "AL-anti-trafficking-desk",
        "telephone": "+355 44541821",
    },
    "ties": ["national_of"],
    "found_on": "2026-03-03",
    "immediate_needs": ["safe_accommodation"],
}

REFERRAL_BODY: Mapping[str, Any] = {
    **{
        name: value
        for name, value in NOTIFICATION_BODY.items()
        if name not in {"ties", "found_on", "immediate_needs"}
    },
    "handover": "opened_with_recipient",
    "reason": "return_is_planned",
    "services_requested": ["accommodation", "psychotherapy"],
    "phases_concerned": ["first_assistance", "social_inclusion"],
    "whereabouts": "with_sender",
    "risk": {"level": "medium"},
}

NO_PERSONAL_DATA: Mapping[str, Any] = {"kind": "no_personal_data"}


def make_draft(**changes: Any) -> Draft:
    """Return a notification of AL to XK, with what the test changes."""
    fields: dict[str, Any] = {
        "type": "identification.presumed_victim_notification",
        "recipient": "XK",
        "legal_basis": dict(NO_PERSONAL_DATA),
        "body": dict(NOTIFICATION_BODY),
    }
    return Draft.model_validate(fields | changes)
