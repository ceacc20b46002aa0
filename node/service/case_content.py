"""What a case's rows hold sealed: small JSON documents under the key of the case."""

from typing import Final, TypeVar

from pydantic import BaseModel
from sqlmodel import Session

from node.domain.access import Permission, Principal
from node.service.context import NodeContext, NotFoundError
from node.service.permitting import find_seen_case, require
from node.store.tables import CaseRow

_T = TypeVar("_T", bound=BaseModel)

NO_CASE: Final = "This node has no case with that identifier: look it up in the list."


def seal_content(context: NodeContext, case: CaseRow, content: BaseModel, *, place: str) -> bytes:
    """Encrypt a document; ``place`` binds it to its row (``consent:<id>``)."""
    return context.keys.encrypt(
        content.model_dump_json().encode(), wrapped_key=case.wrapped_key, context=place
    )


def open_content(
    context: NodeContext, case: CaseRow, sealed: bytes, *, place: str, kind: type[_T]
) -> _T:
    """Undo :func:`seal_content`; raises ``StoredContentError`` if it was altered or moved."""
    return kind.model_validate_json(
        context.keys.decrypt(sealed, wrapped_key=case.wrapped_key, context=place)
    )


def is_erased(case: CaseRow) -> bool:
    """Whether the key of the case is gone, and with it everything that was said in it."""
    return not case.wrapped_key


def get_case_of(
    session: Session, case_id: str, *, who: Principal, permission: Permission
) -> CaseRow:
    """Return a case for somebody with a permission.

    Raises ``ForbiddenError``; ``NotFoundError`` for one that is not there for them, or erased.
    """
    require(who, permission)
    case = find_seen_case(session, case_id, who=who)
    if case is None or is_erased(case):
        raise NotFoundError(NO_CASE)
    return case
