"""The proofs of a message as rows: what, who signed it, when, and whether the signature holds."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from console.i18n import Message, pmsg
from node.service.context import NodeContext
from node.service.reading import MessageView
from node.service.records import IN
from node.web.site import Names
from protocol.identifiers import ParticipantCode
from protocol.messages.head import Head
from protocol.messages.system import ReceiptStatus


@dataclass(frozen=True, slots=True)
class ProofRow:
    """One signed statement. ``state`` is one of the kit's: valid, unchecked, mismatch."""

    what: Message
    signer: Message | str
    key_id: str
    moment: datetime
    state: str


_RECEIPTS: Final[Mapping[str, Message]] = {
    ReceiptStatus.DELIVERED: pmsg("proof", "Receipt: delivered"),
    ReceiptStatus.READ: pmsg("proof", "Receipt: opened by a person"),
    ReceiptStatus.REJECTED: pmsg("proof", "Receipt: refused"),
}


def list_proofs(context: NodeContext, view: MessageView, names: Names) -> list[ProofRow]:
    """List the signature on a message and the receipts about it.

    Signatures were verified when they came in, over the digest that is stored. A receipt over
    another digest does not match; one by a key that the registry does not list (any more) cannot be
    checked again now.
    """
    item = view.item
    sender = item.peer if item.direction == IN else context.participant
    recipient = context.participant if item.direction == IN else item.peer
    composed = view.message.composed_at if isinstance(view.message, Head) else item.stored_at

    def judge(signer: str, key_id: str, digest: str | None) -> str:
        if digest is not None and digest != view.payload_sha256:
            return "mismatch"
        if names.directory is None:
            return "unchecked"
        known = names.directory.signing_key(ParticipantCode(signer), key_id)
        return "unchecked" if known is None or digest is None else "valid"

    rows = [
        ProofRow(
            what=pmsg("proof", "The message itself"),
            signer=names.participant(sender),
            key_id=view.signer_key_id,
            moment=composed,
            state=judge(sender, view.signer_key_id, view.payload_sha256),
        )
    ]
    rows += [
        ProofRow(
            what=_RECEIPTS[proof.status],
            signer=names.participant(recipient),
            key_id=proof.signer_key_id,
            moment=proof.at,
            state=judge(recipient, proof.signer_key_id, proof.payload_sha256),
        )
        for proof in view.proofs
        if proof.status in _RECEIPTS
    ]
    return rows
