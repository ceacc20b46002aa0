"""All pages of changes, corrections and agreements, in one router for either face."""

from fastapi import APIRouter

from console.routes import take_routes
from directory_pages.agreement_pages import create_agreement_router
from directory_pages.calendar_pages import create_calendar_router
from directory_pages.change_pages import create_change_router
from directory_pages.entry_pages import create_entry_router
from directory_pages.signing_pages import create_signing_router
from directory_pages.site import DirectoryPages


def create_directory_router(pages: DirectoryPages) -> APIRouter:
    """Build every page of ``directory_pages`` for one face."""
    router = APIRouter(include_in_schema=False)
    for create in (
        create_entry_router,  # before the pages of a change, whose paths would take its own
        create_calendar_router,
        create_signing_router,
        create_change_router,
        create_agreement_router,
    ):
        take_routes(router, create(pages))
    return router
