"""The steps of a message, by the names of ETSI EN 319 522-1, and who proves each.

The standard is written for delivery services that stand between the parties. Here the node of each
Participant is its own delivery service, and the broker between them signs nothing. So a step is
either proved by the signature of the sender's or the recipient's node, or it is a claim of whoever
tells of it; the table says which, and claims nothing for the broker.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from protocol.errors import RejectionCode
from protocol.messages.system import ReceiptItem, ReceiptStatus


class EtsiEvent(StrEnum):
    """The events of ETSI EN 319 522-1 V1.2.1, named as in Table 2 of EN 319 522-3."""

    SUBMISSION_ACCEPTANCE = "SubmissionAcceptance"
    SUBMISSION_REJECTION = "SubmissionRejection"
    RELAY_ACCEPTANCE = "RelayAcceptance"
    RELAY_REJECTION = "RelayRejection"
    RELAY_FAILURE = "RelayFailure"
    NOTIFICATION_FOR_ACCEPTANCE = "NotificationForAcceptance"
    NOTIFICATION_FOR_ACCEPTANCE_FAILURE = "NotificationForAcceptanceFailure"
    CONSIGNMENT_ACCEPTANCE = "ConsignmentAcceptance"
    CONSIGNMENT_REJECTION = "ConsignmentRejection"
    ACCEPTANCE_REJECTION_EXPIRY = "AcceptanceRejectionExpiry"
    CONTENT_CONSIGNMENT = "ContentConsignment"
    CONTENT_CONSIGNMENT_FAILURE = "ContentConsignmentFailure"
    CONSIGNMENT_NOTIFICATION = "ConsignmentNotification"
    CONSIGNMENT_NOTIFICATION_FAILURE = "ConsignmentNotificationFailure"
    NOTIFICATION_DELIVERED = "NotificationDelivered"
    NOTIFICATION_ACCESS_TRACKING = "NotificationAccessTracking"
    CONTENT_ACCESS_TRACKING = "ContentAccessTracking"
    CONTENT_HANDOVER = "ContentHandover"
    CONTENT_HANDOVER_FAILURE = "ContentHandoverFailure"
    RELAY_TO_NON_ERDS = "RelayToNonERDS"
    RELAY_TO_NON_ERDS_FAILURE = "RelayToNonERDSFailure"
    RECEIVED_FROM_NON_ERDS = "ReceivedFromNonERDS"

    @property
    def uri(self) -> str:
        """The identifier of the event (EN 319 522-3, Table 2)."""
        return f"http://uri.etsi.org/19522/Event/{self.value}"


EVENT_CODES: Final[Mapping[EtsiEvent, str]] = MappingProxyType(
    {
        EtsiEvent.SUBMISSION_ACCEPTANCE: "A.1",
        EtsiEvent.RELAY_ACCEPTANCE: "B.1",
        EtsiEvent.RELAY_REJECTION: "B.2",
        EtsiEvent.RELAY_FAILURE: "B.3",
        EtsiEvent.CONTENT_CONSIGNMENT: "D.1",
        EtsiEvent.CONTENT_HANDOVER: "E.1",
    }
)
"""The numbers under which EN 319 522-1 section 6 lists the events that occur here."""


class Step(StrEnum):
    """What becomes of a message."""

    SIGNED = "signed"
    ACCEPTED_BY_BROKER = "accepted_by_broker"
    DELIVERED = "delivered"
    READ = "read"
    REJECTED = "rejected"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class Prover(StrEnum):
    """Whose word a step rests on."""

    SENDER = "sender"
    """The sender's node signed the message."""
    RECIPIENT = "recipient"
    """The recipient's node signed a receipt that names the message by its digest."""
    NOBODY = "nobody"
    """Only the log of the node that made the bundle says so: a claim, not a proof."""


@dataclass(frozen=True, slots=True)
class StepFacts:
    """One row of the table."""

    #: The standard's event; None where it has none that means the same.
    event: EtsiEvent | None
    prover: Prover
    #: What it means, as the end of a sentence about the message.
    meaning: str


STEPS: Final[Mapping[Step, StepFacts]] = MappingProxyType(
    {
        Step.SIGNED: StepFacts(
            EtsiEvent.SUBMISSION_ACCEPTANCE,
            Prover.SENDER,
            "was signed by the sender's node, for this recipient and with this content",
        ),
        Step.ACCEPTED_BY_BROKER: StepFacts(
            EtsiEvent.RELAY_ACCEPTANCE,
            Prover.NOBODY,
            "was taken by the broker (which signs nothing)",
        ),
        Step.DELIVERED: StepFacts(
            EtsiEvent.CONTENT_CONSIGNMENT,
            Prover.RECIPIENT,
            "was stored by the recipient's node",
        ),
        Step.READ: StepFacts(
            EtsiEvent.CONTENT_HANDOVER,
            Prover.RECIPIENT,
            "was opened by a person at the recipient's",
        ),
        Step.REJECTED: StepFacts(
            EtsiEvent.RELAY_REJECTION,
            Prover.RECIPIENT,
            "was refused by the recipient's node, for good",
        ),
        Step.EXPIRED: StepFacts(
            EtsiEvent.RELAY_FAILURE,
            Prover.NOBODY,
            "was given up by the sender's node, without a receipt in time",
        ),
        Step.CANCELLED: StepFacts(
            None, Prover.NOBODY, "was taken back by the sender before it left"
        ),
    }
)
"""Every step, its event, and who proves it."""

_STEP_OF_STATUS: Final[Mapping[ReceiptStatus, Step]] = MappingProxyType(
    {
        ReceiptStatus.DELIVERED: Step.DELIVERED,
        ReceiptStatus.READ: Step.READ,
        ReceiptStatus.REJECTED: Step.REJECTED,
    }
)
#: Refusals of a copy that nobody could open or attribute: the message may arrive all the same.
_NOT_FINAL: Final = frozenset({RejectionCode.UNOPENABLE, RejectionCode.UNKNOWN_SENDER})


def find_proved_step(item: ReceiptItem, *, digest: str) -> Step | None:
    """Return the step that a receipt's item proves of the message with this digest, or None.

    An item that names another digest or none, and a refusal that is not final, prove nothing
    (SPEC 7.2).
    """
    if item.payload_sha256 != digest or item.reason in _NOT_FINAL:
        return None
    return _STEP_OF_STATUS[item.status]
