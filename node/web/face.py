"""The node's console: its names, time, roles and navigation, put together with the kit."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from argon2 import PasswordHasher
from starlette.requests import Request

from console.accounts.models import SignedIn
from console.accounts.national import NationalLogin
from console.accounts.passwords import ARGON2ID, Passwords
from console.app import Console, Wiring
from console.face import ConsoleSettings, Face, NavigationItem, is_loopback
from console.i18n import Catalogues, Message, load_catalogues, msg, pmsg
from contact_registry.errors import RegistryUnavailableError
from contact_registry.founding import FOUNDING_PARTICIPANTS, FOUNDING_TIME_ZONES
from directory_pages.templating import DIRECTORY_BODIES, DIRECTORY_STATIC, DIRECTORY_TEMPLATES
from node.domain.access import Permission, Principal
from node.service.accounts import open_accounts, open_factors, open_sessions, open_setting_up
from node.service.approvals import count_to_approve
from node.service.attention import count_waiting
from node.service.context import NodeContext
from node.service.drills import count_unanswered
from node.service.principals import describe_person
from node.service.work.listing import count_beside_messages
from node.store.accounts import SqlFailures
from node.web.admin.audit import CHECK_PATH
from node.web.duty_pages import may_see_rosters
from node.web.kept_forms import FormsOfLockedScreens
from node.web.labels import CODE_LABELS
from node.web.words.code_help import list_explained
from protocol.limits import LIMITS
from protocol.policy.facts import Role

HERE: Final = Path(__file__).parent
LIVE_PREFIX: Final = "/live/"
"""Fragments that a page asks for by itself: they do not keep a session awake."""
HEALTH_PATHS: Final = ("/healthz", "/readyz")
API_PREFIXES: Final = ("/api/", *HEALTH_PATHS)
ATTACH_FORM: Final = "/attach-file/"
"""The form that brings a file in, read as it arrives."""
SCAN_FORM: Final = "/case-scan-file/"
SCAN_PIECES: Final = "/case-scan/"
LOOKED_FOR_PATHS: Final = ("/search", "/directory", CHECK_PATH)
"""Pages that show again what was looked for on them."""
#: Where files come in; the rest of such a request is a form's framing.
FILE_BODIES: Final = dict.fromkeys(
    ("/api/v1/files/", ATTACH_FORM, "/attach/", SCAN_FORM, SCAN_PIECES),
    LIMITS.attachment + 65_536,
)

ROLE_NAMES: Final[dict[str, Message]] = {
    Role.FOCAL_POINT: msg("Focal point"),
    Role.APPROVER: msg("Approver"),
    Role.NODE_ADMIN: msg("Node administrator"),
    Role.AUDITOR: msg("Auditor"),
    Role.DIRECTORY_EDITOR: msg("Directory editor"),
}
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


def build_console(  # noqa: PLR0913 - what a console is put together from, each by its name
    context: NodeContext,
    *,
    public_url: str,
    version: str,
    hasher: PasswordHasher = ARGON2ID,
    catalogues: Catalogues | None = None,
    national: NationalLogin | None = None,
) -> Console:
    """Put the console of this node together.

    ``public_url`` is the address that people open: its scheme decides the cookies, its host is the
    one that is served. Raises ``console.face.ConsoleSettingsError`` for plain http on anything but
    this machine.
    """
    address = urlsplit(public_url)
    host = address.hostname or ""
    forms = FormsOfLockedScreens(context)
    return Console(
        face=_describe_face(context, version=version),
        settings=ConsoleSettings(
            https=address.scheme == "https",
            hosts=tuple(dict.fromkeys((host, *_LOOPBACK))) if is_loopback(host) else (host,),
            cookie_label=context.participant.lower(),
            api_prefixes=API_PREFIXES,
            health_paths=HEALTH_PATHS,
            background_prefixes=(LIVE_PREFIX,),
            larger_bodies={**DIRECTORY_BODIES, **FILE_BODIES},
            streamed_paths=(ATTACH_FORM, SCAN_FORM),
            looked_for_paths=LOOKED_FOR_PATHS,
        ),
        wiring=Wiring(
            accounts=open_accounts(context),
            sessions=open_sessions(context),
            setting_up=open_setting_up(context),
            failures=SqlFailures(context.database),
            factors=open_factors(context),
            national=national,
            catalogues=catalogues or load_catalogues(),
            passwords=Passwords(hasher),
            clock=context.clock,
            random=context.random,
            keep_form=forms.keep,
            find_kept=forms.find,
        ),
    )


def _describe_face(context: NodeContext, *, version: str) -> Face:
    name, zone, city = _find_place(context)

    def navigation(_request: Request, signed_in: SignedIn) -> Sequence[NavigationItem]:
        return _list_navigation(context, signed_in)

    return Face(
        product=msg("Referral desk"),
        participant_code=context.participant,
        participant_name=name,
        zone=zone,
        city=city,
        version=version,
        role_names=ROLE_NAMES,
        explained=list_explained(CODE_LABELS),
        templates=(HERE / "templates", DIRECTORY_TEMPLATES),
        static=(HERE / "static", DIRECTORY_STATIC),
        navigation=navigation,
    )


def _find_place(context: NodeContext) -> tuple[str, ZoneInfo, str]:
    """Find name, time zone and city: as the registry says; before it was seen, as founded.

    The city stands beside each time. It is the one that most of the Participant's desks are in, not
    the one after which the time zone is called, which may lie elsewhere.
    """
    code = context.participant
    known = next((entry for entry in FOUNDING_PARTICIPANTS if entry.code == code), None)
    name = code if known is None else known.display_name
    zone = FOUNDING_TIME_ZONES.get(code, "UTC")
    try:
        directory = context.directory.current()
    except RegistryUnavailableError:
        return name, ZoneInfo(zone), name
    entry = directory.participant(code)
    desks = directory.contacts[code].authorities if code in directory.contacts else ()
    zones = Counter(desk.time_zone for desk in desks)
    cities = Counter(desk.city for desk in desks if desk.city)
    return (
        name if entry is None else entry.display_name,
        ZoneInfo(zones.most_common(1)[0][0] if zones else zone),
        cities.most_common(1)[0][0] if cities else name,
    )


def _list_administration(principal: Principal) -> Sequence[NavigationItem]:
    """Pages of whoever runs the node, and of the auditor."""
    items = []
    if principal.may(Permission.ADMINISTER_NODE):
        items.append(NavigationItem(label=pmsg("pages", "System"), path="/system", icon="settings"))
    if principal.may(Permission.ADMINISTER_PEOPLE):
        items.append(NavigationItem(label=pmsg("pages", "People"), path="/people", icon="users"))
        items.append(
            NavigationItem(label=pmsg("pages", "Programs"), path="/programs", icon="key-round")
        )
    if principal.may(Permission.READ_AUDIT):
        items.append(NavigationItem(label=msg("Audit log"), path="/audit", icon="fingerprint"))
    return items


def _list_navigation(context: NodeContext, signed_in: SignedIn) -> Sequence[NavigationItem]:
    items = []
    principal = describe_person(context, signed_in.account)
    if principal.may(Permission.WORK_CASES):
        waiting = count_waiting(context, who=principal) + count_beside_messages(
            context, who=principal
        )
        items += [
            NavigationItem(label=msg("Inbox"), path="/", icon="inbox", count=waiting),
            NavigationItem(label=msg("New message"), path="/new", icon="pencil"),
            NavigationItem(label=msg("Cases"), path="/cases", icon="list-checks"),
            NavigationItem(label=msg("Search"), path="/search", icon="search"),
        ]
    elif principal.may(Permission.APPROVE):
        waiting = count_beside_messages(context, who=principal)
        items.append(NavigationItem(label=msg("Inbox"), path="/", icon="inbox", count=waiting))
    if principal.may(Permission.READ_CASES):
        asked = count_to_approve(context, who=principal)
        items.append(
            NavigationItem(label=msg("Approvals"), path="/approvals", icon="check", count=asked)
        )
    if principal.may(Permission.WATCH_DELIVERY):
        items.append(NavigationItem(label=msg("Delivery"), path="/delivery", icon="send"))
    items += _list_administration(principal)
    items.append(NavigationItem(label=msg("Directory"), path="/directory", icon="building-2"))
    if may_see_rosters(principal):
        items.append(NavigationItem(label=msg("On duty"), path="/duty", icon="clock"))
    drills = count_unanswered(context)
    items.append(NavigationItem(label=msg("Drills"), path="/drills", icon="phone", count=drills))
    if Role.DIRECTORY_EDITOR in signed_in.account.roles:
        items.append(NavigationItem(label=msg("Changes"), path="/changes", icon="pencil"))
        items.append(
            NavigationItem(label=msg("Corrections"), path="/corrections", icon="message-square")
        )
    items.append(NavigationItem(label=msg("Settings"), path="/settings", icon="settings"))
    return items
