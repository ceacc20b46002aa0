"""All pages of the node, in one router."""

from collections.abc import Callable
from typing import Final

from fastapi import APIRouter

from console.app import Console
from console.cookies import Cookies
from console.i18n import Message
from console.routes import take_routes
from contact_registry.changes.desk import ChangeDesk
from directory_pages.corrections import CorrectionSource
from node.service.context import NodeContext
from node.service.registry_archive import RegistryArchive
from node.web.admin.alerts import create_alerts_router
from node.web.admin.audit import create_audit_router
from node.web.admin.backups import create_backups_router
from node.web.admin.carriage import create_carriage_router
from node.web.admin.hooks import create_hooks_router
from node.web.admin.links import create_links_router
from node.web.admin.people import create_people_router
from node.web.admin.running import Running
from node.web.admin.system import create_system_router
from node.web.admin.tokens import create_tokens_router
from node.web.admin.ways_in import create_ways_in_router
from node.web.answering import create_answering_router
from node.web.approvals import create_approvals_router
from node.web.attaching import create_attaching_router
from node.web.cancelling import create_cancelling_router
from node.web.case import create_case_router
from node.web.cases.pages import create_case_pages_router
from node.web.changes import create_changes_router
from node.web.composing import create_composing_router
from node.web.deciding import create_deciding_router
from node.web.delivery import create_delivery_router
from node.web.directory import create_directory_router
from node.web.drills import create_drills_router
from node.web.duty_pages import create_duty_router
from node.web.erasing import create_erasing_router
from node.web.files import create_files_router
from node.web.inbox import create_inbox_router
from node.web.items import create_items_router
from node.web.kept_forms import create_kept_forms_router
from node.web.letters import create_letters_router
from node.web.live import create_live_router
from node.web.message import create_message_router
from node.web.owed import create_owed_router
from node.web.passing_on import create_passing_on_router
from node.web.searching import create_searching_router
from node.web.second_words import create_second_words_router
from node.web.settings import create_settings_router
from node.web.shelters import create_shelters_router
from node.web.site import Site

_ROUTERS: Final = (
    create_inbox_router,
    create_second_words_router,
    create_items_router,
    create_owed_router,
    create_searching_router,
    create_duty_router,
    create_settings_router,
    create_message_router,
    create_files_router,
    create_composing_router,
    create_attaching_router,
    create_cancelling_router,
    create_erasing_router,
    create_passing_on_router,
    create_shelters_router,
    create_approvals_router,
    create_deciding_router,
    create_answering_router,
    create_case_router,
    create_case_pages_router,
    create_directory_router,
    create_drills_router,
    create_delivery_router,
    create_letters_router,
    create_kept_forms_router,
    create_alerts_router,
    create_links_router,
    create_carriage_router,
    create_system_router,
    create_backups_router,
    create_people_router,
    create_ways_in_router,
    create_tokens_router,
    create_hooks_router,
    create_audit_router,
)
"""What builds the pages, each part from the site alone."""


def create_web_router(  # noqa: PLR0913 - what the pages show of the running node, each by its name
    context: NodeContext,
    console: Console,
    *,
    list_troubles: Callable[[], list[Message]] = list,
    describe_link: Callable[[], str] = str,
    changes: ChangeDesk | None = None,
    corrections: CorrectionSource | None = None,
    running: Running | None = None,
    archive: RegistryArchive | None = None,
) -> APIRouter:
    """Build every page; ``list_troubles`` and ``describe_link`` say how the running node is.

    ``changes`` is where the own entries of the directory are changed, ``corrections`` tells what
    the operators ask for; without them there are no pages for that. ``running`` is what the pages
    of an administrator show of the process, and ask of it.
    """
    site = Site(
        context=context,
        renderer=console.renderer,
        face=console.face,
        cookies=Cookies(console.settings),
        list_troubles=list_troubles,
        describe_link=describe_link,
        running=running or Running(),
        archive=archive,
    )
    router = APIRouter(include_in_schema=False)
    for create in _ROUTERS:
        take_routes(router, create(site))
    take_routes(router, create_live_router(site, console.sessions))
    if changes is not None:
        take_routes(router, create_changes_router(site, changes, corrections))
    return router
