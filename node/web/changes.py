"""The directory's pages of changes, as this node mounts them: for its own Participant's entries."""

from typing import Final

from fastapi import APIRouter

from console.i18n import Message, msg
from console.routes import take_routes
from contact_registry.changes.desk import ChangeDesk
from contact_registry.changes.following import DESK
from directory_pages.corrections import CorrectionSource, create_reading_router
from directory_pages.router import create_directory_router
from directory_pages.site import DirectoryPages
from node.service.holding import judge_view
from node.web.site import Site
from protocol.policy.facts import Role

#: The story of a change holds names of posts and references of letters, and no case: all roles of
#: the node may read it.
READERS: Final = frozenset(Role)
EDITORS: Final = frozenset({Role.DIRECTORY_EDITOR})
_FRAME: Final = "node/page.html"


def create_changes_router(
    site: Site, desk: ChangeDesk, corrections: CorrectionSource | None = None
) -> APIRouter:
    """Build the pages on which this Participant's entries in the directory are changed.

    ``corrections`` tells what the operators ask for; without it there is no page for that.
    """

    def name_person(actor: str) -> Message | str:
        return msg("This system") if actor == DESK else site.names().actor(actor)

    pages = DirectoryPages(
        desk=desk,
        renderer=site.renderer,
        frame=_FRAME,
        editors=frozenset(EDITORS),
        readers=frozenset(READERS),
        read_directory=site.context.directory.current,
        name_person=name_person,
        clock=site.context.clock,
        participant=site.context.participant,
        describe_frame=lambda _request: {"view_age": judge_view(site.context)},
    )
    router = APIRouter()
    take_routes(router, create_directory_router(pages))
    if corrections is not None:
        take_routes(router, create_reading_router(pages, corrections))
    return router
