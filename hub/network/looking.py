"""What one look at the network found: the pages show the last one, and ask the broker nothing."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from hub.broker.admission import AdmissionReport
from hub.monitoring.mailbox_watch import ParticipantMailbox
from hub.monitoring.quorum import MailboxCopies
from hub.monitoring.readiness import CheckResult
from hub.network.certificates import CertificateLook
from hub.network.servers import ServerLook
from protocol.identifiers import ParticipantCode


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkLook:
    """The network at one moment. What nobody could say is None, with the reason in ``problem``.

    ``connections`` counts those of each Participant that has keys; ``expected_servers`` are the
    names of a cluster, empty for one server, which has whatever name it gives itself.
    """

    at: datetime
    connections: Mapping[ParticipantCode, int] | None = None
    mailboxes: Sequence[ParticipantMailbox] | None = None
    servers: Sequence[ServerLook] | None = None
    expected_servers: Sequence[str] = ()
    copies: Sequence[MailboxCopies] = ()
    #: Free on the disk of the broker that the hub runs itself; None for another one.
    free_bytes: int | None = None
    certificates: Sequence[CertificateLook] = ()
    checks: Sequence[CheckResult] = ()
    admission: AdmissionReport | None = None
    #: When a comparison last ended without anything that has to be tried again.
    compared_at: datetime | None = None
    problem: str = ""


class NetworkSource(Protocol):
    """Who looks at the network, again and again."""

    @property
    def last(self) -> NetworkLook | None:
        """What the last look found; None before the first."""
        ...

    async def compare(self) -> None:
        """Let the broker follow the registry now.

        Raises :class:`~hub.broker.connection.BrokerUnavailableError`,
        :class:`~hub.broker.admission_rounds.AdmissionIncompleteError`,
        :class:`~contact_registry.errors.RegistryError`, ``OSError`` (with ``TimeoutError``).
        """
        ...


@dataclass(frozen=True, slots=True)
class NobodyLooks:
    """The network of a console without a running hub: nothing is known of it."""

    last: NetworkLook | None = None

    async def compare(self) -> None:
        """Do nothing."""


RunChecks = Callable[[], Awaitable[Sequence[CheckResult]]]
"""Runs the checks of readiness."""
