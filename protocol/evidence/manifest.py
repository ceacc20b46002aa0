"""The texts of an evidence bundle: its manifest, the signature over it, and the event log.

The manifest lists every other member by its SHA-256, and the node that made the bundle signs it:
so no byte of a bundle can change unseen. The proofs of the messages do not rest on that signature;
it says who put the bundle together, and nothing about what is in it.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Final, Literal, Self, TypeVar

from pydantic import Field, ValidationError

from protocol.cbor import decode_array, encode_array
from protocol.errors import ForgedError, MalformedError
from protocol.evidence.head import read_json
from protocol.evidence.steps import EtsiEvent, Step
from protocol.limits import LIMITS
from protocol.messages.fields import (
    CaseField,
    DigestField,
    Instant,
    MessageIdField,
    Model,
    ParticipantField,
)
from protocol.messages.head import RegistryPin
from protocol.signing import SIGNATURE_BYTES, Context, KeyId, SigningKey, VerifyKey

MANIFEST_PATH: Final = "manifest.json"
SIGNATURE_PATH: Final = "manifest.sig"
EVENTS_PATH: Final = "events.json"
REPORT_PATH: Final = "report.html"

_SIGNATURE_MAGIC: Final = "TRM1-evidence"
_KEY_BYTES: Final = 32


class FileKind(StrEnum):
    """What a member of a bundle is."""

    MESSAGE = "message"
    RECEIPT = "receipt"
    REGISTRY_ROOT = "registry_root"
    REGISTRY_OBJECT = "registry_object"
    EVENTS = "events"
    REPORT = "report"


_NAME: Final = r"[A-Z][A-Z0-9]{1,7}-[0-9a-f]{32}"
#: Every name that a member may have. None has a dot at its beginning, a step upwards, or a
#: backslash, so that a bundle unpacks into its own folder.
PATTERNS: Final[Mapping[FileKind, str]] = MappingProxyType(
    {
        FileKind.MESSAGE: rf"messages/({_NAME})\.signed",
        FileKind.RECEIPT: rf"receipts/({_NAME})\.signed",
        FileKind.REGISTRY_ROOT: r"registry/roots/([1-9][0-9]{0,8})\.json",
        FileKind.REGISTRY_OBJECT: r"registry/objects/([0-9a-f]{64})\.json",
        FileKind.EVENTS: r"(events)\.json",
        FileKind.REPORT: r"(report)\.html",
    }
)


class CoversMessage(Model):
    """The bundle is about one message."""

    kind: Literal["message"] = "message"
    sender: ParticipantField
    message_id: MessageIdField


class CoversCase(Model):
    """The bundle is about everything that the exporting node holds of one case."""

    kind: Literal["case"] = "case"
    case: CaseField


class FileEntry(Model):
    """One member."""

    path: Annotated[str, Field(max_length=120)]
    kind: FileKind
    size: Annotated[int, Field(ge=0, le=LIMITS.evidence_bundle)]
    sha256: DigestField

    @classmethod
    def of(cls, path: str, kind: FileKind, data: bytes) -> Self:
        """Describe a member."""
        return cls(path=path, kind=kind, size=len(data), sha256=hashlib.sha256(data).hexdigest())


class Manifest(Model):
    """What is in a bundle, what it is about, and who says so."""

    format: Literal["trm-evidence/1"] = "trm-evidence/1"
    covers: Annotated[CoversMessage | CoversCase, Field(discriminator="kind")]
    made_by: ParticipantField
    made_at: Instant
    #: The registry that lists the key that signs this manifest.
    registry: RegistryPin
    #: Key id of that key; None in a bundle that nobody signed.
    signer: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")] | None
    files: Annotated[tuple[FileEntry, ...], Field(max_length=LIMITS.evidence_files)]


class EventClaim(Model):
    """An entry of the exporting node's own log. A claim, whatever it says."""

    at: Instant
    #: The node's own word for it.
    kind: Annotated[str, Field(pattern=r"^[a-z_]{1,40}$")]
    step: Step | None = None
    event: EtsiEvent | None = None
    #: Sender and id of the message that it is about, as in the member's name.
    message: Annotated[str, Field(pattern=rf"^{_NAME}$")] | None = None
    #: A Participant, ``system``, or ``staff``: a bundle names no officers.
    actor: Annotated[str, Field(pattern=r"^(system|staff|[A-Z][A-Z0-9]{1,7})$")]
    code: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,120}$")] | None = None


class EventLog(Model):
    """``events.json``."""

    format: Literal["trm-evidence-events/1"] = "trm-evidence-events/1"
    claimed_by: ParticipantField
    events: Annotated[tuple[EventClaim, ...], Field(max_length=LIMITS.evidence_files)]


_Text = TypeVar("_Text", Manifest, EventLog)


def encode_text(text: Manifest | EventLog) -> bytes:
    """Return the member's bytes: JSON that people can read, too."""
    return text.model_dump_json(indent=1).encode() + b"\n"


def parse_manifest(data: bytes) -> Manifest:
    """Read ``manifest.json``; raises :class:`~protocol.errors.MalformedError`."""
    return _parse(Manifest, data, what="manifest of the bundle")


def parse_events(data: bytes) -> EventLog:
    """Read ``events.json``; raises :class:`~protocol.errors.MalformedError`."""
    return _parse(EventLog, data, what="event log of the bundle")


def _parse(model: type[_Text], data: bytes, *, what: str) -> _Text:
    read_json(data, limit=LIMITS.evidence_text, what=what)
    try:
        return model.model_validate_json(data)
    except ValidationError as error:
        raise MalformedError(f"The {what} does not fit its format: it was altered.") from error


@dataclass(frozen=True, slots=True)
class ManifestSignature:
    """``manifest.sig``: deterministic CBOR ``["TRM1-evidence", public key, signature]``.

    It carries the public key, so that damage shows without a registry; whose key that is, only the
    registry says.
    """

    key: VerifyKey
    signature: bytes

    @classmethod
    def sign(cls, manifest: bytes, *, key: SigningKey) -> Self:
        """Sign the bytes of ``manifest.json``."""
        return cls(key=key.verify_key, signature=key.sign(Context.EVIDENCE_BUNDLE, manifest))

    def encode(self) -> bytes:
        """Deterministic CBOR."""
        return encode_array([_SIGNATURE_MAGIC, self.key.public, self.signature])

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read ``manifest.sig``; raises :class:`~protocol.errors.MalformedError`."""
        if len(data) > LIMITS.line:
            raise MalformedError("The bundle's signature is too long to be one.")
        magic, public, signature = decode_array(data, length=3)
        if (
            magic != _SIGNATURE_MAGIC
            or not isinstance(public, bytes)
            or len(public) != _KEY_BYTES
            or not isinstance(signature, bytes)
            or len(signature) != SIGNATURE_BYTES
        ):
            raise MalformedError("This is not the signature of an evidence bundle.")
        return cls(key=VerifyKey(public), signature=signature)

    def verify(self, manifest: bytes, *, signer: KeyId) -> None:
        """Raise :class:`~protocol.errors.ForgedError` unless ``signer`` signed these bytes."""
        if self.key.key_id != signer:
            raise ForgedError("The manifest names another signing key than the signature has.")
        self.key.verify(Context.EVIDENCE_BUNDLE, manifest, signature=self.signature)


@dataclass(frozen=True, slots=True)
class Exporter:
    """Who makes a bundle, when, and on which registry. ``key`` None: nobody signs it."""

    participant: str
    at: datetime
    registry: RegistryPin
    key: SigningKey | None
