"""Messages by which two nodes mend the link between them, and compare what they were shown.

Machines send them to machines: no case, no place on a link, never shown as a message. Like receipts
they travel in class ``r``, are not receipted, and are lost without harm: whoever misses an answer
asks again.
"""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from protocol.limits import LIMITS
from protocol.link_repair import Fate, NumberFate
from protocol.links import LinkGap, LinkHead
from protocol.messages.fields import DigestField, Instant, MessageIdField, Model
from protocol.messages.head import Head

#: A node that was restored has begun a new generation, now and then; nobody does so often.
_GENERATIONS = 64
#: Attachments that one request can name.
_ATTACHMENTS = 16

Number = Annotated[int, Field(ge=1, le=LIMITS.number)]


class NumbersField(Model):
    """Consecutive numbers of one generation of a link.

    Rules: the first is not greater than the last.
    """

    generation: Number
    first: Number
    last: Number

    @model_validator(mode="after")
    def _verify_order(self) -> Self:
        if self.first > self.last:
            raise ValueError("A range of numbers goes from a lower to a higher one.")
        return self

    @property
    def gap(self) -> LinkGap:
        """As the link rules take it."""
        return LinkGap(generation=self.generation, first=self.first, last=self.last)

    @classmethod
    def of(cls, gap: LinkGap) -> Self:
        """Make the field of a gap."""
        return cls(generation=gap.generation, first=gap.first, last=gap.last)


class HeadField(Model):
    """The end of one generation of a link: the number and digest of its last message.

    ``seq`` 0 and 64 zeros: a generation that has no message yet.
    """

    generation: Number
    seq: Annotated[int, Field(ge=0, le=LIMITS.number)]
    digest: DigestField

    @property
    def head(self) -> LinkHead:
        """As the link rules take it."""
        return LinkHead(generation=self.generation, seq=self.seq, digest=self.digest)

    @classmethod
    def of(cls, head: LinkHead) -> Self:
        """Make the field of a head."""
        return cls(generation=head.generation, seq=head.seq, digest=head.digest)


class ChunkRangeField(Model):
    """Consecutive chunks of an attachment, counted from 0.

    Rules: the first is not greater than the last.
    """

    first: Annotated[int, Field(ge=0, lt=LIMITS.chunks)]
    last: Annotated[int, Field(ge=0, lt=LIMITS.chunks)]

    @model_validator(mode="after")
    def _verify_order(self) -> Self:
        if self.first > self.last:
            raise ValueError("A range of chunks goes from a lower to a higher one.")
        return self


class ChunksWanted(Model):
    """Chunks that are missing of one attachment."""

    message_id: MessageIdField
    attachment_id: MessageIdField
    ranges: Annotated[tuple[ChunkRangeField, ...], Field(min_length=1, max_length=LIMITS.ranges)]


class Restored(Model):
    """What a node that was restored from a backup still knows of the link in both directions.

    ``received`` is the last message that it has from the one it asks: everything after that place
    is wanted, in this generation and all later ones. ``sent`` is the last that it knows to have
    sent itself: the answer says what it has sent beyond.
    """

    received: HeadField
    sent: HeadField


class ResendRequestBody(Model):
    """What is missing.

    Rules: numbers, chunks or a restore are named, at least one of them; each attachment stands
    once.
    """

    numbers: Annotated[tuple[NumbersField, ...], Field(max_length=LIMITS.ranges)] = ()
    chunks: Annotated[tuple[ChunksWanted, ...], Field(max_length=_ATTACHMENTS)] = ()
    restored: Restored | None = None

    @model_validator(mode="after")
    def _verify_something_is_asked(self) -> Self:
        if not self.numbers and not self.chunks and self.restored is None:
            raise ValueError("A request for what is missing names something that is missing.")
        attachments = [wanted.attachment_id for wanted in self.chunks]
        if len(set(attachments)) != len(attachments):
            raise ValueError("A request names each attachment once: put its ranges together.")
        return self


class ResendRequest(Head):
    """The recipient of a link asks its sender for what did not arrive."""

    type: Literal["system.resend_request"] = "system.resend_request"
    version: Literal[1] = 1
    body: ResendRequestBody


class NumberAnswer(Model):
    """What becomes of one message that was asked for."""

    generation: Number
    seq: Number
    payload_sha256: DigestField
    fate: Fate

    @property
    def number_fate(self) -> NumberFate:
        """As the link rules take it."""
        return NumberFate(self.generation, self.seq, self.payload_sha256, self.fate)

    @classmethod
    def of(cls, fate: NumberFate) -> Self:
        """Make the field of an answer."""
        return cls(
            generation=fate.generation, seq=fate.seq, payload_sha256=fate.digest, fate=fate.fate
        )


class AttachmentGoneReason(StrEnum):
    """Why chunks do not come again."""

    ERASED = "erased"
    UNKNOWN = "unknown"


class AttachmentGone(Model):
    """An attachment that cannot be sent again."""

    attachment_id: MessageIdField
    reason: AttachmentGoneReason


class SeenAnswer(Model):
    """A message of the asker's own that the one who answers holds."""

    generation: Number
    seq: Number
    message_id: MessageIdField
    payload_sha256: DigestField
    at: Instant


class ResendAnswerBody(Model):
    """What its sender says about a link, number by number.

    Rules: the generations of ``heads`` ascend, each once; ``numbers`` says one thing about each.
    """

    #: The request that this answers.
    request_id: MessageIdField
    #: The end of each generation that the sender knows, the newest last.
    heads: Annotated[tuple[HeadField, ...], Field(min_length=1, max_length=_GENERATIONS)]
    numbers: Annotated[tuple[NumberAnswer, ...], Field(max_length=LIMITS.items)] = ()
    #: Asked for, and nothing is known of them here: never sent, or forgotten by a restore.
    unknown: Annotated[tuple[NumbersField, ...], Field(max_length=LIMITS.ranges)] = ()
    #: Attachments whose chunks do not come again. What was asked for and is not here comes again.
    attachments_gone: Annotated[tuple[AttachmentGone, ...], Field(max_length=_ATTACHMENTS)] = ()
    #: To a restored node: what it had sent beyond its backup, oldest first.
    seen: Annotated[tuple[SeenAnswer, ...], Field(max_length=LIMITS.items)] = ()
    #: There was no room for all: ask again for the rest.
    more: bool = False

    @model_validator(mode="after")
    def _verify_order(self) -> Self:
        generations = [head.generation for head in self.heads]
        if sorted(set(generations)) != generations:
            raise ValueError("The generations of a link are named once each, ascending.")
        places = [(each.generation, each.seq) for each in self.numbers]
        if len(set(places)) != len(places):
            raise ValueError("An answer says one thing about a number.")
        return self

    @property
    def told(self) -> tuple[LinkGap, ...]:
        """Every number that this answer speaks of."""
        return tuple(LinkGap(each.generation, each.seq, each.seq) for each in self.numbers) + tuple(
            each.gap for each in self.unknown
        )


class ResendAnswer(Head):
    """The sender of a link says what it sends again, what is gone, and where its link ends."""

    type: Literal["system.resend_answer"] = "system.resend_answer"
    version: Literal[1] = 1
    body: ResendAnswerBody


class RegistryConflictBody(Model):
    """Two hashes for one version of the registry.

    Rules: the two hashes differ.
    """

    registry_version: Number
    #: What the sender of this alarm verified itself, or was named by others.
    held_sha256: DigestField
    #: What the message named.
    named_sha256: DigestField
    #: Whether the sender of this alarm verified ``held_sha256`` itself.
    verified: bool
    #: The message that named the other hash, and its digest: signed proof of what it said.
    message_id: MessageIdField
    payload_sha256: DigestField

    @model_validator(mode="after")
    def _verify_difference(self) -> Self:
        if self.held_sha256 == self.named_sha256:
            raise ValueError("Two equal hashes are no conflict.")
        return self


class RegistryConflict(Head):
    """An alarm: sender and recipient of a message were shown different registries."""

    type: Literal["system.registry_conflict"] = "system.registry_conflict"
    version: Literal[1] = 1
    body: RegistryConflictBody
