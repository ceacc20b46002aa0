"""Asking once more who is there, before something that a stranger at an open screen must not do.

Approving, exporting and erasing ask for it. A route takes part by one parameter::

    @router.post("/approvals/{approval_id}")
    def decide(who: Confirmed, form: Form) -> Response: ...

Who signed in, unlocked, or confirmed within the last five minutes is not asked again. Everybody
else gets a page with one field, the password or a new code of the app; what the form held goes
along with it, and the route runs with the whole form when the answer is right. So nothing typed is
lost, and nothing needs a script. A form with files cannot be carried along: it puts
``{{ ui.confirm_field() }}`` among its own fields, which shows nothing while nobody needs to be
asked. Other forms may do that too, and save their readers a page.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Depends, FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from console.accounts.models import SignedIn
from console.accounts.sign_in import Refused, SignIn
from console.forgery import FORM_FIELD, SAFE_METHODS
from console.guard import require_active
from console.rendering import Renderer
from console.request_state import get_request_state

CONFIRM_FIELD: Final = "confirm_password"
"""The field that answers the question: the password, or a code of the authenticator app."""

CONFIRM_PATH: Final = "/confirm"
#: A longer answer is neither a password nor a code.
_LONGEST: Final = 1_000

Fields = list[tuple[str, str]]


class ConfirmationRequiredError(Exception):
    """The person has to say once more who they are; ``refused`` if they just said it wrongly."""

    def __init__(self, fields: Fields, refused: Refused | None = None) -> None:
        super().__init__("the person has to confirm who they are: show the page that asks")
        self.fields = fields
        self.refused = refused


@dataclass(frozen=True, slots=True)
class Confirming:
    """What the question stands on; each app of a console carries one."""

    sign_in: SignIn
    renderer: Renderer

    def is_needed(self, signed_in: SignedIn) -> bool:
        """Tell whether this person would be asked."""
        return not self.sign_in.sessions.is_confirmed(signed_in.session)

    def check(self, request: Request, signed_in: SignedIn, given: str) -> Refused | None:
        """Take an answer; None if it is right, and then it counts for five minutes."""
        refused = self.sign_in.confirm_identity(
            signed_in, given=given[:_LONGEST], visitor=get_request_state(request).visitor
        )
        if refused is None:
            self.sign_in.sessions.confirm(signed_in.session)
        return refused

    def ask(self, request: Request, error: ConfirmationRequiredError) -> Response:
        """Show the question, with everything that the form held."""
        is_form = request.method not in SAFE_METHODS
        path = request.scope["path"]
        return self.renderer.page(
            request,
            "sign_in/confirm.html",
            errors={CONFIRM_FIELD: error.refused.reason} if error.refused else {},
            action=path if is_form else CONFIRM_PATH,
            carried=error.fields if is_form else [("back", path)],
        )


async def require_confirmed(request: Request) -> SignedIn:
    """Give the signed-in person, who has proved within five minutes to be there.

    Raises :class:`ConfirmationRequiredError`, which the app answers with the question.
    """
    signed_in = require_active(request)
    confirming: Confirming = request.app.state.confirming
    if not confirming.is_needed(signed_in):
        return signed_in
    if request.method in SAFE_METHODS:
        raise ConfirmationRequiredError([])
    form = await request.form()
    given = form.get(CONFIRM_FIELD, "")
    fields = list_fields(form)
    if not isinstance(given, str) or not given:
        raise ConfirmationRequiredError(fields)
    refused = await run_in_threadpool(confirming.check, request, signed_in, given)
    if refused is not None:
        raise ConfirmationRequiredError(fields, refused)
    return signed_in


Confirmed = Annotated[SignedIn, Depends(require_confirmed)]
"""A handler's parameter of this type is a person who has just proved to be there."""


def list_fields(form: FormData) -> Fields:
    """Give the texts of a form that are carried along, in their order."""
    return [
        (name, value)
        for name, value in form.multi_items()
        if isinstance(value, str) and name not in {FORM_FIELD, CONFIRM_FIELD}
    ]


def install_confirming(app: FastAPI, confirming: Confirming) -> None:
    """Let the app answer the question of its routes."""

    async def handle(request: Request, error: Exception) -> Response:
        if not isinstance(error, ConfirmationRequiredError):
            raise error
        return await run_in_threadpool(confirming.ask, request, error)

    app.state.confirming = confirming
    app.add_exception_handler(ConfirmationRequiredError, handle)


def create_confirm_handler(
    confirming: Confirming, is_own_path: Callable[[str], bool], home: str
) -> Callable[[Request, SignedIn, str, str], Response]:
    """Build what answers the question of a page that was only to be opened."""

    def confirm(request: Request, signed_in: SignedIn, given: str, back: str) -> Response:
        address = back if is_own_path(back) else home
        if confirming.is_needed(signed_in):
            refused = confirming.check(request, signed_in, given)
            if refused is not None:
                error = ConfirmationRequiredError([("back", address)], refused)
                return confirming.ask(request, error)
        return RedirectResponse(address, status_code=303)

    return confirm
