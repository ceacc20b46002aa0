"""The JSON interface for programs, version 1. Each request carries a bearer token."""

from collections.abc import Awaitable, Callable
from typing import Final

from fastapi import APIRouter, FastAPI
from starlette.middleware import Middleware

from console.routes import take_routes
from contact_registry.changes.desk import ChangeDesk
from node.api.approvals import create_approvals
from node.api.attachments import create_files
from node.api.audit import create_audit
from node.api.case_records import create_case_records
from node.api.cases import create_cases
from node.api.changes import create_changes
from node.api.conditional import TagLayer
from node.api.consent import create_consent
from node.api.deletions import create_deletions
from node.api.delivery import create_delivery
from node.api.description import TITLE, install_description
from node.api.directory import create_directory
from node.api.doors import DoorLayer, Doors
from node.api.drafts import create_drafts
from node.api.drills import create_drills
from node.api.duty import create_duty
from node.api.idempotency import OnceLayer
from node.api.invitations import create_invitations
from node.api.messages import create_messages
from node.api.people import create_people
from node.api.problems import install_problems
from node.api.proofs import create_proofs
from node.api.received_files import create_received_files
from node.api.returns import create_returns
from node.api.search import create_search
from node.api.sending import create_sending
from node.api.upkeep import create_upkeep
from node.api.watching import create_watching
from node.api.webhooks import create_webhooks
from node.api.withdrawals import create_withdrawals
from node.api.work import create_work
from node.service.context import NodeContext
from node.service.inviting import Entrance
from node.service.registry_archive import RegistryArchive
from node.service.send_desk import SendDesk

ROUTERS: Final[tuple[Callable[[NodeContext, Doors], APIRouter], ...]] = (
    create_messages,
    create_cases,
    create_case_records,
    create_consent,
    create_approvals,
    create_withdrawals,
    create_deletions,
    create_returns,
    create_files,
    create_received_files,
    create_drills,
    create_delivery,
    create_watching,
    create_upkeep,
    create_people,
    create_audit,
    create_drafts,
    create_webhooks,
    create_search,
    create_work,
    create_duty,
)
"""What makes the routes of each part; a part adds its line here."""


def create_api(  # noqa: PLR0913 - what a node may have, and tests leave out
    context: NodeContext,
    *,
    refresh_registry: Callable[[], Awaitable[None]],
    changes: ChangeDesk | None = None,
    desk: SendDesk | None = None,
    entrance: Entrance | None = None,
    archive: RegistryArchive | None = None,
) -> FastAPI:
    """Build the interface; mount it under ``/api/v1``.

    Without ``changes`` it has no routes for those who keep the directory, without ``entrance`` it
    sends no invitations, without ``archive`` it makes no bundles.
    """
    desk = desk or SendDesk(context)
    api = FastAPI(
        title=TITLE,
        version="1",
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        middleware=[
            # From the outside in: nobody's bytes are read before their token was looked at.
            Middleware(DoorLayer, context=context, desk=desk),
            Middleware(OnceLayer, context=context),
            Middleware(TagLayer),
        ],
    )
    install_problems(api)
    install_description(api)
    doors = Doors()
    take_routes(api.router, create_sending(desk))
    for create in ROUTERS:
        take_routes(api.router, create(context, doors))
    take_routes(api.router, create_proofs(context, doors, archive))
    take_routes(api.router, create_directory(context, doors, refresh_registry))
    if entrance is not None:
        take_routes(api.router, create_invitations(context, doors, entrance))
    if changes is not None:
        take_routes(api.router, create_changes(context, changes, doors))
    return api
