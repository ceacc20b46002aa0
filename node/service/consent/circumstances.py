"""What the policy asks of a case beyond its messages: a child, a guardian, a shelter, protection.

One document for each case, sealed. What nobody said keeps its default. It is changed as a whole,
by whoever saw its newest version.

The policy goes by all of it, in every channel. That the person is in witness protection is shown
only to those who are cleared for that channel. Anybody who works on the case may say so; only
those who see it take it back.
"""

from dataclasses import dataclass
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session

from node.domain.access import Permission, Principal
from node.domain.audit import Act
from node.domain.events import EventKind
from node.service.case_content import get_case_of, open_content
from node.service.case_work import CaseWork
from node.service.cases.child import is_child_in_any, say_of_case
from node.service.context import NodeContext, StaleError
from node.store.consent_tables import CircumstancesRow
from node.store.tables import CaseRow
from protocol.identifiers import Channel

_PROTECTION: Final = Channel.WITNESS_PROTECTION


class Circumstances(BaseModel):
    """What is known of a case."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    treated_as_child: bool = False
    guardian_appointed: bool = False
    guardian_is_case_manager: bool = False
    in_shelter: bool = False
    in_witness_protection: bool = False
    #: The best interest of the child was assessed, and that is written down.
    best_interest_assessed: bool = False
    #: Codes of shelters that came from others in this case.
    shelter_codes: tuple[str, ...] = Field(default=(), max_length=50)

    def add(self, said: Self) -> Self:
        """Return what is known once more was said: what was true stays true."""
        flags = {
            name: getattr(self, name) or getattr(said, name)
            for name in type(self).model_fields
            if name != "shelter_codes"
        }
        codes = tuple(dict.fromkeys((*self.shelter_codes, *said.shelter_codes)))
        return self.model_copy(update=flags | {"shelter_codes": codes})


NOTHING_KNOWN = Circumstances()


@dataclass(frozen=True, slots=True)
class CircumstancesView:
    """What somebody sees of it, and the version of that; 0: nobody said anything yet."""

    circumstances: Circumstances
    row_version: int


def get_circumstances(context: NodeContext, case_id: str, *, who: Principal) -> CircumstancesView:
    """Return what is known of a case. Raises ``NotFoundError``, ``ForbiddenError``."""
    with context.database.reading() as session:
        case = get_case_of(session, case_id, who=who, permission=Permission.READ_CASES)
        row = session.get(CircumstancesRow, case_id)
        return _view(context, case, row, who=who)


def handle_set_circumstances(
    context: NodeContext,
    case_id: str,
    circumstances: Circumstances,
    *,
    who: Principal,
    row_version: int | None = None,
) -> CircumstancesView:
    """Say what is known now; ``row_version`` is what was seen (``StaleError`` if it changed)."""

    def say(session: Session) -> CircumstancesView:
        work = CaseWork.begin(context, session, case_id, who=who)
        row = session.get(CircumstancesRow, case_id, with_for_update=True)
        if row_version is not None and row_version != _find_version(row, who=who):
            raise StaleError(
                "Somebody changed this meanwhile: nothing was changed. Read it again, then say "
                "what is different."
            )
        known = _read(context, work.case, row)
        said = _say_in_strands(work, known, circumstances)
        if not who.sees(_PROTECTION) and known.in_witness_protection:
            said = said.model_copy(update={"in_witness_protection": True})
        set_circumstances(work, said)
        return _view(context, work.case, session.get(CircumstancesRow, case_id), who=who)

    return context.transact(say)


def _say_in_strands(work: CaseWork, known: Circumstances, said: Circumstances) -> Circumstances:
    """Let lists say the same; a strand that says otherwise, and is not theirs to see, counts."""
    child, guardian = said.treated_as_child, said.guardian_appointed
    say_of_case(
        work,
        child=child if child != known.treated_as_child else None,
        guardian=guardian if guardian != known.guardian_appointed else None,
    )
    is_child = child or is_child_in_any(work.session, work.case.case_id)
    return said.model_copy(update={"treated_as_child": is_child})


def load_circumstances(context: NodeContext, session: Session, case: CaseRow) -> Circumstances:
    """Return what is known of a case."""
    return _read(context, case, session.get(CircumstancesRow, case.case_id))


def set_circumstances(work: CaseWork, circumstances: Circumstances) -> None:
    """Say in the caller's transaction what is known now; what is known already changes nothing."""
    case_id = work.case.case_id
    row = work.session.get(CircumstancesRow, case_id, with_for_update=True)
    known = _read(work.context, work.case, row)
    if known == circumstances:
        return
    hidden = {"in_witness_protection": circumstances.in_witness_protection}
    is_hidden = known.model_copy(update=hidden) == circumstances
    row = work.keep_document(CircumstancesRow, row, circumstances, place=_place(case_id))
    row.row_version += not is_hidden
    row.protection_version += is_hidden
    work.session.flush()
    # That nothing else changed says what did.
    teller = _PROTECTION if is_hidden else None
    work.tell(EventKind.CIRCUMSTANCES_CHANGED, at=row.updated_at, channel=teller)
    work.record(Act.CIRCUMSTANCES_CHANGED, case_id)


def open_circumstances(context: NodeContext, case: CaseRow, sealed: bytes) -> Circumstances:
    """Return what a row says."""
    return open_content(context, case, sealed, place=_place(case.case_id), kind=Circumstances)


def _place(case_id: str) -> str:
    return f"circumstances:{case_id}"


def _read(context: NodeContext, case: CaseRow, row: CircumstancesRow | None) -> Circumstances:
    return open_circumstances(context, case, row.content_sealed) if row else NOTHING_KNOWN


def _find_version(row: CircumstancesRow | None, *, who: Principal) -> int:
    """Return the version of what somebody sees: what they do not see does not move it."""
    if row is None:
        return 0
    return row.row_version + (row.protection_version if who.sees(_PROTECTION) else 0)


def _view(
    context: NodeContext, case: CaseRow, row: CircumstancesRow | None, *, who: Principal
) -> CircumstancesView:
    known = _read(context, case, row)
    if not who.sees(_PROTECTION):
        known = known.model_copy(update={"in_witness_protection": False})
    return CircumstancesView(known, _find_version(row, who=who))
