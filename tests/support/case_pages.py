"""A case at AL with a message that rests on consent, for tests of its pages."""

from dataclasses import dataclass
from typing import Final

from sqlmodel import Session

from node.service.building import Draft
from node.service.composing import Sent, handle_send
from node.store.account_tables import ClearanceRow
from tests.support.case_steps import case_at, settle
from tests.support.case_world import agree
from tests.support.consent import on_consent
from tests.support.node import NOTIFICATION_BODY, make_draft
from tests.support.node_console import Pair
from tests.support.page_reader import Values
from tests.support.people import STAFF

NOTE: Final = "Asked for a room of her own."
"""What somebody wrote of the person."""
CONSENT: Final[Values] = {
    "given_by": "person",
    "given_at_day": "2",
    "given_at_month": "3",
    "given_at_year": "2026",
    "given_at_time": "9:00",
    "explained_in": "sq",
    "flags": ["is_free", "is_informed", "is_written", "is_on_file"],
    "classes": ["protection"],
    "recipients": ["XK"],
    "phases": ["identification"],
}
"""A consent as its form says it."""


@dataclass(frozen=True)
class Case:
    """One case."""

    sent: Sent
    case_id: str

    @property
    def address(self) -> str:
        """Its page at AL."""
        return f"/case/{self.case_id}"


def make_personal_draft(case: str | None = None) -> Draft:
    """Return a notification of AL to XK that says something of the person, on consent."""
    body = {**NOTIFICATION_BODY, "note": NOTE}
    return make_draft(body=body, case=case, **on_consent("XK"))


def begin_case(pair: Pair) -> Case:
    """AL notifies XK on consent; both know it."""
    agree(pair.network)
    sent = handle_send(pair.al.context, make_personal_draft(), who=STAFF)
    settle(pair.network)
    return Case(sent, case_at(pair.network, "AL", sent))


def open_part_one(pair: Pair, account_id: str) -> None:
    """Open the strictly confidential part to somebody at AL by name."""

    def clear(session: Session) -> None:
        row = session.get_one(ClearanceRow, account_id)
        row.confidential = True
        session.add(row)

    pair.al.context.transact(clear)
