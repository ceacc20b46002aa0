"""The first way in, by mail, for somebody who has none yet."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import Field

from console.accounts.models import AccountId
from console.i18n import Language
from node.api.doors import Doors
from node.api.shapes import Asked, Id
from node.domain.access import Permission, Principal
from node.service.context import NodeContext
from node.service.inviting import Entrance, handle_invite


class InvitationWish(Asked):
    """Where the link goes; the address is not kept."""

    address: Annotated[str, Field(min_length=3, max_length=254)]
    language: Language = Language.ENGLISH


def create_invitations(context: NodeContext, doors: Doors, entrance: Entrance) -> APIRouter:
    """Build the route."""
    router = APIRouter()
    Admin = Annotated[Principal, Depends(doors.who(Permission.ADMINISTER_PEOPLE))]

    @router.post("/people/{account_id}/invite", status_code=HTTPStatus.NO_CONTENT)
    def invite(account_id: Id, wish: InvitationWish, who: Admin) -> None:
        """Send somebody who never signed in their first link by mail: it holds for a day.

        Whoever lost a password gets a link from hand to hand (``sign-in-link``).
        """
        invitation = entrance.invite(wish.address, language=wish.language.value)
        handle_invite(context, AccountId(account_id), invitation, who=who)

    return router
