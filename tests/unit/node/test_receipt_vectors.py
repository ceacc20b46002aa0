"""A real node makes of receipts what the vectors say (``protocol/vectors/receipts.json``)."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any, Final

import pytest

from node.domain.states import Dispatch
from node.service.composing import handle_send
from node.service.context import NodeContext
from node.service.receipts import apply_receipt
from node.store.tables import MessageRow, OutboxRow
from protocol.envelope import Consignment, SignedPayload
from protocol.identifiers import MessageId, ParticipantCode
from protocol.messages.catalogue import encode_payload
from protocol.messages.head import RegistryPin
from protocol.messages.system import Receipt, ReceiptBody, ReceiptItem
from tests.support.checkout import ROOT
from tests.support.node import Network, make_draft, make_network
from tests.support.people import acting

VECTORS: Final[dict[str, Any]] = json.loads(
    (ROOT / "protocol" / "vectors" / "receipts.json").read_text("ascii")
)
SENT: Final[dict[str, Any]] = VECTORS["given"]["sent"]


@pytest.fixture(scope="module")
def parties(shared_node_url_of: Callable[[str], str]) -> Iterator[Network]:
    """AL, XK and MK, who know each other; each case sends a message of its own."""
    made = make_network(["AL", "XK", "MK"], url_of=shared_node_url_of)
    yield made
    made.close()


def send(network: Network) -> tuple[str, str]:
    """Let AL send a message to XK that gets lost; its identifier and digest."""
    sent = handle_send(network.node("AL"), make_draft(), who=acting("u1"))
    network.collect("AL")
    network.mailbox.clear()
    with network.node("AL").database.reading() as session:
        row = session.get(MessageRow, sent.message_id)
        assert row is not None
        assert row.wire_id == sent.message_id
        return row.wire_id, row.payload_sha256


def sign_receipt(network: Network, code: str, item: ReceiptItem) -> tuple[Receipt, SignedPayload]:
    """Sign a receipt of one item for AL."""
    sender = network.node(code)
    now = network.clock()
    receipt = Receipt(
        message_id="c" * 32,
        sender=code,
        recipient="AL",
        composed_at=now,
        registry=RegistryPin(version=7, sha256="ab" * 32),
        body=ReceiptBody(items=(item,)),
    )
    consignment = Consignment(
        message_id=MessageId(receipt.message_id),
        sender=ParticipantCode(code),
        recipient=ParticipantCode("AL"),
        expires_at=now + timedelta(days=21),
    )
    signed = SignedPayload.sign(
        encode_payload(receipt), consignment=consignment, key=sender.keys.signing_key
    )
    return receipt, signed


def look(context: NodeContext, message_id: str) -> tuple[str | None, datetime | None, str | None]:
    """Return where a message stands, and what its outbox row says: when next, and why."""
    with context.database.reading() as session:
        row, outbox = session.get(MessageRow, message_id), session.get(OutboxRow, message_id)
        assert row is not None
        if outbox is None:
            return row.dispatch, None, None
        return row.dispatch, outbox.next_attempt_at, outbox.last_error


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["name"])
def test_a_node_makes_of_an_item_what_the_vector_says(
    parties: Network, case: dict[str, Any]
) -> None:
    """Evidence settles it, what proves nothing has it sent again, the rest moves nothing."""
    message_id, digest = send(parties)
    fields = dict(case["input"]["item"])
    if fields["message_id"] == SENT["message_id"]:
        fields["message_id"] = message_id
    if fields.get("payload_sha256") == SENT["payload_sha256"]:
        fields["payload_sha256"] = digest
    item = ReceiptItem.model_validate_json(json.dumps(fields))
    receipt, signed = sign_receipt(parties, case["input"]["receipt_from"], item)
    al = parties.node("AL")
    before = look(al, message_id)
    al.transact(lambda session: apply_receipt(al, session, receipt, signed=signed))
    after = look(al, message_id)
    if case["expected"] == "ignored":
        assert after == before
    elif case["expected"] == "hand_over_again":
        assert after[0] == Dispatch.ON_ITS_WAY
        assert after[1] is not None
        assert after[2] != before[2]
    else:
        assert after == (case["expected"], None, None)
