"""What of a case goes on paper, and that somebody put it there."""

from dataclasses import dataclass
from datetime import date

from sqlmodel import Session

from node.domain.access import Permission, Principal
from node.domain.audit import Act
from node.service.audit import record
from node.service.case_content import get_case_of
from node.service.context import NodeContext
from node.service.reading import CaseView, Item, get_case, load_view
from node.service.records import ErasedError
from protocol.messages.catalogue import UnreadableMessage
from protocol.messages.head import Head


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperWish:
    """What somebody wants on paper."""

    #: Text that people wrote.
    texts: bool = False
    #: Who the person is, and how to reach him or her.
    names: bool = False
    #: When the paper has to be destroyed.
    destroy_by: date


@dataclass(frozen=True, slots=True)
class PrintedMessage:
    """A message with what it says; None for one that was erased."""

    item: Item
    message: Head | UnreadableMessage | None


@dataclass(frozen=True, slots=True)
class PrintedCase:
    """A case as it goes on paper: neither notes nor Part I, which never leave."""

    view: CaseView
    messages: tuple[PrintedMessage, ...]


def handle_print(
    context: NodeContext, case_id: str, wish: PaperWish, *, who: Principal
) -> PrintedCase:
    """Note who puts what of a case on paper, and return what their channels hold of it.

    Raises ``NotFoundError``, ``ForbiddenError``.
    """

    def note(session: Session) -> None:
        get_case_of(session, case_id, who=who, permission=Permission.WORK_CASES)
        record(
            context,
            session,
            who,
            Act.CASE_PRINTED,
            subject=case_id,
            detail={
                "names": wish.names,
                "texts": wish.texts,
                "destroy_by": wish.destroy_by.isoformat(),
            },
        )

    context.transact(note)
    view = get_case(context, case_id, who=who)
    return PrintedCase(
        view, tuple(PrintedMessage(item, _load(context, item, who=who)) for item in view.items)
    )


def _load(context: NodeContext, item: Item, *, who: Principal) -> Head | UnreadableMessage | None:
    try:
        return load_view(context, item.message_id, who=who).message
    except ErasedError:
        return None
