"""All pages of the node, in one router."""

from collections.abc import Callable

from fastapi import APIRouter

from console.app import Console
from contact_registry.changes.desk import ChangeDesk
from directory_pages.corrections import CorrectionSource
from node.service.context import NodeContext
from node.web.attaching import create_attaching_router
from node.web.cancelling import create_cancelling_router
from node.web.case import create_case_router
from node.web.changes import create_changes_router
from node.web.composing import create_composing_router
from node.web.deciding import create_deciding_router
from node.web.delivery import create_delivery_router
from node.web.directory import create_directory_router
from node.web.drills import create_drills_router
from node.web.files import create_files_router
from node.web.inbox import create_inbox_router
from node.web.letters import create_letters_router
from node.web.message import create_message_router
from node.web.site import Site


def create_web_router(  # noqa: PLR0913 - what the pages show of the running node, each by its name
    context: NodeContext,
    console: Console,
    *,
    list_troubles: Callable[[], list[str]] = list,
    describe_link: Callable[[], str] = str,
    changes: ChangeDesk | None = None,
    corrections: CorrectionSource | None = None,
) -> APIRouter:
    """Build every page; ``list_troubles`` and ``describe_link`` say how the running node is.

    ``changes`` is where the own entries of the directory are changed, ``corrections`` tells what
    the operators ask for; without them there are no pages for that.
    """
    site = Site(
        context=context,
        renderer=console.renderer,
        face=console.face,
        list_troubles=list_troubles,
        describe_link=describe_link,
    )
    router = APIRouter(include_in_schema=False)
    for create in (
        create_inbox_router,
        create_message_router,
        create_files_router,
        create_composing_router,
        create_attaching_router,
        create_cancelling_router,
        create_deciding_router,
        create_case_router,
        create_directory_router,
        create_drills_router,
        create_delivery_router,
        create_letters_router,
    ):
        router.include_router(create(site))
    if changes is not None:
        router.include_router(create_changes_router(site, changes, corrections))
    return router
