"""What follows from stored messages: noted with each, done at least once, alone if it fails."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest
from sqlmodel import Session, select

from console.refusals import say_english
from node.service.composing import handle_send
from node.service.context import NodeContext
from node.service.following import FollowedMessage, follow_due, list_following_notices, one_by_one
from node.service.plain_sending import Order, queue_plain
from node.store.tables import MessageRow
from node.store.work_tables import MessageToFollowRow
from protocol.identifiers import Channel
from tests.support.node import Network, make_draft
from tests.support.people import STAFF


@dataclass
class Witness:
    """A follower that remembers what it saw, and fails where it is told to."""

    seen: list[tuple[str, str, Channel | None]] = field(default_factory=list)
    stumbles_over: set[str] = field(default_factory=set)

    def __call__(
        self, _context: NodeContext, _session: Session, batch: Sequence[FollowedMessage]
    ) -> None:
        """Remember messages."""
        for followed in batch:
            if followed.row.message_id in self.stumbles_over:
                raise RuntimeError("a name that must not be kept")
            self.seen.append((followed.row.message_id, followed.row.direction, followed.channel))


def waiting(context: NodeContext) -> list[str]:
    """Return the messages from which something has yet to follow."""
    with context.database.reading() as session:
        return [row.message_id for row in session.exec(select(MessageToFollowRow))]


def send_plainly(context: NodeContext) -> list[str]:
    """Send three messages by the path of many; returns their names."""
    orders = [Order(make_draft(), STAFF) for _ in range(3)]
    sent = context.transact(lambda session: queue_plain(context, session, orders))
    return [each.message_id for each in sent if each is not None and hasattr(each, "message_id")]


def test_every_way_into_the_store_leaves_a_note(network: Network) -> None:
    """Alone or with others, sent or received: each message is followed once, in its order."""
    al, xk = network.node("AL"), network.node("XK")
    names = [handle_send(al, make_draft(), who=STAFF).message_id, *send_plainly(al)]
    assert waiting(al) == names
    network.settle()
    assert waiting(xk) == names
    for context, direction in ((al, "out"), (xk, "in")):
        witness = Witness()
        assert follow_due(context, [witness]) == len(names)
        assert witness.seen == [(name, direction, Channel.ASSISTANCE) for name in names]
        assert follow_due(context, [witness]) == 0
        assert waiting(context) == []


def test_one_that_fails_delays_itself_alone(network: Network) -> None:
    """The others are followed at once; it is tried with growing pauses, and people are told."""
    al = network.node("AL")
    first, second, third = send_plainly(al)
    witness = Witness(stumbles_over={second})
    follow_due(al, [witness])
    assert [name for name, _, _ in witness.seen if name != second][-2:] == [first, third]
    assert waiting(al) == [second]
    for _ in range(2):
        assert follow_due(al, [witness]) == 0
        network.clock.advance(minutes=10)
        assert follow_due(al, [witness]) == 1
    with al.database.reading() as session:
        (noticed,) = list_following_notices(session)
    notice = say_english(noticed)
    assert second in notice
    assert "RuntimeError" in notice
    assert "a name that must not be kept" not in notice
    witness.stumbles_over.clear()
    network.clock.advance(hours=2)
    assert follow_due(al, [witness]) == 1
    assert waiting(al) == []


def test_what_a_worker_left_behind_is_taken_over(network: Network) -> None:
    """A claim lasts as long as its lease; a clock that was set back does not make it longer."""
    al = network.node("AL")
    send_plainly(al)
    claimed_until = network.clock() + al.rules.lease

    def claim(session: Session) -> None:
        for row in session.exec(select(MessageToFollowRow)):
            row.claimed_until = claimed_until
            session.add(row)

    al.transact(claim)
    witness = Witness()
    assert follow_due(al, [witness]) == 0
    network.clock.advance(days=-400)
    assert follow_due(al, [witness]) == 3
    assert len(witness.seen) == 3


@pytest.mark.parametrize("error", [ValueError, KeyError])
def test_nothing_of_a_failed_attempt_stays(
    network: Network, error: Callable[[str], Exception]
) -> None:
    """What followers before it wrote for a message goes with the attempt that failed."""
    al = network.node("AL")
    (name, *_rest) = send_plainly(al)
    witness = Witness()

    def write(_context: NodeContext, session: Session, followed: FollowedMessage) -> None:
        followed.row.submission_key = f"changed {followed.row.message_id}"
        session.add(followed.row)

    def fail(_context: NodeContext, _session: Session, followed: FollowedMessage) -> None:
        if followed.row.message_id == name:
            raise error("no")

    follow_due(al, [one_by_one(write), witness, one_by_one(fail)])
    with al.database.reading() as session:
        changed = session.exec(select(MessageRow.message_id, MessageRow.submission_key)).all()
    assert {message: bool(key) for message, key in changed}[name] is False
    assert sum(bool(key) for _, key in changed) == 2
