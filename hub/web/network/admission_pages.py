"""Who is let in, how a node gets in, and what runs out: for both roles that act on it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from console.i18n import Message, msg, pmsg
from contact_registry.errors import RegistryError
from directory_pages.looks import Look
from hub.broker.admission import AdmissionAction
from hub.broker.admission_rounds import AdmissionIncompleteError
from hub.broker.connection import BrokerUnavailableError
from hub.network.alerts import RENEW_CERTIFICATE, RENEW_NOW
from hub.network.certificates import CertificateLook
from hub.network.desk import NetworkDesk
from hub.network.looking import NetworkLook
from hub.network.records import Presence
from hub.web.check_phrases import say_broker
from hub.web.delivery import find_admission
from hub.web.network.words import is_old, look_of_node
from hub.web.registry.paging import Paging
from hub.web.registry.versions import describe_all_signed
from hub.web.site import Admitter, Names, PageRoute, Site, go_to
from protocol.identifiers import ParticipantCode

_SIGNATURES: Final = 25
_TROUBLE: Final = (BrokerUnavailableError, AdmissionIncompleteError, RegistryError, OSError)
_IN: Final = frozenset(
    {AdmissionAction.ADMITTED, AdmissionAction.UPDATED, AdmissionAction.UNCHANGED}
)

_USES: Final = {
    "broker": pmsg("certificate", "Server of the broker"),
    "console": pmsg("certificate", "Registry and console (HTTPS)"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmissionLine:
    """One Participant's way in: the steps in their order, done or not."""

    participant: ParticipantCode
    admission: Look
    reason: Message | str
    node: Look
    presence: Presence | None
    keys_at: datetime | None
    steps: Sequence[tuple[Message, bool]]

    @property
    def is_done(self) -> bool:
        """Whether its node is let in and was seen."""
        return all(done for _, done in self.steps)


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateLine:
    """One certificate in words."""

    use: Message
    where: str
    look: Look
    ends_at: datetime | None
    problem: str


def create_admission_router(site: Site) -> APIRouter:
    """Build the pages."""
    router = APIRouter(route_class=PageRoute)
    desk = NetworkDesk(site.context)

    @router.get("/admission")
    def show(request: Request, _who: Admitter) -> Response:
        return site.page(request, "network/admission.html", **_describe(site, desk))

    @router.post("/admission/compare")
    async def compare(request: Request, who: Admitter) -> Response:
        problem: Message | str = ""
        try:
            await site.context.network.compare()
        except _TROUBLE as error:
            problem = say_broker(str(error) or type(error).__name__)
        await run_in_threadpool(desk.record_comparison, who)
        if not problem:
            return go_to("/admission")

        def render() -> Response:
            described = _describe(site, desk) | {"problem": problem}
            return site.page(request, "network/admission.html", **described)

        return await run_in_threadpool(render)

    @router.get("/endings")
    def show_endings(request: Request, _who: Admitter) -> Response:
        return _show_endings(site, request, 1)

    @router.get("/endings/page/{number}")
    def show_endings_page(request: Request, _who: Admitter, number: int) -> Response:
        return _show_endings(site, request, number)

    return router


def _describe(site: Site, desk: NetworkDesk) -> dict[str, Any]:
    context, names = site.context, site.names()
    look, presences = context.network.last, desk.records.load_presences()
    listed = names.directory.participants if names.directory else ()
    lines = [_trace(entry.code, names, look, presences.get(entry.code)) for entry in listed]
    return {
        "look": look,
        "is_old": is_old(look, context.clock()),
        "lines": lines,
        "missing": [line for line in lines if not line.is_done],
        "removed": [
            outcome
            for outcome in (look.admission.outcomes if look and look.admission else ())
            if outcome.action is AdmissionAction.REMOVED
        ],
        "problem": "",
    }


def _trace(
    code: ParticipantCode, names: Names, look: NetworkLook | None, presence: Presence | None
) -> AdmissionLine:
    directory = names.directory
    keys = directory.keys.get(code) if directory else None
    admission, reason = find_admission(look.admission if look else None, code)
    outcomes = look.admission.outcomes if look and look.admission else ()
    is_in = any(one.participant == code and one.action in _IN for one in outcomes)
    was_seen = presence is not None and presence.last_seen_at is not None
    return AdmissionLine(
        participant=code,
        admission=admission,
        reason=reason,
        node=look_of_node(code, look, presence),
        presence=presence,
        keys_at=keys.issued_at if keys else None,
        steps=(
            (msg("The operators have signed that it takes part"), True),
            (
                msg("Its contact list is published"),
                directory is not None and code in directory.contacts,
            ),
            (msg("Its node has published its keys (trm-node publish-keys)"), keys is not None),
            (msg("The broker lets it in"), is_in),
            (msg("Its node has connected (trm-node run)"), was_seen),
        ),
    )


def _show_endings(site: Site, request: Request, number: int) -> Response:
    context, names, now = site.context, site.names(), site.context.clock()
    look = context.network.last
    signed = context.reading.list_signed(context.repository)
    page = Paging.of(len(signed), number=number, size=_SIGNATURES)
    return site.page(
        request,
        "network/endings.html",
        look=look,
        is_old=is_old(look, now),
        certificates=[look_at(one, now) for one in (look.certificates if look else ())],
        signed=page.take(describe_all_signed(signed, now=now, name=names.participant)),
        previous=page.address_before("/endings/page"),
        next=page.address_after("/endings/page"),
    )


def look_at(certificate: CertificateLook, now: datetime) -> CertificateLine:
    """Put a certificate in words."""
    ends_at = certificate.ends_at
    if ends_at is None:
        look = Look(pmsg("certificate", "Cannot be checked"), "warn", "circle-alert")
    elif ends_at - now <= timedelta():
        look = Look(pmsg("certificate", "Ended"), "danger", "alarm-clock")
    elif ends_at - now < RENEW_NOW:
        look = Look(pmsg("certificate", "Replace it now"), "danger", "alarm-clock")
    elif ends_at - now < RENEW_CERTIFICATE:
        look = Look(pmsg("certificate", "Ends soon"), "warn", "hourglass")
    else:
        look = Look(pmsg("certificate", "Valid"), "ok", "shield-check")
    return CertificateLine(
        use=_USES[certificate.use],
        where=certificate.where,
        look=look,
        ends_at=ends_at,
        problem=certificate.problem,
    )
