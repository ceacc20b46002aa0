"""How the cost of one message grows with the number of Participants, and with what is stored.

Two nodes' services on real SQLite, without a broker between them: what is counted is the CPU of
both nodes from the accepted message to the applied receipt. The sizes take turns, so that a machine
that slows down slows all of them down.
"""

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from random import Random
from statistics import median
from string import ascii_uppercase
from typing import Any, Final

from sqlalchemy import insert
from sqlmodel import SQLModel, select

from node.domain.states import Dispatch, Handling
from node.service.context import NodeContext
from node.service.plain_sending import Order, queue_plain
from node.service.receiving import handle_arrivals
from node.store.tables import CaseRow, EventRow, EvidenceRow, LinkHeadRow, MessageRow, ReceiptRow
from protocol.identifiers import make_case_reference
from tests.support.node import (
    FakeClock,
    FixedDirectory,
    Network,
    make_context,
    make_directory,
    make_draft,
    make_keystore,
    sqlite_urls,
)
from tests.support.people import STAFF

SENDER: Final = "AL"
RECIPIENT: Final = "XK"
#: Messages of one measurement: what a relay hands over at once.
BLOCK: Final = 64
_FILL_AT_ONCE: Final = 5_000


@dataclass(frozen=True, slots=True)
class Point:
    """Milliseconds of CPU for one message (median of the blocks) at one size."""

    size: int
    milliseconds: float


@contextmanager
def open_network(*, participants: int = 2) -> Iterator[Network]:
    """Return two nodes that know each other and ``participants`` in all."""
    with tempfile.TemporaryDirectory(prefix="trm-growth-") as folder:
        clock = FakeClock()
        others = (code for code in _list_codes() if code not in {SENDER, RECIPIENT})
        codes = [SENDER, RECIPIENT, *islice(others, participants - 2)]
        stores = [make_keystore(code) for code in codes]
        directory = FixedDirectory(make_directory(stores))
        network = Network(clock=clock, directory=directory)
        url_of = sqlite_urls(Path(folder))
        for store in stores[:2]:
            network.nodes[store.participant] = make_context(
                store, directory, database_url=url_of(store.participant), clock=clock
            )
        try:
            yield network
        finally:
            network.close()


def _list_codes() -> Iterator[str]:
    return (first + second for first in ascii_uppercase for second in ascii_uppercase)


def measure_block(network: Network) -> float:
    """Send a block of messages, each in a new case, to its receipts; returns CPU ms for one."""
    begin = time.process_time()
    orders = [Order(make_draft(), STAFF)] * BLOCK
    context = network.node(SENDER)
    context.transact(lambda session: queue_plain(context, session, orders))
    _settle(network)
    return (time.process_time() - begin) / BLOCK * 1_000


def _settle(network: Network) -> None:
    """Carry everything to its end, in batches as the workers of a node do."""
    while sum(network.collect(code) for code in network.nodes):
        arrived = [network.mailbox.popleft() for _ in range(len(network.mailbox))]
        for code in network.nodes:
            arrivals = [carried.arrival for carried in arrived if carried.to == code]
            for begin in range(0, len(arrivals), BLOCK):
                handle_arrivals(network.node(code), arrivals[begin : begin + BLOCK])


def _measure_by_turns(networks: Sequence[Network], *, rounds: int) -> list[float]:
    for network in networks:
        measure_block(network)  # what is compiled and cached at first use
    random = Random(7)
    costs: list[list[float]] = [[] for _ in networks]
    for _ in range(rounds):
        for index in random.sample(range(len(networks)), len(networks)):
            costs[index].append(measure_block(networks[index]))
    return [median(each) for each in costs]


def _measure(
    sizes: Sequence[int], *, rounds: int, open_one: Callable[[int, ExitStack], Network]
) -> list[Point]:
    with ExitStack() as stack:
        networks = [open_one(size, stack) for size in sizes]
        return [
            Point(size, cost)
            for size, cost in zip(sizes, _measure_by_turns(networks, rounds=rounds), strict=True)
        ]


def measure_participants(sizes: Sequence[int], *, rounds: int) -> list[Point]:
    """Return what a message costs with so many Participants in the registry."""

    def open_one(size: int, stack: ExitStack) -> Network:
        return stack.enter_context(open_network(participants=size))

    return _measure(sizes, rounds=rounds, open_one=open_one)


def measure_cases(sizes: Sequence[int], *, rounds: int) -> list[Point]:
    """Return what a message costs with so many cases in both stores, each with a message."""

    def open_one(size: int, stack: ExitStack) -> Network:
        network = stack.enter_context(open_network())
        if size:
            measure_block(network)  # a link, and rows to copy
            fill(network, cases=size)
        return network

    return _measure(sizes, rounds=rounds, open_one=open_one)


# ------------------------------------------------------------------------- a full store


def fill(network: Network, *, cases: int) -> None:
    """Put cases with one delivered message each into both stores, in the link's order.

    The rows are copies of real ones under new names: only their number and the order of their
    names matter here. Cases are named in the order in which they began, as a node names them.
    """
    random = Random(cases)
    names = [random.randbytes(16).hex() for _ in range(cases)]
    digests = [random.randbytes(32).hex() for _ in range(cases)]
    references = [make_case_reference(random.randbytes) for _ in range(cases)]
    began = [(number.to_bytes(6) + random.randbytes(10)).hex() for number in range(cases)]
    copies = list(zip(names, began, references, digests, strict=True))
    for code in (SENDER, RECIPIENT):
        _fill_store(network.node(code), copies)
    with network.node(SENDER).database.transaction() as session:
        head = session.exec(select(LinkHeadRow)).one()
        head.seq, head.digest = head.seq + cases, digests[-1]


_Copy = tuple[str, str, str, str]
"""What is new in a copy: names of message and case, reference, digest."""


def _fill_store(context: NodeContext, copies: Sequence[_Copy]) -> None:
    with context.database.reading() as session:
        message = session.exec(
            select(MessageRow).order_by(MessageRow.link_seq.desc()).limit(1)  # type: ignore[union-attr] # a column
        ).one()
        template = message.model_dump()
        case = session.get_one(CaseRow, message.case_id).model_dump()
        events = _dump_all(
            session.exec(select(EventRow).where(EventRow.case_id == message.case_id))
        )
        evidence = _dump_all(
            session.exec(select(EvidenceRow).where(EvidenceRow.message_id == message.message_id))
        )
        receipts = _dump_all(session.exec(select(ReceiptRow).limit(1)))
    first = template["link_seq"] + 1
    for begin in range(0, len(copies), _FILL_AT_ONCE):
        part = list(enumerate(copies[begin : begin + _FILL_AT_ONCE], start=first + begin))
        rows: list[tuple[type[SQLModel], list[dict[str, Any]]]] = [
            (CaseRow, [case | {"case_id": c, "reference": r} for _, (_, c, r, _) in part]),
            (MessageRow, [_copy_message(template, seq, *copy) for seq, copy in part]),
            (
                EventRow,
                [
                    event
                    | {"event_id": None, "case_id": c, "message_id": event["message_id"] and n}
                    for event in events
                    for _, (n, c, _, _) in part
                ],
            ),
            (
                ReceiptRow,
                [row | {"receipt_id": d} for row in receipts for _, (_, _, _, d) in part],
            ),
            (
                EvidenceRow,
                [
                    row | {"evidence_id": None, "message_id": n, "receipt_id": d}
                    for row in evidence
                    for _, (n, _, _, d) in part
                ],
            ),
        ]
        with context.database.transaction() as session:
            for table, values in rows:
                if values:
                    session.connection().execute(insert(table), values)


def _copy_message(
    template: dict[str, Any], seq: int, name: str, case: str, _reference: str, digest: str
) -> dict[str, Any]:
    return template | {
        "message_id": name,
        "wire_id": name,
        "case_id": case,
        "payload_sha256": digest,
        "link_seq": seq,
        "dispatch": template["dispatch"] and Dispatch.DELIVERED,
        "handling": Handling.NEW,
    }


def _dump_all(rows: Any) -> list[dict[str, Any]]:
    return [row.model_dump() for row in rows]
