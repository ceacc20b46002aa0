"""Opening an envelope and proving who sent it: everything that comes before the store is touched.

The order is the specification's (SPEC section 8): parse, recipient, sender's account, decrypt,
sender's key, verify, expiry, typed validation, consignment. Nothing here writes anything.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from contact_registry.directory import Directory
from node.service.context import NodeContext
from protocol.envelope import Consignment, Envelope, SignedPayload
from protocol.errors import (
    ExpiredError,
    MalformedError,
    MisaddressedError,
    RejectionCode,
    RemoteProtocolError,
)
from protocol.identifiers import ParticipantCode
from protocol.links import LinkPosition
from protocol.messages.catalogue import UnreadableMessage, parse_payload
from protocol.messages.head import CaseMessage, Head
from protocol.messages.system import SYSTEM_PREFIX
from protocol.subjects import AccountId, TrafficClass


@dataclass(frozen=True, slots=True)
class Arrival:
    """An envelope as it came out of our mailbox."""

    sender: AccountId
    recipient: AccountId
    traffic: TrafficClass
    envelope: bytes


class UnknownSenderError(RemoteProtocolError):
    """The registry lists no such account or key for the sender."""

    code = RejectionCode.UNKNOWN_SENDER


@dataclass(frozen=True, slots=True)
class Opened:
    """An envelope whose sender is proven."""

    consignment: Consignment
    signed: SignedPayload
    message: Head | UnreadableMessage
    #: It came after its expiry: to be refused, unless it is one that this node asked for.
    late: bool = False

    @property
    def position(self) -> LinkPosition | None:
        """The message's place on the link from its sender, if it has one."""
        return find_position(self.message)


@dataclass(frozen=True, slots=True)
class Refused:
    """An envelope that is refused; ``consignment`` and ``peer`` as far as they are known."""

    error: RemoteProtocolError
    peer: ParticipantCode | None
    consignment: Consignment | None
    #: Set once the signature was found good.
    signed: SignedPayload | None


def open_arrivals(context: NodeContext, arrivals: Sequence[Arrival]) -> list[Opened | Refused]:
    """Open envelopes; the results are in the same order."""
    directory = context.directory.current()
    return [open_arrival(context, arrival, directory) for arrival in arrivals]


def is_unknown_sender(outcome: Opened | Refused) -> bool:
    """Say whether a newer registry could make this one readable."""
    return isinstance(outcome, Refused) and isinstance(outcome.error, UnknownSenderError)


def open_arrival(context: NodeContext, arrival: Arrival, directory: Directory) -> Opened | Refused:
    """Open an envelope and prove its sender, or say why it is refused."""
    peer = _find_peer(directory, arrival.sender)
    consignment: Consignment | None = None
    signed: SignedPayload | None = None
    try:
        envelope = Envelope.parse(arrival.envelope)
        consignment = envelope.consignment
        _verify_route(context, consignment, peer=peer)
        unverified = context.keys.open_envelope(envelope)
        key = directory.signing_key(consignment.sender, unverified.signer)
        if key is None:
            raise UnknownSenderError(
                f"{consignment.sender} lists no signing key {unverified.signer}: its registry "
                "entry is older than its node, or the message is forged."
            )
        unverified.verify(key)
        signed = unverified
        late = context.clock() > consignment.expires_at
        message = _read(signed, traffic=arrival.traffic, late=late)
    except RemoteProtocolError as error:
        return Refused(error=error, peer=peer, consignment=consignment, signed=signed)
    return Opened(consignment=consignment, signed=signed, message=message, late=late)


def _read(signed: SignedPayload, *, traffic: TrafficClass, late: bool) -> Head | UnreadableMessage:
    """Read the payload. Of what came late, only what has a place on a link can be awaited."""
    try:
        message = parse_payload(signed.payload)
        _verify_content(message, consignment=signed.consignment, traffic=traffic)
    except RemoteProtocolError as error:
        if late:
            raise make_expired() from error
        raise
    if late and find_position(message) is None:
        raise make_expired()
    return message


def make_expired() -> ExpiredError:
    """Return what is said of a message that came too late."""
    return ExpiredError("The message came after its expiry.")


def find_position(message: Head | UnreadableMessage) -> LinkPosition | None:
    """Return the place of a message on the link from its sender; machine messages have none."""
    link = message.link if isinstance(message, CaseMessage | UnreadableMessage) else None
    return link.position if link else None


def _find_peer(directory: Directory, account: AccountId) -> ParticipantCode | None:
    for code, document in directory.keys.items():
        if document.broker.account == account:
            return code
    return None


def _verify_route(
    context: NodeContext, consignment: Consignment, *, peer: ParticipantCode | None
) -> None:
    if peer is None:
        raise UnknownSenderError(
            "The registry lists no Participant with the sender's broker account: refresh it."
        )
    if consignment.recipient != context.participant:
        raise MisaddressedError(f"The message is for {consignment.recipient}.")
    if consignment.sender != peer:
        raise MisaddressedError(
            f"The message says it is from {consignment.sender} but travelled as {peer}."
        )


def _verify_content(
    message: Head | UnreadableMessage, *, consignment: Consignment, traffic: TrafficClass
) -> None:
    if (message.message_id, message.sender, message.recipient) != (
        consignment.message_id,
        consignment.sender,
        consignment.recipient,
    ):
        raise MisaddressedError("The message and its consignment name different parties.")
    is_machine = message.type.startswith(SYSTEM_PREFIX)
    expected = TrafficClass.RECEIPT if is_machine else TrafficClass.MESSAGE
    if traffic not in {expected, TrafficClass.LARGE}:
        raise MalformedError("The message travelled in the wrong class.")
