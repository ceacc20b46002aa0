"""What every page of the node stands on: the services, the renderer, and how things are called."""

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import date
from http import HTTPStatus
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

from babel.dates import format_date
from fastapi import Depends
from fastapi.routing import APIRoute
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from typing_extensions import override

from console.accounts.models import SignedIn
from console.cookies import Cookies
from console.digits import read_number
from console.face import Face
from console.formats import name_place
from console.guard import require_active
from console.i18n import Message, load_data_locale, msg
from console.looked_for import LookedFor
from console.rendering import NO_ERRORS, FormErrors, Renderer
from console.request_state import get_request_state
from contact_registry.directory import Directory
from contact_registry.errors import RegistryUnavailableError
from contact_registry.models import Authority
from directory_pages.drill_words import DrillFacts
from node.domain.access import Permission, Principal, list_permissions
from node.domain.events import SYSTEM_ACTOR
from node.domain.ports import StoredContentError
from node.service.context import NodeContext, NotFoundError
from node.service.holding import judge_view
from node.service.people import list_accounts
from node.service.permitting import ForbiddenError
from node.service.principals import LOCAL, describe_person
from node.service.registry_archive import RegistryArchive
from node.store.accounts import KeyStoreBox
from node.web.admin.running import Running
from node.web.last_drills import describe_last_drills
from protocol.errors import MalformedError
from protocol.identifiers import AuthorityId, ParticipantCode
from protocol.policy.facts import Role

_PROGRAM: Final = "api:"


def may(signed_in: SignedIn, permission: Permission) -> bool:
    """Say whether a person may do this kind of thing, as far as their roles say."""
    return permission in list_permissions(Role(role) for role in signed_in.account.roles)


def require_permission(permission: Permission) -> Callable[[Request], SignedIn]:
    """Build a dependency that gives the signed-in person, or 403 without this permission."""

    def let_in(request: Request) -> SignedIn:
        signed_in = require_active(request)
        if not may(signed_in, permission):
            raise HTTPException(HTTPStatus.FORBIDDEN)
        return signed_in

    return let_in


#: The parameter of a handler whose page shows content.
FocalPoint = Annotated[SignedIn, Depends(require_permission(Permission.WORK_CASES))]
#: The parameter of a handler whose page shows delivery.
NodeAdmin = Annotated[SignedIn, Depends(require_permission(Permission.WATCH_DELIVERY))]


async def _read_form(request: Request) -> FormData:
    return await request.form()


Form = Annotated[FormData, Depends(_read_form)]
"""A handler's parameter of this type holds every field of the form that was sent."""


def get_text(form: FormData, name: str) -> str:
    """Return one field of a form, or an empty text."""
    value = form.get(name, "")
    return value.strip() if isinstance(value, str) else ""


def get_version(form: FormData, name: str) -> int:
    """Return the version that a page was made with; -1, which no row has, for anything else."""
    version = read_number(get_text(form, name))
    return -1 if version is None else version


class PageRoute(APIRoute):
    """A route whose unknown things become the page "There is no such page"."""

    @override
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap the handler."""
        handle = super().get_route_handler()

        async def handle_known(request: Request) -> Response:
            try:
                return await handle(request)
            except (NotFoundError, MalformedError) as error:
                raise HTTPException(HTTPStatus.NOT_FOUND) from error
            except ForbiddenError as error:
                raise HTTPException(HTTPStatus.FORBIDDEN) from error
            except RegistryUnavailableError as error:
                raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE) from error

        return handle_known


def go_to(address: str) -> Response:
    """Answer a form: open this page now."""
    return RedirectResponse(address, status_code=HTTPStatus.SEE_OTHER)


@dataclass(frozen=True, slots=True)
class Names:
    """How Participants, desks and people are called on one page."""

    directory: Directory | None
    people: Mapping[str, str]

    def participant(self, code: str) -> Message | str:
        """Name a Participant; one that neither kit nor registry knows by its code."""
        entry = self.directory and self.directory.participant(ParticipantCode(code))
        return name_place(code, entry.display_name if entry else code)

    def find_desk(self, authority: str | None) -> Authority | None:
        """Return a desk of the registry, or None."""
        if self.directory is None or not authority:
            return None
        return self.directory.authority(AuthorityId(authority))

    def desk(self, authority: str | None) -> str:
        """Name a desk; one that the registry does not list by its identifier."""
        found = self.find_desk(authority)
        return (authority or "") if found is None else found.name

    def actor(self, actor: str) -> Message | str:
        """Name who did something: a person here, a program, the system, or a Participant."""
        if actor == SYSTEM_ACTOR:
            return msg("This system")
        if actor.startswith(LOCAL):
            return msg("%(login)s, on the machine", login=actor.removeprefix(LOCAL))
        if actor.startswith(_PROGRAM):
            return msg("The program %(label)s", label=actor.removeprefix(_PROGRAM))
        return self.people.get(actor) or self.participant(actor)


@dataclass(frozen=True, slots=True)
class Site:
    """The pages' common ground."""

    context: NodeContext
    renderer: Renderer
    face: Face
    cookies: Cookies
    list_troubles: Callable[[], list[Message]] = field(default=list)
    describe_link: Callable[[], str] = field(default=str)
    #: What pages of an administrator show of the running process, and ask of it.
    running: Running = field(default_factory=Running)
    #: Past versions of the directory: no evidence without them. None: there are none here.
    archive: RegistryArchive | None = None

    @property
    def zone(self) -> ZoneInfo:
        """The time in which this Participant's people read and type."""
        return self.face.zone

    def principal(self, signed_in: SignedIn) -> Principal:
        """Say what this person may do and see, as of now."""
        return describe_person(self.context, signed_in.account)

    def names(self) -> Names:
        """Give the names of the moment."""
        try:
            directory = self.context.directory.current()
        except RegistryUnavailableError:
            directory = None
        people = {str(account.id): account.display_name for account in list_accounts(self.context)}
        return Names(directory=directory, people=people)

    def page(
        self,
        request: Request,
        template: str,
        /,
        *,
        status: int = HTTPStatus.OK,
        errors: FormErrors = NO_ERRORS,
        **context: Any,
    ) -> Response:
        """Render a page of the node, with its names and a fresh key for its form."""
        context.setdefault("names", self.names())
        context.setdefault("own", self.context.participant)
        context.setdefault("key", self.make_key())
        context.setdefault("view_age", judge_view(self.context))
        context.setdefault("written_day", self.write_day(request))
        context.setdefault("last_drills", self.last_drills)
        return self.renderer.page(
            request, f"node/{template}", status=status, errors=errors, **context
        )

    def fragment(self, request: Request, template: str, /, **context: Any) -> Response:
        """Render a part of a page that is asked for again and again."""
        context.setdefault("names", self.names())
        context.setdefault("own", self.context.participant)
        return self.renderer.fragment(request, f"node/{template}", **context)

    def looked_for(self, path: str) -> LookedFor:
        """Give what keeps, for this page, what was looked for on it."""
        return LookedFor(
            path=path,
            cookies=self.cookies,
            box=KeyStoreBox(self.context.keys),
            unsealable=StoredContentError,
        )

    def last_drills(self, authority: str) -> list[DrillFacts]:
        """Describe the last reachability drills of a desk, for its card."""
        return describe_last_drills(self.context, authority)

    def write_day(self, request: Request) -> Callable[[date], str]:
        """Give what writes a day in the reader's language: ``24 November 2026``."""
        locale = load_data_locale(get_request_state(request).language)
        return lambda day: format_date(day, "d MMMM y", locale=locale)

    def make_key(self) -> str:
        """Make the idempotency key of a form: 32 hex characters."""
        return self.context.random(16).hex()
