"""What waits for a full mailbox waits along with what was refused, and follows what was taken."""

from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta

from sqlmodel import Session, col, select

from node.domain.ports import MailboxFullError
from node.service.composing import handle_send
from node.service.context import NodeContext
from node.service.dispatching import Attempt, Consigned, claim_messages
from node.service.mailbox_valve import MailboxValve
from node.store.tables import MessageRow, OutboxRow
from protocol.identifiers import ParticipantCode
from protocol.messages.codes import Urgency
from tests.support.node import Network, make_draft
from tests.support.people import acting


def attempt(message: Consigned, error: str | None = None) -> Attempt:
    """Say how handing it over went."""
    return Attempt(message.message_id, message.transport_id, error=error)


def list_due(context: NodeContext) -> set[str]:
    """Return the messages whose next attempt is due."""
    with context.database.reading() as session:
        due = col(OutboxRow.next_attempt_at) <= context.clock()
        return set(session.exec(select(OutboxRow.message_id).where(due)))


def give_back(session: Session, *, but: Collection[str]) -> None:
    """Let nobody be trying anything but these."""
    for row in session.exec(select(OutboxRow)):
        if row.message_id not in but:
            row.claimed_until = None


def test_others_of_the_class_rest_with_the_refused_one_and_follow_the_taken_one(
    network: Network,
) -> None:
    """Not what is immediate, large, for others or being tried; and nothing rests for good."""
    al = network.node("AL")
    refused, waits, large, elsewhere, tried = (
        handle_send(al, make_draft(), who=acting("u")).message_id for _ in range(5)
    )
    immediate = handle_send(al, make_draft(urgency=Urgency.IMMEDIATE), who=acting("u")).message_id
    claimed = {each.message_id: each for each in claim_messages(al, limit=9)}

    def arrange(session: Session) -> None:
        session.get_one(MessageRow, large).signed_payload_sealed = bytes(40_000)
        session.get_one(OutboxRow, elsewhere).peer = "RS"
        give_back(session, but={tried})

    al.transact(arrange)
    everything = list_due(al)
    valve = MailboxValve(al)

    valve.learn([claimed[refused]], [attempt(claimed[refused], "no answer")])
    assert list_due(al) == everything
    valve.learn([claimed[refused]], [attempt(claimed[refused], MailboxFullError.TEXT)])
    assert list_due(al) == {large, elsewhere, tried, immediate}

    for_another = replace(claimed[elsewhere], peer=ParticipantCode("RS"))
    valve.learn([for_another], [attempt(for_another)])
    assert waits not in list_due(al)
    valve.learn([claimed[refused]], [attempt(claimed[refused])])
    assert list_due(al) == everything

    valve.learn([claimed[refused]], [attempt(claimed[refused], MailboxFullError.TEXT)])
    network.clock.advance(minutes=1)
    assert list_due(al) == everything
    assert al.rules.retry_pause(100) <= timedelta(minutes=1)
