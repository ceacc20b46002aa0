"""The outermost layer of a console: host, size, headers, and the last net under a failure.

Pure ASGI, so that it also covers static files, error pages, and streams.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from console.assets import STATIC_PREFIX, StaticAssets
from console.digits import read_number
from console.face import ConsoleSettings, RandomBytes
from console.problems import ProblemPages, record_incident

CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; "
    "script-src 'self'; "
    "style-src 'self'; "
    "img-src 'self'; "
    "font-src 'self'; "
    "connect-src 'self'; "
    "form-action 'self'; "
    "base-uri 'none'; "
    "frame-ancestors 'none'"
)

_PERMISSIONS: Final = (
    "accelerometer",
    "autoplay",
    "browsing-topics",
    "camera",
    "display-capture",
    "fullscreen",
    "geolocation",
    "gyroscope",
    "hid",
    "idle-detection",
    "magnetometer",
    "microphone",
    "midi",
    "payment",
    "picture-in-picture",
    "screen-wake-lock",
    "serial",
    "usb",
)

SECURITY_HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": ", ".join(f"{name}=()" for name in _PERMISSIONS),
    "X-Robots-Tag": "noindex, nofollow",
}
"""On every response, whatever its status."""

_FIT_64_BITS: Final = 18
_STRICT_TRANSPORT: Final = "max-age=63072000; includeSubDomains"


class SecurityLayer:
    """Wraps the app of a console.

    Answers by itself: static files, hosts that are not ours (421), bodies that announce themselves
    too large (413), and failures that nothing else caught (500, recorded under an incident number).
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        settings: ConsoleSettings,
        assets: StaticAssets,
        problems: ProblemPages,
        random: RandomBytes,
    ) -> None:
        self._app = app
        self._settings = settings
        self._assets = assets
        self._problems = problems
        self._random = random

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request (ASGI)."""
        if scope["type"] != "http":
            # The lifespan passes; a console opens no web sockets.
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        started = False

        async def send_safely(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                self._add_headers(MutableHeaders(raw=message["headers"]))
            await send(message)

        request = Request(scope, receive)
        try:
            await self._serve(request, send_safely)
        except Exception as error:  # the supervisor's boundary: it records
            incident = record_incident(error, random=self._random)
            if started:
                raise  # the server then cuts the connection: half a page must not look whole
            response = self._problems.respond(
                request, HTTPStatus.INTERNAL_SERVER_ERROR, incident=incident
            )
            await response(scope, receive, send_safely)

    async def _serve(self, request: Request, send: Send) -> None:
        scope, receive = request.scope, request.receive
        path = scope["path"]
        limit = self._find_limit(path)
        if path not in self._settings.health_paths and not is_served_host(
            request.headers, hosts=self._settings.hosts
        ):
            response = self._problems.respond(request, HTTPStatus.MISDIRECTED_REQUEST)
        elif announced_length(request.headers) > limit:
            response = self._problems.respond(request, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        elif path.startswith(STATIC_PREFIX):
            if request.method not in {"GET", "HEAD"}:
                response = self._problems.respond(request, HTTPStatus.METHOD_NOT_ALLOWED)
            else:
                found = self._assets.respond(path)
                response = found or self._problems.respond(request, HTTPStatus.NOT_FOUND)
        else:
            await self._app(scope, limit_body(receive, limit), send)
            return
        await response(scope, receive, send)

    def _find_limit(self, path: str) -> int:
        limits = [
            limit
            for prefix, limit in self._settings.larger_bodies.items()
            if path.startswith(prefix)
        ]
        return max([self._settings.max_body_bytes, *limits])

    def _add_headers(self, headers: MutableHeaders) -> None:
        for name, value in SECURITY_HEADERS.items():
            headers[name] = value
        if self._settings.https:
            headers["Strict-Transport-Security"] = _STRICT_TRANSPORT
        headers.setdefault("Cache-Control", "no-store")


def is_served_host(headers: Headers, *, hosts: Sequence[str]) -> bool:
    """Tell whether the one ``Host`` header names this console, with any port."""
    values = headers.getlist("host")
    if len(values) != 1:
        return False
    name = values[0].lower()
    if name.startswith("["):
        address, bracket, port = name[1:].partition("]")
        return bool(bracket) and address in hosts and _is_port_suffix(port)
    host, colon, port = name.partition(":")
    return host in hosts and _is_port_suffix(f"{colon}{port}")


def _is_port_suffix(text: str) -> bool:
    return text in {"", ":"} or (text[0] == ":" and text[1:].isascii() and text[1:].isdecimal())


def announced_length(headers: Headers) -> int:
    """Read ``Content-Length``; 0 where there is none or nonsense (the count then decides)."""
    text = headers.get("content-length", "0")
    return read_number(text, digits=_FIT_64_BITS) or 0


def limit_body(receive: Receive, limit: int) -> Receive:
    """Count a body as it arrives, and refuse it with 413 past ``limit`` bytes."""
    received = 0

    async def counted() -> Message:
        nonlocal received
        message = await receive()
        if message["type"] == "http.request":
            received += len(message.get("body", b""))
            if received > limit:
                raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        return message

    return counted
