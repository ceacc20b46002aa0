"""Messages that machines send to machines."""

from enum import StrEnum
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from protocol.errors import RejectionCode
from protocol.limits import LIMITS
from protocol.messages.fields import DigestField, Instant, MessageIdField, Model
from protocol.messages.head import Head

#: Types whose name begins so are for machines alone, and travel in a class of their own.
SYSTEM_PREFIX: Final = "system."


class ReceiptStatus(StrEnum):
    """What became of a message at the recipient's node."""

    DELIVERED = "delivered"
    REJECTED = "rejected"
    READ = "read"


class ReceiptItem(Model):
    """Evidence for one message: which bytes, what became of them, when.

    Rules: ``rejected``, and nothing else, has a reason; everything else names the payload.
    """

    message_id: MessageIdField
    #: SHA-256 of the payload; absent only where a rejected envelope could not be opened.
    payload_sha256: DigestField | None = None
    status: ReceiptStatus
    at: Instant
    reason: RejectionCode | None = None
    #: A message of a type or version that this node cannot show is delivered, and says so here.
    readable: bool = True

    @model_validator(mode="after")
    def _verify_reason(self) -> Self:
        if (self.status is ReceiptStatus.REJECTED) != (self.reason is not None):
            raise ValueError("A rejection has a reason, and nothing else has one.")
        if self.payload_sha256 is None and self.status is not ReceiptStatus.REJECTED:
            raise ValueError("A receipt names the payload that it confirms.")
        return self


class ReceiptBody(Model):
    """Receipts for one or many messages of one sender."""

    items: Annotated[tuple[ReceiptItem, ...], Field(min_length=1, max_length=LIMITS.items)]


class Receipt(Head):
    """Machine evidence: delivered, rejected with its reason, or read. Not receipted itself."""

    type: Literal["system.receipt"] = "system.receipt"
    version: Literal[1] = 1
    body: ReceiptBody
