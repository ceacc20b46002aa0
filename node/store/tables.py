"""The tables of a node.

Columns of type bytes whose name ends in ``_sealed`` hold content encrypted by the key store, under
the case's key or, where there is no case, under the node's. Everything else is metadata: who, when,
which type. Names of persons, texts and files never stand in a plain column.
"""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import Index, LargeBinary, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from console.storage.columns import Moment


def _where(condition: str) -> dict[str, Any]:
    """Return what makes an index hold only the rows of which this is true."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


class CaseRow(SQLModel, table=True):
    """A transnational case as this node knows it."""

    __tablename__: ClassVar[str] = "trm_case"

    case_id: str = Field(primary_key=True, max_length=32)
    reference: str = Field(unique=True, max_length=20)
    created_at: datetime = Field(sa_type=Moment)
    #: The case's content key, wrapped under the node key. Erasing it erases the case.
    wrapped_key: bytes = Field(sa_type=LargeBinary)


class MessageRow(SQLModel, table=True):
    """A message sent or received."""

    __tablename__: ClassVar[str] = "message"
    __table_args__ = (
        Index("ix_message_link", "direction", "peer", "link_generation", "link_seq"),
        # Of lists, see node.store.message_lists: each is in order within one channel.
        Index("ix_message_list", "direction", "channel", "stored_at", "message_id"),
        Index("ix_message_waiting", "direction", "handling", "channel", "answer_by"),
        Index(
            "ix_message_unread",
            "channel",
            "stored_at",
            **_where("direction = 'in' AND handling = 'nothing_expected' AND opened_at IS NULL"),
        ),
        Index(
            "ix_message_refused",
            "channel",
            "stored_at",
            **_where("direction = 'out' AND dispatch IN ('rejected', 'expired', 'given_up')"),
        ),
        Index("ix_message_dispatch", "direction", "dispatch", "expires_at"),
        Index(
            "ix_message_case_link", "case_id", "peer", "direction", "link_generation", "link_seq"
        ),
        UniqueConstraint("direction", "peer", "wire_id", name="uq_message_wire"),
    )

    #: Our name for it: the one on the wire, unless another sender took that before.
    message_id: str = Field(primary_key=True, max_length=32)
    #: Its name on the wire, which only its sender's own messages cannot share.
    wire_id: str = Field(max_length=32)
    direction: str = Field(max_length=3)
    #: ``ix_message_case_link`` begins with it.
    case_id: str | None = Field(default=None, foreign_key="trm_case.case_id")
    peer: str = Field(max_length=8)
    type: str = Field(max_length=120)
    version: int
    #: False: an unknown type or newer version, kept and shown raw.
    readable: bool
    phase: str | None = Field(default=None, max_length=30)
    urgency: str | None = Field(default=None, max_length=20)
    #: Who may see it; None: it cannot be read, or was stored before this was noted.
    channel: str | None = Field(default=None, max_length=20)
    from_authority: str | None = Field(default=None, max_length=120)
    to_authority: str | None = Field(default=None, max_length=120)
    in_reply_to: str | None = Field(default=None, max_length=32, index=True)
    composed_at: datetime | None = Field(default=None, sa_type=Moment)
    #: When it entered this store.
    stored_at: datetime = Field(sa_type=Moment, index=True)
    answer_by: datetime | None = Field(default=None, sa_type=Moment)
    expires_at: datetime = Field(sa_type=Moment)
    payload_sha256: str = Field(max_length=64)
    signer_key_id: str = Field(max_length=32)
    link_generation: int | None = None
    link_seq: int | None = None
    link_prev: str | None = Field(default=None, max_length=64)
    link_verdict: str | None = Field(default=None, max_length=20)
    registry_version: int | None = None
    registry_sha256: str | None = Field(default=None, max_length=64, index=True)
    #: The signed payload exactly as it was signed: the evidence.
    signed_payload_sealed: bytes = Field(sa_type=LargeBinary)
    #: Outgoing only, JSON: what the policy named as grounds when it let it pass. Codes, names of
    #: agreements, and identifiers of consents on file: ``[["consent", "..."]]``.
    rests_on: str | None = None
    #: Outgoing only: see ``node.domain.states.Dispatch``.
    dispatch: str | None = Field(default=None, max_length=20)
    #: See ``node.domain.states.Handling``.
    handling: str = Field(max_length=30)
    #: The decision that settled it.
    decided_by_message: str | None = Field(default=None, max_length=32)
    opened_at: datetime | None = Field(default=None, sa_type=Moment)
    #: Counts changes: a stale page cannot decide.
    row_version: int = 1
    #: What the composer sent so that a repeated click is one message.
    submission_key: str | None = Field(default=None, max_length=64, unique=True)
    #: Digest of what was submitted under that key: the same key never stands for something else.
    submission_sha256: str | None = Field(default=None, max_length=64)


class OutboxRow(SQLModel, table=True):
    """What the relay owes: present until the recipient's receipt, or the end of trying."""

    __tablename__: ClassVar[str] = "outbox"
    __table_args__ = (
        Index("ix_outbox_due", "next_attempt_at", "priority"),
        Index("ix_outbox_urgency", "priority", "next_attempt_at"),
    )

    message_id: str = Field(primary_key=True, foreign_key="message.message_id", max_length=32)
    peer: str = Field(max_length=8, index=True)
    #: Lower goes first.
    priority: int
    #: Deduplicates retries of one hand-over to the broker; new for each deliberate resend.
    transport_id: str = Field(max_length=32)
    #: Hand-overs begun.
    attempts: int = 0
    #: Hand-overs that the broker confirmed.
    handed_over: int = 0
    next_attempt_at: datetime = Field(sa_type=Moment)
    claimed_until: datetime | None = Field(default=None, sa_type=Moment)
    last_error: str | None = Field(default=None, max_length=200)
    #: The recipient's key that the last confirmed hand-over was sealed for.
    sealed_for: str | None = Field(default=None, max_length=32)
    #: The broker account into whose mailbox that was.
    handed_to: str | None = Field(default=None, max_length=60)
    #: The present transport id was given to the broker, and nobody knows what became of it.
    tried: bool = False
    #: Whether the message may have left although nobody confirmed it: said when it is taken back.
    may_have_left: bool = False
    #: Its recipient asked for it again after we had stopped: one confirmed hand-over more, tried
    #: until then whatever its expiry. Whoever misses it then asks again.
    once_until: datetime | None = Field(default=None, sa_type=Moment)


class ReceiptDueRow(SQLModel, table=True):
    """A receipt that we owe for a message; written in the same transaction as the message."""

    __tablename__: ClassVar[str] = "receipt_due"
    __table_args__ = (
        UniqueConstraint("peer", "wire_id", "status", name="uq_receipt_due"),
        {"sqlite_autoincrement": True},  # a number is never used again for another receipt
    )

    receipt_due_id: int | None = Field(default=None, primary_key=True)
    peer: str = Field(max_length=8)
    wire_id: str = Field(max_length=32)
    payload_sha256: str | None = Field(default=None, max_length=64)
    status: str = Field(max_length=20)
    reason: str | None = Field(default=None, max_length=30)
    readable: bool = True
    at: datetime = Field(sa_type=Moment)
    next_attempt_at: datetime = Field(sa_type=Moment, index=True)
    claimed_until: datetime | None = Field(default=None, sa_type=Moment)
    attempts: int = 0


class ReceiptRow(SQLModel, table=True):
    """A receipt as it was signed, about one or many messages; kept once."""

    __tablename__: ClassVar[str] = "receipt"

    receipt_id: str = Field(primary_key=True, max_length=64)
    signer_key_id: str = Field(max_length=32)
    #: It names messages and digests only.
    signed_receipt: bytes = Field(sa_type=LargeBinary)
    #: The registry that its signer acted on; None in what was kept before this was noted.
    registry_version: int | None = None
    registry_sha256: str | None = Field(default=None, max_length=64, index=True)


class EvidenceRow(SQLModel, table=True):
    """What a signed receipt says about one message: given by us or received."""

    __tablename__: ClassVar[str] = "evidence"
    __table_args__ = (UniqueConstraint("message_id", "status", "given", name="uq_evidence_once"),)

    evidence_id: int | None = Field(default=None, primary_key=True)
    message_id: str = Field(max_length=32)
    #: True: we gave it. False: we received it.
    given: bool
    status: str = Field(max_length=20)
    reason: str | None = Field(default=None, max_length=30)
    readable: bool = True
    at: datetime = Field(sa_type=Moment)
    payload_sha256: str | None = Field(default=None, max_length=64)
    stored_at: datetime = Field(sa_type=Moment)
    receipt_id: str = Field(foreign_key="receipt.receipt_id", max_length=64)


class RegistryVersionRow(SQLModel, table=True):
    """A version of the registry whose signed files are all kept, so that keys of then are proved.

    It rests on :class:`RegistryFileRow` by hash alone: snapshot, targets, roles and documents.
    """

    __tablename__: ClassVar[str] = "registry_version"

    #: Of the snapshot file: what messages name.
    sha256: str = Field(primary_key=True, max_length=64)
    version: int
    kept_at: datetime = Field(sa_type=Moment)


class RegistryFileRow(SQLModel, table=True):
    """A signed file of the registry under its own hash; what did not change is kept once."""

    __tablename__: ClassVar[str] = "registry_file"

    sha256: str = Field(primary_key=True, max_length=64)
    content: bytes = Field(sa_type=LargeBinary)


class RegistryRootRow(SQLModel, table=True):
    """A root of the registry, as it was verified from the trusted one."""

    __tablename__: ClassVar[str] = "registry_root"

    version: int = Field(primary_key=True)
    content: bytes = Field(sa_type=LargeBinary)


class LinkHeadRow(SQLModel, table=True):
    """Our end of the link to a peer: the last message that we numbered."""

    __tablename__: ClassVar[str] = "link_head"

    peer: str = Field(primary_key=True, max_length=8)
    generation: int
    seq: int
    digest: str = Field(max_length=64)


class QuarantineRow(SQLModel, table=True):
    """An envelope that could not be taken in, kept with its reason for the administrator."""

    __tablename__: ClassVar[str] = "quarantine"
    __table_args__ = (UniqueConstraint("identity", name="uq_quarantine_identity"),)

    quarantine_id: int | None = Field(default=None, primary_key=True)
    #: When it came last.
    at: datetime = Field(sa_type=Moment, index=True)
    #: The Participant it travelled as, if the registry knows the account.
    peer: str | None = Field(default=None, max_length=8, index=True)
    traffic: str = Field(max_length=1)
    message_id: str | None = Field(default=None, max_length=32)
    reason: str = Field(max_length=30)
    detail: str = Field(max_length=500)
    #: What counts as the same: sender, message, and reason, or else the bytes.
    identity: str = Field(max_length=64)
    #: How often it came.
    times: int = 1
    envelope_sha256: str = Field(max_length=64)
    #: Empty once its sender has used up its share of the quarantine.
    envelope: bytes = Field(sa_type=LargeBinary)
    #: The broker account it came from; None in what was kept before this was noted.
    account: str | None = Field(default=None, max_length=56)
    #: When an administrator had looked after it; None again once the same comes anew.
    settled_at: datetime | None = Field(default=None, sa_type=Moment)


class EventRow(SQLModel, table=True):
    """One entry of a case's timeline. What it says is in its kind and the message it points to."""

    __tablename__: ClassVar[str] = "event"
    __table_args__ = (Index("ix_event_case", "case_id", "event_id"),)

    event_id: int | None = Field(default=None, primary_key=True)
    case_id: str | None = Field(default=None, foreign_key="trm_case.case_id")
    message_id: str | None = Field(default=None, max_length=32, index=True)
    at: datetime = Field(sa_type=Moment)
    kind: str = Field(max_length=40)
    #: A user id, ``system``, or a Participant.
    actor: str = Field(max_length=64)
    #: A code that completes the kind (a reason, a Participant): never text about a person.
    code: str | None = Field(default=None, max_length=60)
    #: The channel of an entry that points to no message; None: everybody who sees the case.
    channel: str | None = Field(default=None, max_length=30)


class SettledLetterRow(SQLModel, table=True):
    """A message of ours that did not arrive and that an administrator has looked after."""

    __tablename__: ClassVar[str] = "settled_letter"

    message_id: str = Field(primary_key=True, foreign_key="message.message_id", max_length=32)
    at: datetime = Field(sa_type=Moment)
