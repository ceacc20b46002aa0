"""The cookies of a console: session, visitor before sign-in, language, shared computer, search.

Over https each that belongs to every page carries the ``__Host-`` prefix (RFC 6265bis section
4.1.3.2): the browser then refuses one that another host or path tries to plant. The face's label
keeps apart the consoles of one machine.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from console.accounts.models import TOKEN_BYTES, format_token, parse_token
from console.face import ConsoleSettings

_YEAR_SECONDS: Final = 365 * 24 * 3600
_LOOKED_FOR: Final = "looked"


@dataclass(frozen=True, slots=True)
class Cookies:
    """Reads and sets the cookies of one console, as its settings say."""

    settings: ConsoleSettings

    def read_session(self, request: Request) -> str | None:
        """Give the session token that the browser sent, or None if there is none of its shape."""
        return self._read_token(request, "session")

    def set_session(self, response: Response, token: str) -> None:
        """Give the browser its session; it forgets it when it closes."""
        self._set(response, "session", token, max_age=None)
        self.clear_looked_for(response)  # it was sealed for the token before

    def clear_session(self, response: Response) -> None:
        """Take the session away from the browser."""
        self._set(response, "session", "", max_age=0)
        self.clear_looked_for(response)

    def read_looked_for(self, request: Request) -> str:
        """Give what the browser keeps for this page of what was looked for, sealed, or nothing."""
        return request.cookies.get(self._name(_LOOKED_FOR, path=request.scope["path"]), "")

    def set_looked_for(self, response: Response, sealed: str, *, path: str) -> None:
        """Let the browser keep what was looked for, for this page alone, until it closes."""
        self._set(response, _LOOKED_FOR, sealed, max_age=None, path=path)

    def clear_looked_for(self, response: Response) -> None:
        """Take from the browser whatever was looked for, on every page."""
        for path in self.settings.looked_for_paths:
            self._set(response, _LOOKED_FOR, "", max_age=0, path=path)

    def read_visitor(self, request: Request) -> str | None:
        """Give the token of a browser that has not signed in, or None."""
        return self._read_token(request, "visitor")

    def set_visitor(self, response: Response, token: str) -> None:
        """Give a browser that has not signed in something of its own to tie forms to."""
        self._set(response, "visitor", token, max_age=None)

    def read_language(self, request: Request) -> str | None:
        """Give the language tag that the reader chose, unchecked, or None."""
        return request.cookies.get(self._name("language"))

    def set_language(self, response: Response, language: str) -> None:
        """Remember the reader's language."""
        self._set(response, "language", language, max_age=_YEAR_SECONDS)

    def is_shared(self, request: Request) -> bool:
        """Tell whether somebody said of this browser that others use it too."""
        return request.cookies.get(self._name("shared")) == "1"

    def set_shared(self, response: Response, *, is_shared: bool) -> None:
        """Remember whether others use this browser too; nothing of who used it."""
        self._set(response, "shared", "1" if is_shared else "", max_age=_YEAR_SECONDS * is_shared)

    def _name(self, role: str, *, path: str = "/") -> str:
        # A name with __Host- takes no other path than the root.
        prefix = "__Host-" if path == "/" else "__Secure-"
        prefix = prefix if self.settings.https else ""
        return f"{prefix}trm_{role}_{self.settings.cookie_label}"

    def _read_token(self, request: Request, role: str) -> str | None:
        text = request.cookies.get(self._name(role), "")
        return text if parse_token(text) is not None else None

    def _set(
        self, response: Response, role: str, value: str, *, max_age: int | None, path: str = "/"
    ) -> None:
        response.set_cookie(
            self._name(role, path=path),
            value,
            max_age=max_age,
            path=path,
            secure=self.settings.https,
            httponly=True,
            samesite="strict",
        )


def make_visitor_token(random: Callable[[int], bytes]) -> str:
    """Make the token of a browser that has not signed in."""
    return format_token(random(TOKEN_BYTES))
