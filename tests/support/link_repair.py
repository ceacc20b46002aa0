"""Losing envelopes between two nodes, asking for them, and looking at what is remembered."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from sqlmodel import col, select

from contact_registry.directory import Directory
from node.adapters.keystore import FileKeyStore
from node.domain.events import EventKind
from node.service import reading
from node.service.composing import Sent, handle_send
from node.service.context import DeliveryRules, NodeContext
from node.service.machine_mail import Body, owe_machine_mail
from node.service.repairing import plan_requests
from node.store.link_tables import LinkAskedRow, LinkGapRow, MachineMailRow
from node.store.tables import EventRow, MessageRow, OutboxRow
from protocol.messages.link_repair import HeadField, NumbersField, ResendAnswerBody
from tests.support.broker import TestParticipant
from tests.support.node import FixedDirectory, Network, make_draft
from tests.support.people import STAFF, acting

#: A sender that never hands over again by itself: what comes again was asked for.
PATIENT = DeliveryRules(resend_pauses=(timedelta(days=30),))


def send(
    network: Network, *, sender: str = "AL", recipient: str = "XK", count: int = 1
) -> list[Sent]:
    """Write messages and put their envelopes on their way."""
    body = dict(make_draft().body)
    body["case_manager"] = body["case_manager"] | {"authority": f"{sender}-anti-trafficking-desk"}
    draft = make_draft(recipient=recipient, body=body)
    sent = [handle_send(network.node(sender), draft, who=acting("u1")) for _ in range(count)]
    network.collect(sender)
    return sent


def lose(network: Network, *positions: int) -> None:
    """Let the broker forget what stands at these places of what is on its way."""
    kept = [each for at, each in enumerate(network.mailbox) if at not in positions]
    network.mailbox.clear()
    network.mailbox.extend(kept)


def ask(network: Network, code: str = "XK", *, after: timedelta = timedelta(minutes=10)) -> int:
    """Let time pass, and let a node ask for what it misses; returns how many requests it made."""
    network.clock.advance(seconds=after.total_seconds())
    return plan_requests(network.node(code))


def say(network: Network, sender: str, recipient: str, body: Body) -> None:
    """Let one machine say something to another, whatever its own rules are."""
    node = network.node(sender)
    node.transact(lambda session: owe_machine_mail(node, session, peer=recipient, body=body))


def missing(network: Network, code: str = "XK") -> list[tuple[str, int, int]]:
    """Return the gaps that a node watches: peer, first, last."""
    with network.node(code).database.reading() as session:
        rows = session.exec(
            select(LinkGapRow).order_by(col(LinkGapRow.peer), col(LinkGapRow.first))
        ).all()
    return [(row.peer, row.first, row.last) for row in rows]


def member_of(context: NodeContext) -> TestParticipant:
    """Return a node as the broker knows it: with its account and its keys."""
    keys = context.keys
    assert isinstance(keys, FileKeyStore)
    return TestParticipant(
        context.participant, keys.account_key, keys.account_signing_key, keys.user_key
    )


def received(network: Network, code: str = "XK") -> list[str]:
    """Return the names of what a node shows as received."""
    return [
        item.message_id
        for item in reading.list_items(network.node(code), direction="in", who=STAFF)
    ]


def kinds(network: Network, code: str = "XK") -> list[str]:
    """Return the kinds of all entries of a node's timelines, in order."""
    with network.node(code).database.reading() as session:
        return [row.kind for row in session.exec(select(EventRow).order_by(col(EventRow.event_id)))]


def count_kind(network: Network, kind: EventKind, code: str = "XK") -> int:
    """Return how often something was told."""
    return kinds(network, code).count(kind)


def show_registry(network: Network, code: str, *, sha256: str, version: int = 7) -> Directory:
    """Show one node a registry of its own."""
    directory = replace(network.directory.directory, version=version, sha256=sha256)
    network.nodes[code] = replace(network.nodes[code], directory=FixedDirectory(directory))
    return directory


def names(sent: Sequence[Sent]) -> list[str]:
    """Return the identifiers of what was sent."""
    return [each.message_id for each in sent]


def lose_middle(network: Network) -> list[str]:
    """Send three, of which the broker loses the second; returns their names."""
    sent = names(send(network, count=3))
    lose(network, 1)
    network.settle()
    return sent


def count_outbox(network: Network, code: str = "AL") -> int:
    """Return how much a node's relay owes."""
    with network.node(code).database.reading() as session:
        return len(session.exec(select(OutboxRow)).all())


def answer_falsely(network: Network, *unknown: NumbersField, **said: object) -> None:
    """Let XK ask, and AL's machine answer what the test wants."""
    ask(network)
    with network.node("XK").database.reading() as session:
        asked = session.exec(select(LinkAskedRow).order_by(col(LinkAskedRow.at).desc())).first()
        assert asked is not None
    with network.node("XK").database.transaction() as session:
        for mail in session.exec(select(MachineMailRow)):
            session.delete(mail)
    body = ResendAnswerBody.model_validate(
        {
            "request_id": asked.message_id,
            "heads": (HeadField(generation=1, seq=3, digest=_head_digest(network)),),
            "unknown": unknown,
        }
        | said
    )
    say(network, "AL", "XK", body)
    network.settle()


def _head_digest(network: Network) -> str:
    with network.node("AL").database.reading() as session:
        rows = select(MessageRow.payload_sha256).where(MessageRow.direction == "out")
        return session.exec(rows.order_by(col(MessageRow.link_seq).desc())).first() or ""
