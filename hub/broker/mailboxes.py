"""Mailboxes: one work-queue stream per Participant, with one durable consumer.

A message stays until its Participant's node acknowledged it, at most 30 days. Limits push back on
the sender and never push out what is stored: a full mailbox refuses, per sender and class, and the
refusal reaches whoever sends too much, nobody else.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from hub.broker.accounts import MAX_PAYLOAD
from hub.broker.connection import BrokerConnection
from protocol.subjects import MAILBOX_CONSUMER, AccountId, mailbox_pattern, mailbox_stream

_NANOSECONDS: Final = 1_000_000_000
_DAY: Final = 86_400 * _NANOSECONDS
_NOT_FOUND: Final = 404
_NO_ROOM: Final = 10047


class MailboxError(Exception):
    """The broker refused to make or change a mailbox; the message carries its reason."""


@dataclass(frozen=True, slots=True)
class MailboxLimits:
    """How much one mailbox takes."""

    #: Messages of one sender in one class that wait. A desk sends tens a day; a file of 100 MB
    #: travels in 200 chunks.
    messages_per_sender_and_class: int = 5_000
    #: Bytes of everything that waits. The broker sets them aside from its store when the mailbox is
    #: made, so the store must have room for all mailboxes.
    total_bytes: int = 1024**3
    #: Copies on different servers: 1 for one server, 3 for a cluster.
    replicas: int = 1


@dataclass(frozen=True, slots=True)
class MailboxSnapshot:
    """What lies in a mailbox at one moment.

    ``waiting`` were never handed out; ``unconfirmed`` were handed out and not acknowledged yet,
    ``redelivered`` of them more than once. ``oldest_at`` is when the oldest of all was stored.
    """

    account: AccountId
    stored: int
    stored_bytes: int
    waiting: int
    unconfirmed: int
    redelivered: int
    oldest_at: datetime | None


class Mailboxes:
    """Makes and counts mailboxes through the mailbox administrator's connection."""

    def __init__(self, connection: BrokerConnection, *, limits: MailboxLimits) -> None:
        self._connection = connection
        self._limits = limits

    async def ensure(self, account: AccountId) -> bool:
        """Make the mailbox, or bring it to the present limits; whether anything was changed.

        Raises :class:`MailboxError`, :class:`~hub.broker.connection.BrokerUnavailableError`.
        """
        name = mailbox_stream(account)
        stream = self._describe_stream(account)
        present = await self._ask(f"STREAM.INFO.{name}")
        changed = not _is_configured(present, stream)
        if changed:
            verb = "CREATE" if present is None else "UPDATE"
            await self._order(f"STREAM.{verb}.{name}", stream)
        consumer = _describe_consumer()
        present = await self._ask(f"CONSUMER.INFO.{name}.{MAILBOX_CONSUMER}")
        if not _is_configured(present, consumer):
            await self._order(
                f"CONSUMER.DURABLE.CREATE.{name}.{MAILBOX_CONSUMER}",
                {"stream_name": name, "config": consumer},
            )
            changed = True
        return changed

    async def remove_if_empty(self, account: AccountId) -> bool:
        """Remove the mailbox of a Participant that left, once nothing waits in it; whether it did.

        What still waits is left to run out (30 days): removing it would destroy messages on the
        strength of one entry in the registry.
        """
        name = mailbox_stream(account)
        present = await self._ask(f"STREAM.INFO.{name}")
        if present is None or present["state"]["messages"] > 0:
            return False
        await self._order(f"STREAM.DELETE.{name}", {})
        return True

    async def list_names(self) -> frozenset[str]:
        """Return the names of all streams."""
        names: set[str] = set()
        while True:
            answer = await self._order("STREAM.NAMES", {"offset": len(names)})
            page = answer.get("streams") or []
            names.update(page)
            if not page or len(names) >= answer.get("total", 0):
                return frozenset(names)

    async def count(self, account: AccountId) -> MailboxSnapshot | None:
        """Return what lies in the mailbox now, or ``None`` if there is none; errors as above."""
        name = mailbox_stream(account)
        stream = await self._ask(f"STREAM.INFO.{name}")
        consumer = await self._ask(f"CONSUMER.INFO.{name}.{MAILBOX_CONSUMER}")
        if stream is None or consumer is None:
            return None
        state = stream["state"]
        stored = int(state["messages"])
        return MailboxSnapshot(
            account=account,
            stored=stored,
            stored_bytes=int(state["bytes"]),
            waiting=int(consumer["num_pending"]),
            unconfirmed=int(consumer["num_ack_pending"]),
            redelivered=int(consumer["num_redelivered"]),
            oldest_at=datetime.fromisoformat(state["first_ts"]).astimezone(UTC) if stored else None,
        )

    def _describe_stream(self, account: AccountId) -> dict[str, Any]:
        return {
            "name": mailbox_stream(account),
            "subjects": [mailbox_pattern(recipient=account)],
            "storage": "file",
            "retention": "workqueue",
            "discard": "new",
            "discard_new_per_subject": True,
            "max_msgs_per_subject": self._limits.messages_per_sender_and_class,
            "max_bytes": self._limits.total_bytes,
            "max_msg_size": MAX_PAYLOAD,
            "max_age": 30 * _DAY,
            "duplicate_window": _DAY,
            "deny_delete": True,
            "deny_purge": True,
            "num_replicas": self._limits.replicas,
        }

    async def _ask(self, question: str) -> dict[str, Any] | None:
        """Return what the broker knows, or ``None`` if there is no such thing."""
        answer = await self._connection.request_json(f"$JS.API.{question}")
        error = answer.get("error")
        if error is None:
            return answer
        if error.get("code") == _NOT_FOUND:
            return None
        raise _describe_error(question, error)

    async def _order(self, order: str, details: dict[str, Any]) -> dict[str, Any]:
        answer = await self._connection.request_json(
            f"$JS.API.{order}", json.dumps(details).encode()
        )
        error = answer.get("error")
        if error is not None:
            raise _describe_error(order, error)
        return answer


def _describe_consumer() -> dict[str, Any]:
    return {
        "durable_name": MAILBOX_CONSUMER,
        "deliver_policy": "all",
        "ack_policy": "explicit",
        "ack_wait": 60 * _NANOSECONDS,
        # A message is offered until its node took it: what a node cannot read, it quarantines.
        "max_deliver": -1,
        "max_ack_pending": 256,
        "max_waiting": 16,
        "sample_freq": "100",
    }


def _is_configured(present: dict[str, Any] | None, wanted: dict[str, Any]) -> bool:
    config = present.get("config", {}) if present else {}
    return all(config.get(key) == value for key, value in wanted.items())


def _describe_error(question: str, error: dict[str, Any]) -> MailboxError:
    verb = ".".join(question.split(".")[:2])
    if error.get("err_code") == _NO_ROOM:
        return MailboxError(
            f"The broker refused {verb}: its store has no room for one more mailbox. Raise "
            "TRM_HUB_BROKER_MAX_STORE_BYTES or lower TRM_HUB_MAILBOX_BYTES, then restart it."
        )
    return MailboxError(
        f"The broker refused {verb} ({error.get('err_code')} {error.get('description')}): look at "
        "its log and its disk."
    )
