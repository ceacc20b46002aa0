"""Mailboxes: for each Participant and class a work-queue stream with one durable consumer.

An envelope stays until its Participant's node acknowledged it, at most 30 days. Limits push back on
the sender and never push out what is stored: a full mailbox refuses, per sender and class, and the
refusal reaches whoever sends too much, nobody else.
"""

import asyncio
import json
from collections.abc import Mapping
from typing import Any, Final

import structlog

from hub.broker.accounts import EARLIER_CONSUMER
from hub.broker.connection import BrokerConnection
from hub.broker.mailbox_plan import MailboxLimits, MailboxPlan, plan_mailbox
from hub.broker.mailbox_snapshots import ClassSnapshot, MailboxSnapshot, read_class
from protocol.subjects import (
    AccountId,
    TrafficClass,
    mailbox_consumer,
    mailbox_pattern,
    mailbox_stream,
)

_NANOSECONDS: Final = 1_000_000_000
_DAY: Final = 86_400 * _NANOSECONDS
_NOT_FOUND: Final = 404
_NO_ROOM: Final = 10047
_UNLIMITED: Final = -1
#: Envelopes that a node may hold unacknowledged, all its processes together.
_UNCONFIRMED: Final[Mapping[TrafficClass, int]] = {
    TrafficClass.MESSAGE: 2_048,
    TrafficClass.RECEIPT: 2_048,
    TrafficClass.LARGE: 64,
    TrafficClass.CHUNK: 128,
}
#: Counts by subject, so by sender, in the answer about a stream.
_BY_SENDER: Final = {"subjects_filter": ">"}

_log = structlog.get_logger()


class MailboxError(Exception):
    """The broker refused to make or change a mailbox; the message carries its reason."""


class Mailboxes:
    """Makes and counts mailboxes through the mailbox administrator's connection."""

    def __init__(self, connection: BrokerConnection, *, limits: MailboxLimits) -> None:
        self._connection = connection
        self._limits = limits
        self._plan = plan_mailbox(limits, participants=0)

    @property
    def plan(self) -> MailboxPlan:
        """How much each mailbox takes now."""
        return self._plan

    def expect(self, participants: int) -> None:
        """Plan for so many listed Participants; :meth:`ensure` then brings it to each mailbox."""
        self._plan = plan_mailbox(self._limits, participants=participants)

    async def ensure(self, account: AccountId) -> bool:
        """Make the mailboxes, or bring them to the present limits; whether anything was changed.

        Raises :class:`MailboxError`, :class:`~hub.broker.connection.BrokerUnavailableError`.
        """
        # In this order: the mailbox of an earlier version held all classes and bears the name of
        # the first; it has to let go of the others before they can be made.
        changes = []
        for traffic in TrafficClass:
            changes.append(await self._ensure_stream(account, traffic))
            changes.append(await self._ensure_consumer(account, traffic))
        return any(changes)

    async def _ensure_stream(self, account: AccountId, traffic: TrafficClass) -> bool:
        name = mailbox_stream(account, traffic)
        wanted = self._describe_stream(account, traffic)
        present = await self._ask(f"STREAM.INFO.{name}", _BY_SENDER)
        if present is None:
            await self._order(f"STREAM.CREATE.{name}", wanted)
            return True
        kept = _keep_what_lies_there(wanted, present)
        if _is_configured(present, kept):
            return False
        if _lowers(present["config"], kept, "max_msgs_per_subject"):
            # The broker would delete what lies above the new number. So nothing may come between
            # counting and lowering: with one message as the greatest number, it refuses all.
            await self._order(f"STREAM.UPDATE.{name}", {**present["config"], "max_msgs": 1})
            present = await self._order(f"STREAM.INFO.{name}", _BY_SENDER)
            kept = _keep_what_lies_there(wanted, present)
        await self._order(f"STREAM.UPDATE.{name}", kept)
        return True

    async def _ensure_consumer(self, account: AccountId, traffic: TrafficClass) -> bool:
        stream, durable = mailbox_stream(account, traffic), mailbox_consumer(account)
        wanted = _describe_consumer(account, traffic)
        present = await self._ask(f"CONSUMER.INFO.{stream}.{durable}")
        if present is not None and _is_configured(present, wanted):
            return False
        if present is None and traffic is TrafficClass.MESSAGE:
            await self._remove_earlier_consumer(stream)
        await self._order(
            f"CONSUMER.DURABLE.CREATE.{stream}.{durable}",
            {"stream_name": stream, "config": wanted},
        )
        return True

    async def _remove_earlier_consumer(self, stream: str) -> None:
        """Make room for the consumer that bears its owner's name: a work queue has only one.

        Whatever was handed out by it and not acknowledged is handed out again by the new one.
        """
        if await self._ask(f"CONSUMER.INFO.{stream}.{EARLIER_CONSUMER}") is None:
            return
        await self._order(f"CONSUMER.DELETE.{stream}.{EARLIER_CONSUMER}", {})
        _log.info("earlier_mailbox_converted", account=stream)

    async def remove_if_empty(self, account: AccountId) -> bool:
        """Remove the mailboxes of a Participant that left once nothing waits; whether it did.

        What still waits is left to run out (30 days): removing it would destroy messages on the
        strength of one entry in the registry.
        """
        names = [mailbox_stream(account, traffic) for traffic in TrafficClass]
        present = {name: await self._ask(f"STREAM.INFO.{name}") for name in names}
        if any(found and found["state"]["messages"] for found in present.values()):
            return False
        for name, found in present.items():
            if found is not None:
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
        """Return what lies in the mailboxes now, or ``None`` if there are none; errors as above."""
        found = await asyncio.gather(
            *(self._count_class(account, traffic) for traffic in TrafficClass)
        )
        parts = tuple(part for part in found if part is not None)
        return MailboxSnapshot.of(account, parts) if parts else None

    async def _count_class(self, account: AccountId, traffic: TrafficClass) -> ClassSnapshot | None:
        name = mailbox_stream(account, traffic)
        stream = await self._ask(f"STREAM.INFO.{name}", _BY_SENDER)
        consumer = await self._ask(f"CONSUMER.INFO.{name}.{mailbox_consumer(account)}")
        if stream is None or consumer is None:
            return None
        return read_class(traffic, stream=stream, consumer=consumer)

    def _describe_stream(self, account: AccountId, traffic: TrafficClass) -> dict[str, Any]:
        limits = self._plan.classes[traffic]
        return {
            "name": mailbox_stream(account, traffic),
            "subjects": [mailbox_pattern(recipient=account, traffic=traffic)],
            "storage": "file",
            "retention": "workqueue",
            "discard": "new",
            "discard_new_per_subject": True,
            "max_msgs": _UNLIMITED,
            "max_msgs_per_subject": limits.per_sender,
            "max_bytes": limits.total_bytes,
            "max_msg_size": limits.greatest,
            "max_age": 30 * _DAY,
            "duplicate_window": _DAY,
            "deny_delete": True,
            "deny_purge": True,
            "num_replicas": self._limits.replicas,
        }

    async def _ask(
        self, question: str, details: Mapping[str, Any] | None = None
    ) -> dict[str, Any] | None:
        """Return what the broker knows, or ``None`` if there is no such thing."""
        answer = await self._connection.request_json(
            f"$JS.API.{question}", json.dumps(details).encode() if details else b""
        )
        error = answer.get("error")
        if error is None:
            return answer
        if error.get("code") == _NOT_FOUND:
            return None
        raise _describe_error(question, error)

    async def _order(self, order: str, details: Mapping[str, Any]) -> dict[str, Any]:
        answer = await self._connection.request_json(
            f"$JS.API.{order}", json.dumps(details).encode()
        )
        error = answer.get("error")
        if error is not None:
            raise _describe_error(order, error)
        return answer


def _describe_consumer(account: AccountId, traffic: TrafficClass) -> dict[str, Any]:
    return {
        "durable_name": mailbox_consumer(account),
        "deliver_policy": "all",
        "ack_policy": "explicit",
        "ack_wait": 60 * _NANOSECONDS,
        # A message is offered until its node took it: what a node cannot read, it quarantines.
        "max_deliver": -1,
        "max_ack_pending": _UNCONFIRMED[traffic],
        "max_waiting": 16,
        "sample_freq": "100",
    }


def _keep_what_lies_there(wanted: Mapping[str, Any], present: Mapping[str, Any]) -> dict[str, Any]:
    """Raise limits at once; lower one only when what lies there fits below it.

    A lower number of envelopes of one sender would make the broker delete the oldest, and fewer
    bytes than lie there would make it refuse everybody. The number holds for each sender: while it
    cannot be lowered because of one, the bytes for all of them stay, too.
    """
    config, state = present["config"], present["state"]
    kept = dict(wanted)
    most = max((state.get("subjects") or {}).values(), default=0)
    if most > kept["max_msgs_per_subject"]:
        kept["max_msgs_per_subject"] = max(most, config["max_msgs_per_subject"])
        kept["max_bytes"] = max(kept["max_bytes"], config["max_bytes"])
    if state["bytes"] > kept["max_bytes"]:
        kept["max_bytes"] = max(state["bytes"], config["max_bytes"])
    return kept


def _lowers(present: Mapping[str, Any], wanted: Mapping[str, Any], key: str) -> bool:
    """Whether a limit becomes lower; the broker says -1 or nothing for none."""
    now = present.get(key, _UNLIMITED)
    return bool(now <= 0 or wanted[key] < now)


def _is_configured(present: dict[str, Any] | None, wanted: Mapping[str, Any]) -> bool:
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
