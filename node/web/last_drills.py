"""The last drills of a desk, as they stand on its card."""

from contact_registry.errors import RegistryUnavailableError
from directory_pages.drill_words import DrillFacts, describe_drill
from node.service.context import NodeContext
from node.service.drills import list_last_drills
from protocol.identifiers import AuthorityId


def describe_last_drills(context: NodeContext, authority: str) -> list[DrillFacts]:
    """Describe the last drill of each phase of a desk; what is not signed is the hub's word."""
    try:
        directory = context.directory.current()
    except RegistryUnavailableError:
        directory = None
    drills = list_last_drills(context, AuthorityId(authority))
    return [describe_drill(drill, directory) for drill in drills]
