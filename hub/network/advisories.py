"""What happens at the broker and is worth keeping: a table of its advisories, in our own terms.

Of an advisory its kind and whom it is about are read, nothing else: those about clients carry
addresses and tokens. Nobody listens to those about single envelopes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from hub.broker.connection import BrokerUnavailableError, read_answer
from protocol.errors import MalformedError
from protocol.subjects import AccountId, parse_mailbox_stream

_LONGEST_NAME: Final = 100


class EventKind(StrEnum):
    """One kind of event. A code is never given another meaning."""

    NODE_CAME = "node_came"
    NODE_WENT = "node_went"
    MAILBOX_MADE = "mailbox_made"
    MAILBOX_REMOVED = "mailbox_removed"
    MAILBOX_CHANGED = "mailbox_changed"
    MAILBOX_LEADER = "mailbox_leader"
    MAILBOX_STOPPED = "mailbox_stopped"
    SERVER_STOPPED = "server_stopped"
    SERVER_LEAVES = "server_leaves"
    SERVER_REMOVED = "server_removed"
    SERVER_FULL = "server_full"
    SERVERS_LEADER = "servers_leader"
    STRANGER_REFUSED = "stranger_refused"


@dataclass(frozen=True, slots=True)
class Happening:
    """One event: its kind, and an account or a server that it is about; neither is a message."""

    kind: EventKind
    account: AccountId | None = None
    server: str = ""


_MAILBOX_EVENTS: Final[Mapping[str, EventKind]] = {
    "$JS.EVENT.ADVISORY.STREAM.CREATED": EventKind.MAILBOX_MADE,
    "$JS.EVENT.ADVISORY.STREAM.DELETED": EventKind.MAILBOX_REMOVED,
    "$JS.EVENT.ADVISORY.STREAM.UPDATED": EventKind.MAILBOX_CHANGED,
    "$JS.EVENT.ADVISORY.STREAM.LEADER_ELECTED": EventKind.MAILBOX_LEADER,
    "$JS.EVENT.ADVISORY.STREAM.QUORUM_LOST": EventKind.MAILBOX_STOPPED,
}
_SERVER_EVENTS: Final[Mapping[str, EventKind]] = {
    "$JS.EVENT.ADVISORY.SERVER.OUT_OF_STORAGE": EventKind.SERVER_FULL,
    "$JS.EVENT.ADVISORY.SERVER.REMOVED": EventKind.SERVER_REMOVED,
    "$JS.EVENT.ADVISORY.DOMAIN.LEADER_ELECTED": EventKind.SERVERS_LEADER,
}
_OF_ONE_SERVER: Final[Mapping[str, EventKind]] = {
    "SHUTDOWN": EventKind.SERVER_STOPPED,
    "LAMEDUCK": EventKind.SERVER_LEAVES,
    "CLIENT.AUTH.ERR": EventKind.STRANGER_REFUSED,
}
_SERVER_PREFIX: Final = "$SYS.SERVER."


def read_advisory(subject: str, data: bytes) -> Happening | None:
    """Say what an advisory tells; None for what is not in the table or cannot be read."""
    prefix, _, last = subject.rpartition(".")
    if prefix in _MAILBOX_EVENTS:
        try:
            account, _traffic = parse_mailbox_stream(last)
        except MalformedError:
            return None
        return Happening(_MAILBOX_EVENTS[prefix], account=account)
    kind = _SERVER_EVENTS.get(subject)
    if kind is None and subject.startswith(_SERVER_PREFIX):
        kind = _OF_ONE_SERVER.get(subject.removeprefix(_SERVER_PREFIX).partition(".")[2])
    return None if kind is None else Happening(kind, server=_find_server(kind, data))


def _find_server(kind: EventKind, data: bytes) -> str:
    """Find the server's name: each advisory has it in a place of its own."""
    try:
        said = read_answer(data)
    except BrokerUnavailableError:
        return ""
    server = said.get("server")
    found = (
        said.get("leader")
        if kind is EventKind.SERVERS_LEADER
        else server.get("name")
        if isinstance(server, dict)
        else said.get("name") or server
    )
    is_name = isinstance(found, str) and found.isprintable()
    return found[:_LONGEST_NAME] if is_name and found is not None else ""


class Heard:
    """What was heard and not kept yet: one line for each kind and whom it is about, counted.

    Bounded: whoever knocks a thousand times makes one line. :meth:`note` is called in the event
    loop, :meth:`take` by the round that keeps it.
    """

    def __init__(self, *, most: int = 500) -> None:
        self._most = most
        self._counts: dict[Happening, int] = {}

    def note(self, happening: Happening) -> None:
        """Note that it happened once more."""
        if happening in self._counts or len(self._counts) < self._most:
            self._counts[happening] = self._counts.get(happening, 0) + 1

    def listen(self) -> Callable[[str, bytes], None]:
        """Give what a connection calls with each advisory."""

        def hear(subject: str, data: bytes) -> None:
            happening = read_advisory(subject, data)
            if happening is not None:
                self.note(happening)

        return hear

    def take(self) -> Mapping[Happening, int]:
        """Give what was heard since the last call."""
        taken, self._counts = self._counts, {}
        return taken
