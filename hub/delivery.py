"""How delivery stands, as the hub's administrators may know it: numbers and ages, never content."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from console.process.tasks import TaskState
from hub.broker.admission import AdmissionReport
from hub.broker.mailbox_plan import MailboxPlan
from hub.monitoring.mailbox_watch import ParticipantMailbox
from hub.monitoring.readiness import CheckResult


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryReport:
    """How everything that carries messages stands. ``mailboxes`` is None when nobody can say."""

    at: datetime
    checks: Sequence[CheckResult] = ()
    tasks: Sequence[TaskState] = ()
    admission: AdmissionReport | None = None
    mailboxes: Sequence[ParticipantMailbox] | None = None
    problem: str = ""
    #: How much each sender may have waiting; None where there are no mailboxes to plan.
    plan: MailboxPlan | None = None


class DeliverySource(Protocol):
    """Looks at the running hub."""

    async def report_delivery(self) -> DeliveryReport:
        """Look now: readiness, tasks, admission, and what waits in each mailbox."""
        ...

    async def run_checks(self) -> Sequence[CheckResult]:
        """Run the checks of readiness only."""
        ...
