"""Looks at the running hub for the operators' pages; implements ``hub.delivery.DeliverySource``."""

from collections.abc import Sequence
from dataclasses import dataclass

from console.face import Clock
from console.process.tasks import BackgroundTasks
from hub.broker.admission_rounds import AdmissionRounds
from hub.broker.connection import BrokerUnavailableError
from hub.broker.mailboxes import MailboxError, Mailboxes
from hub.delivery import DeliveryReport
from hub.monitoring.mailbox_watch import ParticipantMailbox, watch_mailboxes
from hub.monitoring.readiness import Check, CheckResult, run_checks


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryWatch:
    """What the hub knows of delivery. ``checks`` are those of ``/readyz``."""

    mailboxes: Mailboxes
    rounds: AdmissionRounds
    tasks: BackgroundTasks
    checks: Sequence[Check]
    clock: Clock

    async def report_delivery(self) -> DeliveryReport:
        """Look now; a broker that does not answer is told, not raised."""
        mailboxes, problem = await self._count()
        return DeliveryReport(
            at=self.clock(),
            checks=await run_checks(self.checks),
            tasks=self.tasks.states,
            admission=self.rounds.last,
            mailboxes=mailboxes,
            problem=problem,
            plan=self.mailboxes.plan,
        )

    async def run_checks(self) -> Sequence[CheckResult]:
        """Run the checks of readiness only."""
        return await run_checks(self.checks)

    async def _count(self) -> tuple[Sequence[ParticipantMailbox] | None, str]:
        directory = self.rounds.directory
        if directory is None:
            return None, "The registry was not read yet: look again in a moment."
        try:
            return await watch_mailboxes(directory, self.mailboxes), ""
        except (BrokerUnavailableError, MailboxError) as error:
            return None, str(error)
