"""What is too large for its class travels in that of large envelopes, and is taken in alike."""

from dataclasses import replace

import pytest

from node.service.composing import handle_send
from protocol.subjects import TrafficClass
from tests.support.node import Network, make_draft
from tests.support.people import acting


@pytest.mark.parametrize("carried_as", [TrafficClass.LARGE, TrafficClass.CHUNK])
def test_messages_and_receipts_may_travel_as_large_ones(
    network: Network, carried_as: TrafficClass
) -> None:
    """A message and its receipt are taken in from the class of large envelopes, not from chunks."""
    handle_send(network.node("AL"), make_draft(), who=acting("u"))
    network.collect("AL")
    carried = network.mailbox.popleft()
    moved = replace(carried, arrival=replace(carried.arrival, traffic=carried_as))
    taken = network.deliver(moved)
    assert (taken.reason is None) is (carried_as is TrafficClass.LARGE)
    if carried_as is TrafficClass.LARGE:
        network.collect("XK")
        receipt = network.mailbox.popleft()
        assert receipt.arrival.traffic is TrafficClass.RECEIPT
        receipt = replace(receipt, arrival=replace(receipt.arrival, traffic=carried_as))
        assert network.deliver(receipt).reason is None
