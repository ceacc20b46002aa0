"""The network at a glance: what is wrong, who is connected, what waits, and one Participant."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from console.i18n import Message
from console.refusals import say_refusal
from directory_pages.looks import Look
from hub.context import NotFoundError
from hub.monitoring.mailbox_watch import ParticipantMailbox
from hub.network.alerts import Alert
from hub.network.desk import AlertTakenError, FollowedAlert, NetworkDesk
from hub.network.looking import NetworkLook
from hub.network.records import Event, Presence
from hub.web.delivery import CLASSES, find_admission
from hub.web.network.charts import DEPTH, LAG, SIZE, draw, draw_spark, write_bytes
from hub.web.network.words import (
    ALERT_ADVICE,
    ALERT_TITLES,
    EVENTS,
    find_page,
    is_old,
    look_of_node,
    say_detail,
    say_subject,
)
from hub.web.site import HubAdmin, Names, PageRoute, Site, go_to
from protocol.identifiers import ParticipantCode, parse_participant_code

_EVENTS_OF_ONE: Final = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertLine:
    """One alert in words."""

    alert: Alert
    title: Message
    subject: Message | str
    detail: Message | str
    advice: Message
    page: str
    taken_by: str
    is_own: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeLine:
    """One Participant at a glance; ``spark`` is the path of its last day."""

    participant: ParticipantCode
    node: Look
    since: datetime | None
    mailbox: ParticipantMailbox | None
    spark: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EventLine:
    """Something that happened, in words."""

    event: Event
    look: Look
    about: Message | str


def create_network_router(site: Site) -> APIRouter:
    """Build the pages of hub administrators."""
    router = APIRouter(route_class=PageRoute)
    desk = NetworkDesk(site.context)

    @router.get("/network")
    def show(request: Request, who: HubAdmin) -> Response:
        return site.page(
            request, "network/glance.html", **describe_glance(site, desk, who.account.id)
        )

    @router.get("/live/network")
    def show_again(request: Request, who: HubAdmin) -> Response:
        described = describe_glance(site, desk, who.account.id)
        return site.fragment(request, "network/glance_now.html", **described)

    @router.get("/network/of/{code}")
    def show_one(request: Request, _who: HubAdmin, code: str) -> Response:
        participant = parse_participant_code(code)
        return site.page(
            request, "network/participant.html", **describe_one(site, desk, participant)
        )

    @router.post("/network/alerts/{key}/take")
    def take(request: Request, who: HubAdmin, key: str) -> Response:
        return _act(site, request, desk, who.account.id, lambda: desk.take(key, who))

    @router.post("/network/alerts/{key}/give-back")
    def give_back(request: Request, who: HubAdmin, key: str) -> Response:
        return _act(site, request, desk, who.account.id, lambda: desk.give_back(key, who))

    return router


def _act(site: Site, request: Request, desk: NetworkDesk, own_id: str, act: Any) -> Response:
    try:
        act()
    except (AlertTakenError, NotFoundError) as error:
        described = describe_glance(site, desk, own_id) | {"refused": say_refusal(error)}
        status = HTTPStatus.NOT_FOUND if isinstance(error, NotFoundError) else HTTPStatus.CONFLICT
        return site.page(request, "network/glance.html", status=status, **described)
    return go_to("/network")


def describe_glance(site: Site, desk: NetworkDesk, own_id: str) -> dict[str, Any]:
    """Put together what the page of the whole network shows."""
    context, now = site.context, site.context.clock()
    look, names, records = context.network.last, site.names(), desk.records
    presences, samples = records.load_presences(), records.list_samples(now=now)
    connections = (look.connections if look else None) or {}
    mailboxes = (look.mailboxes if look else None) or ()
    snapshots = [mailbox.snapshot for mailbox in mailboxes if mailbox.snapshot]
    return {
        "look": look,
        "is_old": is_old(look, now),
        "refused": "",
        "alerts": [word_alert(one, names, own_id, now) for one in desk.list_alerts()],
        "connected": sum(count > 0 for count in connections.values()),
        "nodes": len(connections),
        "stored": sum(snapshot.stored for snapshot in snapshots),
        "size": write_bytes(sum(snapshot.stored_bytes for snapshot in snapshots)),
        "oldest_at": min((s.oldest_at for s in snapshots if s.oldest_at), default=None),
        "charts": [
            chart
            for measure in (DEPTH, LAG)
            if (chart := draw(measure, samples, now=now, zone=site.zone))
        ],
        "lines": _list_lines(names, look, presences, records.list_depths(now=now)),
    }


def _list_lines(
    names: Names, look: NetworkLook | None, presences: Any, depths: Any
) -> Sequence[NodeLine]:
    known = {one.participant: one for one in (look.mailboxes if look else None) or ()}
    listed = names.directory.participants if names.directory else ()
    return [
        _describe_node(entry.code, look, presences.get(entry.code), known, depths)
        for entry in listed
    ]


def _describe_node(
    code: ParticipantCode,
    look: NetworkLook | None,
    presence: Presence | None,
    known: Any,
    depths: Any,
) -> NodeLine:
    return NodeLine(
        participant=code,
        node=look_of_node(code, look, presence),
        since=presence.since if presence and presence.last_seen_at else None,
        mailbox=known.get(code),
        spark=draw_spark(depths.get(code, ())) if depths.get(code) else "",
    )


def describe_one(site: Site, desk: NetworkDesk, code: ParticipantCode) -> dict[str, Any]:
    """Put together what the page of one Participant shows.

    Raises :class:`~hub.context.NotFoundError` for one that the registry does not list.
    """
    context, now = site.context, site.context.clock()
    names, look, records = site.names(), context.network.last, desk.records
    if names.directory is None or names.directory.participant(code) is None:
        raise NotFoundError("The registry lists no such Participant.")
    mailbox = next(
        (one for one in (look.mailboxes if look else None) or () if one.participant == code), None
    )
    presence = records.load_presences().get(code)
    samples = records.list_samples(now=now, participant=code)
    admission, reason = find_admission(look.admission if look else None, code)
    drawn = (draw(one, samples, now=now, zone=site.zone) for one in (DEPTH, LAG, SIZE))
    return {
        "look": look,
        "code": code,
        "node": look_of_node(code, look, presence),
        "presence": presence,
        "admission": admission,
        "reason": reason,
        "snapshot": mailbox.snapshot if mailbox else None,
        "classes": CLASSES,
        "write_bytes": write_bytes,
        "charts": [chart for chart in drawn if chart],
        "events": [
            word_event(one, names)
            for one in records.list_events(limit=_EVENTS_OF_ONE, participant=code)
        ],
    }


def word_alert(one: FollowedAlert, names: Names, own_id: str, now: datetime) -> AlertLine:
    """Put an alert in words."""
    alert, taken = one.alert, one.taken
    return AlertLine(
        alert=alert,
        title=ALERT_TITLES[alert.kind],
        subject=say_subject(alert, names),
        detail=say_detail(alert, now),
        advice=ALERT_ADVICE[alert.kind],
        page=find_page(alert),
        taken_by=str(names.people.get(taken.by, taken.by)) if taken else "",
        is_own=taken is not None and taken.by == own_id,
    )


def word_event(event: Event, names: Names) -> EventLine:
    """Put an event in words."""
    about: Message | str = event.server
    if event.participant is not None:
        about = names.participant(event.participant)
    return EventLine(event=event, look=EVENTS[event.kind], about=about)
