"""All pages of the registry at the hub, in one router."""

from fastapi import APIRouter

from hub.changes.opening import open_change_desk
from hub.web.registry.desk_search import create_desk_search_router
from hub.web.registry.export_pages import create_export_router
from hub.web.registry.finding_pages import create_finding_router
from hub.web.registry.list_pages import create_list_router
from hub.web.registry.listing import create_listing_router
from hub.web.registry.record_pages import create_record_router
from hub.web.registry.version_pages import create_version_router
from hub.web.site import Site


def create_registry_router(site: Site) -> APIRouter:
    """Build every page of the registry."""
    router = APIRouter()
    for create in (
        create_desk_search_router,
        create_listing_router,
        create_finding_router,
        create_version_router,
        create_record_router,
        create_export_router,
    ):
        router.include_router(create(site))
    router.include_router(create_list_router(site, open_change_desk(site.context)))
    return router
