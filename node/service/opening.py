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
from protocol.messages.catalogue import UnreadableMessage, parse_payload
from protocol.messages.head import Head
from protocol.messages.system import Receipt
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
        if context.clock() > consignment.expires_at:
            raise ExpiredError("The message came after its expiry.")
        message = parse_payload(signed.payload)
        _verify_content(message, consignment=consignment, traffic=arrival.traffic)
    except RemoteProtocolError as error:
        return Refused(error=error, peer=peer, consignment=consignment, signed=signed)
    return Opened(consignment=consignment, signed=signed, message=message)


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
    if isinstance(message, UnreadableMessage):
        return  # of whatever class its version uses
    wanted = TrafficClass.RECEIPT if isinstance(message, Receipt) else TrafficClass.MESSAGE
    if traffic is not wanted:
        raise MalformedError("The message travelled in the wrong class.")
