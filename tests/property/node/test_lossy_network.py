"""Whatever the network does to envelopes, everything arrives once and both sides agree."""

from collections.abc import Callable
from itertools import count

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import Session, select

from node.domain.states import Dispatch
from node.service import reading
from node.service.composing import Sent, handle_send
from node.service.context import NodeContext
from node.service.dispatching import ClaimAtOnce, claim_at_once, seal_for
from node.service.plain_sending import Order, queue_plain
from node.store.tables import EvidenceRow, OutboxRow, ReceiptDueRow
from tests.support.node import Network, make_draft, make_network
from tests.support.people import STAFF, acting

#: What may happen to the envelope at hand, or to what a node keeps in memory.
ACTIONS = (
    "deliver",
    "deliver",
    "lose",
    "twice",
    "last",
    "wait",
    "send",
    "hand_on",
    "crash",
    "mute",
)


def hand_on(context: NodeContext) -> str:
    """Queue a message as a program's is where a relay takes what is claimed as it is stored."""
    order = Order(make_draft(recipient="AL" if context.participant == "XK" else "XK"), acting("u"))

    def queue(session: Session) -> tuple[str, ClaimAtOnce]:
        claim = claim_at_once(context)
        assert claim is not None
        (sent,) = queue_plain(context, session, [order], claim=claim)
        assert isinstance(sent, Sent)
        return sent.message_id, claim

    message_id, claim = context.transact(queue)
    context.leaving.messages.put(claim.messages)
    return message_id


def forget(network: Network) -> None:
    """Let all processes be killed: what was claimed as it was stored is in no memory any more."""
    for context in network.nodes.values():
        context.leaving.messages.take(1_000)
        context.leaving.receipts.take(1_000)


def publish_and_die(network: Network) -> None:
    """Hand over what was handed on in memory, and be killed before any of it is noted."""
    for context in network.nodes.values():
        for message in context.leaving.messages.take(1_000):
            sealed = seal_for(
                network.directory.current(),
                peer=message.peer,
                signed=message.signed,
                at=network.clock(),
            )
            network.carry(context, message.peer, sealed.envelope)
    forget(network)


def set_open(network: Network, *, is_open: bool) -> None:
    """Let relays say whether they take what is claimed as it is stored."""
    for context in network.nodes.values():
        context.leaving.messages.set_open(is_open=is_open)
        context.leaving.receipts.set_open(is_open=is_open)


def prepare(network: Network, action: str, sent: set[str]) -> None:
    """Do what an action says before anything is carried; new messages are noted in ``sent``."""
    sender = network.node("XK" if len(sent) % 3 == 2 else "AL")
    match action:
        case "send":
            draft = make_draft(recipient="AL" if sender.participant == "XK" else "XK")
            sent.add(handle_send(sender, draft, who=acting("u")).message_id)
        case "hand_on":
            sent.add(hand_on(sender))
        case "crash":
            sent.add(hand_on(sender))
            forget(network)
        case "mute":
            sent.add(hand_on(sender))
            publish_and_die(network)
        case "wait":
            network.clock.advance(minutes=40)


def play(network: Network, actions: list[str]) -> set[str]:
    """Let the network misbehave as told; returns the ids of all messages that were accepted."""
    set_open(network, is_open=True)
    sent: set[str] = {handle_send(network.node("AL"), make_draft(), who=acting("u")).message_id}
    for action in actions:
        prepare(network, action, sent)
        for code in network.nodes:
            network.collect(code)
        if not network.mailbox:
            continue
        if action == "last":  # reordered
            network.mailbox.rotate(1)
        carried = network.mailbox.popleft()
        if action == "lose":
            continue
        network.deliver(carried)
        if action == "twice":
            network.deliver(carried)
    forget(network)
    set_open(network, is_open=False)
    return sent


_NUMBERS = count()
#: Each network has stores of its own: the fixture gives as many as are asked for.
_SUPPRESSED = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]


@settings(max_examples=12, deadline=None, suppress_health_check=_SUPPRESSED)
@given(actions=st.lists(st.sampled_from(ACTIONS), max_size=25))
def test_everything_arrives_just_once(
    node_url_of: Callable[[str], str], actions: list[str]
) -> None:
    """Lost, doubled, reordered, late: in the end each message is shown once, with its receipt.

    So it is for what was claimed as it was stored, killed in any of its gaps.
    """
    number = next(_NUMBERS)
    network = make_network(["AL", "XK"], url_of=lambda code: node_url_of(f"{code}{number}"))
    try:
        sent = play(network, actions)
        for _ in range(6):  # then the network is good again for some hours
            network.settle()
            network.clock.advance(hours=7)
        received = [
            item.message_id
            for code in network.nodes
            for item in reading.list_items(network.node(code), direction="in", who=STAFF)
        ]
        assert sorted(received) == sorted(sent)
        for code in network.nodes:
            context = network.node(code)
            for item in reading.list_items(context, direction="out", who=STAFF):
                assert item.dispatch == Dispatch.DELIVERED
            with context.database.reading() as session:
                assert session.exec(select(OutboxRow)).all() == []
                assert session.exec(select(ReceiptDueRow)).all() == []
                given = session.exec(select(EvidenceRow)).all()
            assert len({(row.message_id, row.given) for row in given}) == len(given)
    finally:
        network.close()
