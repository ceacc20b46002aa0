"""The messages of a return that later ones name: who asked, who confirmed, who acknowledged.

A request to receive somebody is confirmed by the answer that says so, never by the fact that it was
answered: "we cannot receive the person" is an answer, too. Source: SPEC section 8, phase return.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlmodel import Session, col, select

from node.domain.access import Permission, Principal
from node.domain.returns import Answers
from node.domain.states import NOT_HELD, Handling
from node.service.case_content import get_case_of
from node.service.context import NodeContext
from node.service.conversations import read_held
from node.service.permitting import is_seen
from node.service.records import OUT, ErasedError, load_signed
from node.store.tables import CaseRow, MessageRow
from protocol.identifiers import Channel
from protocol.messages.arrival import ArrivalReceptionAnswer, ReceptionReply
from protocol.messages.catalogue import parse_payload
from protocol.messages.head import CaseMessage
from protocol.messages.response import Response
from protocol.messages.return_readiness import ReturnBody
from protocol.messages.returning import AssistedReturnAnswer, PlanAgreement
from protocol.messages.travel_documents import DocumentState, TravelDocumentsAnswer

_RECEPTION: Final = "return.arrival_reception"
_NOTICE: Final = "return.return_notification"
_RESPONSE: Final = "general.response"
_DECISION: Final = "general.decision"
_YES: Final = frozenset({_RECEPTION, "return.travel_documents", "return.assisted_voluntary_return"})
"""Requests of a return whose answer is a yes or a no."""
_OVER: Final = frozenset({Handling.WITHDRAWN, Handling.CLOSED})
_RECEIVED: Final = frozenset({ReceptionReply.CONFIRMED, ReceptionReply.CONFIRMED_WITH_CHANGES})
_AGREED: Final = frozenset({PlanAgreement.AGREED, PlanAgreement.AGREED_WITH_CHANGES})


@dataclass(frozen=True, slots=True)
class ReturnMessages:
    """Messages of a return, by the identifiers that both sides know; empty where there is none."""

    reception_asked: str = ""
    #: The answer that confirms the newest request.
    reception_confirmed: str = ""
    notice: str = ""
    #: The decision that accepted the newest notice.
    notice_acknowledged: str = ""
    #: What our newest message about the return said of it.
    last_said: ReturnBody | None = None


def find_return_messages(
    context: NodeContext,
    case_id: str,
    *,
    peer: str,
    who: Principal,
    channel: Channel | None = None,
) -> ReturnMessages:
    """Find them between us and one Participant, as far as ``who`` may see them.

    ``channel``: only those of one channel, for what is repeated in it; None: of all of theirs.
    Raises ``NotFoundError``, ``ForbiddenError``.
    """
    with context.database.reading() as session:
        case = get_case_of(session, case_id, who=who, permission=Permission.READ_CASES)
        rows = [
            row
            for row in _list_rows(session, case_id, peer, who)
            if channel is None or row.channel == channel
        ]
        return _Reader(context, case, rows).read()


def find_answers(
    context: NodeContext, session: Session, case: CaseRow, *, peer: str | None = None
) -> Answers:
    """Return what was answered about a return, by people, whichever side asked.

    A machine's receipt is no answer. ``peer``: with whom; ``None``: with anybody.
    """
    return Answers(
        reception_confirmed=_is_reception_confirmed(context, session, case, peer=peer),
        notice_acknowledged=is_notice_acknowledged(session, case.case_id, peer=peer),
    )


def is_notice_acknowledged(session: Session, case_id: str, *, peer: str | None = None) -> bool:
    """Say whether somebody accepted the newest prior notice of this case. ``peer``: as above.

    A notice that takes the place of another one has to be acknowledged anew.
    """
    statement = select(MessageRow).where(MessageRow.case_id == case_id, MessageRow.type == _NOTICE)
    if peer is not None:
        statement = statement.where(MessageRow.peer == peer)
    notices = session.exec(
        statement.order_by(col(MessageRow.stored_at).desc(), col(MessageRow.message_id))
    )
    newest = next((row for row in notices if _stands(row)), None)
    return newest is not None and newest.handling == Handling.ACCEPTED


def _stands(row: MessageRow) -> bool:
    """Say whether a message counts: it left or came, and nobody took it back."""
    return row.dispatch not in NOT_HELD and row.handling not in _OVER


def _is_reception_confirmed(
    context: NodeContext, session: Session, case: CaseRow, *, peer: str | None
) -> bool:
    """Say whether the last word about receiving the person is that they are received.

    That a request was accepted says that somebody works on it, not that there is a bed.
    """
    statement = select(MessageRow).where(
        MessageRow.case_id == case.case_id,
        MessageRow.type == _RECEPTION,
        col(MessageRow.handling).in_((Handling.ANSWERED, Handling.DECLINED)),
    )
    if peer is not None:
        statement = statement.where(MessageRow.peer == peer)
    newest = session.exec(
        statement.order_by(col(MessageRow.stored_at).desc(), col(MessageRow.message_id)).limit(1)
    ).first()
    if newest is None or newest.handling != Handling.ANSWERED:
        return False
    answer = _find_answer(context, session, newest)
    return answer is not None and says_yes(context, answer, case)


def list_agreed(context: NodeContext, session: Session, case: CaseRow) -> frozenset[str]:
    """Name the requests of a return to which the answer is yes, whichever side asked.

    The names are those of this node. A refused document and a plan that somebody does not agree
    to were answered, too.
    """
    asked = session.exec(
        select(MessageRow).where(
            MessageRow.case_id == case.case_id,
            col(MessageRow.type).in_(sorted(_YES)),
            MessageRow.handling == Handling.ANSWERED,
        )
    ).all()
    return frozenset(
        row.message_id
        for row in asked
        if (answer := _find_answer(context, session, row)) and says_yes(context, answer, case)
    )


def _find_answer(context: NodeContext, session: Session, asked: MessageRow) -> MessageRow | None:
    """Return the newest answer that counts: one that is in order."""
    answers = session.exec(
        select(MessageRow)
        .where(
            MessageRow.case_id == asked.case_id,
            MessageRow.peer == asked.peer,
            MessageRow.type == _RESPONSE,
            MessageRow.in_reply_to == asked.wire_id,
            MessageRow.direction != asked.direction,
            col(MessageRow.readable),
        )
        .order_by(col(MessageRow.stored_at).desc(), col(MessageRow.message_id))
    ).all()
    held = read_held(context, session, asked)
    if held is None:
        return None
    left = (row for row in answers if row.dispatch not in NOT_HELD)
    return next((row for row in left if held.find_refusal(row.message_id) is None), None)


def says_yes(context: NodeContext, row: MessageRow, case: CaseRow) -> bool:
    """Say whether an answer is a yes: a bed, a document, a plan. An erased one says nothing."""
    message = _open(context, row, case)
    if not isinstance(message, Response):
        return False
    match message.body.answer:
        case ArrivalReceptionAnswer() as said:
            return said.reply in _RECEIVED
        case TravelDocumentsAnswer() as said:
            return said.state is DocumentState.ISSUED
        case AssistedReturnAnswer() as said:
            return said.agreement in _AGREED
        case _:
            return False


def _open(context: NodeContext, row: MessageRow, case: CaseRow) -> object:
    """Return what a message says; None for one that was erased."""
    try:
        signed = load_signed(context, row, case)
    except ErasedError:
        return None
    return parse_payload(signed.payload)


def _list_rows(session: Session, case_id: str, peer: str, who: Principal) -> Sequence[MessageRow]:
    statement = (
        select(MessageRow)
        .where(
            MessageRow.case_id == case_id,
            MessageRow.peer == peer,
            col(MessageRow.readable),
            is_seen(who),
        )
        .order_by(col(MessageRow.stored_at).desc(), col(MessageRow.message_id))
    )
    return [row for row in session.exec(statement) if row.dispatch not in NOT_HELD]


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads the messages between two sides, the newest first."""

    context: NodeContext
    case: CaseRow
    rows: Sequence[MessageRow]

    def read(self) -> ReturnMessages:
        asked, notice = self._find(_RECEPTION), self._find(_NOTICE)
        return ReturnMessages(
            reception_asked=asked.wire_id if asked else "",
            reception_confirmed=self._find_confirmation(asked),
            notice=notice.wire_id if notice else "",
            notice_acknowledged=self._find_acknowledgement(notice),
            last_said=self._find_last_said(),
        )

    def _find(self, tag: str) -> MessageRow | None:
        return next((row for row in self.rows if row.type == tag and _stands(row)), None)

    def _list_replies(self, about: MessageRow | None, tag: str) -> list[MessageRow]:
        if about is None:
            return []
        return [
            row
            for row in self.rows
            if row.type == tag
            and row.in_reply_to == about.wire_id
            and row.direction != about.direction
        ]

    def _find_confirmation(self, asked: MessageRow | None) -> str:
        for row in self._list_replies(asked, _RESPONSE)[:1]:
            if says_yes(self.context, row, self.case):
                return row.wire_id
        return ""

    def _find_acknowledgement(self, notice: MessageRow | None) -> str:
        if notice is None or notice.handling != Handling.ACCEPTED:
            return ""
        decisions = self._list_replies(notice, _DECISION)
        counts = [row for row in decisions if row.message_id == notice.decided_by_message]
        return counts[0].wire_id if counts else ""

    def _find_last_said(self) -> ReturnBody | None:
        for row in self.rows:
            if row.handling == Handling.WITHDRAWN:
                continue
            if row.direction == OUT and row.type.startswith("return."):
                message = _open(self.context, row, self.case)
                if isinstance(message, CaseMessage) and isinstance(message.body, ReturnBody):
                    return message.body
        return None
