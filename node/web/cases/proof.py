"""Evidence of a case: what proves to a court, without this system, who sent and received what."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from console.confirming import Confirmed
from console.downloads import HEADERS, write_disposition
from node.service.context import NotFoundError
from node.service.evidence import export_case
from node.web.cases.acting import open_case, show
from node.web.site import FocalPoint, PageRoute, Site


def create_proof_router(site: Site) -> APIRouter:
    """Build the page and the bundle."""
    router = APIRouter(route_class=PageRoute)

    @router.get("/case/{case_id}/proof")
    def show_proof(request: Request, who: FocalPoint, case_id: str) -> Response:
        return show(open_case(site, case_id, who), request, "cases/proof.html")

    @router.post("/case/{case_id}/proof")
    def make(who: FocalPoint, _sure: Confirmed, case_id: str) -> Response:
        """Make the bundle; that somebody took it is noted."""
        case = open_case(site, case_id, who)
        if site.archive is None:
            raise NotFoundError("This node keeps no past registries: ask its administrator.")
        made = export_case(site.context, site.archive, case.overview.reference, who=case.who)
        name = f"{site.context.random(4).hex()}.zip"
        return Response(
            made.data,
            media_type="application/zip",
            headers={**HEADERS, "Content-Disposition": write_disposition(name)},
        )

    return router
