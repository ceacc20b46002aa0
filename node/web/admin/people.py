"""The people of the node, for administrators: who may sign in, what they may do and see."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from console.accounts.models import AccountId, SignedIn
from console.confirming import Confirmed
from console.i18n import msg
from console.rendering import NO_ERRORS, FormErrors
from node.domain.access import Permission
from node.service.context import StaleError
from node.service.devices import list_devices
from node.service.people import (
    AccountError,
    AccountProblem,
    NewPerson,
    Person,
    Standing,
    handle_add_account,
    handle_change_standing,
    handle_let_in,
    handle_shut_out,
    list_people,
    load_person,
)
from node.web.admin.people_words import (
    ROLE_CHOICES,
    describe_problem,
    look_at_access,
    look_at_account,
)
from node.web.labels import explain_codes, say_code
from node.web.site import (
    Form,
    PageRoute,
    Site,
    get_text,
    get_version,
    go_to,
    require_permission,
)
from node.web.states import Look
from protocol.identifiers import Channel

PeopleAdmin = Annotated[SignedIn, Depends(require_permission(Permission.ADMINISTER_PEOPLE))]
"""The parameter of a handler that administers people and programs."""

_CHANGED = msg("Somebody changed this person since you opened the page. This is how they are now.")


@dataclass(frozen=True, slots=True)
class PersonFacts:
    """A person, ready to be shown."""

    person: Person
    look: Look
    #: Said only while what they may see does not count.
    access: Look | None


def create_people_router(site: Site) -> APIRouter:
    """Build the pages of people."""
    router = APIRouter(route_class=PageRoute)

    @router.get("/people")
    def show_all(request: Request, who: PeopleAdmin) -> Response:
        people = list_people(site.context, who=site.principal(who))
        return site.page(
            request,
            "admin/people.html",
            people=[
                PersonFacts(each, look_at_account(each.account), look_at_access(each))
                for each in people
            ],
            own_id=who.account.id,
            say_code=say_code,
        )

    @router.get("/people/new")
    def show_new(request: Request, _who: PeopleAdmin) -> Response:
        sent = {"name": "", "display_name": "", "roles": [], "channels": [Channel.ASSISTANCE.value]}
        return _show_new(site, request, sent)

    @router.post("/people/new")
    def add(request: Request, who: PeopleAdmin, _sure: Confirmed, form: Form) -> Response:
        standing = read_standing(form)
        new = NewPerson(
            sign_in_name=get_text(form, "name"),
            display_name=get_text(form, "display_name"),
            standing=standing,
        )
        try:
            added = handle_add_account(site.context, new, who=site.principal(who))
        except AccountError as error:
            if error.problem is AccountProblem.NAME_TAKEN and (same := _find_same(site, who, new)):
                return go_to(f"/people/{same}")  # the same form twice
            sent = {
                "name": new.sign_in_name,
                "display_name": new.display_name,
                "roles": standing.roles,
                "channels": standing.channels,
                "confidential": standing.confidential,
            }
            return _show_new(site, request, sent, errors=describe_problem(error))
        return go_to(f"/people/{added}")

    _add_pages_of_one(router, site)
    return router


def _add_pages_of_one(router: APIRouter, site: Site) -> None:
    @router.get("/people/{account_id}")
    def show(request: Request, who: PeopleAdmin, account_id: AccountId) -> Response:
        return show_person(site, request, who, account_id)

    @router.post("/people/{account_id}/standing")
    def change(
        request: Request, who: PeopleAdmin, _sure: Confirmed, account_id: AccountId, form: Form
    ) -> Response:
        try:
            handle_change_standing(
                site.context,
                account_id,
                read_standing(form),
                who=site.principal(who),
                row_version=get_version(form, "version"),
            )
        except StaleError:
            return show_person(site, request, who, account_id, errors={"roles": _CHANGED})
        except AccountError as error:
            return show_person(site, request, who, account_id, errors=describe_problem(error))
        return go_to(f"/people/{account_id}")

    @router.post("/people/{account_id}/shut-out")
    def shut_out(request: Request, who: PeopleAdmin, account_id: AccountId) -> Response:
        try:
            handle_shut_out(site.context, account_id, who=site.principal(who))
        except AccountError as error:
            return show_person(site, request, who, account_id, errors=describe_problem(error))
        return go_to(f"/people/{account_id}")

    @router.post("/people/{account_id}/let-in")
    def let_in(who: PeopleAdmin, _sure: Confirmed, account_id: AccountId) -> Response:
        handle_let_in(site.context, account_id, who=site.principal(who))
        return go_to(f"/people/{account_id}")


def _find_same(site: Site, who: SignedIn, new: NewPerson) -> AccountId | None:
    """Find somebody who was added just like this and has not signed in yet."""
    name = new.sign_in_name.strip().casefold()
    for person in list_people(site.context, who=site.principal(who)):
        account = person.account
        if account.sign_in_name == name and account.password_hash is None:
            is_same = (account.display_name, account.roles) == (
                new.display_name,
                new.standing.roles,
            )
            return account.id if is_same else None
    return None


def read_standing(form: FormData) -> Standing:
    """Read roles, channels and the confidential part; channels that do not exist are left out."""
    channels = {str(each) for each in form.getlist("channels")}
    return Standing(
        roles=frozenset(str(each) for each in form.getlist("roles")),
        channels=frozenset(each for each in Channel if each.value in channels),
        confidential=get_text(form, "confidential") == "yes",
    )


def _show_new(
    site: Site, request: Request, sent: Mapping[str, object], *, errors: FormErrors = NO_ERRORS
) -> Response:
    return site.page(
        request,
        "admin/person_new.html",
        errors=errors,
        sent={"confidential": False, **sent},
        roles=ROLE_CHOICES,
        channels=explain_codes(Channel),
    )


def show_person(
    site: Site,
    request: Request,
    who: SignedIn,
    account_id: AccountId,
    *,
    errors: FormErrors = NO_ERRORS,
) -> Response:
    """Show one person; with errors, as they are now and not as they were asked to be."""
    principal = site.principal(who)
    person = load_person(site.context, account_id, who=principal)
    return site.page(
        request,
        "admin/person.html",
        status=HTTPStatus.UNPROCESSABLE_ENTITY if errors else HTTPStatus.OK,
        errors=errors,
        person=person,
        account=person.account,
        look=look_at_account(person.account),
        access=look_at_access(person),
        devices=list_devices(site.context, account_id, who=principal),
        is_self=account_id == who.account.id,
        has_mail=site.context.postman is not None,
        roles=ROLE_CHOICES,
        channels=explain_codes(Channel),
    )
