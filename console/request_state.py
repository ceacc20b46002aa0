"""What the guard found out about a request before any page sees it."""

from dataclasses import dataclass
from typing import Final

from starlette.requests import Request

from console.accounts.models import SignedIn, Stage
from console.accounts.sessions import Visitor
from console.i18n import Language


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestState:
    """Who asks, in which language, and the token (of session or visitor) that ties its forms.

    ``session`` is there at every stage; only :meth:`active` means that the person is signed in.
    """

    language: Language
    visitor: Visitor
    session: SignedIn | None = None
    cookie_token: str | None = None

    @property
    def active(self) -> SignedIn | None:
        """The signed-in person, or None while anything is still missing."""
        return self.at_stage(Stage.ACTIVE)

    def at_stage(self, stage: Stage) -> SignedIn | None:
        """Give the session if it is at this stage."""
        if self.session is None or self.session.session.stage is not stage:
            return None
        return self.session


_UNKNOWN: Final = RequestState(language=Language.ENGLISH, visitor=Visitor("", ""))


def get_request_state(request: Request) -> RequestState:
    """Give what the guard found; of a request that it refused, nothing is known."""
    state = getattr(request.state, "console", None)
    return state if isinstance(state, RequestState) else _UNKNOWN
