"""Comparing which registry peers act on with the one this node verified (SPEC section 12).

The rules are :class:`protocol.registry_pins.PinBook`; here they are given the rows of one version
at a time. A pin that equals what was verified here leaves nothing behind. What a peer can fill by
itself is bounded for each peer.
"""

from typing import Final

from sqlalchemy import bindparam
from sqlalchemy import select as sql_select
from sqlmodel import Session, col, delete, func, select

from contact_registry.directory import Directory
from node.domain.alarms import GRAVE, AlarmStanding
from node.domain.events import EventKind
from node.service.context import NodeContext
from node.service.machine_mail import owe_machine_mail
from node.service.records import OUT, add_event, find_message
from node.store.bulk import table_of
from node.store.pin_tables import RegistryAlarmRow, RegistryNamedRow, RegistryVerifiedRow
from node.store.prepared import Prepared
from node.store.tables import MessageRow, ReceiptRow
from protocol.identifiers import ParticipantCode
from protocol.messages.head import Head, RegistryPin
from protocol.messages.link_repair import RegistryConflict, RegistryConflictBody
from protocol.registry_pins import REMEMBERED, PinBook, PinConflict

_VERIFIED_ROW: Final = table_of(RegistryVerifiedRow).c
#: Asked for each fetch. Made once: that costs more than asking it.
_VERIFIED: Final = Prepared(
    sql_select(_VERIFIED_ROW.sha256).where(_VERIFIED_ROW.version == bindparam("version"))
)

#: Alarms about one peer, and of one peer, that are kept: the first ones are the proof.
MOST_ALARMS: Final = 256


def note_verified(context: NodeContext, session: Session) -> bool:
    """Remember the version that this node acts on, and judge what peers said of it before.

    Returns whether it is the one that was remembered, if one was.
    """
    directory = context.directory.current()
    asked = {"version": directory.version}
    held: str
    for (held,) in _VERIFIED.ask(session, asked):
        if held != directory.sha256:
            _blame_ourselves(context, session, directory, held=held)
        return held == directory.sha256
    session.add(RegistryVerifiedRow(version=directory.version, sha256=directory.sha256))
    session.flush()
    _keep_newest_verified(session)
    named = _load_named(session, directory.version)
    _, conflicts = _make_book(named).verify(directory.version, directory.sha256)
    session.exec(
        delete(RegistryAlarmRow).where(
            col(RegistryAlarmRow.version) == directory.version,
            col(RegistryAlarmRow.standing) == AlarmStanding.SUSPECTED,
        )
    )
    for conflict in conflicts:
        word = named[conflict.named_by]
        _raise_alarm(
            context,
            session,
            conflict,
            message_id=word.message_id,
            payload_sha256=word.payload_sha256,
            about=None,
        )
    for word in named.values():
        session.delete(word)
    session.flush()
    return True


def _keep_newest_verified(session: Session) -> None:
    oldest = session.exec(
        select(RegistryVerifiedRow.version)
        .order_by(col(RegistryVerifiedRow.version).desc())
        .offset(REMEMBERED - 1)
        .limit(1)
    ).first()
    if oldest is not None:
        session.exec(delete(RegistryVerifiedRow).where(col(RegistryVerifiedRow.version) < oldest))


def _blame_ourselves(
    context: NodeContext, session: Session, directory: Directory, *, held: str
) -> None:
    """Two hashes of one version were verified here: nobody else can be at fault but the registry.

    Its client refuses that while it remembers; a cache that was thrown away remembers nothing.
    """
    me = context.participant
    conflict = PinConflict(
        directory.version, held=held, named=directory.sha256, named_by=me, held_by=None
    )
    _raise_alarm(context, session, conflict, message_id="", payload_sha256="", about=None)


def watch_pin(
    context: NodeContext,
    session: Session,
    message: Head,
    *,
    payload_sha256: str,
    about: MessageRow | None = None,
) -> None:
    """Compare what a verified message says of the registry with what is known of it.

    ``about`` is the message as it was stored, if it is one that people see.
    """
    pin, peer = message.registry, ParticipantCode(message.sender)
    current = context.directory.current()
    is_ours = (pin.version, pin.sha256) == (current.version, current.sha256)
    if note_verified(context, session) and is_ours:
        return  # nearly always
    verified = session.get(RegistryVerifiedRow, pin.version)
    if verified is not None and verified.sha256 == pin.sha256:
        return
    named = {} if verified is not None else _load_named(session, pin.version)
    book = _make_book(named)
    if verified is not None:
        book = PinBook(verified={verified.version: verified.sha256})
    _, conflicts = book.hear(peer, pin)
    if verified is None and peer not in named:
        _remember(session, peer, pin, message_id=message.message_id, payload_sha256=payload_sha256)
        if pin.version > context.directory.current().version:
            context.signals.registry_wanted.notify()
    for conflict in conflicts:
        _raise_alarm(
            context,
            session,
            conflict,
            message_id=message.message_id,
            payload_sha256=payload_sha256,
            about=about,
        )


def _load_named(session: Session, version: int) -> dict[ParticipantCode, RegistryNamedRow]:
    rows = session.exec(
        select(RegistryNamedRow)
        .where(RegistryNamedRow.version == version)
        .order_by(col(RegistryNamedRow.peer))
    )
    return {ParticipantCode(row.peer): row for row in rows}


def _make_book(named: dict[ParticipantCode, RegistryNamedRow]) -> PinBook:
    return PinBook(named={peer: {row.version: row.sha256} for peer, row in named.items()})


def _remember(
    session: Session, peer: str, pin: RegistryPin, *, message_id: str, payload_sha256: str
) -> None:
    """Remember a peer's word on a version; of each peer the newest versions stay."""
    session.add(
        RegistryNamedRow(
            peer=peer,
            version=pin.version,
            sha256=pin.sha256,
            message_id=message_id,
            payload_sha256=payload_sha256,
        )
    )
    session.flush()
    oldest = session.exec(
        select(RegistryNamedRow.version)
        .where(RegistryNamedRow.peer == peer)
        .order_by(col(RegistryNamedRow.version).desc())
        .offset(REMEMBERED - 1)
        .limit(1)
    ).first()
    if oldest is not None:
        session.exec(
            delete(RegistryNamedRow).where(
                col(RegistryNamedRow.peer) == peer, col(RegistryNamedRow.version) < oldest
            )
        )


def _raise_alarm(  # noqa: PLR0913 - what is known of a conflict
    context: NodeContext,
    session: Session,
    conflict: PinConflict,
    *,
    message_id: str,
    payload_sha256: str,
    about: MessageRow | None,
) -> None:
    """Keep a conflict, once; a certain one is told to the people of the case and to the peer."""
    row = RegistryAlarmRow(
        raised_by=context.participant,
        version=conflict.version,
        held_sha256=conflict.held,
        held_by=conflict.held_by or context.participant,
        named_sha256=conflict.named,
        named_by=conflict.named_by,
        standing=AlarmStanding.CERTAIN if conflict.is_certain else AlarmStanding.SUSPECTED,
        message_id=message_id,
        payload_sha256=payload_sha256,
        at=context.clock(),
    )
    if not _keep_alarm(session, row) or not conflict.is_certain:
        return
    add_event(
        session,
        kind=EventKind.REGISTRY_CONFLICT,
        at=row.at,
        actor=conflict.named_by,
        case_id=about.case_id if about else None,
        message_id=about.message_id if about else None,
        code=str(conflict.version),
    )
    if conflict.named_by != context.participant:
        body = RegistryConflictBody(
            registry_version=conflict.version,
            held_sha256=conflict.held,
            named_sha256=conflict.named,
            verified=True,
            message_id=message_id,
            payload_sha256=payload_sha256,
        )
        owe_machine_mail(context, session, peer=conflict.named_by, body=body)


def _keep_alarm(session: Session, row: RegistryAlarmRow) -> bool:
    """Store an alarm unless it is known, or there are too many of this kind; say if it was."""
    same = session.exec(
        select(RegistryAlarmRow.alarm_id).where(
            RegistryAlarmRow.raised_by == row.raised_by,
            RegistryAlarmRow.version == row.version,
            RegistryAlarmRow.named_by == row.named_by,
            RegistryAlarmRow.held_by == row.held_by,
            RegistryAlarmRow.named_sha256 == row.named_sha256,
        )
    ).first()
    count = session.exec(
        select(func.count())
        .select_from(RegistryAlarmRow)
        .where(
            RegistryAlarmRow.raised_by == row.raised_by,
            RegistryAlarmRow.named_by == row.named_by,
        )
    ).one()
    if same is not None or count >= MOST_ALARMS:
        return False
    session.add(row)
    session.flush()
    return True


# ------------------------------------------------------------------ told by a peer


def apply_alarm(
    context: NodeContext, session: Session, alarm: RegistryConflict, *, payload_sha256: str
) -> None:
    """Keep a peer's alarm, with what can be said of it here.

    It is never answered by another alarm about the same difference: both sides know it now. Where
    this version was not verified here, the peer's word on it is remembered, and judged when it is.
    """
    note_verified(context, session)
    body = alarm.body
    verified = session.get(RegistryVerifiedRow, body.registry_version)
    if _did_name(session, alarm) or (verified and verified.sha256 == body.named_sha256):
        standing = AlarmStanding.CONFIRMED
    else:
        standing = AlarmStanding.UNFOUNDED
    row = RegistryAlarmRow(
        raised_by=alarm.sender,
        version=body.registry_version,
        held_sha256=body.held_sha256,
        held_by=alarm.sender,
        named_sha256=body.named_sha256,
        named_by=context.participant,
        standing=standing,
        message_id=body.message_id,
        payload_sha256=body.payload_sha256,
        at=context.clock(),
    )
    is_new = _keep_alarm(session, row)
    if is_new and standing in GRAVE:
        about = _find_ours(session, alarm)
        add_event(
            session,
            kind=EventKind.REGISTRY_CONFLICT,
            at=row.at,
            actor=alarm.sender,
            case_id=about.case_id if about else None,
            message_id=about.message_id if about else None,
            code=str(body.registry_version),
        )
    heard = session.get(RegistryNamedRow, (alarm.sender, body.registry_version))
    if body.verified and verified is None and heard is None:
        _remember(
            session,
            alarm.sender,
            RegistryPin(version=body.registry_version, sha256=body.held_sha256),
            message_id=alarm.message_id,
            payload_sha256=payload_sha256,
        )


def _find_ours(session: Session, alarm: RegistryConflict) -> MessageRow | None:
    body = alarm.body
    row = find_message(session, direction=OUT, peer=alarm.sender, wire_id=body.message_id)
    return row if row is not None and row.payload_sha256 == body.payload_sha256 else None


def _did_name(session: Session, alarm: RegistryConflict) -> bool:
    """Whether a message or receipt of ours names what the alarm says it does."""
    ours = _find_ours(session, alarm) or session.get(ReceiptRow, alarm.body.payload_sha256)
    return ours is not None and (ours.registry_version, ours.registry_sha256) == (
        alarm.body.registry_version,
        alarm.body.named_sha256,
    )
