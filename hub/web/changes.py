"""The directory's pages of changes, as the hub mounts them: for all Participants."""

from typing import Final

from fastapi import APIRouter

from console.i18n import Message, msg
from contact_registry.changes.desk import ChangeDesk
from contact_registry.changes.following import DESK
from directory_pages.corrections import create_asking_router
from directory_pages.router import create_directory_router
from directory_pages.site import DirectoryPages
from hub.changes.corrections import open_correction_desk
from hub.operators.roles import EVERYBODY, Role
from hub.web.site import Site

_FRAME: Final = "hub/page.html"


def create_changes_router(site: Site, desk: ChangeDesk) -> APIRouter:
    """Build the pages on which operators draft for Participants without a node, and ask others."""

    def name_person(actor: str) -> Message | str:
        return msg("The hub by itself") if actor == DESK else site.names().actor(actor)

    pages = DirectoryPages(
        desk=desk,
        renderer=site.renderer,
        frame=_FRAME,
        editors=frozenset({str(Role.DIRECTORY_OPERATOR)}),
        readers=frozenset(str(role) for role in EVERYBODY),
        read_directory=site.context.registry.current,
        name_person=name_person,
        clock=site.context.clock,
    )
    router = APIRouter()
    router.include_router(create_directory_router(pages))
    router.include_router(create_asking_router(pages, open_correction_desk(site.context)))
    return router
