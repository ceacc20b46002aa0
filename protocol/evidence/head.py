"""What evidence needs to know of a signed payload, whatever its type and version.

A bundle is checked years later, by a version of this software that may read other types than the
one that wrote it. So nothing here depends on the catalogue: only on the head, which every message
of every type has (SPEC 10.1).
"""

import json
from typing import Annotated, Any

from pydantic import ConfigDict, Field, ValidationError

from protocol.envelope import SignedPayload
from protocol.errors import ForgedError, MalformedError
from protocol.limits import LIMITS
from protocol.messages.fields import CaseField, Instant, MessageIdField, Model, ParticipantField
from protocol.messages.head import LinkField, RegistryPin


class EvidenceHead(Model):
    """The part of a payload that says what it is, from whom, and on which registry it rests."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")

    type: Annotated[str, Field(pattern=r"^[a-z_]{1,40}\.[a-z_]{1,60}$")]
    version: Annotated[int, Field(ge=1, le=10_000)]
    message_id: MessageIdField
    sender: ParticipantField
    recipient: ParticipantField
    composed_at: Instant
    registry: RegistryPin
    case: CaseField | None = None
    link: LinkField | None = None


def read_json(data: bytes, *, limit: int, what: str) -> Any:
    """Read JSON of which no two readers can have two opinions; raises ``MalformedError``."""
    if len(data) > limit:
        raise MalformedError(f"The {what} has {len(data)} bytes; at most {limit} are read.")
    try:
        return json.loads(
            data.decode("utf-8"), object_pairs_hook=_refuse_duplicates, parse_constant=_refuse
        )
    except (UnicodeDecodeError, RecursionError, ValueError) as error:
        raise MalformedError(f"The {what} is not JSON in UTF-8: it was damaged.") from error


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is not a number of JSON")


def _verify_depth(tree: Any) -> None:
    level = [tree]
    for _ in range(LIMITS.json_depth + 1):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
    if level:
        raise MalformedError("The message is nested too deeply: it is not a message of TRM1.")


def parse_evidence_head(signed: SignedPayload) -> EvidenceHead:
    """Read the head of a signed payload, and hold it against the consignment that was signed too.

    Raises :class:`~protocol.errors.MalformedError` or, where payload and consignment name different
    things, :class:`~protocol.errors.ForgedError`.
    """
    tree = read_json(signed.payload, limit=len(signed.payload), what="message")
    _verify_depth(tree)
    try:
        head = EvidenceHead.model_validate_json(signed.payload)
    except ValidationError as error:
        raise MalformedError(
            "The message has no head that can be read: it is not a message of TRM1."
        ) from error
    consignment = signed.consignment
    if (head.message_id, head.sender, head.recipient) != (
        consignment.message_id,
        consignment.sender,
        consignment.recipient,
    ):
        raise ForgedError("The message and its consignment name different parties.")
    return head
