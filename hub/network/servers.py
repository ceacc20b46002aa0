"""What the broker's servers say of themselves and of who is connected: states and numbers.

Measured with nats-server 2.15.1: each server counts its own connections by account
(``$SYS.REQ.ACCOUNT.PING.STATZ``) and describes itself (``$SYS.REQ.SERVER.PING.STATSZ``). Both
answers also count what an account sent and received: that is not read. Nor is asked who
connects from where (CONNZ), which would name addresses.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from hub.broker.connection import BrokerConnection, BrokerUnavailableError, read_answer
from protocol.errors import MalformedError
from protocol.subjects import AccountId, parse_account_id

STATE_QUESTION: Final = "$SYS.REQ.SERVER.PING.STATSZ"
ACCOUNTS_QUESTION: Final = "$SYS.REQ.ACCOUNT.PING.STATZ"
#: Without it a server on which nobody is connected gives no answer at all.
_ALSO_IDLE: Final = json.dumps({"include_unused": True}).encode()
_LONGEST_NAME: Final = 100
_MOST_COPIES: Final = 16
_LARGEST: Final = 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerLook:
    """One server of the broker, as it describes itself; sizes in bytes, ``started_at`` in UTC.

    ``leads`` tells whether it leads the servers' group, ``leader`` whom it takes for its leader:
    nobody at a server alone. ``lagging`` are the servers whose copy of the list of mailboxes is
    away or behind; only the leader knows.
    """

    name: str
    version: str
    started_at: datetime | None = None
    connections: int = 0
    memory_bytes: int = 0
    stored_bytes: int = 0
    store_bytes: int = 0
    slow_consumers: int = 0
    leader: str | None = None
    lagging: tuple[str, ...] = ()

    @property
    def leads(self) -> bool:
        """Whether it leads the others."""
        return self.leader == self.name

    @property
    def percent_full(self) -> int:
        """How much of what it may store is taken, in percent, rounded down."""
        return self.stored_bytes * 100 // self.store_bytes if self.store_bytes else 0


async def ask_servers(registrar: BrokerConnection, *, servers: int) -> tuple[ServerLook, ...]:
    """Ask every server for its state; returns those that answered, by name.

    Raises :class:`~hub.broker.connection.BrokerUnavailableError` when none does.
    """
    answers = await registrar.request_all(STATE_QUESTION, most=servers)
    return tuple(sorted((read_server(each) for each in answers), key=lambda one: one.name))


async def ask_connections(registrar: BrokerConnection, *, servers: int) -> dict[AccountId, int]:
    """Count the connections of each account at all servers; an account without any may be missing.

    Raises :class:`~hub.broker.connection.BrokerUnavailableError` when no server answers.
    """
    answers = await registrar.request_all(ACCOUNTS_QUESTION, _ALSO_IDLE, most=servers)
    found: dict[AccountId, int] = {}
    for answer in answers:
        for account, count in read_connections(answer).items():
            found[account] = found.get(account, 0) + count
    return found


def read_server(data: bytes) -> ServerLook:
    """Read one server's state; raises :class:`~hub.broker.connection.BrokerUnavailableError`."""
    answer = read_answer(data)
    server, state = _part(answer, "server"), _part(answer, "statsz")
    if not server or not state:
        raise BrokerUnavailableError("A server did not describe itself: check its version.")
    storage = _part(state, "jetstream")
    group = _part(storage, "meta")
    return ServerLook(
        name=_text(server, "name") or "?",
        version=_text(server, "ver"),
        started_at=_moment(state, "start"),
        connections=_number(state, "connections"),
        memory_bytes=_number(state, "mem"),
        stored_bytes=_number(_part(storage, "stats"), "storage"),
        store_bytes=_number(_part(storage, "config"), "max_storage"),
        slow_consumers=_number(state, "slow_consumers"),
        leader=_text(group, "leader") or None,
        lagging=tuple(sorted(_list_lagging(group.get("replicas")))),
    )


def _list_lagging(replicas: object) -> Iterable[str]:
    for each in replicas[:_MOST_COPIES] if isinstance(replicas, list) else ():
        if isinstance(each, dict) and (each.get("offline") or not each.get("current")):
            yield _text(each, "name") or "?"


def read_connections(data: bytes) -> dict[AccountId, int]:
    """Read how many connections each account has at one server; errors as :func:`read_server`."""
    accounts = _part(read_answer(data), "data").get("account_statz")
    if accounts is not None and not isinstance(accounts, list):
        raise BrokerUnavailableError("A server did not list its accounts: check its version.")
    found: dict[AccountId, int] = {}
    for each in accounts or ():
        try:
            account = parse_account_id(str(each["acc"]))
        except (MalformedError, KeyError, TypeError):
            continue  # the broker's own account for nobody ("$G"), which no Participant has
        found[account] = _number(each, "conns")
    return found


def _part(answer: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = answer.get(name)
    return value if isinstance(value, dict) else {}


def _text(answer: Mapping[str, Any], name: str) -> str:
    value = answer.get(name)
    return value[:_LONGEST_NAME] if isinstance(value, str) and value.isprintable() else ""


def _number(answer: Mapping[str, Any], name: str) -> int:
    value = answer.get(name)
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return min(max(value, 0), _LARGEST) if is_number and value is not None else 0


def _moment(answer: Mapping[str, Any], name: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(_text(answer, name))
        return found.astimezone(UTC) if found.tzinfo else None
    except (ValueError, OverflowError):
        return None
