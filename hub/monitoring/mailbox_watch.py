"""What waits in the mailboxes, by Participant: numbers and ages, never content."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from contact_registry.directory import Directory
from hub.broker.mailbox_snapshots import MailboxSnapshot
from hub.broker.mailboxes import Mailboxes
from protocol.errors import MalformedError
from protocol.identifiers import ParticipantCode
from protocol.subjects import AccountId, TrafficClass, parse_account_id

#: Percent of its part from which a sender is named.
_NEARLY_FULL: Final = 50
#: Mailboxes that are asked for at a time.
_AT_ONCE: Final = 8


@dataclass(frozen=True, slots=True)
class Crowding:
    """A sender that uses much of its part of a mailbox; ``None``: no longer in the registry."""

    traffic: TrafficClass
    sender: ParticipantCode | None
    stored: int
    per_sender: int

    @property
    def is_full(self) -> bool:
        """Whether no more is taken from it, so that the rest waits in its outbox."""
        return self.stored >= self.per_sender


@dataclass(frozen=True, slots=True)
class ParticipantMailbox:
    """One Participant's mailbox; ``snapshot`` is ``None`` while it has none."""

    participant: ParticipantCode
    snapshot: MailboxSnapshot | None
    crowding: tuple[Crowding, ...] = ()


async def watch_mailboxes(
    directory: Directory, mailboxes: Mailboxes
) -> tuple[ParticipantMailbox, ...]:
    """Count the mailbox of every Participant that the registry lists.

    Raises :class:`~hub.broker.connection.BrokerUnavailableError` and
    :class:`~hub.broker.mailboxes.MailboxError`.
    """
    accounts = read_accounts(directory)
    owners = {account: code for code, account in accounts.items()}
    few = asyncio.Semaphore(_AT_ONCE)

    async def watch(code: ParticipantCode) -> ParticipantMailbox:
        account = accounts.get(code)
        if account is None:
            return ParticipantMailbox(code, None)
        async with few:
            snapshot = await mailboxes.count(account)
        return ParticipantMailbox(code, snapshot, _find_crowding(snapshot, owners))

    return tuple(await asyncio.gather(*(watch(entry.code) for entry in directory.participants)))


def read_accounts(directory: Directory) -> dict[ParticipantCode, AccountId]:
    """Return the account of every Participant whose node has published its keys."""
    found: dict[ParticipantCode, AccountId] = {}
    for code, keys in directory.keys.items():
        try:
            found[code] = parse_account_id(keys.broker.account)
        except MalformedError:
            continue  # the admission report names it as refused
    return found


def _find_crowding(
    snapshot: MailboxSnapshot | None, owners: Mapping[AccountId, ParticipantCode]
) -> tuple[Crowding, ...]:
    """Name who uses much of its part, the fullest first."""
    found = [
        Crowding(part.traffic, owners.get(sender), stored, part.per_sender)
        for part in (snapshot.classes if snapshot else ())
        for sender, stored in part.by_sender.items()
        if stored * 100 >= part.per_sender * _NEARLY_FULL
    ]
    return tuple(sorted(found, key=lambda one: -one.stored / one.per_sender))
