"""Evidence bundles for tests: a real registry, real signatures, and ways to falsify them."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp

from contact_registry.evidence.container import pack_members
from contact_registry.evidence.registry_proof import PastRegistry, collect_objects
from contact_registry.models import (
    KOSOVO_FOOTNOTE,
    BrokerIdentity,
    ContactsDocument,
    EncryptionKeyEntry,
    KeysDocument,
    ListedBy,
    ParticipantEntry,
    SigningKeyEntry,
)
from contact_registry.trust.cache import VerifiedFiles
from contact_registry.trust.layout import ExpiryPeriods
from contact_registry.trust.repository import NewParticipant, OnlineSigners, RegistryRepository
from contact_registry.trust.signers import RegistrySigner
from contact_registry.trust.submitting import build_contacts_submission, build_keys_submission
from protocol.envelope import Consignment, SignedPayload
from protocol.errors import RejectionCode
from protocol.evidence.bundle import BundleContents, encode_bundle, name_signed
from protocol.evidence.manifest import (
    CoversCase,
    CoversMessage,
    EventClaim,
    EventLog,
    Exporter,
)
from protocol.evidence.steps import EtsiEvent, Step
from protocol.identifiers import MessageId, ParticipantCode
from protocol.links import FIRST_PREVIOUS
from protocol.messages.catalogue import encode_payload
from protocol.messages.head import RegistryPin
from protocol.messages.system import Receipt, ReceiptBody, ReceiptItem, ReceiptStatus
from protocol.nkeys import Nkey, NkeyKind
from protocol.sealing import OpeningKey
from protocol.signing import SigningKey
from tests.support.registry import Timepiece, make_contacts

NOON = datetime(2026, 3, 4, 11, 0, tzinfo=UTC)
AL, XK, MK = (ParticipantCode(code) for code in ("AL", "XK", "MK"))
CASE = "TRM-7G1A0-2C028-R"
_ACCOUNT = Nkey(NkeyKind.ACCOUNT, SigningKey(b"a" * 32))


def make_entry(code: ParticipantCode, held_by: ListedBy) -> ParticipantEntry:
    """Return a Participant as the operators list it."""
    return ParticipantEntry(
        code=code,
        name=f"Participant {code}",
        display_name="Kosovo*" if code == XK else f"Participant {code}",
        footnote=KOSOVO_FOOTNOTE if code == XK else None,
        directory_key_held_by=held_by,
    )


@dataclass
class EvidenceWorld:
    """A registry of three Participants with all keys at hand. Two of three operators sign."""

    folder: Path
    clock: Timepiece = field(default_factory=lambda: Timepiece(NOON))
    expiry: ExpiryPeriods = field(default_factory=ExpiryPeriods)
    codes: Sequence[ParticipantCode] = (AL, XK, MK)
    held_by: ListedBy = ListedBy.PARTICIPANT
    #: The signing keys that the registry lists; those of real nodes may be given.
    keys: dict[ParticipantCode, SigningKey] = field(default_factory=dict)
    #: What the registry says of real nodes; invented where none is given.
    documents: Mapping[ParticipantCode, KeysDocument] = field(default_factory=dict)
    contacts: Mapping[ParticipantCode, ContactsDocument] = field(default_factory=dict)
    #: Worlds of one seed have the same keys, and so the same root; others share nothing.
    seed: int = 7
    #: Files of a registry that was shown to somebody else.
    elsewhere: dict[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Make what keys were not given, and publish version after version."""
        self.random = Random(self.seed)
        self.operators = [self._signer() for _ in range(3)]
        online = self._signer()
        self.online = OnlineSigners(snapshot=online, timestamp=online)
        self.directory_keys = {code: self._signer() for code in self.codes}
        self.node_keys = {code: self._signer() for code in self.codes}
        for code in self.codes:
            self.keys.setdefault(code, self.make_key())
        self.repository = RegistryRepository(
            self.folder, clock=self.clock, expiry=self.expiry, write_file=_write
        )
        self.repository.create(
            root_signers=self.operators,
            root_threshold=2,
            targets_signers=self.operators,
            targets_threshold=2,
            online=self.online,
            participants=[
                NewParticipant(
                    make_entry(code, self.held_by), (self.directory_keys[code].verify_key,)
                )
                for code in self.codes
            ],
        )
        for code in self.codes:
            self.publish_contacts(code)
            self.publish_keys(code)

    def make_key(self) -> SigningKey:
        """Return a new key, the same in every run."""
        return SigningKey(self.random.randbytes(32))

    def _signer(self) -> RegistrySigner:
        return RegistrySigner(self.make_key())

    def publish_contacts(self, code: ParticipantCode, *, note: str = "") -> None:
        """Publish a Participant's contacts and its delegation to its node."""
        contacts = self.contacts.get(code) or make_contacts(code, note=note)
        if self.held_by is ListedBy.OPERATOR:
            contacts = contacts.model_copy(update={"listed_by": ListedBy.OPERATOR})
        self.repository.accept(
            build_contacts_submission(
                contacts,
                previous_version=self.repository.role_status(code).version,
                signers=[self.directory_keys[code]],
                expires=self.clock() + timedelta(days=90),
                node_keys=[self.node_keys[code].verify_key],
            ),
            self.online,
        )

    def publish_keys(self, code: ParticipantCode, *, document: KeysDocument | None = None) -> None:
        """Publish the keys of a Participant's node."""
        self.repository.accept(
            build_keys_submission(
                document or self.documents.get(code) or self.make_keys_document(code),
                previous_version=self.repository.role_status(f"{code}-node").version,
                signer=self.node_keys[code],
                expires=self.clock() + timedelta(days=90),
            ),
            self.online,
        )

    def make_keys_document(
        self, code: ParticipantCode, *, valid_to: datetime | None = None
    ) -> KeysDocument:
        """Return what the registry is to say of a node's keys."""
        at = self.clock()
        opening = OpeningKey(self.random.randbytes(96))
        return KeysDocument(
            participant=code,
            issued_at=at,
            signing_keys=(
                SigningKeyEntry.of(self.keys[code].verify_key, valid_from=NOON, valid_to=valid_to),
            ),
            encryption_keys=(
                EncryptionKeyEntry.of(
                    opening.recipient_key.public, valid_from=at, valid_to=at + timedelta(days=7)
                ),
            ),
            broker=BrokerIdentity.of(code, _ACCOUNT),
        )

    def sign_next_root(
        self,
        *,
        keys: Sequence[RegistrySigner],
        online: RegistrySigner | None = None,
        operators: Sequence[RegistrySigner] = (),
    ) -> bytes:
        """Return the next version of the root, signed by these.

        It names another online key, or other operators, if they are given.
        """
        root = Metadata[Root].from_bytes(self.repository.read_root(max(self.roots()))).signed
        root.version += 1
        if online is not None:
            for role in (Snapshot.type, Timestamp.type):
                root.revoke_key(self.online.snapshot.public_key.keyid, role)
                root.add_key(online.public_key, role)
        if operators:
            root.roles[Root.type].keyids = []
            for signer in operators:
                root.add_key(signer.public_key, Root.type)
        metadata = Metadata(root)
        for signer in keys:
            metadata.sign(signer, append=True)
        return metadata.to_bytes()

    def rotate_root(self) -> bytes:
        """Publish the next version of the root, signed by enough operators."""
        data = self.sign_next_root(keys=self.operators[:2])
        _write(self.folder / "metadata" / f"{max(self.roots()) + 1}.root.json", data)
        return data

    # ------------------------------------------------------------------ the registry's files

    @property
    def trusted_root(self) -> bytes:
        """The root that everybody was given."""
        return self.repository.read_root(1)

    def pin(self) -> RegistryPin:
        """Return the registry as it is published now."""
        published = self.repository.published_version()
        return RegistryPin(version=published.version, sha256=published.sha256)

    def roots(self) -> dict[int, bytes]:
        """Return every root, by version."""
        found = (self.folder / "metadata").glob("*.root.json")
        return {int(path.name.split(".")[0]): path.read_bytes() for path in found}

    def objects(self) -> dict[str, bytes]:
        """Return every file that was ever published, by its hash."""
        files = (path.read_bytes() for path in self.folder.rglob("*.json"))
        return self.elsewhere | {hashlib.sha256(data).hexdigest(): data for data in files}

    def collect(self, pins: Iterable[RegistryPin], codes: Iterable[str]) -> dict[str, bytes]:
        """Return the files that prove these Participants' keys at these versions."""
        registry = PastRegistry(
            trusted_root=self.trusted_root, roots=self.roots(), find_object=self.objects().get
        )
        wanted = {ParticipantCode(code) for code in codes}
        taken: dict[str, bytes] = {}
        for pin in pins:
            taken |= collect_objects(registry, pin, wanted)
        return taken

    def verified_files(self) -> VerifiedFiles:
        """Return the published set, as a node keeps it after a refresh."""
        folder = self.folder / "metadata"
        version = self.repository.published_version().version
        snapshot = (folder / f"{version}.snapshot.json").read_bytes()
        listed = {
            name.removesuffix(".json"): meta.version
            for name, meta in Metadata[Snapshot].from_bytes(snapshot).signed.meta.items()
        }
        roles = {
            role: (folder / f"{number}.{role}.json").read_bytes() for role, number in listed.items()
        }
        documents = {
            path: self.objects()[target.hashes["sha256"]]
            for data in roles.values()
            for path, target in Metadata[Targets].from_bytes(data).signed.targets.items()
        }
        return VerifiedFiles(
            verified_at=self.clock(),
            roots=tuple(data for number, data in sorted(self.roots().items()) if number > 1),
            timestamp=(folder / "timestamp.json").read_bytes(),
            snapshot=snapshot,
            targets=roles.pop("targets"),
            delegated=roles,
            documents=documents,
        )

    # ------------------------------------------------------------------ what is signed

    def make_message(
        self,
        *,
        sender: ParticipantCode = AL,
        recipient: ParticipantCode = XK,
        key: SigningKey | None = None,
        **changes: Any,
    ) -> SignedPayload:
        """Return a signed message; evidence looks at its head only, so that the body is free."""
        message_id = self.random.randbytes(16).hex()
        payload: dict[str, Any] = {
            "type": "general.message",
            "version": 1,
            "message_id": message_id,
            "sender": sender,
            "recipient": recipient,
            "composed_at": _show(self.clock()),
            "registry": self.pin().model_dump(),
            "case": CASE,
            "link": {"generation": 1, "seq": 1, "prev": FIRST_PREVIOUS},
            "body": {"text": "The person has arrived & is <well>."},
        } | changes
        return SignedPayload.sign(
            json.dumps(payload).encode(),
            consignment=Consignment(
                message_id=MessageId(message_id),
                sender=sender,
                recipient=recipient,
                expires_at=self.clock() + timedelta(days=21),
            ),
            key=key or self.keys[sender],
        )

    def make_receipt(
        self,
        *messages: SignedPayload,
        status: ReceiptStatus = ReceiptStatus.DELIVERED,
        reason: RejectionCode | None = None,
        signer: ParticipantCode | None = None,
        key: SigningKey | None = None,
        digest: str | None = None,
        pin: RegistryPin | None = None,
    ) -> SignedPayload:
        """Return a receipt of the messages' recipient, or of somebody else."""
        about = messages[0].consignment
        sender = signer or about.recipient
        receipt = Receipt(
            message_id=self.random.randbytes(16).hex(),
            sender=sender,
            recipient=about.sender,
            composed_at=self.clock(),
            registry=pin or self.pin(),
            body=ReceiptBody(
                items=tuple(
                    ReceiptItem(
                        message_id=message.consignment.message_id,
                        payload_sha256=digest or message.digest,
                        status=status,
                        at=self.clock(),
                        reason=reason,
                    )
                    for message in messages
                )
            ),
        )
        return SignedPayload.sign(
            encode_payload(receipt),
            consignment=Consignment(
                message_id=MessageId(receipt.message_id),
                sender=sender,
                recipient=about.sender,
                expires_at=self.clock() + timedelta(days=21),
            ),
            key=key or self.keys[sender],
        )

    # ------------------------------------------------------------------ bundles

    def make_contents(
        self,
        messages: Sequence[SignedPayload],
        receipts: Sequence[SignedPayload],
        *,
        skip: Sequence[RegistryPin] = (),
    ) -> BundleContents:
        """Return everything that belongs into a bundle about these messages.

        Of the versions in ``skip`` no file is taken.
        """
        signed = [*messages, *receipts]
        heads = [json.loads(it.payload) for it in signed]
        pins = [RegistryPin.model_validate(head["registry"]) for head in heads]
        codes = {code for head in heads for code in (head["sender"], head["recipient"])}
        return BundleContents(
            messages={name_signed(it): it for it in messages},
            receipts={name_signed(it): it for it in receipts},
            roots=self.roots(),
            objects=self.collect([it for it in (*pins, self.pin()) if it not in skip], codes),
            events=EventLog(
                claimed_by=AL,
                events=(
                    EventClaim(
                        at=self.clock(),
                        kind="message_on_its_way",
                        step=Step.ACCEPTED_BY_BROKER,
                        event=EtsiEvent.RELAY_ACCEPTANCE,
                        message=name_signed(messages[0]),
                        actor="system",
                    ),
                ),
            ),
            report=b"<!doctype html><p>For reading.</p>",
        )

    def make_members(
        self,
        contents: BundleContents,
        *,
        covers: CoversMessage | CoversCase | None = None,
        maker: ParticipantCode = AL,
        key: SigningKey | None = None,
        signed: bool = True,
    ) -> dict[str, bytes]:
        """Return the members of the bundle that a Participant makes of them."""
        first = next(iter(contents.messages.values())).consignment
        events = contents.events.model_copy(update={"claimed_by": maker})
        return encode_bundle(
            replace(contents, events=events),
            covers=covers or CoversMessage(sender=first.sender, message_id=first.message_id),
            exporter=Exporter(
                participant=maker,
                at=self.clock(),
                registry=self.pin(),
                key=(key or self.keys[maker]) if signed else None,
            ),
        )

    def make_bundle(
        self, messages: Sequence[SignedPayload], receipts: Sequence[SignedPayload], **options: Any
    ) -> bytes:
        """Return a bundle as a file."""
        return pack_members(self.make_members(self.make_contents(messages, receipts), **options))

    def make_proved(self) -> bytes:
        """Return the bundle of one message from AL to XK with its receipt."""
        message = self.make_message()
        self.clock.move(timedelta(minutes=1))
        receipt = self.make_receipt(message)
        self.clock.move(timedelta(hours=1))
        return self.make_bundle([message], [receipt])


def _write(path: Path, data: bytes) -> None:
    """Write a file quickly: no power cut happens in a test of evidence."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _show(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
