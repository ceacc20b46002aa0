"""All pages of the node, in one router."""

from collections.abc import Callable

from fastapi import APIRouter

from console.app import Console
from node.service.context import NodeContext
from node.web.case import create_case_router
from node.web.composing import create_composing_router
from node.web.deciding import create_deciding_router
from node.web.delivery import create_delivery_router
from node.web.directory import create_directory_router
from node.web.inbox import create_inbox_router
from node.web.message import create_message_router
from node.web.site import Site


def create_web_router(
    context: NodeContext,
    console: Console,
    *,
    list_troubles: Callable[[], list[str]] = list,
    describe_link: Callable[[], str] = str,
) -> APIRouter:
    """Build every page; ``list_troubles`` and ``describe_link`` say how the running node is."""
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
        create_composing_router,
        create_deciding_router,
        create_case_router,
        create_directory_router,
        create_delivery_router,
    ):
        router.include_router(create(site))
    return router
