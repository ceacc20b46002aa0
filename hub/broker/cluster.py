"""A broker of several servers: which belong to it, and how each finds and trusts the others.

A mailbox with three copies goes on while two of its three servers run. Fewer than three servers
make nothing safer, and an even number no safer than one fewer: both are refused here, before
anybody relies on them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

CLUSTER_NAME: Final = "trm-broker"

_SIZES: Final = (3, 5)
_HIGHEST_PORT: Final = 65535
_SERVER_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_HOST: Final = re.compile(r"[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]")
_EXAMPLE: Final = "broker-1=broker-1.example.org:6222,broker-2=...,broker-3=..."


@dataclass(frozen=True, slots=True, order=True)
class RouteAddress:
    """Where one server takes the connections of the others."""

    host: str
    port: int

    def __str__(self) -> str:
        """Write it as ``host:port``."""
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class ClusterMember:
    """One server's part of the cluster: all members, which of them it is, and its route files.

    The certificate must hold for both ends of a connection (server and client) and for the host
    name in the server's own address; ``authority`` is the one by which the others are known. It is
    an authority of its own: whoever holds a certificate of it is taken for a server of the cluster,
    which sees and can remove everything.
    """

    server_name: str
    members: Mapping[str, RouteAddress]
    certificate: Path
    private_key: Path
    authority: Path
    listen_host: str = "0.0.0.0"  # noqa: S104 - routes come from other machines; TLS says from whom

    def __post_init__(self) -> None:
        """Refuse a name that is no member, and a cluster that would protect nothing."""
        check_members(self.members)
        if self.server_name not in self.members:
            raise ValueError(
                f"{self.server_name!r} is no server of this cluster: use one of "
                f"{', '.join(self.members)}."
            )

    @property
    def others(self) -> tuple[RouteAddress, ...]:
        """Where the other servers are."""
        return tuple(address for name, address in self.members.items() if name != self.server_name)


def parse_members(text: str) -> dict[str, RouteAddress]:
    """Read ``name=host:port,...``; raises ``ValueError`` with what to write instead."""
    members: dict[str, RouteAddress] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, address = part.partition("=")
        host, _, port = address.rpartition(":")
        if not (_SERVER_NAME.fullmatch(name) and _HOST.fullmatch(host) and port.isdecimal()):
            raise ValueError(f"{part[:80]!r} is no server of a cluster: write {_EXAMPLE}")
        if not 0 < int(port[:6]) <= _HIGHEST_PORT:
            raise ValueError(f"{part[:80]!r}: a port is a number from 1 to {_HIGHEST_PORT}.")
        if name in members:
            raise ValueError(f"{name} is named twice: each server has a name of its own.")
        members[name] = RouteAddress(host, int(port))
    check_members(members)
    return members


def check_members(members: Mapping[str, RouteAddress]) -> None:
    """Raise ``ValueError`` unless these make a cluster; no member at all is one server alone."""
    count = len(members)
    if count == 0:
        return
    if count not in _SIZES:
        raise ValueError(
            f"A cluster has 3 or 5 servers, not {count}: more than half of them must run, so an "
            "even number outlives no more losses than one fewer, and two outlive none. Name 3 or "
            "5, or none for one server alone."
        )
    if len(set(members.values())) != count:
        raise ValueError("Two servers have one route address: each listens at its own.")


def check_replicas(replicas: int, *, servers: int) -> None:
    """Raise ``ValueError`` unless so many copies of a mailbox make sense on so many servers.

    ``servers`` is 0 or 1 for one server alone.
    """
    if replicas > max(1, servers):
        raise ValueError(
            f"TRM_HUB_MAILBOX_REPLICAS is {replicas}, but the broker has {max(1, servers)} "
            "server(s): name the servers of the cluster in TRM_HUB_BROKER_CLUSTER, or keep 1 copy."
        )
    if replicas % 2 == 0:
        raise ValueError(
            f"TRM_HUB_MAILBOX_REPLICAS is {replicas}: an even number of copies outlives no more "
            f"than {replicas - 1} do. Use 1, 3 or 5."
        )
