"""Corrections over HTTP: what is asked of a Participant, for its node to show.

``GET /registry/corrections/{code}`` answers whoever asks, as the entries themselves do: a request
names an entry of the published list and says what seems wrong with it, without personal data.
"""

import asyncio

from fastapi import APIRouter, Response

from contact_registry.changes.correction_wire import write_corrections
from contact_registry.changes.corrections import CorrectionDesk
from hub.registry_host.problems import make_not_found
from protocol.errors import MalformedError
from protocol.identifiers import parse_participant_code

_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def create_correction_router(desk: CorrectionDesk) -> APIRouter:
    """Return the route of one hub."""
    router = APIRouter(prefix="/registry/corrections", tags=["registry"])

    @router.get("/{code}")
    async def get_corrections(code: str) -> Response:
        """Return the open corrections of a Participant."""
        try:
            participant = parse_participant_code(code)
        except MalformedError:
            return make_not_found()
        found = await asyncio.to_thread(desk.list_corrections, participant=participant)
        data = write_corrections(participant, found)
        return Response(data, media_type="application/json", headers=_HEADERS)

    return router
