"""What the pages of changes stand on: the desk of changes, and the face that shows them.

A face mounts them with :func:`directory_pages.router.create_directory_router`, and hands what
:mod:`directory_pages.templating` names to the console beside its own.
"""

import hashlib
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import Depends
from fastapi.routing import APIRoute
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from typing_extensions import override

from console.accounts.models import SignedIn
from console.digits import read_number
from console.guard import require_roles
from console.i18n import Message, msg
from console.rendering import NO_ERRORS, FormErrors, Renderer
from console.request_state import get_request_state
from contact_registry.changes.change import ChangeId, Grounds
from contact_registry.changes.desk import ChangeDesk
from contact_registry.changes.errors import ChangeError, ChangeNotFoundError
from contact_registry.directory import Directory
from contact_registry.errors import RegistryError, RegistryUnavailableError
from contact_registry.models import ContactsDocument
from directory_pages.codes import Words, say, say_language
from directory_pages.refusals import status_of
from directory_pages.wording import Names, say_day
from protocol.errors import MalformedError
from protocol.identifiers import ParticipantCode, parse_participant_code

_LONGEST_GROUNDS: Final = 500
_ID: Final = frozenset("0123456789abcdef")
_ID_LENGTH: Final = 32


async def _read_form(request: Request) -> FormData:
    return await request.form()


Form = Annotated[FormData, Depends(_read_form)]
"""A handler's parameter of this type holds every field of the form that was sent."""


class DirectoryRoute(APIRoute):
    """A route whose unknown things become the page "There is no such page".

    A registry that cannot be read now, or is not believed, becomes "Not available now".
    """

    @override
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap the handler."""
        handle = super().get_route_handler()

        async def handle_known(request: Request) -> Response:
            try:
                return await handle(request)
            except (ChangeNotFoundError, MalformedError) as error:
                raise HTTPException(HTTPStatus.NOT_FOUND) from error
            except ChangeError as error:  # a page says it better, beside what was typed
                raise HTTPException(status_of(error)) from error
            except RegistryError as error:
                raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE) from error

        return handle_known


def _describe_nothing(_request: Request) -> Mapping[str, Any]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryPages:
    """One face's pages of changes, corrections and agreements.

    ``frame`` is the template that they extend, a child of ``base.html``. ``editors`` are the roles
    that may change something, ``readers`` those that may look. ``participant`` is the node's own;
    None at the hub, whose operators draft for Participants without a node. ``name_person`` says who
    did something, from the actor that a change keeps. ``describe_frame`` gives the names that the
    frame needs on every page.
    """

    desk: ChangeDesk
    renderer: Renderer
    frame: str
    editors: frozenset[str]
    readers: frozenset[str]
    read_directory: Callable[[], Directory]
    name_person: Callable[[str], Words]
    clock: Callable[[], datetime]
    participant: ParticipantCode | None = None
    describe_frame: Callable[[Request], Mapping[str, Any]] = _describe_nothing

    @property
    def require_editor(self) -> Callable[[Request], SignedIn]:
        """Give the signed-in person, or refuse who may not change anything."""
        return require_roles(*self.editors)

    @property
    def require_reader(self) -> Callable[[Request], SignedIn]:
        """Give the signed-in person, or refuse who may not look."""
        return require_roles(*self.editors, *self.readers)

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
        """Render a page in the frame of the face."""
        who = get_request_state(request).active
        common = {
            "may_edit": who is not None and not who.account.roles.isdisjoint(self.editors),
            "frame": self.frame,
            "own": self.participant,
            "say_code": say,
            "say_day": say_day,
            "say_language": say_language,
            "entry_key": make_entry_key,
            "notice": None,
            **self.describe_frame(request),
        }
        return self.renderer.page(
            request, f"directory/{template}", status=status, errors=errors, **(common | context)
        )

    def names(self, *documents: ContactsDocument | None) -> Names:
        """Give the names of Participants, and those of the desks in these documents."""
        try:
            entries = self.read_directory().participants
        except RegistryUnavailableError:
            entries = ()
        shown = {str(entry.code): entry.display_name for entry in entries}
        return Names.of([each for each in documents if each is not None], shown)

    def choose_participant(self, text: str) -> ParticipantCode:
        """Return whose contacts are meant: a node's are always its own.

        Raises ``MalformedError`` if ``text`` is no Participant code.
        """
        return self.participant or parse_participant_code(text)


def make_entry_key(identifier: str) -> str:
    """Return what stands for an entry in addresses, which hold no names."""
    return hashlib.sha256(identifier.encode()).hexdigest()[:16]


def parse_change_id(text: str) -> ChangeId:
    """Read the identifier of a change; raises ``ChangeNotFoundError`` if it cannot be one."""
    if len(text) != _ID_LENGTH or not set(text) <= _ID:
        raise ChangeNotFoundError("There is no such change: open it from the list of changes.")
    return ChangeId(text)


def get_text(form: FormData, name: str) -> str:
    """Return one field of a form as one line, or an empty text."""
    value = form.get(name, "")
    return " ".join(value.split()) if isinstance(value, str) else ""


def get_seen(form: FormData) -> int:
    """Return the row version that the page showed; one that nobody has if the form has none."""
    seen = read_number(get_text(form, "seen"))
    return -1 if seen is None else seen


def is_one_line(text: str, *, most: int) -> bool:
    """Tell whether a text that was typed can be kept: short enough, nothing invisible in it."""
    return len(text) <= most and text.isprintable()


def read_grounds(form: FormData) -> tuple[Grounds, dict[str, Message]]:
    """Return why somebody edits, and what is missing of it."""
    reason, evidence = (get_text(form, f"grounds-{name}") for name in ("reason", "evidence"))
    errors = {}
    if not reason:
        errors["grounds-reason"] = msg("Say why, in a few words: whoever signs will ask.")
    for name, text in (("reason", reason), ("evidence", evidence)):
        if not is_one_line(text, most=_LONGEST_GROUNDS):
            errors[f"grounds-{name}"] = msg("One line of up to 500 characters.")
    return Grounds(reason=reason[:_LONGEST_GROUNDS], evidence=evidence[:_LONGEST_GROUNDS]), errors


def go_to(address: str) -> Response:
    """Answer a form: open this page now."""
    return RedirectResponse(address, status_code=HTTPStatus.SEE_OTHER)


def actor_of(who: SignedIn) -> str:
    """Return the actor that a change keeps of a person."""
    return str(who.account.id)
