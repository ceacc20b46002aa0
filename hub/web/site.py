"""What every page of the hub stands on: the context, the renderer, and how things are called."""

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
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
from console.face import Face
from console.formats import name_place
from console.guard import require_roles
from console.i18n import Message, load_data_locale, msg
from console.looked_for import LookedFor
from console.rendering import NO_ERRORS, FormErrors, Renderer
from console.request_state import get_request_state
from console.storage.secret_box import SecretBoxError
from contact_registry.directory import Directory
from contact_registry.errors import (
    RegistryNotFoundedError,
    RegistryRefusedError,
    RegistryUnavailableError,
    RepositoryStateError,
)
from contact_registry.models import Authority
from hub.context import HubContext, NotFoundError
from hub.operators.roles import AUDIT_READERS, EVERYBODY, Role
from hub.operators.service import list_names
from protocol.errors import MalformedError
from protocol.identifiers import AuthorityId, ParticipantCode

#: The parameter of a handler whose page every operator may read.
Reader = Annotated[SignedIn, Depends(require_roles(*EVERYBODY))]
#: The parameter of a handler that changes something of the directory.
DirectoryOperator = Annotated[SignedIn, Depends(require_roles(Role.DIRECTORY_OPERATOR))]
#: The parameter of a handler about accounts or delivery.
HubAdmin = Annotated[SignedIn, Depends(require_roles(Role.HUB_ADMIN))]
#: The parameter of a handler about who is let in, and what runs out: both roles act on it.
Admitter = Annotated[SignedIn, Depends(require_roles(Role.HUB_ADMIN, Role.DIRECTORY_OPERATOR))]
#: The parameter of a handler about who did what.
AuditReader = Annotated[SignedIn, Depends(require_roles(*AUDIT_READERS))]

#: What stands in the place of every page of a registry that is still to be founded.
FOUNDING: Final = "/founding"
LOCAL_ACTOR: Final = "local:"
PROGRAM_ACTOR: Final = "program:"
PARTICIPANT_ACTOR: Final = "participant:"


async def _read_form(request: Request) -> FormData:
    return await request.form()


Form = Annotated[FormData, Depends(_read_form)]
"""A handler's parameter of this type holds every field of the form that was sent."""


def get_text(form: FormData, name: str) -> str:
    """Return one field of a form, or an empty text."""
    value = form.get(name, "")
    return value.strip() if isinstance(value, str) else ""


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
            except RegistryNotFoundedError:
                return go_to(FOUNDING)
            except (RegistryUnavailableError, RepositoryStateError, RegistryRefusedError) as error:
                raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE) from error

        return handle_known


def go_to(address: str) -> Response:
    """Answer a form: open this page now."""
    return RedirectResponse(address, status_code=HTTPStatus.SEE_OTHER)


@dataclass(frozen=True, slots=True)
class Names:
    """How Participants, desks and operators are called on one page."""

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
        """Name who did something: an operator, the command line, the hub itself, a Participant."""
        if actor.startswith(PROGRAM_ACTOR):
            return msg("The hub by itself")
        if actor.startswith(LOCAL_ACTOR):
            return msg("Command line, as %(login)s", login=actor.removeprefix(LOCAL_ACTOR))
        if actor.startswith(PARTICIPANT_ACTOR):
            return self.participant(actor.removeprefix(PARTICIPANT_ACTOR))
        return self.people.get(actor, actor)


@dataclass(frozen=True, slots=True)
class Site:
    """The pages' common ground."""

    context: HubContext
    renderer: Renderer
    face: Face
    cookies: Cookies

    @property
    def zone(self) -> ZoneInfo:
        """The time in which the operators read and type."""
        return self.face.zone

    def names(self) -> Names:
        """Give the names of the moment."""
        try:
            directory = self.context.registry.current()
        except RegistryUnavailableError:
            directory = None
        people = {name.account_id: name.display_name for name in list_names(self.context.database)}
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
        """Render a page of the hub, with its names and a fresh key for its form."""
        self._add_common(request, context)
        context.setdefault("key", self.make_key())
        return self.renderer.page(
            request, f"hub/{template}", status=status, errors=errors, **context
        )

    def fragment(self, request: Request, template: str, /, **context: Any) -> Response:
        """Render a part of a page that is asked for again and again."""
        self._add_common(request, context)
        return self.renderer.fragment(request, f"hub/{template}", **context)

    def _add_common(self, request: Request, context: dict[str, Any]) -> None:
        state = get_request_state(request)
        roles = state.active.account.roles if state.active else frozenset()
        context.setdefault("names", self.names())
        context.setdefault("written_day", self.write_day(request))
        context.setdefault("may_edit", Role.DIRECTORY_OPERATOR in roles)
        context.setdefault("is_admin", Role.HUB_ADMIN in roles)

    def write_day(self, request: Request) -> Callable[[date], str]:
        """Give what writes a day in the reader's language: ``24 November 2026``."""
        locale = load_data_locale(get_request_state(request).language)
        return lambda day: format_date(day, "d MMMM y", locale=locale)

    def looked_for(self, path: str) -> LookedFor:
        """Give what keeps, for this page, what was looked for on it."""
        return LookedFor(
            path=path, cookies=self.cookies, box=self.context.box, unsealable=SecretBoxError
        )

    def make_key(self) -> str:
        """Make the idempotency key of a form: 32 hex characters."""
        return self.context.random(16).hex()
