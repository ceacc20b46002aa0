"""What a node answers, typed. Members that a newer node adds are passed over."""

import base64
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from protocol.envelope import SignedPayload
from protocol.messages.catalogue import CATALOGUE
from protocol.messages.head import CaseMessage

T = TypeVar("T")


class Answered(BaseModel):
    """Of any answer."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Draft(BaseModel):
    """A message to be sent; the node fills in the rest. Left out is what is None."""

    model_config = ConfigDict(frozen=True, extra="allow")

    type: str
    recipient: str
    body: dict[str, Any]
    legal_basis: dict[str, Any] = Field(default_factory=lambda: {"kind": "no_personal_data"})
    case: str | None = None
    in_reply_to: str | None = None
    kind: str | None = None
    phase: str | None = None
    urgency: str | None = None
    answer_by: datetime | None = None
    from_authority: str | None = None
    to_authority: str | None = None
    files: tuple[str, ...] = ()


class Answer(BaseModel):
    """A typed answer to a received message: case, recipient and desks are those of the message."""

    model_config = ConfigDict(frozen=True, extra="allow")

    type: str
    body: dict[str, Any]
    kind: str | None = None
    legal_basis: dict[str, Any] = Field(default_factory=lambda: {"kind": "no_personal_data"})
    files: tuple[str, ...] = ()


class Sent(Answered):
    """What was queued: it is on the node's disk, and will be delivered or reported."""

    message_id: str
    case_id: str
    case: str
    to_authority: str
    answer_by: datetime | None


class MessageLine(Answered):
    """A message in a list: metadata only."""

    message_id: str
    direction: str
    case_id: str | None
    case_reference: str | None
    peer: str
    type: str
    readable: bool
    phase: str | None
    urgency: str | None
    from_authority: str | None
    to_authority: str | None
    stored_at: datetime
    answer_by: datetime | None
    dispatch: str | None
    handling: str
    row_version: int


class Message(Answered):
    """A message with what it says."""

    item: MessageLine
    message: dict[str, Any] | None
    payload_sha256: str
    in_reply_to: str | None
    last_error: str | None

    def read(self) -> CaseMessage | None:
        """Return the typed message; None if its type is newer than this program."""
        entry = CATALOGUE.get(self.item.type)
        if entry is None or self.message is None:
            return None
        if self.message.get("version") != entry.version:
            return None
        read = entry.model.model_validate(self.message, strict=False)
        return read if isinstance(read, CaseMessage) else None


class Evidence(Answered):
    """What proves a message to a third party."""

    signed_payload: Annotated[str, Field(description="base64")]
    signed_receipts: tuple[str, ...]

    def read_payload(self) -> SignedPayload:
        """Return the signed payload; verify it with the sender's key of the registry."""
        return SignedPayload.parse(base64.b64decode(self.signed_payload))


class StagedFile(Answered):
    """A file that is being brought in."""

    file_id: str
    size: int
    received: int
    complete: bool
    piece_multiple: int


class SavedDraft(Answered):
    """A draft that waits at the node."""

    draft_id: str
    content: dict[str, Any]
    row_version: int


class Page(Answered, Generic[T]):
    """A part of a list."""

    items: list[T]
    next: str | None
