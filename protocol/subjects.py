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
from protocol.limits import LIMITS
from protocol.nkeys import NkeyKind, PublicNkey, parse_public_nkey

AccountId = NewType("AccountId", PublicNkey)
"""The public nkey of a Participant's broker account: its opaque name at the broker."""

#: Where the sender stands in a mailbox subject, counted from 1.
SENDER_TOKEN: Final = 4

_ROOT: Final = ("trm", "mbx")
_TOKENS: Final = 5


class TrafficClass(StrEnum):
    """What travels: each class has a mailbox of its own, so that none can crowd out another.

    ``LARGE`` carries the few messages and receipts that are larger than
    :attr:`~protocol.limits.Limits.small_envelope`. Without them in it, the mailbox of messages can
    promise each sender room for hundreds: see :func:`choose_class`.
    """

    MESSAGE = "m"
    RECEIPT = "r"
    LARGE = "l"
    CHUNK = "b"


def choose_class(traffic: TrafficClass, *, envelope_bytes: int) -> TrafficClass:
    """Return in which class an envelope of this size travels that carries ``traffic``."""
    if traffic is TrafficClass.CHUNK or envelope_bytes <= LIMITS.small_envelope:
        return traffic
    return TrafficClass.LARGE


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


def mailbox_stream(account: AccountId, traffic: TrafficClass) -> str:
    """Name the stream that is the mailbox of ``account`` for one class.

    That of messages bears the account's bare name, as the one mailbox of earlier versions did.
    """
    return account if traffic is TrafficClass.MESSAGE else f"{account}_{traffic.value}"


def parse_mailbox_stream(name: str) -> tuple[AccountId, TrafficClass]:
    """Undo :func:`mailbox_stream`; raises :class:`~protocol.errors.MalformedError`."""
    account, _, suffix = name.partition("_")
    for traffic in TrafficClass:
        if name == mailbox_stream(AccountId(PublicNkey(account)), traffic):
            return parse_account_id(account), traffic
    raise MalformedError(f"A mailbox has no class {suffix!r}: another program made this stream.")


def mailbox_consumer(account: AccountId) -> str:
    """Name the durable consumer of each mailbox of ``account``.

    It is called as its owner is, so that the broker itself can see to it that nobody but the owner
    pulls from it and acknowledges to it (``account_token_position``).
    """
    return account


def inbox_prefix(account: AccountId) -> str:
    """Where the broker's answers to ``account`` arrive; nobody else may listen there."""
    return f"_INBOX.{account}"


#: Where the owner stands in the subject of a pull, and of an acknowledgement, counted from 1.
PULL_OWNER_TOKEN: Final = 7
ACK_OWNER_TOKEN: Final = 4
#: All pulls and all acknowledgements, of whomever.
ANY_PULL: Final = "$JS.API.CONSUMER.MSG.NEXT.*.*"
ANY_ACK: Final = "$JS.ACK.*.*.>"


def mailbox_pull_subject(account: AccountId, traffic: TrafficClass) -> str:
    """Where a mailbox's owner asks for its next envelopes (JetStream API)."""
    stream, consumer = mailbox_stream(account, traffic), mailbox_consumer(account)
    return f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}"


def mailbox_ack_pattern(account: AccountId, traffic: TrafficClass) -> str:
    """Where a mailbox's owner acknowledges envelopes (JetStream)."""
    return f"$JS.ACK.{mailbox_stream(account, traffic)}.{mailbox_consumer(account)}.>"
