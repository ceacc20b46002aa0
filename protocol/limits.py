"""Every bound of the protocol, in one place, each with its reason."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on objects that come from outside. Sizes in bytes, spans in seconds."""

    #: The broker refuses larger messages (its ``payload`` limit is 1 MiB); the rest is head-room
    #: for transport headers. Larger content travels as attachments.
    envelope: int = 1_000_000
    #: Larger ones travel in a class of their own (SPEC 11), so that a small mailbox has room for
    #: hundreds of each sender: what people write has a few KiB, lists of receipts less.
    small_envelope: int = 32 * 1024
    #: Padding adds at most 12 percent (Padmé), sealing and framing less than 2 KiB: a payload of
    #: this size always fits an envelope.
    payload: int = 850_000
    #: A narrative longer than this belongs into an attached document.
    narrative: int = 20_000
    #: A line of text: a name of an institution, a place, a title.
    line: int = 500
    #: Nested JSON in a payload: our deepest type needs 8; a parser must not recurse on request.
    json_depth: int = 16
    #: Items of one list in a payload (receipts for one batch are the longest).
    items: int = 512
    #: Messages that a withdrawal or a request to delete can list: more is the whole case.
    listed_messages: int = 256
    #: Ranges of missing numbers or chunks in one request: what is more is asked for in the next.
    ranges: int = 64
    #: Counters (link numbers, registry versions): what every database and language can hold.
    number: int = 2**31 - 1
    #: A message nobody fetched in this span is given up by its sender. Longer than any holiday,
    #: shorter than the mailbox keeps things (30 days), so the sender always learns first.
    expiry_span: int = 21 * 86_400
    #: One attached file. A mailbox holds several of each sender, and a slow line needs minutes.
    attachment: int = 100 * 1024**2
    #: Files of one message: the manifests of so many large ones fit a payload.
    attachments: int = 16
    #: Plain bytes in one chunk of an attachment: half an envelope, so that no recipient's line is
    #: held up for long, and few enough that a chunk that was lost costs little to send again.
    chunk: int = 512 * 1024
    #: Chunks of one attachment: their digests must fit the message (32 bytes each).
    chunks: int = 1024
    #: An evidence bundle as a whole: a hundred messages of the largest size, which no case has.
    evidence_bundle: int = 100_000_000
    #: Members of an evidence bundle: a long case has a few hundred, most of them registry files.
    evidence_files: int = 10_000
    #: Manifest and event log of an evidence bundle, each: both are read as one JSON text.
    evidence_text: int = 8_000_000


LIMITS: Final = Limits()
