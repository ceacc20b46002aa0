"""The overview: what needs this operator, and how the registry stands."""

from collections.abc import Iterator, Sequence

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from console.accounts.models import SignedIn
from console.i18n import msg
from contact_registry.errors import RegistryNotFoundedError, RegistryUnavailableError
from hub.monitoring.readiness import CheckResult
from hub.operators.kept_forms import find_kept_form
from hub.operators.roles import Role
from hub.web.check_phrases import say_found
from hub.web.check_words import say_check
from hub.web.need import Need
from hub.web.needs import find_needs, order_needs
from hub.web.site import FOUNDING, PageRoute, Reader, Site, go_to


def create_home_router(site: Site) -> APIRouter:
    """Build the overview."""
    router = APIRouter(route_class=PageRoute)

    @router.get("/")
    async def show(request: Request, who: Reader) -> Response:
        checks: Sequence[CheckResult] = ()
        if Role.HUB_ADMIN in who.account.roles:
            checks = await site.context.delivery.run_checks()
        return await run_in_threadpool(_show, site, request, who, checks)

    @router.get(FOUNDING)
    def show_founding(request: Request, _who: Reader) -> Response:
        return _show_founding(site, request)

    return router


def _show_founding(site: Site, request: Request) -> Response:
    """Say what to do while nothing is published; a registry that is there shows itself."""
    try:
        site.context.registry.current()
    except RegistryNotFoundedError:
        return site.page(request, "founding.html")
    return go_to("/participants")


def _show(site: Site, request: Request, who: SignedIn, checks: Sequence[CheckResult]) -> Response:
    try:
        directory = site.context.registry.current()
    except RegistryUnavailableError:
        directory = None
    found = [
        *_list_failures(checks),
        *_list_kept(site, who),
        *find_needs(site.context, who.account.roles),
    ]
    return site.page(request, "home.html", needs=order_needs(found), directory=directory)


def _list_kept(site: Site, who: SignedIn) -> Iterator[Need]:
    """Say that a form waits which met a locked screen."""
    if find_kept_form(site.context, who.account.id) is not None:
        yield Need(
            title=msg("What you had typed was kept"),
            reason=msg("The screen had locked when you sent it. Look at it, and send it now."),
            path="/kept",
            icon="pencil",
            rank=1,
        )


def _list_failures(checks: Sequence[CheckResult]) -> Iterator[Need]:
    """Say what readiness says: first of all, since nothing may flow."""
    for check in checks:
        if not check.is_ok:
            yield Need(
                title=msg("The hub is not ready: %(check)s", check=say_check(check.check)),
                reason=say_found(check.check, check.detail),
                path="/delivery",
                tone="danger",
                icon="circle-alert",
                rank=0,
            )
