"""Withdrawals and requests to delete, for programs: who holds what, and who has to hear of it."""

from dataclasses import asdict
from datetime import datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from node.api.doors import Doors
from node.api.shapes import Id
from node.domain.access import Permission, Principal
from node.service.context import NodeContext
from node.service.recalling import handle_tell_now
from node.service.withdrawal_views import WithdrawalView, get_withdrawal, list_withdrawals
from node.service.withdrawals import (
    ErasureDraft,
    Stopped,
    WithdrawalDraft,
    handle_ask_erasure,
    handle_withdraw,
)


class ToldBody(BaseModel):
    """A desk that has the data, and what tells it to delete."""

    peer: str
    authority: str
    message_id: str | None = Field(
        description="Null: not told yet (`tell_later`), or not to be told by message: then "
        "`reason` says why, and somebody has to reach it another way."
    )
    reason: str | None


class StoppedBody(BaseModel):
    """What a withdrawal, or a request to delete, did."""

    withdrawal_id: str
    taken_back: list[str] = Field(description="Messages of ours that had not left yet.")
    told: list[ToldBody]

    @classmethod
    def of(cls, stopped: Stopped) -> "StoppedBody":
        """Make it from what the service says."""
        return cls(
            withdrawal_id=stopped.withdrawal_id,
            taken_back=list(stopped.taken_back),
            told=[
                ToldBody(
                    peer=each.peer,
                    authority=each.authority,
                    message_id=each.message_id,
                    reason=each.reason,
                )
                for each in stopped.told
            ],
        )


class WaitingDeskBody(BaseModel):
    """A desk that has data, and still has to be told."""

    untold_id: str
    peer: str
    authority: str
    message_ids: tuple[str, ...] = Field(description="Messages of ours that it has.")
    since: datetime
    told_at: datetime = Field(description="When this node tells it by itself, or tries again.")
    row_version: int


class WithdrawalBody(BaseModel):
    """A withdrawal of consent, or a request to delete."""

    withdrawal_id: str
    type: str
    recorded_at: datetime
    recorded_by: str
    said: WithdrawalDraft | None = Field(
        description="What was withdrawn. Null for a request to delete, and for what was erased."
    )
    waiting: list[WaitingDeskBody] = Field(description="In your channels.")

    @classmethod
    def of(cls, view: WithdrawalView) -> "WithdrawalBody":
        """Make it from what the service says."""
        return cls(
            withdrawal_id=view.withdrawal_id,
            type=view.type,
            recorded_at=view.recorded_at,
            recorded_by=view.recorded_by,
            said=view.said.draft if view.said else None,
            waiting=[WaitingDeskBody.model_validate(asdict(desk)) for desk in view.waiting],
        )


def create_withdrawals(context: NodeContext, doors: Doors) -> APIRouter:
    """Build the routes."""
    router = APIRouter(prefix="/cases/{case_id}")
    Writer = Annotated[Principal, Depends(doors.who(Permission.WORK_CASES))]
    Reader = Annotated[Principal, Depends(doors.who(Permission.READ_CASES))]

    @router.post("/withdrawals", status_code=HTTPStatus.CREATED)
    def withdraw(
        case_id: Id,
        draft: WithdrawalDraft,
        who: Writer,
        *,
        tell_later: Annotated[
            bool,
            Query(
                description="Stop what is queued now, and tell nobody yet: look at who holds what, "
                "then have them told. What you forget this node tells by itself after a while."
            ),
        ] = False,
    ) -> StoppedBody:
        """Withdraw consent: what is queued is taken back, and every recipient is told."""
        stopped = handle_withdraw(context, case_id, draft, who=who, tell_later=tell_later)
        return StoppedBody.of(stopped)

    @router.get("/withdrawals")
    def list_recorded(case_id: Id, who: Reader) -> list[WithdrawalBody]:
        """List what was withdrawn or asked to be deleted in a case, the newest first."""
        return [WithdrawalBody.of(view) for view in list_withdrawals(context, case_id, who=who)]

    @router.get("/withdrawals/{withdrawal_id}")
    def get(case_id: Id, withdrawal_id: Id, who: Reader) -> WithdrawalBody:
        """Return one of them, with the desks that still have to be told."""
        return WithdrawalBody.of(get_withdrawal(context, case_id, withdrawal_id, who=who))

    @router.post("/withdrawals/{withdrawal_id}/tell-now")
    def tell_now(case_id: Id, withdrawal_id: Id, who: Writer) -> WithdrawalBody:
        """Tell everybody who still has to be told; who cannot be told by message stays listed.

        How many were told is not said: some may be in channels that you do not see.
        """
        get_withdrawal(context, case_id, withdrawal_id, who=who)
        handle_tell_now(context, withdrawal_id, who=who)
        return WithdrawalBody.of(get_withdrawal(context, case_id, withdrawal_id, who=who))

    @router.post("/erasure-requests", status_code=HTTPStatus.CREATED)
    def ask_erasure(case_id: Id, draft: ErasureDraft, who: Writer) -> StoppedBody:
        """Ask every recipient to delete the case, or some messages of ours."""
        return StoppedBody.of(handle_ask_erasure(context, case_id, draft, who=who))

    return router
