"""Who makes a request: found out once, before anything of it is read."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Annotated, Final

from fastapi import Depends, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from node.api.problems import BY_STATUS, answer_problem
from node.domain.access import Permission, Principal
from node.service.context import NodeContext
from node.service.send_desk import SendDesk
from node.service.tokens import SCOPES, ApiCaller, find_caller

_GUEST: Final = "trm.guest"
_OPEN: Final = frozenset({("GET", "/openapi.json"), ("HEAD", "/openapi.json")})
#: The route that is used most: its desk remembers tokens, and asks again for each message.
_SENDING: Final = ("POST", "/messages")
#: Parameters of addresses that take several values.
_REPEATABLE: Final = frozenset({"state"})
NO_TOKEN: Final = "Send a valid token as 'Authorization: Bearer ...'; 'trm-node token' makes one."  # noqa: S105 - a sentence

Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False))]


class DoorLayer:
    """Refuses whoever brings no valid token, before a byte of the body is read."""

    def __init__(self, app: ASGIApp, *, context: NodeContext, desk: SendDesk) -> None:
        self._app = app
        self._context = context
        self._desk = desk

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request (ASGI)."""
        if scope["type"] == "http":
            place = (scope["method"], str(scope["path"]).removeprefix(scope.get("root_path", "")))
            token = read_token(Headers(scope=scope))
            is_known = place == _SENDING and token is not None and self._desk.is_known(token)
            if place not in _OPEN and not is_known:
                guest = await asyncio.to_thread(self._find, token)
                if guest is None:
                    refused = answer_problem(BY_STATUS[401], NO_TOKEN)
                    refused.headers["WWW-Authenticate"] = "Bearer"
                    await refused(scope, receive, send)
                    return
                scope[_GUEST] = guest
        await self._app(scope, receive, send)

    def _find(self, token: str | None) -> ApiCaller | None:
        return find_caller(self._context, token) if token else None


def read_token(headers: Headers) -> str | None:
    """Return the bearer token of a request (RFC 6750), if it brings one."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def find_guest(scope: Scope) -> ApiCaller | None:
    """Return who was let in with this request."""
    guest = scope.get(_GUEST)
    return guest if isinstance(guest, ApiCaller) else None


async def _get_guest(request: Request, _credentials: Credentials) -> ApiCaller:
    guest = find_guest(request.scope)
    if guest is None:  # a route that the layer leaves to itself must not ask here
        raise HTTPException(401, NO_TOKEN, headers={"WWW-Authenticate": "Bearer"})
    _refuse_doubled(request)
    return guest


def _refuse_doubled(request: Request) -> None:
    """Refuse a parameter that came twice: which of the two is meant nobody can say."""
    seen = Counter(name for name, _ in request.query_params.multi_items())
    doubled = [name for name, times in seen.items() if times > 1 and name not in _REPEATABLE]
    if doubled:
        raise HTTPException(422, "A parameter of the address stands there twice: send it once.")


def _refuse(guest: ApiCaller, permission: Permission) -> str:
    """Say which token would do."""
    scope = next((scope for scope, opened in SCOPES.items() if permission in opened), None)
    return (
        f"This token opens {guest.scope}, not {scope}: have one made with 'trm-node token --scope "
        f"{scope}'."
    )


class Doors:
    """What routes ask for, to know who asks."""

    def who(self, *permissions: Permission) -> Callable[..., Awaitable[Principal]]:
        """Build the dependency that gives who asks, or refuses with 403.

        They must have one of ``permissions``; with none named, any valid token will do. The use
        case asks again.
        """

        async def let_in(guest: Annotated[ApiCaller, Depends(_get_guest)]) -> Principal:
            if permissions and not any(guest.who.may(each) for each in permissions):
                raise HTTPException(403, _refuse(guest, permissions[0]))
            return guest.who

        return let_in
