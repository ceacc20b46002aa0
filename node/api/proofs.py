"""Bundles for a court: what proves a message, or a whole case, without this system."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Response

from node.api.doors import Doors
from node.api.shapes import Id
from node.domain.access import Permission, Principal
from node.service.context import NodeContext, NotFoundError
from node.service.evidence import ExportedBundle, export_case, export_message
from node.service.reading import get_case
from node.service.registry_archive import RegistryArchive

_ZIP: Final = "application/zip"
_LACKS: Final = "Bundle-Lacks"
_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "content": {_ZIP: {"schema": {"type": "string", "format": "binary"}}},
        "headers": {
            _LACKS: {
                "description": "How many things it cannot prove for want of past registries: its "
                "report names them.",
                "schema": {"type": "integer", "minimum": 0},
            }
        },
    }
}


def create_proofs(context: NodeContext, doors: Doors, archive: RegistryArchive | None) -> APIRouter:
    """Build the routes; without ``archive`` they say that nothing can be proved here."""
    router = APIRouter()
    Reader = Annotated[Principal, Depends(doors.who(Permission.READ_CASES))]

    def require_archive() -> RegistryArchive:
        if archive is None:
            raise NotFoundError("This node keeps no past registries: ask its administrator.")
        return archive

    @router.get("/messages/{message_id}/bundle", response_class=Response, responses=_ANSWERS)
    def take_message(message_id: Id, who: Reader) -> Response:
        """Return the bundle of one message; that you took it is noted."""
        return _answer(export_message(context, require_archive(), message_id, who=who))

    @router.get("/cases/{case_id}/bundle", response_class=Response, responses=_ANSWERS)
    def take_case(case_id: Id, who: Reader) -> Response:
        """Return the bundle of all of a case that is there for you; that you took it is noted."""
        reference = get_case(context, case_id, who=who).reference
        return _answer(export_case(context, require_archive(), reference, who=who))

    return router


def _answer(made: ExportedBundle) -> Response:
    return Response(
        made.data,
        media_type=_ZIP,
        headers={
            "Content-Disposition": 'attachment; filename="evidence.zip"',
            "X-Content-Type-Options": "nosniff",
            _LACKS: str(len(made.missing)),
        },
    )
