"""What is immediate overtakes thousands at its sender and hundreds at its recipient."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlmodel import col, insert, select

from node.service import dispatching, reading
from node.service.composing import PRIORITY, handle_send
from node.service.intake_order import put_immediate_first
from node.service.opening import open_arrivals
from node.service.receiving import Intake, IntakeResult
from node.store.tables import MessageRow, OutboxRow
from node.workers import consumer as consumer_module
from node.workers.consumer import Consumer
from node.workers.relay import Relay
from protocol.messages.codes import Urgency
from protocol.subjects import AccountId, TrafficClass
from tests.support.node import Carried, Network, make_draft
from tests.support.people import STAFF, acting

BACKLOG = 5_000
#: In front of an immediate message in a mailbox.
FLOOD = 2_000


@pytest.fixture
def url_of(node_url_of: Callable[[str], str]) -> Callable[[str], str]:
    """One database will do, not the same one for every test."""
    return node_url_of


def write(network: Network, urgency: Urgency) -> str:
    """Queue a message of AL."""
    return handle_send(network.node("AL"), make_draft(urgency=urgency), who=acting("u1")).message_id


def pile_up(network: Network, message_id: str, count: int) -> None:
    """Let so many more messages wait as this one does, older ones first."""
    with network.node("AL").database.transaction() as session:
        message = session.get_one(MessageRow, message_id).model_dump()
        waiting = session.get_one(OutboxRow, message_id).model_dump()
        names = [f"{number:032x}" for number in range(count)]
        session.execute(
            insert(MessageRow),
            [
                message | {"message_id": name, "wire_id": name, "link_seq": 100 + place}
                for place, name in enumerate(names)
            ],
        )
        session.execute(insert(OutboxRow), [waiting | {"message_id": name} for name in names])


@dataclass
class Link:
    """A link to a mailbox that holds what it is given, and says of publishes what it is told."""

    duplicates: list[bool] = field(default_factory=list)
    published: list[str] = field(default_factory=list)
    waiting: list["Letter"] = field(default_factory=list)
    is_up: bool = True
    times_up: int = 1

    async def publish(self, *, transport_id: str, **_: Any) -> "Link.Ack":
        """Take it."""
        self.published.append(transport_id)
        return self.Ack(duplicate=self.duplicates.pop(0) if self.duplicates else False)

    async def fetch(self, _traffic: TrafficClass, *, batch: int, wait: float) -> Sequence[Any]:
        """Give what waits."""
        taken, self.waiting = self.waiting[:batch], self.waiting[batch:]
        return taken

    @dataclass
    class Ack:
        """What the broker says to a publish."""

        duplicate: bool
        sequence: int = 1


@dataclass
class Letter:
    """A delivery that notes in which order the broker was told to forget."""

    sender: AccountId
    recipient: AccountId
    traffic: TrafficClass
    envelope: bytes
    acked: list["Letter"]

    async def ack(self) -> None:
        """Note it."""
        self.acked.append(self)

    async def delay(self, seconds: float) -> None:
        """Not asked for here."""
        raise AssertionError(seconds)


async def no_refresh() -> None:
    """Do nothing."""


def test_an_immediate_message_is_the_first_to_leave(network: Network) -> None:
    """Five thousand wait, due and older: the relay's next claim begins with the immediate one."""
    pile_up(network, write(network, Urgency.STANDARD), BACKLOG)
    network.clock.advance(minutes=1)
    urgent = write(network, Urgency.URGENT)
    immediate = write(network, Urgency.IMMEDIATE)
    al = network.node("AL")
    claimed = dispatching.claim_messages(al, limit=2)
    assert [each.message_id for each in claimed] == [immediate, urgent]
    with al.database.reading() as session:
        left = session.exec(
            select(OutboxRow.priority).where(col(OutboxRow.claimed_until).is_(None)).distinct()
        ).all()
    assert left == [PRIORITY[Urgency.STANDARD]]


async def test_an_immediate_message_is_stored_before_what_lay_in_front_of_it(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It came last and is stored with the first part; the others keep their order."""
    monkeypatch.setattr(consumer_module, "_BATCH", 8)
    for _ in range(30):
        write(network, Urgency.STANDARD)
    network.collect("AL")
    write(network, Urgency.IMMEDIATE)
    network.collect("AL")
    xk = network.node("XK")
    acked: list[Letter] = []
    carried: list[Carried] = list(network.mailbox)
    link = Link(
        waiting=[
            Letter(it.sender, it.recipient, it.traffic, it.envelope, acked)
            for it in (each.arrival for each in carried)
        ]
    )
    *others, last = link.waiting
    await Consumer(xk, link, refresh_registry=no_refresh).run_round()
    assert acked == [last, *others]
    opened = open_arrivals(xk, [each.arrival for each in carried])
    assert put_immediate_first(opened) == [30, *range(30)]


async def test_an_immediate_message_overtakes_all_that_lies_in_the_window(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind thousands: what was taken out of the mailbox with it waits until it is stored."""
    # How a part is stored is looked at above, and would take most of the time here.
    monkeypatch.setattr(
        consumer_module,
        "store_arrivals",
        lambda _context, arrivals, _opened: [IntakeResult(Intake.STORED) for _ in arrivals],
    )
    write(network, Urgency.STANDARD)
    network.collect("AL")
    write(network, Urgency.IMMEDIATE)
    network.collect("AL")
    (common, urgent) = (each.arrival for each in network.mailbox)
    acked: list[Letter] = []
    *others, last = [
        Letter(it.sender, it.recipient, it.traffic, it.envelope, acked)
        for it in (*[common] * FLOOD, urgent)
    ]
    link = Link(waiting=[*others, last])
    consumer = Consumer(network.node("XK"), link, refresh_registry=no_refresh)
    while link.waiting:
        await consumer.run_round()
    begin = FLOOD - FLOOD % consumer_module._WINDOW
    assert begin < FLOOD
    assert acked == [*others[:begin], last, *others[begin:]]


async def test_a_false_duplicate_is_no_confirmation(network: Network) -> None:
    """A first hand-over is called a duplicate: it is tried anew under another transport id."""
    message_id = write(network, Urgency.STANDARD)
    al = network.node("AL")
    link = Link(duplicates=[True])
    relay = Relay(al, link)
    await relay.run_round()
    view = reading.get_message(al, message_id, who=STAFF)
    assert view.item.dispatch == "queued"
    assert view.trying is not None
    assert "has this already" in (view.trying.last_error or "")
    network.clock.advance(minutes=1)
    await relay.run_round()
    assert reading.get_message(al, message_id, who=STAFF).item.dispatch == "on_its_way"
    assert len(set(link.published)) == 2


async def test_a_true_duplicate_confirms(network: Network) -> None:
    """An answer was lost, and the broker knows the second try: that is how it should be."""
    message_id = write(network, Urgency.STANDARD)
    al = network.node("AL")
    (message,) = dispatching.claim_messages(al, limit=1)
    lost = dispatching.Attempt(message_id, message.transport_id, "no answer", first=message.first)
    dispatching.record_attempts(al, [lost])
    network.clock.advance(minutes=1)
    link = Link(duplicates=[True])
    await Relay(al, link).run_round()
    assert link.published == [message.transport_id]
    assert reading.get_message(al, message_id, who=STAFF).item.dispatch == "on_its_way"
