"""The operators' accounts, for hub administrators."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from console.accounts.models import Account, AccountId, Session, Stage
from console.accounts.sessions import DISCARD_AFTER
from console.confirming import Confirmed
from console.i18n import Message, msg
from console.rendering import NO_ERRORS, FormErrors
from hub.audit.log import AuditFilter
from hub.context import HubContext
from hub.operators.roles import Role
from hub.operators.service import (
    LINK_LIFETIME,
    LINK_PATH,
    AccountError,
    AccountProblem,
    StaleAccountError,
    find_operator,
    handle_add_operator,
    handle_let_in,
    handle_make_sign_in_link,
    handle_set_roles,
    handle_shut_out,
    list_operators,
)
from hub.web.audit_words import word_entry
from hub.web.site import Form, HubAdmin, PageRoute, Site, get_text, go_to

_PROBLEMS: Final[Mapping[AccountProblem, tuple[str, Message]]] = {
    AccountProblem.NAME_MALFORMED: (
        "name",
        msg(
            "Write a sign-in name of 2 to 119 letters a to z, digits, and . _ @ -, beginning with "
            "a letter or digit."
        ),
    ),
    AccountProblem.NAME_TAKEN: ("name", msg("This sign-in name is taken. Choose another.")),
    AccountProblem.DISPLAY_NAME_MALFORMED: (
        "display_name",
        msg("Write how the person is shown, on one line of up to 200 characters."),
    ),
    AccountProblem.NO_KNOWN_ROLE: ("roles", msg("Choose one role or more.")),
    AccountProblem.LAST_ADMIN: (
        "roles",
        msg("This is the last hub administrator. Give somebody else the role first."),
    ),
    AccountProblem.ONESELF: (
        "roles",
        msg("Nobody shuts themselves out. Ask another administrator."),
    ),
    AccountProblem.LINK_TOO_LONG: ("roles", msg("A sign-in link lives 7 days at most.")),
}
_CHANGED: Final = msg(
    "Somebody changed the roles since you opened this page. These are the present ones."
)
_ENTRIES: Final = 10

ROLE_CHOICES: Final = (
    (
        Role.DIRECTORY_OPERATOR.value,
        msg("Directory operator"),
        msg("Works on the directory: changes, findings, drills, publishing."),
    ),
    (
        Role.HUB_ADMIN.value,
        msg("Hub administrator"),
        msg("Looks after accounts, and sees how delivery stands. Never content."),
    ),
    (
        Role.OBSERVER.value,
        msg("Observer"),
        msg("Reads the directory and the audit log, and changes nothing."),
    ),
)


def create_operators_router(site: Site) -> APIRouter:
    """Build the pages of accounts."""
    router = APIRouter(route_class=PageRoute)
    pages = _Pages(site)

    @router.get("/operators")
    def show_all(request: Request, who: HubAdmin) -> Response:
        return site.page(
            request,
            "operators.html",
            operators=list_operators(site.context),
            own_id=who.account.id,
        )

    @router.get("/operators/new")
    def show_new(request: Request, _who: HubAdmin) -> Response:
        return pages.show_new(request, {"name": "", "display_name": "", "roles": ()})

    @router.post("/operators/new")
    def add(request: Request, who: HubAdmin, _sure: Confirmed, form: Form) -> Response:
        name, shown = get_text(form, "name"), get_text(form, "display_name")
        roles = [str(role) for role in form.getlist("roles")]
        try:
            added = handle_add_operator(
                site.context,
                actor=who.account.id,
                sign_in_name=name,
                display_name=shown,
                roles=roles,
            )
        except AccountError as error:
            sent = {"name": name, "display_name": shown, "roles": roles}
            return pages.show_new(request, sent, errors=_describe(error))
        return go_to(f"/operators/{added}")

    _add_pages_of_one(router, site, pages)
    return router


def _add_pages_of_one(router: APIRouter, site: Site, pages: "_Pages") -> None:
    @router.get("/operators/{account_id}")
    def show(request: Request, who: HubAdmin, account_id: AccountId) -> Response:
        return pages.show(request, find_operator(site.context, account_id), own=who.account)

    @router.post("/operators/{account_id}/roles")
    def set_roles(
        request: Request, who: HubAdmin, _sure: Confirmed, account_id: AccountId, form: Form
    ) -> Response:
        try:
            handle_set_roles(
                site.context,
                account_id,
                actor=who.account.id,
                roles=[str(role) for role in form.getlist("roles")],
                seen=get_text(form, "seen").split(),
            )
        except StaleAccountError:
            return pages.show_refused(request, account_id, who.account, {"roles": _CHANGED})
        except AccountError as error:
            return pages.show_refused(request, account_id, who.account, _describe(error))
        return go_to(f"/operators/{account_id}")

    @router.post("/operators/{account_id}/shut-out")
    def shut_out(request: Request, who: HubAdmin, account_id: AccountId) -> Response:
        try:
            handle_shut_out(site.context, account_id, actor=who.account.id)
        except AccountError as error:
            return pages.show_refused(request, account_id, who.account, _describe(error))
        return go_to(f"/operators/{account_id}")

    @router.post("/operators/{account_id}/let-in")
    def let_in(
        _request: Request, who: HubAdmin, _sure: Confirmed, account_id: AccountId
    ) -> Response:
        handle_let_in(site.context, account_id, actor=who.account.id)
        return go_to(f"/operators/{account_id}")

    @router.post("/operators/{account_id}/link")
    def make_link(
        request: Request, who: HubAdmin, _sure: Confirmed, account_id: AccountId
    ) -> Response:
        # Shown in the answer itself: in an address or a store of its own it would be kept.
        token = handle_make_sign_in_link(site.context, account_id, actor=who.account.id)
        address = f"{site.context.public_url.rstrip('/')}{LINK_PATH}{token}"
        return site.page(
            request,
            "operator_link.html",
            account=find_operator(site.context, account_id),
            address=address,
            lifetime=LINK_LIFETIME,
        )


def _describe(error: AccountError) -> FormErrors:
    field, text = _PROBLEMS[error.problem]
    return {field: text}


def _list_open(context: HubContext, account: Account) -> list[Session]:
    """List where this person is signed in: what was left behind a day ago no longer counts."""
    return [
        session
        for session in context.open_sessions().list_sessions(account.id)
        if session.stage in {Stage.ACTIVE, Stage.LOCKED}
        and context.clock() - session.started_at < DISCARD_AFTER
    ]


class _Pages:
    """What several handlers answer with."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def show_new(
        self, request: Request, sent: Mapping[str, object], *, errors: FormErrors = NO_ERRORS
    ) -> Response:
        """Show the form for a new account."""
        return self._site.page(
            request, "operator_new.html", sent=sent, choices=ROLE_CHOICES, errors=errors
        )

    def show_refused(
        self, request: Request, account_id: AccountId, own: Account, errors: FormErrors
    ) -> Response:
        """Show an account as it is now, and what was not done."""
        account = find_operator(self._site.context, account_id)
        return self.show(request, account, own=own, errors=errors, status=HTTPStatus.CONFLICT)

    def show(
        self,
        request: Request,
        account: Account,
        *,
        own: Account,
        errors: FormErrors = NO_ERRORS,
        status: int = HTTPStatus.OK,
    ) -> Response:
        """Show one account with what was done to it last."""
        context = self._site.context
        entries = context.audit.list_entries(AuditFilter(subject=account.id), limit=_ENTRIES)
        return self._site.page(
            request,
            "operator.html",
            status=status,
            errors=errors,
            account=account,
            own_id=own.id,
            choices=ROLE_CHOICES,
            sessions=_list_open(context, account),
            entries=[word_entry(entry) for entry in entries],
        )
