"""An installation can ask sooner for what a link lost; everything else follows in proportion."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from node.service.resending import ANSWERED_IN_AN_HOUR
from protocol.errors import LocalProtocolError
from protocol.link_repair import RULES, RepairRules
from protocol.messages.link_repair import NumbersField, ResendRequestBody
from tests.support.link_repair import PATIENT, ask, lose_middle, received, say
from tests.support.node import make_network

SECOND = timedelta(seconds=1)
QUICK = RepairRules.paced(10 * SECOND)


def test_all_pauses_follow_the_first() -> None:
    """Sixty times sooner at first is sixty times sooner throughout; questions are as many."""
    assert [pause * 60 for pause in QUICK.pauses] == list(RULES.pauses)
    assert QUICK.window == timedelta(minutes=1)
    assert QUICK.questions == RULES.questions


def test_no_pause_is_none() -> None:
    """Without a pause every envelope that overtakes another would be asked for."""
    with pytest.raises(LocalProtocolError):
        RepairRules.paced(timedelta(0))


def test_a_quick_node_asks_and_answers_sooner(url_of: Callable[[str], str]) -> None:
    """What is missing comes after seconds; a peer's questions are counted by the minute."""
    network = make_network(["AL", "XK"], url_of=url_of, rules=replace(PATIENT, repair=QUICK))
    lose_middle(network)
    assert ask(network, after=9 * SECOND) == 0
    assert ask(network, after=SECOND) == 1
    network.settle()
    assert len(received(network)) == 3
    everything = ResendRequestBody(numbers=(NumbersField(generation=1, first=1, last=3),))
    answers = []
    for _ in range(2):
        for _ in range(ANSWERED_IN_AN_HOUR + 3):
            say(network, "XK", "AL", everything)
        network.collect("XK")
        network.settle_mailbox()
        network.collect("AL")
        answers.append(sum(each.arrival.traffic == "r" for each in network.mailbox))
        network.mailbox.clear()
        network.clock.advance(minutes=1)
    network.close()
    assert answers == [ANSWERED_IN_AN_HOUR - 1, ANSWERED_IN_AN_HOUR]
