"""All pages of one case, in one router."""

from fastapi import APIRouter

from console.routes import take_routes
from node.web.cases.case_manager import create_manager_router
from node.web.cases.closing import create_closing_router
from node.web.cases.consents import create_consents_router
from node.web.cases.follow_up import create_follow_up_router
from node.web.cases.journey import create_journey_router
from node.web.cases.notes import create_notes_router
from node.web.cases.paper import create_paper_router
from node.web.cases.person import create_person_router
from node.web.cases.proof import create_proof_router
from node.web.cases.scans import create_scans_router
from node.web.cases.stopping import create_stopping_router
from node.web.site import Site


def create_case_pages_router(site: Site) -> APIRouter:
    """Build the pages of the parts of a case."""
    router = APIRouter()
    for create in (
        create_notes_router,
        create_person_router,
        create_manager_router,
        create_closing_router,
        create_consents_router,
        create_scans_router,
        create_stopping_router,
        create_journey_router,
        create_follow_up_router,
        create_paper_router,
        create_proof_router,
    ):
        take_routes(router, create(site))
    return router
