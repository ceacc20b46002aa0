"""Whether every mailbox can take messages: whether enough of its copies' servers run.

A mailbox with three copies goes on with two. With one it takes nothing, hands out nothing and loses
nothing; then senders' nodes wait, and people have to know why.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import structlog

from hub.broker.connection import BrokerConnection, BrokerUnavailableError
from hub.monitoring.readiness import CheckResult

CHECK: Final = "mailbox_copies"
_AT_A_TIME: Final = 32
_MOST_NAMED: Final = 5

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class MailboxCopies:
    """One mailbox stream: who leads it, and which of its copies are not up to date."""

    stream: str
    leader: str | None
    #: Servers whose copy is away or behind.
    lagging: tuple[str, ...] = ()
    copies: int = 1
    #: How many there shall be: more than ``copies`` while another is being made.
    wanted: int = 1

    @property
    def takes_messages(self) -> bool:
        """Whether more than half of the copies agree on a leader."""
        return self.leader is not None

    @property
    def is_whole(self) -> bool:
        """Whether every copy that there shall be is up to date."""
        return self.takes_messages and not self.lagging and self.copies >= self.wanted


def read_copies(stream: str, info: Mapping[str, Any]) -> MailboxCopies:
    """Read what the broker says of a stream; a server alone leads all of its own."""
    cluster = info.get("cluster")
    if not isinstance(cluster, dict):
        return MailboxCopies(stream, leader="(alone)")
    replicas = cluster.get("replicas") or []
    lagging = sorted(
        str(each.get("name")) for each in replicas if each.get("offline") or not each.get("current")
    )
    leader = cluster.get("leader")
    return MailboxCopies(
        stream,
        str(leader) if leader else None,
        tuple(lagging),
        copies=1 + len(replicas),
        wanted=int((info.get("config") or {}).get("num_replicas") or 1),
    )


class QuorumWatch:
    """Asks after the copies of every mailbox; :meth:`look` is a round of the hub's tasks."""

    def __init__(self, connection: BrokerConnection, *, servers: int) -> None:
        self._connection = connection
        self._servers = servers
        self._found: tuple[MailboxCopies, ...] | None = None
        self._problem = "The copies of mailboxes were not looked at yet."

    @property
    def found(self) -> tuple[MailboxCopies, ...] | None:
        """What was found last; ``None`` when the servers did not answer as a whole."""
        return self._found

    async def look(self) -> None:
        """Look once. Trouble of the broker is kept for :meth:`check`, not raised."""
        try:
            names = await self._list_names()
        except BrokerUnavailableError as error:
            self._found = None
            self._problem = (
                f"Of the broker's {self._servers} servers more than half must run, and they do not "
                f"agree on a leader ({error}): start those that are away. Until then nothing is "
                "taken in or handed out, nothing is lost, and nodes keep what they send."
            )
            return
        gate = asyncio.Semaphore(_AT_A_TIME)
        found = await asyncio.gather(*(self._ask(name, gate) for name in sorted(names)))
        before = self._found or ()
        self._found = tuple(found)
        lost = [each.stream for each in found if not each.takes_messages]
        if lost and lost != [each.stream for each in before if not each.takes_messages]:
            _log.error("mailboxes_without_leader", count=len(lost), streams=lost[:_MOST_NAMED])

    async def _list_names(self) -> set[str]:
        names: set[str] = set()
        while True:
            answer = await self._connection.request_json(
                "$JS.API.STREAM.NAMES", json.dumps({"offset": len(names)}).encode()
            )
            if answer.get("error"):
                raise BrokerUnavailableError(str(answer["error"].get("description")))
            page = answer.get("streams") or []
            names.update(map(str, page))
            if not page or len(names) >= int(answer.get("total", 0)):
                return names

    async def _ask(self, stream: str, gate: asyncio.Semaphore) -> MailboxCopies:
        async with gate:
            try:
                info = await self._connection.request_json(f"$JS.API.STREAM.INFO.{stream}")
            except BrokerUnavailableError:
                return MailboxCopies(stream, leader=None)
        if info.get("error"):
            return MailboxCopies(stream, leader=None)
        return read_copies(stream, info)

    async def check(self) -> CheckResult:
        """Tell what was found last, for ``/readyz``: not ready while a mailbox takes nothing."""
        if self._found is None:
            return CheckResult(CHECK, is_ok=False, detail=self._problem)
        lost = [each.stream for each in self._found if not each.takes_messages]
        if lost:
            named = ", ".join(lost[:_MOST_NAMED]) + (" ..." if len(lost) > _MOST_NAMED else "")
            return CheckResult(
                CHECK,
                is_ok=False,
                detail=f"{len(lost)} of {len(self._found)} mailboxes take nothing, because too few "
                f"of their servers run: start these servers. Nothing is lost. ({named})",
            )
        lagging = sorted({server for each in self._found for server in each.lagging})
        unfinished = sum(not each.is_whole for each in self._found)
        if unfinished:
            where = f" (away or behind: {', '.join(lagging)})" if lagging else ""
            return CheckResult(
                CHECK,
                is_ok=True,
                detail=f"{unfinished} of {len(self._found)} mailboxes lack a copy{where}. They go "
                "on with the others; stop no further server now.",
            )
        return CheckResult(CHECK, is_ok=True)
