"""All pages of the hub, in one router."""

from fastapi import APIRouter

from console.app import Console
from console.cookies import Cookies
from contact_registry.changes.desk import ChangeDesk
from hub.changes.opening import open_change_desk
from hub.context import HubContext
from hub.web.audit import create_audit_router
from hub.web.changes import create_changes_router
from hub.web.delivery import create_delivery_router
from hub.web.drills import create_drills_router
from hub.web.home import create_home_router
from hub.web.kept_forms import create_kept_forms_router
from hub.web.network.admission_pages import create_admission_router
from hub.web.network.broker_pages import create_broker_router
from hub.web.network.pages import create_network_router
from hub.web.operators import create_operators_router
from hub.web.registry.router import create_registry_router
from hub.web.site import Site


def create_web_router(
    context: HubContext, console: Console, *, changes: ChangeDesk | None = None
) -> APIRouter:
    """Build every page. A module of pages adds its ``create_..._router`` here, one line each.

    ``changes`` is the desk of changes, if the caller goes on with them in the background.
    """
    site = Site(
        context=context,
        renderer=console.renderer,
        face=console.face,
        cookies=Cookies(console.settings),
    )
    router = APIRouter(include_in_schema=False)
    for create in (
        create_home_router,
        create_kept_forms_router,
        create_registry_router,
        create_drills_router,
        create_network_router,
        create_broker_router,
        create_admission_router,
        create_delivery_router,
        create_operators_router,
        create_audit_router,
    ):
        router.include_router(create(site))
    desk = changes or open_change_desk(context)
    router.include_router(create_changes_router(site, desk))
    return router
