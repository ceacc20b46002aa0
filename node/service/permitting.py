"""Whether somebody may: asked by each use case itself, whichever door a request came through.

What somebody may do at all is a :class:`~node.domain.access.Permission`; of what they may see, the
channels decide. A message of another channel is not there for them: lists leave it out, and asking
for it by its identifier is answered like asking for one that never was.
"""

from typing import Final

from sqlalchemy import ColumnElement, SQLColumnExpression, and_, exists, false, or_, true
from sqlmodel import Session, col, select

from console.i18n import Message, msg
from node.domain.access import Permission, Principal
from node.service.context import NodeError
from node.store.case_tables import CaseStrandRow
from node.store.tables import CaseRow, EventRow, MessageRow
from protocol.identifiers import Channel

_EVERY: Final = frozenset(Channel)


class ForbiddenError(NodeError):
    """Whoever asks may not do this at all; the message says who can let them."""

    def __init__(self, said: Message) -> None:
        """Take what pages and programs are told."""
        super().__init__(said)


# Translators: each is followed by a colon, and by whom to ask.
_HINT: Final = {
    Permission.READ_CASES: msg("Cases are read by focal points and approvers"),
    Permission.WORK_CASES: msg("Cases are worked on by focal points"),
    Permission.READ_CONFIDENTIAL: msg(
        "The strictly confidential part is read by those to whom it was opened by name"
    ),
    Permission.APPROVE: msg("Approving is for approvers"),
    Permission.KEEP_ROSTER: msg("The roster is kept by focal points and node administrators"),
    Permission.ADMINISTER_PEOPLE: msg("People are administered by node administrators"),
    Permission.WATCH_DELIVERY: msg("Delivery is watched by node administrators"),
    Permission.ADMINISTER_NODE: msg("The node is administered by node administrators"),
    Permission.READ_AUDIT: msg("The audit log is read by auditors"),
    Permission.READ_STATISTICS: msg("Statistics are read by auditors"),
    Permission.KEEP_DIRECTORY: msg("The directory is kept by directory editors"),
}


def require(who: Principal, permission: Permission) -> None:
    """Raise :class:`ForbiddenError` unless they may do this kind of thing."""
    if not who.may(permission):
        raise ForbiddenError(
            msg(
                "%(rule)s: ask a node administrator of yours, or use another token.",
                rule=_HINT[permission],
            )
        )


def require_channel(who: Principal, channel: Channel) -> None:
    """Raise :class:`ForbiddenError` unless they are cleared for what they want to send in."""
    if not who.sees(channel):
        raise ForbiddenError(
            msg(
                "You are not cleared for the channel %(channel)s: nothing was sent. Ask "
                "a colleague who is, or a node administrator.",
                channel=channel,
            )
        )


def is_seen(who: Principal) -> ColumnElement[bool]:
    """Return the condition under which a row of ``message`` is there for them."""
    if who.channels >= _EVERY:
        return true()
    if not who.channels:
        return false()
    return col(MessageRow.channel).in_(sorted(who.channels))


def list_channels(who: Principal) -> list[str | None]:
    """Return the channels in which messages are there for them; None stands for an unknown one."""
    named: list[str | None] = [channel.value for channel in sorted(who.channels)]
    return [*named, None] if who.sees(None) else named


def is_case_seen(who: Principal) -> ColumnElement[bool]:
    """Return the condition under which a row of ``trm_case`` is there for them.

    One with a message of theirs, or worked on in a channel of theirs; or one of which nobody knows
    yet what it is worked on in.
    """
    if who.channels >= _EVERY:
        return true()
    of_case = col(MessageRow.case_id) == col(CaseRow.case_id)
    of_strand = col(CaseStrandRow.case_id) == col(CaseRow.case_id)
    return or_(
        exists().where(of_case, is_seen(who)),
        exists().where(of_strand, col(CaseStrandRow.channel).in_(sorted(who.channels))),
        and_(~exists().where(of_case), ~exists().where(of_strand)),
    )


def sees_whole_case(session: Session, case_id: str, *, who: Principal) -> bool:
    """Tell whether nothing of a case lies in a channel that is not theirs."""
    if who.channels >= _EVERY:
        return True
    named = sorted(who.channels)
    other_messages = select(MessageRow.message_id).where(
        MessageRow.case_id == case_id,
        or_(col(MessageRow.channel).is_(None), col(MessageRow.channel).not_in(named)),
    )
    other_strands = select(CaseStrandRow.channel).where(
        CaseStrandRow.case_id == case_id, col(CaseStrandRow.channel).not_in(named)
    )
    return all(
        session.exec(each.limit(1)).first() is None for each in (other_messages, other_strands)
    )


def is_of_channel(
    session: Session, case_id: str, channel: SQLColumnExpression[str | None], *, who: Principal
) -> ColumnElement[bool]:
    """Return the condition under which a record of a case, with a column ``channel``, is theirs.

    One of which nobody knows the channel is there for somebody who sees the whole case.
    """
    own = channel.in_(sorted(who.channels))
    return or_(own, channel.is_(None)) if sees_whole_case(session, case_id, who=who) else own


def is_event_seen(who: Principal) -> ColumnElement[bool]:
    """Return the condition under which an entry that points to no message is there for them."""
    if who.channels >= _EVERY:
        return true()
    return or_(col(EventRow.channel).is_(None), col(EventRow.channel).in_(sorted(who.channels)))


def find_seen_message(
    session: Session, message_id: str, *, who: Principal, lock: bool = False
) -> MessageRow | None:
    """Return a message that is there for them; ``lock`` keeps others from changing it."""
    statement = select(MessageRow).where(MessageRow.message_id == message_id, is_seen(who))
    return session.exec(statement.with_for_update() if lock else statement).one_or_none()


def find_seen_case(session: Session, case_id: str, *, who: Principal) -> CaseRow | None:
    """Return a case that is there for them, by its identifier."""
    statement = select(CaseRow).where(CaseRow.case_id == case_id, is_case_seen(who))
    return session.exec(statement).one_or_none()
