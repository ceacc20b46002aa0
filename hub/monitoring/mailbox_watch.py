"""What waits in the mailboxes, by Participant: numbers and ages, never content."""

from dataclasses import dataclass

from contact_registry.directory import Directory
from hub.broker.mailboxes import Mailboxes, MailboxSnapshot
from protocol.errors import MalformedError
from protocol.identifiers import ParticipantCode
from protocol.subjects import parse_account_id


@dataclass(frozen=True, slots=True)
class ParticipantMailbox:
    """One Participant's mailbox; ``snapshot`` is ``None`` while it has none."""

    participant: ParticipantCode
    snapshot: MailboxSnapshot | None


async def watch_mailboxes(
    directory: Directory, mailboxes: Mailboxes
) -> tuple[ParticipantMailbox, ...]:
    """Count the mailbox of every Participant that the registry lists.

    Raises :class:`~hub.broker.connection.BrokerUnavailableError` and
    :class:`~hub.broker.mailboxes.MailboxError`.
    """
    found: list[ParticipantMailbox] = []
    for entry in directory.participants:
        keys = directory.keys.get(entry.code)
        snapshot = None
        if keys is not None:
            try:
                snapshot = await mailboxes.count(parse_account_id(keys.broker.account))
            except MalformedError:
                snapshot = None  # the admission report names it as refused
        found.append(ParticipantMailbox(entry.code, snapshot))
    return tuple(found)
