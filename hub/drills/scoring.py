"""The marks of every Participant as they are now."""

from contact_registry.coverage import Coverage
from contact_registry.freshness import ParticipantScore, score_participants
from hub.context import HubContext
from hub.drills.desk import DrillDesk
from protocol.identifiers import ParticipantCode


def current_scores(
    context: HubContext, *, coverage: Coverage | None = None
) -> dict[ParticipantCode, ParticipantScore]:
    """Mark every Participant by today's registry and the drills so far.

    ``coverage`` is that of the same registry and moment, if the caller has it already. Raises
    ``RegistryUnavailableError``.
    """
    directory, now = context.registry.current(), context.clock()
    scores = score_participants(
        directory,
        DrillDesk(context).list_current(),
        at=now,
        coverage=coverage or context.reading.coverage(directory, now),
        rules=context.drill_rules,
    )
    return {score.participant: score for score in scores}
