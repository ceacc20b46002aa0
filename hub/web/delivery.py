"""How delivery stands, for hub administrators: numbers and ages, never what a message is about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from console.i18n import Message, pmsg
from directory_pages.looks import Look
from hub.broker.admission import AdmissionAction, AdmissionReport
from hub.broker.mailbox_plan import comfortable_store
from hub.broker.mailbox_snapshots import MailboxSnapshot
from hub.delivery import DeliveryReport
from hub.monitoring.mailbox_watch import Crowding, ParticipantMailbox
from hub.network.alerts import LIES_TOO_LONG
from hub.web.check_phrases import say_broker, say_found
from hub.web.check_words import say_check
from hub.web.site import HubAdmin, PageRoute, Site
from protocol.identifiers import ParticipantCode
from protocol.subjects import TrafficClass

#: Senders that are named beside a mailbox: the fullest.
_MOST_NAMED: Final = 8
_GIB: Final = 1024**3

CLASSES: Final[Mapping[TrafficClass, Message]] = {
    TrafficClass.MESSAGE: pmsg("class of traffic", "Messages"),
    TrafficClass.RECEIPT: pmsg("class of traffic", "Receipts"),
    TrafficClass.LARGE: pmsg("class of traffic", "Large messages"),
    TrafficClass.CHUNK: pmsg("class of traffic", "Pieces of files"),
}


ADMISSION: Final[Mapping[AdmissionAction, Look]] = {
    AdmissionAction.ADMITTED: Look(pmsg("admission", "Let in"), "ok", "circle-check"),
    AdmissionAction.UPDATED: Look(pmsg("admission", "Let in"), "ok", "circle-check"),
    AdmissionAction.UNCHANGED: Look(pmsg("admission", "Let in"), "ok", "circle-check"),
    AdmissionAction.WITHOUT_KEYS: Look(
        pmsg("admission", "No node yet"), "neutral", "circle-dashed"
    ),
    AdmissionAction.REMOVED: Look(pmsg("admission", "Taken out"), "neutral", "ban"),
    AdmissionAction.REFUSED: Look(pmsg("admission", "Refused"), "danger", "shield-x"),
    AdmissionAction.FAILED: Look(pmsg("admission", "Tried again soon"), "warn", "hourglass"),
}
UNKNOWN_ADMISSION: Final = Look(pmsg("admission", "Unknown"), "neutral", "circle-dashed")
_WAITS: Final = Look(pmsg("mailbox", "Nobody fetches"), "warn", "hourglass")
_ONE_FILLS: Final = Look(pmsg("mailbox", "One sender fills it"), "warn", "hourglass")
_FLOWS: Final = Look(pmsg("mailbox", "Fetched as it comes"), "ok", "circle-check")
_NO_MAILBOX: Final = Look(pmsg("mailbox", "No mailbox"), "neutral", "circle-dashed")


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxLine:
    """One Participant's line: whether it is let in, and what waits for its node."""

    participant: ParticipantCode
    admission: Look
    reason: Message | str
    mailbox: Look
    snapshot: MailboxSnapshot | None
    crowding: Sequence[Crowding] = ()


def create_delivery_router(site: Site) -> APIRouter:
    """Build the page of delivery."""
    router = APIRouter(route_class=PageRoute)

    @router.get("/delivery")
    async def show(request: Request, _who: HubAdmin) -> Response:
        report = await site.context.delivery.report_delivery()

        def render() -> Response:
            return site.page(
                request,
                "delivery.html",
                report=report,
                troubles=[
                    (say_check(check.check), say_found(check.check, check.detail))
                    for check in report.checks
                    if not check.is_ok
                ],
                lines=list_lines(report),
                classes=CLASSES,
                advised_gib=_advise_store(report),
            )

        return await run_in_threadpool(render)

    return router


def _advise_store(report: DeliveryReport) -> int | None:
    """Return the store in GiB that so many Participants need; None if there is enough."""
    if report.plan is None or report.plan.is_comfortable:
        return None
    return -(-comfortable_store(report.plan.participants) // _GIB)


def list_lines(report: DeliveryReport) -> Sequence[MailboxLine] | None:
    """Put together what is known of each Participant; None while nobody can say."""
    if report.mailboxes is None:
        return None
    return [_describe(mailbox, report) for mailbox in report.mailboxes]


def _describe(mailbox: ParticipantMailbox, report: DeliveryReport) -> MailboxLine:
    admission, reason = find_admission(report.admission, mailbox.participant)
    snapshot = mailbox.snapshot
    look = _NO_MAILBOX
    if snapshot is not None:
        oldest = snapshot.oldest_at
        lies = oldest is not None and report.at - oldest > LIES_TOO_LONG
        is_filled = any(one.is_full for one in mailbox.crowding)
        look = _WAITS if lies else _ONE_FILLS if is_filled else _FLOWS
    return MailboxLine(
        participant=mailbox.participant,
        admission=admission,
        reason=reason,
        mailbox=look,
        snapshot=snapshot,
        crowding=mailbox.crowding[:_MOST_NAMED],
    )


def find_admission(
    report: AdmissionReport | None, code: ParticipantCode
) -> tuple[Look, Message | str]:
    """Say whether the broker lets a Participant in, and the reason if there is one."""
    for outcome in () if report is None else report.outcomes:
        if outcome.participant == code:
            return ADMISSION[outcome.action], say_broker(outcome.detail)
    return UNKNOWN_ADMISSION, ""
