"""What a web face says of itself to the kit, and how it is served."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from re import fullmatch
from typing import Final
from zoneinfo import ZoneInfo

from starlette.requests import Request

from console.accounts.models import SignedIn
from console.i18n import Message

Clock = Callable[[], datetime]
"""Gives the present moment, aware and in UTC."""

RandomBytes = Callable[[int], bytes]
"""Gives that many unpredictable bytes."""


class ConsoleSettingsError(ValueError):
    """Settings that contradict each other or are unsafe: the text says what to change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NavigationItem:
    """One entry of the navigation; ``count`` is shown beside it when it is not zero.

    ``beneath`` are the beginnings of further paths whose pages belong to the entry.
    """

    label: Message
    path: str
    icon: str
    count: int = 0
    beneath: tuple[str, ...] = ()


def _no_navigation(_request: Request, _signed_in: SignedIn) -> Sequence[NavigationItem]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Face:
    """One web face: its names, its own templates and files, its time, its roles.

    ``participant_code`` is ISO 3166-1 alpha-2, or XK; it is empty for the neutral operator.
    ``zone`` and ``city`` say whose time the pages show. ``role_names`` maps each role string to
    what people call it.
    """

    product: Message
    participant_code: str
    participant_name: str
    zone: ZoneInfo
    city: str
    version: str
    role_names: Mapping[str, Message]
    templates: Sequence[Path] = ()
    static: Sequence[Path] = ()
    home: str = "/"
    navigation: Callable[[Request, SignedIn], Sequence[NavigationItem]] = _no_navigation
    explained: Sequence[tuple[Message, Message]] = ()
    """Words of its forms and what they mean, for the page of the words of the field."""


_LOOPBACK_NAMES: Final = frozenset({"localhost"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleSettings:
    """How a console is served.

    ``https`` is what the *browser* sees, also when a proxy ends TLS. It decides the cookies: with
    it they are ``Secure`` and carry the ``__Host-`` prefix; without it the console serves loopback
    names only, and refuses to be built otherwise. ``hosts`` are the names, without port, that the
    browser may use. ``cookie_label`` tells apart the consoles of one machine, whose cookies are
    shared by all ports. ``api_prefixes`` are paths that authenticate each request by themselves and
    take no cookie: they are exempt from the checks against forged forms.
    """

    https: bool
    hosts: Sequence[str]
    cookie_label: str
    api_prefixes: Sequence[str] = ()
    health_paths: Sequence[str] = ()
    """Paths that answer under any host name, for probes: nothing of a session is behind them."""
    background_prefixes: Sequence[str] = ()
    """Paths that a page asks by itself (live updates): they do not keep a session awake."""
    max_body_bytes: int = 256 * 1024  # a long form in Cyrillic, with room
    larger_bodies: Mapping[str, int] = field(default_factory=dict)
    """Limits for path prefixes that take files, in bytes."""
    streamed_paths: Sequence[str] = ()
    """Path prefixes of forms with a file: ``console.uploads`` reads them and checks their token."""
    looked_for_paths: Sequence[str] = ()
    """Pages that keep in a cookie of their own what was looked for: ``console.looked_for``."""
    idle_lock: timedelta = timedelta(minutes=15)
    idle_notice: timedelta = timedelta(minutes=2)
    absolute_lock: timedelta = timedelta(hours=12)
    shared_lock: timedelta = timedelta(minutes=5)
    """The idle time on a computer that others use too."""

    def __post_init__(self) -> None:
        if not self.hosts:
            raise ConsoleSettingsError("no host name is allowed: set hosts to the console's names")
        if not fullmatch(r"[a-z0-9_]{1,32}", self.cookie_label):
            raise ConsoleSettingsError("cookie_label takes 1 to 32 of a-z, 0-9 and _: change it")
        strangers = [host for host in self.hosts if not is_loopback(host)]
        if not self.https and strangers:
            raise ConsoleSettingsError(
                f"without https only loopback names are served, not {strangers[0]!r}: "
                "set https, or take this name out of hosts"
            )


def is_loopback(host: str) -> bool:
    """Tell whether a host name (no port, IPv6 without brackets) can only mean this machine."""
    if host in _LOOPBACK_NAMES:
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
