"""The operators' console: its names, time, roles and navigation, put together with the kit."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from argon2 import PasswordHasher
from starlette.requests import Request

from console.accounts.models import SignedIn
from console.accounts.passwords import ARGON2ID, Passwords
from console.app import Console, Wiring
from console.face import ConsoleSettings, Face, NavigationItem, is_loopback
from console.i18n import Catalogues, load_catalogues, msg
from directory_pages.templating import DIRECTORY_STATIC, DIRECTORY_TEMPLATES
from hub.context import HubContext
from hub.web.kept_forms import build_form_keeper
from hub.web.navigation import list_navigation
from hub.web.place import Place
from hub.web.role_words import ROLE_NAMES

HERE: Final = Path(__file__).parent
LIVE_PREFIX: Final = "/live/"
"""Fragments that a page asks for by itself: they do not keep a session awake."""
API_PREFIXES: Final = ("/registry/", "/monitoring/", "/healthz", "/readyz")
"""Paths of the hub's interfaces for programs: no page may begin so."""
_LOOKED_FOR_PATHS: Final = ("/desks", "/listed")
_LARGER_BODIES: Final = {"/import": 12_000_000, "/changes": 2_000_000}
"""Where files are sent: contact lists, and signed changes."""

_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Served:
    """How the console is served.

    ``public_url`` is the address that people open: its scheme decides the cookies, its host is the
    one that is served.
    """

    public_url: str
    place: Place
    version: str


def build_console(
    context: HubContext,
    *,
    served: Served,
    hasher: PasswordHasher = ARGON2ID,
    catalogues: Catalogues | None = None,
) -> Console:
    """Put the console of the hub together.

    Raises ``console.face.ConsoleSettingsError`` for plain http on anything but this machine.
    """
    address = urlsplit(served.public_url)
    host = address.hostname or ""
    return Console(
        face=_describe_face(context, served),
        settings=ConsoleSettings(
            https=address.scheme == "https",
            hosts=tuple(dict.fromkeys((host, *_LOOPBACK))) if is_loopback(host) else (host,),
            cookie_label="hub",
            api_prefixes=API_PREFIXES,
            background_prefixes=(LIVE_PREFIX,),
            larger_bodies=_LARGER_BODIES,
            looked_for_paths=_LOOKED_FOR_PATHS,
        ),
        wiring=Wiring(
            accounts=context.open_accounts(),
            sessions=context.open_sessions(),
            setting_up=context.open_setting_up(),
            failures=context.open_failures(),
            catalogues=catalogues or load_catalogues(),
            passwords=Passwords(hasher),
            clock=context.clock,
            random=context.random,
            keep_form=build_form_keeper(context),
        ),
    )


def _describe_face(context: HubContext, served: Served) -> Face:
    def navigation(_request: Request, signed_in: SignedIn) -> Sequence[NavigationItem]:
        return list_navigation(context, signed_in)

    return Face(
        product=msg("Directory and hub"),
        participant_code="",
        participant_name="",
        zone=served.place.zone,
        city=served.place.city,
        version=served.version,
        role_names=ROLE_NAMES,
        templates=(HERE / "templates", DIRECTORY_TEMPLATES),
        static=(HERE / "static", DIRECTORY_STATIC),
        navigation=navigation,
    )
