"""People, their devices, and tokens of programs: for administrators, never what they work on."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Response

from console.accounts.models import AccountId
from console.routes import take_routes
from node.api.conditional import RequiredVersion, SeenVersion, tag
from node.api.doors import Doors
from node.api.people_bodies import (
    DeviceBody,
    LinkBody,
    LinkWish,
    MeBody,
    PersonBody,
    PersonWish,
    StandingWish,
    TokenAsked,
    TokenBody,
    TokenMade,
    UnaskedBody,
    UnaskedKnown,
    WaitingBody,
)
from node.api.shapes import Id
from node.domain.access import Permission, Principal
from node.domain.standing import MAY_CONFIRM
from node.service import devices, people, second_word, tokens, unasked_access
from node.service.context import NodeContext


def create_people(context: NodeContext, doors: Doors) -> APIRouter:
    """Build the routes."""
    router = APIRouter()
    take_routes(router, _create_people(context, doors))
    take_routes(router, _create_ways_in(context, doors))
    take_routes(router, _create_devices(context, doors))
    take_routes(router, _create_second_words(context, doors))
    take_routes(router, _create_unasked(context, doors))
    take_routes(router, _create_tokens(context, doors))
    return router


def _create_people(context: NodeContext, doors: Doors) -> APIRouter:
    router = APIRouter()
    Admin = Annotated[Principal, Depends(doors.who(Permission.ADMINISTER_PEOPLE))]
    Anybody = Annotated[Principal, Depends(doors.who())]

    def answer(person: people.Person, response: Response) -> PersonBody:
        tag(response, person.row_version)
        return PersonBody.of(person)

    @router.get("/me")
    def get_me(who: Anybody) -> MeBody:
        """Say who asks, and what they may do and see."""
        return MeBody.of(who)

    @router.get("/people")
    def list_people(who: Admin) -> list[PersonBody]:
        """List the people of this node, by sign-in name."""
        return [PersonBody.of(person) for person in people.list_people(context, who=who)]

    @router.post("/people", status_code=HTTPStatus.CREATED)
    def add_person(wish: PersonWish, who: Admin, response: Response) -> PersonBody:
        """Add a person. A sign-in link lets them in the first time."""
        account_id = people.handle_add_account(context, wish.read_person(), who=who)
        response.headers["Location"] = f"/api/v1/people/{account_id}"
        return answer(people.load_person(context, account_id, who=who), response)

    @router.get("/people/{account_id}")
    def get_person(account_id: Id, who: Admin, response: Response) -> PersonBody:
        """Return a person with what they may do and see."""
        return answer(people.load_person(context, AccountId(account_id), who=who), response)

    @router.put("/people/{account_id}")
    def change_person(
        account_id: Id, wish: StandingWish, who: Admin, seen: SeenVersion, response: Response
    ) -> PersonBody:
        """Give somebody other roles, channels, or the confidential part."""
        changed = people.handle_change_standing(
            context, AccountId(account_id), wish.read(), who=who, row_version=seen
        )
        return answer(changed, response)

    @router.post("/people/{account_id}/deactivate")
    def deactivate(account_id: Id, who: Admin) -> PersonBody:
        """Shut somebody out at once: sessions end, links and bound tokens stop working."""
        people.handle_shut_out(context, AccountId(account_id), who=who)
        return PersonBody.of(people.load_person(context, AccountId(account_id), who=who))

    @router.post("/people/{account_id}/reactivate")
    def reactivate(account_id: Id, who: Admin) -> PersonBody:
        """Let somebody in again, with the password and second factor of before."""
        people.handle_let_in(context, AccountId(account_id), who=who)
        return PersonBody.of(people.load_person(context, AccountId(account_id), who=who))

    return router


def _create_ways_in(context: NodeContext, doors: Doors) -> APIRouter:
    router = APIRouter(prefix="/people/{account_id}")
    Admin = Annotated[Principal, Depends(doors.who(Permission.ADMINISTER_PEOPLE))]

    @router.post("/sign-in-link", status_code=HTTPStatus.CREATED)
    def make_link(account_id: Id, wish: LinkWish, who: Admin) -> LinkBody:
        """Make a one-time sign-in; sessions and earlier links end. Hand it over in person."""
        person = people.load_person(context, AccountId(account_id), who=who)
        token = people.handle_make_sign_in_link(
            context, person.account.sign_in_name, wish.lifetime, who=who
        )
        return LinkBody(
            path=f"{people.LINK_PATH}{token}", expires_at=context.clock() + wish.lifetime
        )

    return router


def _create_devices(context: NodeContext, doors: Doors) -> APIRouter:
    router = APIRouter(prefix="/people/{account_id}/devices")
    Anybody = Annotated[Principal, Depends(doors.who())]

    @router.get("")
    def list_devices(account_id: Id, who: Anybody) -> list[DeviceBody]:
        """List where somebody is signed in: administrators anybody, a bound token its person."""
        return [
            DeviceBody.of(device) for device in devices.list_devices(context, account_id, who=who)
        ]

    @router.delete("", status_code=HTTPStatus.NO_CONTENT)
    def end_devices(account_id: Id, who: Anybody) -> None:
        """Sign somebody out everywhere."""
        devices.handle_end_devices(context, account_id, who=who)

    @router.delete("/{device_id}", status_code=HTTPStatus.NO_CONTENT)
    def end_device(account_id: Id, device_id: Id, who: Anybody) -> None:
        """Sign somebody out in one browser."""
        devices.handle_end_device(context, account_id, device_id, who=who)

    return router


def _create_second_words(context: NodeContext, doors: Doors) -> APIRouter:
    router = APIRouter(prefix="/waiting-access")
    Colleague = Annotated[Principal, Depends(doors.who(*MAY_CONFIRM))]

    @router.get("")
    def list_waiting(who: Colleague) -> list[WaitingBody]:
        """List the people whose access waits for the word of the person behind this token."""
        return [WaitingBody.of(each) for each in second_word.list_waiting(context, who=who)]

    @router.post("/{account_id}/confirm", status_code=HTTPStatus.NO_CONTENT)
    def confirm(account_id: Id, who: Colleague, seen: RequiredVersion) -> None:
        """Say that somebody's access is right: ask them before, another way. It counts at once."""
        second_word.handle_confirm(context, account_id, who=who, row_version=seen)

    @router.post("/{account_id}/refuse", status_code=HTTPStatus.NO_CONTENT)
    def refuse(account_id: Id, who: Colleague, seen: RequiredVersion) -> None:
        """Say that somebody's access is not right: it has to be given anew."""
        second_word.handle_refuse(context, account_id, who=who, row_version=seen)

    return router


def _create_unasked(context: NodeContext, doors: Doors) -> APIRouter:
    router = APIRouter(prefix="/unasked-access")
    Colleague = Annotated[Principal, Depends(doors.who(*MAY_CONFIRM))]

    @router.get("")
    def list_unasked(who: Colleague) -> list[UnaskedBody]:
        """List access that counted without a colleague's word, until this person says it is known.

        Only of those who have a part of what the person behind this token has.
        """
        return [UnaskedBody.of(each) for each in unasked_access.list_unasked(context, who=who)]

    @router.post("/told", status_code=HTTPStatus.NO_CONTENT)
    def told(known: UnaskedKnown, who: Colleague) -> None:
        """Say that this person knows of everything in the list up to one of it."""
        unasked_access.handle_told(context, known.last, who=who)

    return router


def _create_tokens(context: NodeContext, doors: Doors) -> APIRouter:
    router = APIRouter(prefix="/tokens")
    makers = doors.who(Permission.ADMINISTER_PEOPLE, Permission.WORK_CASES, Permission.READ_AUDIT)
    Maker = Annotated[Principal, Depends(makers)]

    @router.get("")
    def list_tokens(who: Maker) -> list[TokenBody]:
        """List tokens, everything but themselves: administrators everybody's, others their own."""
        return [TokenBody.of(token) for token in tokens.list_tokens(context, who=who)]

    @router.post("", status_code=HTTPStatus.CREATED)
    def make_token(wish: TokenAsked, who: Maker) -> TokenMade:
        """Make a token for a program; it is said here and never again.

        One that shows content is made by somebody who works on cases, one for the audit log by an
        auditor, one that administers by an administrator, and each is bound to its maker;
        administrators make the others. A label is one program's for good.
        """
        return TokenMade(token=tokens.handle_make_token(context, wish.read(), who=who))

    @router.post("/{label}/revoke", status_code=HTTPStatus.NO_CONTENT)
    def revoke(label: Id, who: Maker) -> None:
        """Take back every token of a label: the programs that hold one are out at once.

        Administrators anybody's, everybody else their own.
        """
        tokens.handle_revoke_tokens(context, label=label, who=who)

    return router
