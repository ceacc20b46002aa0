"""Who was listed when a given message was sent."""

from dataclasses import dataclass
from datetime import datetime

from contact_registry.directory import Directory
from contact_registry.models import Authority
from contact_registry.routing import Desk, Gap, resolve
from contact_registry.standing_in import find_valid
from protocol.identifiers import AuthorityId, Channel, ParticipantCode, Phase, get_participant_of


@dataclass(frozen=True, slots=True)
class Listed:
    """What a version says of a Participant's desks at a moment.

    ``desk`` is the answer to "who is competent", by the rules of this release; ``competent`` are
    all desks then valid that list the phase in the channel, ordered by identifier.
    """

    desk: Desk | Gap
    competent: tuple[Authority, ...]


def find_listed(  # noqa: PLR0913 - the parts of one question, all by name
    directory: Directory,
    *,
    participant: ParticipantCode,
    phase: Phase,
    at: datetime,
    child: bool = False,
    channel: Channel = Channel.ASSISTANCE,
) -> Listed:
    """Say who was listed for a phase; ``directory`` is that of the message's registry pin."""
    document = directory.contacts.get(participant)
    valid = find_valid(document.authorities, at) if document is not None else []
    return Listed(
        desk=resolve(
            directory, participant=participant, phase=phase, at=at, child=child, channel=channel
        ),
        competent=tuple(
            sorted(
                (a for a in valid if _lists(a, phase, channel)),
                key=lambda authority: authority.id,
            )
        ),
    )


def _lists(authority: Authority, phase: Phase, channel: Channel) -> bool:
    return any(c.phase is phase and c.channel is channel for c in authority.competences)


def find_listed_authority(
    directory: Directory, authority: AuthorityId, *, at: datetime
) -> Authority | None:
    """Return how an authority was listed, or None if it was not, or its entry was not valid."""
    document = directory.contacts.get(get_participant_of(authority))
    valid = find_valid(document.authorities, at) if document is not None else []
    return next((entry for entry in valid if entry.id == authority), None)
