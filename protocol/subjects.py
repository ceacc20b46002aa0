"""The grammar of broker subjects: where a message travels, and who put it there.

::

    trm.mbx.<recipient>.<sender>.<class>     one token each, five in all
    1   2   3           4        5

Recipient and sender are the broker accounts of two Participants. The broker itself enforces that
token :data:`SENDER_TOKEN` is the account of whoever published (``account_token_position``), so a
recipient may rely on it as far as it trusts the broker; what it believes about the sender rests on
the signature inside the envelope alone.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NewType

from protocol.errors import MalformedError
from protocol.nkeys import NkeyKind, PublicNkey, parse_public_nkey

AccountId = NewType("AccountId", PublicNkey)
"""The public nkey of a Participant's broker account: its opaque name at the broker."""

#: The durable consumer of every mailbox.
MAILBOX_CONSUMER: Final = "node"
#: Where the sender stands in a mailbox subject, counted from 1.
SENDER_TOKEN: Final = 4

_ROOT: Final = ("trm", "mbx")
_TOKENS: Final = 5


class TrafficClass(StrEnum):
    """What travels: each class has its own quota, so that none can crowd out another."""

    MESSAGE = "m"
    RECEIPT = "r"
    CHUNK = "b"


@dataclass(frozen=True, slots=True)
class MailboxSubject:
    """A parsed mailbox subject."""

    recipient: AccountId
    sender: AccountId
    traffic: TrafficClass


def parse_account_id(text: str) -> AccountId:
    """Return the account, or raise :class:`~protocol.errors.MalformedError`."""
    return AccountId(parse_public_nkey(text, kind=NkeyKind.ACCOUNT))


def mailbox_subject(*, recipient: AccountId, sender: AccountId, traffic: TrafficClass) -> str:
    """Name the place in ``recipient``'s mailbox where ``sender`` may put ``traffic``."""
    return ".".join((*_ROOT, recipient, sender, traffic.value))


def mailbox_pattern(
    *,
    recipient: AccountId | None = None,
    sender: AccountId | None = None,
    traffic: TrafficClass | None = None,
) -> str:
    """Name many places at once: what is not given stands as a wildcard of one token."""
    return ".".join((*_ROOT, recipient or "*", sender or "*", traffic.value if traffic else "*"))


def parse_mailbox_subject(text: str) -> MailboxSubject:
    """Read a subject strictly; raises :class:`~protocol.errors.MalformedError`."""
    tokens = text.split(".", _TOKENS)
    if len(tokens) != _TOKENS or tuple(tokens[:2]) != _ROOT:
        raise MalformedError(
            "This is not a mailbox subject (trm.mbx.<recipient>.<sender>.<class>): the hub let "
            "something else through, tell its operators."
        )
    try:
        traffic = TrafficClass(tokens[4])
    except ValueError as error:
        raise MalformedError(
            "This class of traffic is unknown: update this node, or tell the hub's operators."
        ) from error
    return MailboxSubject(parse_account_id(tokens[2]), parse_account_id(tokens[3]), traffic)


def mailbox_stream(account: AccountId) -> str:
    """Name the stream that is the mailbox of ``account``."""
    return account


def inbox_prefix(account: AccountId) -> str:
    """Where the broker's answers to ``account`` arrive; nobody else may listen there."""
    return f"_INBOX.{account}"


def mailbox_pull_subject(account: AccountId | None = None) -> str:
    """Where the mailbox's owner asks for its next messages (JetStream API); ``None``: anybody's."""
    return f"$JS.API.CONSUMER.MSG.NEXT.{account or '*'}.{MAILBOX_CONSUMER}"


def mailbox_ack_pattern(account: AccountId | None = None) -> str:
    """Where the mailbox's owner acknowledges messages (JetStream); ``None``: anybody's."""
    return f"$JS.ACK.{account or '*'}.{MAILBOX_CONSUMER}.>"
