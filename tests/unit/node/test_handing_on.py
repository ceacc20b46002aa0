"""What was claimed as it was stored leaves at once, and is never lost where it waits in memory."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import select

from node.domain.ports import LinkDownError
from node.service import dispatching, receipts
from node.service.composing import Sent
from node.service.context import NodeContext
from node.service.due_rows import drop_claims
from node.service.opening import Arrival
from node.service.receiving import handle_arrivals
from node.service.send_desk import SendDesk
from node.store.tables import EvidenceRow, MessageRow, OutboxRow, ReceiptDueRow
from node.workers.fresh_relay import FreshRelay, make_message_relay, make_receipt_relay
from node.workers.relay import Relay
from protocol.subjects import TrafficClass, parse_account_id
from tests.support.node import Network, make_draft
from tests.support.people import token_of


@dataclass
class Ack:
    """What a broker says to a publish."""

    sequence: int = 1
    duplicate: bool = False


@dataclass
class Broker:
    """A link that takes everything, while it is up."""

    published: list[dict[str, Any]] = field(default_factory=list)
    is_up: bool = True
    times_up: int = 1

    async def publish(self, **what: Any) -> Ack:
        """Take it."""
        if not self.is_up:
            raise LinkDownError("There is no connection to the broker now: try again later.")
        self.published.append(what)
        return Ack()

    async def fetch(self, _traffic: TrafficClass, *, batch: int, wait: float) -> Sequence[Any]:
        """Give nothing."""
        return []


async def open_for(context: NodeContext, link: Broker) -> FreshRelay[Any, Any]:
    """Return a worker for messages that has said that it takes some."""
    worker = make_message_relay(context, link)
    context.leaving.messages.filled.notify()  # the round below does not wait
    await asyncio.sleep(0)
    await worker.run_round()
    return worker


async def run_until_noted(worker: FreshRelay[Any, Any]) -> None:
    """Run rounds until what was sent is recorded."""
    await worker.run_round()
    while worker.owes_a_note:
        await worker.run_round()


async def send(context: NodeContext) -> Sent:
    """Let a program send a message."""
    return await SendDesk(context).send(make_draft(), token=token_of(context), submission_key=None)


def read_outbox(context: NodeContext) -> OutboxRow:
    """Return the one row that waits."""
    with context.database.reading() as session:
        return session.exec(select(OutboxRow)).one()


def read_dispatch(context: NodeContext, message_id: str) -> str | None:
    """Return how far a message got."""
    with context.database.reading() as session:
        return session.get_one(MessageRow, message_id).dispatch


async def test_a_message_leaves_without_being_looked_for(network: Network) -> None:
    """It is stored as claimed, nobody else takes it, and what became of it is recorded."""
    al, link = network.node("AL"), Broker()
    worker = await open_for(al, link)
    sent = await send(al)
    assert dispatching.claim_messages(al, limit=10) == []
    await run_until_noted(worker)
    assert [what["transport_id"] for what in link.published] != []
    row = read_outbox(al)
    assert (row.handed_over, row.claimed_until, row.attempts) == (1, None, 1)
    assert read_dispatch(al, sent.message_id) == "on_its_way"


async def test_nothing_is_handed_on_where_nobody_takes_it(network: Network) -> None:
    """No worker, no broker, or a backlog in the store: then it waits in the outbox, by urgency."""
    al, link = network.node("AL"), Broker()
    await send(al)
    assert len(dispatching.claim_messages(al, limit=10)) == 1
    worker = await open_for(al, link)
    al.leaving.messages.set_behind(is_behind=True)
    await send(al)
    assert len(dispatching.claim_messages(al, limit=10)) == 1
    link.is_up = False
    al.leaving.messages.filled.notify()
    await worker.run_round()
    al.leaving.messages.set_behind(is_behind=False)
    await send(al)
    assert len(dispatching.claim_messages(al, limit=10)) == 1


async def test_what_is_urgent_overtakes_what_waits_in_memory(network: Network) -> None:
    """The last that came is immediate: it is the first that leaves."""
    al, link = network.node("AL"), Broker()
    worker = await open_for(al, link)
    desk, token = SendDesk(al), token_of(al)
    drafts = [make_draft(), make_draft(), make_draft(urgency="immediate")]
    sent = [await desk.send(each, token=token, submission_key=None) for each in drafts]
    first, *others = al.leaving.messages.take(10)
    assert first.message_id == sent[-1].message_id
    assert [each.message_id for each in others] == [each.message_id for each in sent[:-1]]
    assert not worker.owes_a_note


async def test_nothing_is_handed_on_to_a_worker_that_fails(network: Network) -> None:
    """Its store fails as it notes: what comes then is the relay's, until it goes on."""
    al = network.node("AL")

    async def send_it(_message: object) -> None:
        """Hand over."""

    def fail(_sent: object) -> None:
        raise ConnectionError

    worker = FreshRelay(al.leaving.messages, Broker(), send=send_it, note=fail)
    al.leaving.messages.set_open(is_open=True)
    await send(al)
    await worker.run_round()
    with pytest.raises(ConnectionError):
        await run_until_noted(worker)
    assert not al.leaving.messages.takes_more
    assert not worker.owes_a_note
    al.leaving.messages.filled.notify()
    await worker.run_round()
    assert al.leaving.messages.takes_more


async def test_what_is_lost_with_its_process_is_found_in_the_store(network: Network) -> None:
    """When its claim ends, the relay hands it over, under the same transport id."""
    al = network.node("AL")
    await open_for(al, Broker())
    await send(al)
    (lost,) = al.leaving.messages.take(10)
    network.clock.advance(seconds=al.rules.lease.total_seconds() + 1)
    (found,) = dispatching.claim_messages(al, limit=10)
    assert (found.message_id, found.transport_id) == (lost.message_id, lost.transport_id)
    assert not found.first


async def test_a_broker_that_goes_meanwhile_loses_nothing(network: Network) -> None:
    """The failed attempt is recorded, and the relay tries again as soon as the link is back."""
    al, link = network.node("AL"), Broker()
    worker = await open_for(al, link)
    sent = await send(al)
    link.is_up = False
    await run_until_noted(worker)
    row = read_outbox(al)
    assert row.claimed_until is None
    assert row.last_error is not None
    link.is_up = True
    await Relay(al, link).run_round()
    assert [what["transport_id"] for what in link.published] == [row.transport_id]
    assert read_dispatch(al, sent.message_id) == "on_its_way"


async def test_a_receipt_leaves_without_being_looked_for(network: Network) -> None:
    """It is signed after the commit, is evidence once the broker has it, and is believed."""
    al, xk, link = network.node("AL"), network.node("XK"), Broker()
    sent = await send(al)
    network.collect("AL")
    worker = make_receipt_relay(xk, link)
    xk.leaving.receipts.filled.notify()
    await asyncio.sleep(0)
    await worker.run_round()
    await asyncio.to_thread(handle_arrivals, xk, [network.mailbox.popleft().arrival])
    assert receipts.claim_receipts(xk) == []
    await run_until_noted(worker)
    with xk.database.reading() as session:
        assert session.exec(select(ReceiptDueRow)).all() == []
        assert session.exec(select(EvidenceRow.message_id)).all() == [sent.message_id]
    (published,) = link.published
    keys = network.directory.current().keys
    receipt = Arrival(
        sender=parse_account_id(keys[xk.participant].broker.account),
        recipient=published["recipient"],
        traffic=TrafficClass.RECEIPT,
        envelope=published["envelope"],
    )
    await asyncio.to_thread(handle_arrivals, al, [receipt])
    assert read_dispatch(al, sent.message_id) == "delivered"


async def test_a_receipt_that_is_lost_with_its_process_is_owed_again(network: Network) -> None:
    """When its claim ends, the relay signs it anew."""
    al, xk = network.node("AL"), network.node("XK")
    await send(al)
    network.collect("AL")
    xk.leaving.receipts.set_open(is_open=True)
    await asyncio.to_thread(handle_arrivals, xk, [network.mailbox.popleft().arrival])
    (lost,) = xk.leaving.receipts.take(10)
    network.clock.advance(seconds=(xk.rules.lease + timedelta(seconds=1)).total_seconds())
    (found,) = receipts.claim_receipts(xk)
    assert found.due_ids == lost.due_ids
    assert [item.message_id for item in found.items] == [item.message_id for item in lost.items]


async def test_a_node_that_begins_again_does_not_wait_for_the_lease(network: Network) -> None:
    """What was lost with the process leaves at once where no other process can have it."""
    al, link = network.node("AL"), Broker()
    await open_for(al, link)
    await send(al)
    claimed = read_outbox(al)
    assert claimed.claimed_until is not None
    drop_claims(al)
    freed = read_outbox(al)
    if not al.database.is_sqlite:
        assert freed.claimed_until == claimed.claimed_until, "another process may have it"
        return
    (again,) = dispatching.claim_messages(al, limit=2)
    assert freed.claimed_until is None
    assert again.transport_id == claimed.transport_id
    assert again.message_id == claimed.message_id
