"""Holding back what is about a person while the registry is too old to be relied on (SPEC 12.8).

A message that is held stays in the outbox, with the reason; nothing of it is lost, and it leaves by
itself once the registry was refreshed. It is judged when it would leave, not when it is written: a
view grows too old while messages wait, and a resend is sealed for a key of the same view.
"""

from datetime import timedelta
from typing import Final

from sqlmodel import col, func, select

from console.i18n import Message, msg
from contact_registry.errors import RegistryUnavailableError
from contact_registry.trust.staleness import ViewAge, grade_view
from node.service.context import NodeContext
from node.store.tables import OutboxRow
from protocol.envelope import SignedPayload
from protocol.messages.catalogue import UnreadableMessage, parse_payload
from protocol.messages.fields import Sensitivity
from protocol.messages.head import CaseMessage

#: What the outbox says of a message that is held: pages know it by this text.
HELD_BACK: Final = (
    "held back: the registry is too old to send data about persons; it leaves by itself after the "
    "next refresh"
)
#: A message that is held is looked at again after this, besides after every refresh that ends it.
HOLD_PAUSE: Final = timedelta(minutes=1)


def judge_view(context: NodeContext) -> ViewAge | None:
    """Return how old the registry is that this node acts on; None if it never saw one."""
    try:
        directory = context.directory.current()
    except RegistryUnavailableError:
        return None
    return grade_view(directory, now=context.clock(), limits=context.age_limits)


def describe_view_age(age: ViewAge) -> Message:
    """Say how old the registry is and what follows, for whoever runs the node."""
    since = f"{age.verified_at:%Y-%m-%d %H:%M} UTC"
    if age.is_clock_behind:
        return msg(
            "registry: this machine's clock stands before %(since)s, when the registry was "
            "verified: set the clock right",
            since=since,
        )
    if age.meaning.holds_back_personal_data:
        return msg(
            "registry: not refreshed since %(since)s, which is too long: messages with data about "
            "persons wait here. See that the hub can be reached",
            since=since,
        )
    return msg(
        "registry: not refreshed since %(since)s. See that the hub can be reached; from %(until)s "
        "messages with data about persons wait",
        since=since,
        until=f"{age.too_old_at:%Y-%m-%d %H:%M} UTC",
    )


def must_hold_back(context: NodeContext) -> bool:
    """Whether data about persons has to wait now."""
    age = judge_view(context)
    return age is not None and age.meaning.holds_back_personal_data


def is_about_person(signed: SignedPayload) -> bool:
    """Whether a message has any class of personal data (SPEC 9.3); what cannot be read counts."""
    message = parse_payload(signed.payload)
    if isinstance(message, CaseMessage):
        return any(mark is not Sensitivity.NONE for _, mark in message.list_classified())
    return isinstance(message, UnreadableMessage)


def count_held_back(context: NodeContext) -> int:
    """Count the messages that are held back."""
    with context.database.reading() as session:
        return session.exec(
            select(func.count()).select_from(OutboxRow).where(OutboxRow.last_error == HELD_BACK)
        ).one()


def release_held_back(context: NodeContext) -> int:
    """Let what is held leave now, unless the registry is still too old; returns how many."""
    if must_hold_back(context):
        return 0
    with context.database.transaction() as session:
        rows = session.exec(
            select(OutboxRow)
            .where(col(OutboxRow.last_error) == HELD_BACK)
            .with_for_update(skip_locked=True)
        ).all()
        for outbox in rows:
            outbox.last_error = None
            outbox.next_attempt_at = context.clock()
    if rows:
        context.signals.outbox.notify()
        context.signals.inbox.notify()
    return len(rows)
