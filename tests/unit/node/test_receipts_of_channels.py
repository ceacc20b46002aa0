"""A signed receipt is evidence of every message it names: it names those of one channel."""

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.service import reading, receipts
from node.service.composing import handle_send
from node.service.receipt_company import MOST, gather_company
from node.service.receipt_rows import Owed
from node.service.receipts import ReceiptParcel, owe_receipt, sign_owed
from node.service.receiving import handle_arrivals
from protocol.envelope import SignedPayload
from protocol.errors import RejectionCode
from protocol.identifiers import Channel
from protocol.messages.catalogue import parse_payload
from protocol.messages.system import Receipt, ReceiptItem, ReceiptStatus
from tests.support.case_world import agree
from tests.support.node import Network, make_draft
from tests.support.people import STAFF, acting

CHANNELS: Final = (Channel.ASSISTANCE, Channel.POLICE, Channel.WITNESS_PROTECTION)


@pytest.fixture
def url_of(node_url_of: Callable[[str], str]) -> Callable[[str], str]:
    """One database will do, not the same one for every test."""
    return node_url_of


def write(network: Network, *, each: int = 3) -> dict[str, Channel]:
    """Let AL write to XK in every channel by turns; returns the channel of each message."""
    agree(network)
    al = network.node("AL")
    drafts = [(channel, make_draft(channel=channel)) for channel in CHANNELS * each]
    return {handle_send(al, draft, who=STAFF).message_id: channel for channel, draft in drafts}


def deliver(network: Network, *, one_by_one: bool) -> None:
    """Bring to XK what AL has written: all at once as ordinary messages, or each for itself."""
    network.collect("AL")
    arrivals = [carried.arrival for carried in network.mailbox]
    network.mailbox.clear()
    for part in [[each] for each in arrivals] if one_by_one else [arrivals]:
        handle_arrivals(network.node("XK"), part)


def names_of(parcels: Iterable[ReceiptParcel]) -> list[list[str]]:
    """Return which messages each receipt names, as it was signed."""
    return [list_names(parcel.signed) for parcel in parcels]


def list_names(signed: SignedPayload) -> list[str]:
    """Return which messages a receipt names."""
    receipt = parse_payload(signed.payload)
    assert isinstance(receipt, Receipt)
    return [item.message_id for item in receipt.body.items]


def find_mixed(named: Iterable[Iterable[str]], channel_of: dict[str, Channel]) -> list[set[str]]:
    """Return the channels of each receipt that names messages of several."""
    told = [{str(channel_of[name]) for name in names} for names in named]
    return [channels for channels in told if len(channels) > 1]


@pytest.mark.parametrize("way", ["handed on", "looked for"])
def test_no_receipt_names_two_channels(network: Network, way: str) -> None:
    """Of a fetch with three channels by turns come three receipts, and three when all were read."""
    channel_of, xk = write(network), network.node("XK")
    xk.leaving.receipts.set_open(is_open=way == "handed on")
    deliver(network, one_by_one=False)
    handed_on = list(xk.leaving.receipts.take(100))
    delivered = handed_on or receipts.claim_receipts(xk)
    assert bool(handed_on) is (way == "handed on")
    for name in channel_of:
        reading.handle_open(xk, name, who=STAFF)
    read = receipts.claim_receipts(xk)
    for parcels in (delivered, read):
        named = names_of(parcels)
        assert sorted(name for names in named for name in names) == sorted(channel_of)
        assert find_mixed(named, channel_of) == []
        assert len(parcels) == len(CHANNELS)
    assert {item.status for parcel in read for item in parcel.items} == {ReceiptStatus.READ}


def test_who_reads_evidence_learns_of_no_other_channel(network: Network) -> None:
    """On both sides, of what was delivered and read: only messages that they see are named."""
    channel_of = write(network)
    deliver(network, one_by_one=False)
    for name in channel_of:
        reading.handle_open(network.node("XK"), name, who=STAFF)
    network.settle()
    for code in ("AL", "XK"):
        for name, channel in channel_of.items():
            who = acting("reader", channels=[channel])
            evidence = reading.get_evidence(network.node(code), name, who=who)
            named = [list_names(signed) for signed in evidence.signed_receipts]
            assert name in named[0]
            assert {channel_of[each] for names in named for each in names} == {channel}
    sent = reading.list_items(network.node("AL"), direction="out", who=STAFF)
    assert Counter(item.dispatch for item in sent) == {"read": len(channel_of)}


def test_what_was_refused_stands_alone(network: Network) -> None:
    """Its channel is not known here. What no signature proves is nobody's evidence: together."""
    channel_of, xk = write(network, each=1), network.node("XK")
    deliver(network, one_by_one=True)

    def refuse(name: str, digest: str | None) -> None:
        code = RejectionCode.EXPIRED if digest else RejectionCode.UNOPENABLE
        item = ReceiptItem(
            message_id=name,
            payload_sha256=digest,
            status=ReceiptStatus.REJECTED,
            at=network.clock().replace(microsecond=0),
            reason=code,
        )
        xk.transact(lambda session: owe_receipt(xk, session, peer="AL", item=item))

    for number in range(3):
        refuse(f"{number:032x}", "a" * 64)
        refuse(f"{number + 10:032x}", None)
    # Another message under an identifier that is held: its channel is not that of the first.
    conflicting = next(iter(channel_of))
    refuse(conflicting, "b" * 64)
    found = sorted(
        sorted((item.status, item.message_id) for item in parcel.items)
        for parcel in receipts.claim_receipts(xk)
    )
    refused, delivered = ReceiptStatus.REJECTED, ReceiptStatus.DELIVERED
    assert found == sorted(
        [
            *([(delivered, name)] for name in channel_of),
            *([(refused, f"{number:032x}")] for number in range(3)),
            [(refused, conflicting)],
            [(refused, f"{number + 10:032x}") for number in range(3)],
        ]
    )


def test_a_receipt_of_an_older_node_counts_in_all_its_channels(network: Network) -> None:
    """It names messages of three channels in one: each of them is delivered, with its evidence."""
    channel_of = write(network, each=1)
    deliver(network, one_by_one=False)
    xk = network.node("XK")
    owed = [
        Owed(due_id, parcel.peer, item, "any")
        for parcel in receipts.claim_receipts(xk)
        for due_id, item in zip(parcel.due_ids, parcel.items, strict=True)
    ]
    xk.leaving.receipts.put(sign_owed(xk, owed))
    network.settle()
    for name in channel_of:
        view = reading.get_message(network.node("AL"), name, who=STAFF)
        assert view.item.dispatch == "delivered"
        (signed,) = reading.get_evidence(network.node("AL"), name, who=STAFF).signed_receipts
        assert sorted(list_names(signed)) == sorted(channel_of)


_OWED: Final = st.builds(
    lambda peer, digest, channel: (peer, digest, channel),
    st.sampled_from(["AL", "MK"]),
    st.sampled_from([None, "a" * 64]),
    st.sampled_from([None, *CHANNELS]),
)


@given(st.lists(_OWED, max_size=3 * MOST))
def test_company_holds_all_once_and_within_bounds(
    drawn: list[tuple[str, str | None, str | None]],
) -> None:
    """Whatever is owed: in one receipt each, of one peer, of one channel, at most so many."""
    owed = [
        Owed(number, peer, make_item(number, digest), channel)
        for number, (peer, digest, channel) in enumerate(drawn)
    ]
    companies = gather_company(owed)
    assert sorted(each.due_id for company in companies for each in company) == list(
        range(len(owed))
    )
    for company in companies:
        assert len(company) <= MOST
        assert len({each.peer for each in company}) == 1
        proven = {each.item.payload_sha256 is not None for each in company}
        assert len(proven) == 1
        if proven == {True}:
            assert len({each.channel for each in company}) == 1
            assert company[0].channel is not None or len(company) == 1


def make_item(number: int, digest: str | None) -> ReceiptItem:
    """Return what is said of an invented message: stored, or not to be opened."""
    return ReceiptItem.model_construct(
        message_id=f"{number:032x}",
        payload_sha256=digest,
        status=ReceiptStatus.DELIVERED if digest else ReceiptStatus.REJECTED,
        at=datetime(2026, 3, 4, tzinfo=UTC),
    )
