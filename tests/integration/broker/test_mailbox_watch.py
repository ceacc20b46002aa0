"""Operators see who fills whose mailbox, by name, class and number."""

from hub.broker.mailbox_plan import MailboxLimits
from hub.broker.mailboxes import Mailboxes
from hub.monitoring.mailbox_watch import Crowding, watch_mailboxes
from protocol.identifiers import ParticipantCode
from protocol.subjects import TrafficClass
from tests.support.broker import BrokerPlace, Hub, LinkedNode, TestParticipant, make_directory


async def test_a_sender_is_named_once_it_uses_half_of_its_part(
    place: BrokerPlace, hub: Hub
) -> None:
    """Below half nobody is named; a full part is told apart; a mailbox not made yet is none."""
    sender, owner = (TestParticipant(ParticipantCode(code)) for code in ("AA", "BB"))
    directory = make_directory([sender, owner], without_keys=["CC"])
    limits = MailboxLimits(messages_per_sender_and_class=4, participants=4)
    hub.admission._mailboxes = Mailboxes(hub.mailbox_admin, limits=limits)
    await hub.admission.reconcile(directory)
    async with LinkedNode(place, sender) as node:
        await node.put(owner, b"1")
        quiet = await watch_mailboxes(directory, hub.mailboxes)
        assert [(one.participant, one.crowding) for one in quiet] == [
            ("AA", ()),
            ("BB", ()),
            ("CC", ()),
        ]
        for _ in range(3):
            await node.put(owner, b"1")
        for _ in range(2):
            await node.put(owner, b"1", traffic=TrafficClass.CHUNK)
    _, mailbox, none = await watch_mailboxes(directory, hub.mailboxes)
    assert mailbox.crowding == (
        Crowding(TrafficClass.MESSAGE, sender.code, stored=4, per_sender=4),
        Crowding(TrafficClass.CHUNK, sender.code, stored=2, per_sender=4),
    )
    assert [one.is_full for one in mailbox.crowding] == [True, False]
    assert none.snapshot is None
