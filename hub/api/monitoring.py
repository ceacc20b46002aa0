"""``/monitoring``: numbers for the operators, behind their token. There is no content to show."""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Header
from pydantic import BaseModel

from console.process.tasks import BackgroundTasks
from hub.api.problems import ProblemError
from hub.broker.admission_rounds import AdmissionRounds
from hub.broker.connection import BrokerUnavailableError
from hub.broker.mailboxes import MailboxError, Mailboxes
from hub.monitoring.mailbox_watch import ParticipantMailbox, watch_mailboxes


class CrowdingAnswer(BaseModel):
    """A sender that uses much of its part of a mailbox; it is full at ``per_sender``."""

    traffic: str
    sender: str | None
    stored: int
    per_sender: int


class MailboxAnswer(BaseModel):
    """One Participant's mailbox; all numbers are ``None`` while it has none."""

    participant: str
    stored: int | None = None
    stored_bytes: int | None = None
    waiting: int | None = None
    unconfirmed: int | None = None
    redelivered: int | None = None
    oldest_at: datetime | None = None
    #: Senders that use half of their part of it or more, the fullest first.
    crowding: list[CrowdingAnswer] = []


class AdmissionAnswer(BaseModel):
    """What the last round of admission found about one Participant."""

    participant: str | None
    action: str
    detail: str


class TaskAnswer(BaseModel):
    """One background task."""

    task: str
    last_success: datetime | None
    last_failure: datetime | None
    last_error: str | None
    failures: int


class StatusAnswer(BaseModel):
    """Admission and background tasks."""

    registry_version: int | None
    admission: list[AdmissionAnswer]
    tasks: list[TaskAnswer]


@dataclass(frozen=True, slots=True)
class Monitored:
    """What the routes look at."""

    mailboxes: Mailboxes
    rounds: AdmissionRounds
    tasks: BackgroundTasks


def create_monitoring_router(monitored: Monitored, *, operator_token: str | None) -> APIRouter:
    """Return the operators' routes; without a token nobody may use them."""
    wanted = hashlib.sha256(operator_token.encode()).digest() if operator_token else None

    async def require_operator(authorization: Annotated[str, Header()] = "") -> None:
        scheme, _, token = authorization.partition(" ")
        given = hashlib.sha256(token.encode()).digest()
        if wanted is None or scheme.lower() != "bearer" or not hmac.compare_digest(given, wanted):
            raise ProblemError(
                HTTPStatus.UNAUTHORIZED,
                "operator-only",
                "This is for the operators: send their token (TRM_HUB_OPERATOR_TOKEN_FILE) as "
                "`Authorization: Bearer ...`.",
                headers={"WWW-Authenticate": "Bearer"},
            )

    router = APIRouter(
        prefix="/monitoring", tags=["monitoring"], dependencies=[Depends(require_operator)]
    )

    @router.get("/mailboxes")
    async def get_mailboxes() -> list[MailboxAnswer]:
        """Count what waits in every mailbox."""
        directory = monitored.rounds.directory
        if directory is None:
            raise _unavailable("The registry was not read yet: try again in a moment.")
        try:
            found = await watch_mailboxes(directory, monitored.mailboxes)
        except (BrokerUnavailableError, MailboxError) as error:
            raise _unavailable(str(error)) from error
        return [_describe(mailbox) for mailbox in found]

    @router.get("/status")
    async def get_status() -> StatusAnswer:
        """Tell what admission and the background tasks last did."""
        report = monitored.rounds.last
        return StatusAnswer(
            registry_version=report.registry_version if report else None,
            admission=[
                AdmissionAnswer(
                    participant=outcome.participant,
                    action=outcome.action.value,
                    detail=outcome.detail,
                )
                for outcome in (report.outcomes if report else ())
            ],
            tasks=[
                TaskAnswer(
                    task=state.task,
                    last_success=state.last_success,
                    last_failure=state.last_failure,
                    last_error=state.last_error,
                    failures=state.failures,
                )
                for state in monitored.tasks.states
            ],
        )

    return router


def _unavailable(detail: str) -> ProblemError:
    return ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "not-available", detail)


def _describe(mailbox: ParticipantMailbox) -> MailboxAnswer:
    found = mailbox.snapshot
    if found is None:
        return MailboxAnswer(participant=mailbox.participant)
    return MailboxAnswer(
        participant=mailbox.participant,
        stored=found.stored,
        stored_bytes=found.stored_bytes,
        waiting=found.waiting,
        unconfirmed=found.unconfirmed,
        redelivered=found.redelivered,
        oldest_at=found.oldest_at,
        crowding=[
            CrowdingAnswer(
                traffic=one.traffic.value,
                sender=one.sender,
                stored=one.stored,
                per_sender=one.per_sender,
            )
            for one in mailbox.crowding
        ],
    )
