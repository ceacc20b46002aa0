"""The findings of this moment with who looks after them: what pages, overview and numbers show."""

from hub.context import HubContext
from hub.findings.desk import FindingDesk, Followed
from hub.findings.observing import Observed, observe
from hub.findings.states import Standing
from hub.registry_reading import find_quarter


def open_finding_desk(context: HubContext) -> FindingDesk:
    """Open the desk on which findings are looked after."""
    return FindingDesk(context.database, context.audit, clock=context.clock)


def list_followed(context: HubContext) -> list[Followed]:
    """Return every finding that is true now, the gravest first.

    Raises :class:`~contact_registry.errors.RegistryUnavailableError`.
    """
    quarter = find_quarter(context.clock())
    directory = context.registry.current()

    def look() -> tuple[Observed, ...]:
        coverage = context.reading.coverage(directory, quarter)
        signed = context.reading.list_signed(context.repository)
        return observe(directory, coverage, signed, now=quarter)

    observed = context.reading.keep("findings", directory, quarter, look)
    return open_finding_desk(context).follow(observed)


def count_unattended(context: HubContext) -> int:
    """Return how many findings nobody looks after."""
    return sum(one.standing is Standing.OPEN for one in list_followed(context))
