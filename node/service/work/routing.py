"""Which desk of ours is competent for something, by our own contacts in the registry."""

from datetime import datetime

from contact_registry.directory import Directory
from contact_registry.errors import RegistryUnavailableError
from contact_registry.models import Authority
from contact_registry.routing import Gap, resolve
from contact_registry.standing_in import find_valid
from node.service.context import NodeContext
from protocol.errors import MalformedError
from protocol.identifiers import (
    AuthorityId,
    Channel,
    Phase,
    get_participant_of,
    parse_authority_id,
)


def find_directory(context: NodeContext) -> Directory | None:
    """Return the registry as verified last; None if none was ever seen."""
    try:
        return context.directory.current()
    except RegistryUnavailableError:
        return None


def find_desk_of_ours(context: NodeContext, name: str | None, *, at: datetime) -> Authority | None:
    """Return a desk of ours by its identifier, if it is listed and valid at this moment."""
    directory = find_directory(context)
    if directory is None or name is None:
        return None
    try:
        desk_id = parse_authority_id(name)
    except MalformedError:
        return None
    if get_participant_of(desk_id) != context.participant:
        return None
    found = directory.authority(desk_id)
    return found if found is not None and find_valid((found,), at) else None


def list_desks_of_ours(context: NodeContext, *, at: datetime) -> list[Authority]:
    """Return our desks that are valid at this moment, by identifier."""
    directory = find_directory(context)
    document = directory.contacts.get(context.participant) if directory else None
    valid = find_valid(document.authorities, at) if document else []
    return sorted(valid, key=lambda desk: desk.id)


def route(  # noqa: PLR0913 - what decides who is competent
    context: NodeContext,
    *,
    phase: Phase | None,
    channel: Channel | None,
    named: str | None,
    child: bool = False,
    at: datetime,
) -> AuthorityId | None:
    """Return the desk of ours that something goes to; None if none is competent or named.

    The desk that the sender named, if it is competent for phase and channel; else the one that our
    contacts say. A desk that cannot be reached from abroad is competent all the same: it has this
    node. What nobody is competent for stays with the desk that was named.
    """
    desk = find_desk_of_ours(context, named, at=at)
    if phase is None or channel is None:
        return desk.id if desk else None
    if desk is not None and any(
        (each.phase, each.channel) == (phase, channel) for each in desk.competences
    ):
        return desk.id
    directory = find_directory(context)
    if directory is None:
        return desk.id if desk else None
    answer = resolve(
        directory, participant=context.participant, phase=phase, at=at, child=child, channel=channel
    )
    if not isinstance(answer, Gap):
        return answer.authority.id
    if answer.candidates:
        return answer.candidates[0].id
    return desk.id if desk else None
