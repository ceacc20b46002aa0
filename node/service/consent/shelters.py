"""Opaque codes for shelters. Which shelter a code means is known here alone, and never leaves."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, StringConstraints
from sqlmodel import Session, col, select

from console.i18n import msg
from node.domain.access import Permission, Principal
from node.domain.audit import Act
from node.service.audit import lock_chain, record
from node.service.context import NodeContext, RefusedDraftError
from node.service.permitting import require
from node.store.bulk import in_parts
from node.store.consent_tables import ShelterRow

_ALPHABET: Final = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
_LENGTH: Final = 8
_MOST_LISTED: Final = 500
HAS_CODE: Final = msg("This shelter has a code already: see the list.")
"""What is said of a shelter that is named a second time."""


class ShelterDraft(BaseModel):
    """What people here call a shelter."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]


@dataclass(frozen=True, slots=True)
class ShelterView:
    """A shelter with its code."""

    code: str
    name: str
    issued_at: datetime


def handle_issue_code(context: NodeContext, draft: ShelterDraft, *, who: Principal) -> ShelterView:
    """Issue a code for a shelter: drawn at random, so that it tells nothing.

    Raises :class:`RefusedDraftError` for a shelter that has one.
    """
    require(who, Permission.WORK_CASES)

    def work(session: Session) -> ShelterView:
        lock_chain(context, session)  # of two that name it at once the second finds the first
        if draft.name.casefold() in _list_names(context, session):
            raise RefusedDraftError(HAS_CODE)
        code = _draw(context, session)
        row = ShelterRow(
            code=code,
            name_sealed=context.keys.encrypt(
                draft.name.encode(), wrapped_key=None, context=f"shelter:{code}"
            ),
            issued_at=context.clock(),
            issued_by=who.actor,
        )
        session.add(row)
        record(context, session, who, Act.SHELTER_CODE_ISSUED, subject=code)
        return ShelterView(code, draft.name, row.issued_at)

    return context.transact(work)


def list_shelters(context: NodeContext, *, who: Principal) -> list[ShelterView]:
    """List shelters with their codes, the oldest first."""
    require(who, Permission.WORK_CASES)
    with context.database.reading() as session:
        rows = session.exec(
            select(ShelterRow)
            .order_by(col(ShelterRow.issued_at), ShelterRow.code)
            .limit(_MOST_LISTED)
        ).all()
    return [
        ShelterView(
            row.code,
            context.keys.decrypt(
                row.name_sealed, wrapped_key=None, context=f"shelter:{row.code}"
            ).decode(),
            row.issued_at,
        )
        for row in rows
    ]


def _list_names(context: NodeContext, session: Session) -> set[str]:
    rows = session.exec(select(ShelterRow.code, ShelterRow.name_sealed)).all()
    return {
        context.keys.decrypt(sealed, wrapped_key=None, context=f"shelter:{code}")
        .decode()
        .casefold()
        for code, sealed in rows
    }


def find_issued(session: Session, codes: Iterable[str]) -> set[str]:
    """Return which of these codes this node issued."""
    found = set[str]()
    for part in in_parts(sorted(set(codes))):
        found.update(session.exec(select(ShelterRow.code).where(col(ShelterRow.code).in_(part))))
    return found


def _draw(context: NodeContext, session: Session) -> str:
    while True:
        letters = [_ALPHABET[each % len(_ALPHABET)] for each in context.random(_LENGTH)]
        code = f"{''.join(letters[:4])}-{''.join(letters[4:])}"
        if session.get(ShelterRow, code) is None:
            return code
