"""Access to content waits for a second person: who asks for it, who confirms it, when it counts.

Whoever administers people could otherwise let themselves in: by an account of their own making, or
by following a link that replaces somebody's password. So access that is given, an account that is
opened again, and a link that was followed wait for somebody who has the same access already, and
had no hand in it. On a node where nobody ever had any (its first set-up) there is nobody to ask:
there, what only commands on its machine gave counts at once, and everybody after is told.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlmodel import Session, col, select

from console.storage.witness import Deed, Done
from node.domain.access import ABOUT_CONTENT, SYSTEM, Permission, Principal, list_permissions
from node.domain.audit import Act
from node.domain.standing import (
    MAY_CONFIRM,
    WAITS_FOR,
    Access,
    AccessEvent,
    list_areas,
    list_areas_of,
    step,
)
from node.service.access_hands import (
    forget_hands,
    is_of_machine_alone,
    load_hands,
    note_hand,
)
from node.service.audit import lock_chain, record
from node.service.context import NodeContext, NodeError, NotFoundError, StaleError
from node.service.permitting import require
from node.service.principals import is_local, load_people
from node.service.unasked_access import Why, note_unasked
from node.store.account_tables import AccountRow, ClearanceRow, HandRow, HeldRow
from protocol.identifiers import Channel
from protocol.policy.facts import Role

_EVENTS: Final = {Deed.LINK_FOLLOWED: AccessEvent.LINK_FOLLOWED, Deed.LET_IN: AccessEvent.LET_IN}


class SomebodyCanError(NodeError):
    """Confirmed on the machine is only what no person of this node can confirm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Somebody whose access waits for a word. ``hands`` are actors, the last one first."""

    account_id: str
    sign_in_name: str
    display_name: str
    roles: frozenset[Role]
    channels: frozenset[Channel]
    confidential: bool
    #: Who gave it or made a link since it was last confirmed.
    hands: tuple[str, ...]
    asked_at: datetime
    row_version: int


def held_names(roles: Iterable[str], row: ClearanceRow | None) -> frozenset[str]:
    """Return what roles and clearance show: permissions about content, channels, the rest."""
    confidential = row is not None and row.confidential
    shown = list_permissions((Role(role) for role in roles), confidential=confidential)
    opened = {permission.value for permission in shown & ABOUT_CONTENT}
    if not opened:
        return frozenset()
    return frozenset(opened | _areas_of_row(row))


def note_gain(
    context: NodeContext,
    session: Session,
    row: ClearanceRow,
    *,
    had: frozenset[str],
    who: Principal,
) -> None:
    """Let access wait that shows more than before; ``had`` is what :func:`held_names` was.

    At the first set-up, what commands on the machine give counts at once.
    """
    session.flush()
    account = session.get_one(AccountRow, row.account_id)
    if not held_names(account.roles.split(), row) - had:
        return
    note_hand(context, session, row, who)
    if not _is_for_machine_to_say(session, row):
        _ask(context, session, row, AccessEvent.GRANTED)
    elif account.password_hash is not None:
        _ask(context, session, row, AccessEvent.GRANTED)
        _settle(context, session, row, AccessEvent.FIRST, who=SYSTEM)


def note_deed(context: NodeContext, session: Session, done: Done, *, who: Principal | None) -> None:
    """Let access wait when a link was followed or an account opened again.

    Called with each deed, in its transaction. ``who``: None if it is the account's own. The first
    of a node is in when they have set up a password; all others wait from then on, also who was
    confirmed before: a word is for whoever has set the account up, and nobody knew who that is.
    """
    if done.deed not in {*_EVENTS, Deed.LINK_MADE, Deed.CREDENTIALS_SET}:
        return
    if done.deed is Deed.CREDENTIALS_SET and not _load_held(session):
        lock_chain(context, session)  # of two who come first at once the second finds the first
    row = session.get(ClearanceRow, str(done.account_id), with_for_update=True)
    if row is None:
        return
    if who is not None:
        note_hand(context, session, row, who)
    event = _EVENTS.get(done.deed)
    account = session.get_one(AccountRow, row.account_id)
    if event is not None and held_names(account.roles.split(), row):
        _ask(context, session, row, event)
    if done.deed is not Deed.CREDENTIALS_SET:
        return
    if row.access == Access.WAITING and _is_for_machine_to_say(session, row):
        _settle(context, session, row, AccessEvent.FIRST, who=SYSTEM)
    elif row.access != Access.REFUSED and held_names(account.roles.split(), row):
        _ask(context, session, row, AccessEvent.LINK_FOLLOWED)


def handle_confirm(
    context: NodeContext, account_id: str, *, who: Principal, row_version: int
) -> None:
    """Say that somebody's access is right: it counts from their next request on.

    Raises ``NotFoundError`` if nothing waits for the word of this person, ``StaleError`` if it is
    not what they saw (``row_version``), ``ForbiddenError``.
    """
    _decide(context, account_id, AccessEvent.CONFIRMED, who=who, row_version=row_version)


def handle_refuse(
    context: NodeContext, account_id: str, *, who: Principal, row_version: int
) -> None:
    """Say that somebody's access is not right: it has to be given anew. Raises as confirming."""
    _decide(context, account_id, AccessEvent.REFUSED, who=who, row_version=row_version)


def list_waiting(context: NodeContext, *, who: Principal) -> list[Waiting]:
    """Give the people who wait for the word of this person, by sign-in name."""
    if not any(who.may(each) for each in MAY_CONFIRM):
        return []
    with context.database.reading() as session:
        rows = _find_waiting(session)
        held = _load_held(session) if rows else frozenset()
        hands = load_hands(session, (row.account_id for _, row in rows))
    limit = context.clock() - WAITS_FOR
    return [
        _describe(account, row, theirs)
        for account, row in rows
        if _may_decide(row, theirs := hands.get(row.account_id, []), held, who)
        and (row.asked_at is None or row.asked_at > limit)
    ]


def load_access(context: NodeContext, account_id: str) -> Access:
    """Say how somebody's own access stands; who was never given any has nothing to wait for."""
    with context.database.reading() as session:
        row = session.get(ClearanceRow, account_id)
    return Access.CONFIRMED if row is None else Access(row.access)


def handle_confirm_locally(context: NodeContext, account_id: str, *, who: Principal) -> None:
    """Confirm, by a command on the node's machine, what nobody of this node is left to confirm.

    Raises :class:`SomebodyCanError` with whom to ask, ``NotFoundError`` if nothing waits.
    """
    require(who, Permission.ADMINISTER_PEOPLE)
    if not is_local(who):
        raise NotFoundError("This is confirmed on the node's machine: trm-node confirm-access.")

    def confirm(session: Session) -> None:
        lock_chain(context, session)
        row = _find_open(context, session, account_id)
        hands, held = load_hands(session, [account_id]), _load_held(session)
        active = session.exec(
            select(AccountRow.account_id, AccountRow.sign_in_name).where(
                col(AccountRow.is_active).is_(True), col(AccountRow.password_hash).is_not(None)
            )
        ).all()
        people = load_people(session, (each for each, _ in active))
        able = sorted(
            name
            for each, name in active
            if each in people
            and any(people[each].may(permission) for permission in MAY_CONFIRM)
            and _may_decide(row, hands.get(account_id, []), held, people[each])
        )
        if able:
            raise SomebodyCanError(
                f"Ask one of these people to confirm it in the console: {', '.join(able)}. On the "
                "machine it is confirmed only when nobody is left who can."
            )
        _settle(context, session, row, AccessEvent.CONFIRMED, who=who)

    context.transact(confirm)


def lapse_waiting(context: NodeContext) -> int:
    """Refuse what waited for too long; returns how many. Part of the rounds of access."""
    limit = context.clock() - WAITS_FOR
    late = (
        select(ClearanceRow)
        .where(ClearanceRow.access == Access.WAITING, col(ClearanceRow.asked_at) <= limit)
        .with_for_update()
    )

    def lapse(session: Session) -> int:
        rows = session.exec(late).all()
        for row in rows:
            _settle(context, session, row, AccessEvent.LAPSED, who=SYSTEM)
        return len(rows)

    return context.transact(lapse)


def require_colleague(who: Principal) -> None:
    """Raise ``ForbiddenError`` for somebody who confirms nobody's access."""
    if not any(who.may(each) for each in MAY_CONFIRM):
        require(who, Permission.WORK_CASES)


def _decide(
    context: NodeContext,
    account_id: str,
    event: AccessEvent,
    *,
    who: Principal,
    row_version: int,
) -> None:
    require_colleague(who)

    def decide(session: Session) -> None:
        lock_chain(context, session)
        row = _find_open(context, session, account_id)
        hands = load_hands(session, [account_id]).get(account_id, [])
        if not _may_decide(row, hands, _load_held(session), who):
            raise _nothing_waits()
        if row.row_version != row_version:
            raise StaleError("Somebody changed this person meanwhile: look at them again.")
        _settle(context, session, row, event, who=who)

    context.transact(decide)


def _settle(
    context: NodeContext,
    session: Session,
    row: ClearanceRow,
    event: AccessEvent,
    *,
    who: Principal,
) -> None:
    row.access = step(Access(row.access), event)
    row.asked_at = None
    row.row_version += 1
    session.add(row)
    counts = row.access == Access.CONFIRMED
    act = Act.ACCESS_CONFIRMED if counts else Act.ACCESS_REFUSED
    detail: dict[str, str | int | bool | None] = {
        "event": event.value,
        "channels": row.channels,
        "confidential": row.confidential,
        "given_by": row.given_by,
    }
    record(context, session, who, act, subject=row.account_id, detail=detail)
    if not counts:
        return
    if is_local(who):
        row.given_by = who.actor
        note_unasked(context, session, row, why=Why.MACHINE, areas=_areas_of_row(row))
    forget_hands(context, session, row.account_id)
    _note_held(context, session, row, is_told=is_local(who))


def _is_for_machine_to_say(session: Session, row: ClearanceRow) -> bool:
    """Say whether nobody ever had any access, and only the machine had a hand in this.

    Whoever opens the key store on the machine reads everything anyway; a browser gives nothing by
    itself, on the first day either.
    """
    hands = load_hands(session, [row.account_id]).get(row.account_id, [])
    return not _load_held(session) and is_of_machine_alone(hands)


def _ask(context: NodeContext, session: Session, row: ClearanceRow, event: AccessEvent) -> None:
    """Let access wait."""
    row.access = step(Access(row.access), event)
    row.asked_at = context.clock()
    row.row_version += 1
    session.add(row)


def _note_held(
    context: NodeContext, session: Session, row: ClearanceRow, *, is_told: bool = False
) -> None:
    """Keep for good what somebody has who can sign in: from now on a second person is asked.

    What nobody ever had is told to those who get it later, unless it ``is_told`` already.
    """
    account = session.get(AccountRow, row.account_id, populate_existing=True)
    if account is None or account.password_hash is None or row.access != Access.CONFIRMED:
        return
    new = held_names(account.roles.split(), row) - _load_held(session)
    for name in sorted(new):
        session.add(HeldRow(name=name, since=context.clock()))
    if (areas := new & _areas_of_row(row)) and not is_told:
        note_unasked(context, session, row, why=Why.FIRST, areas=areas)
    session.flush()


def _load_held(session: Session) -> frozenset[str]:
    return frozenset(session.exec(select(HeldRow.name)))


def _find_waiting(session: Session) -> list[tuple[AccountRow, ClearanceRow]]:
    statement = (
        select(AccountRow, ClearanceRow)
        .join(ClearanceRow, col(ClearanceRow.account_id) == col(AccountRow.account_id))
        .where(ClearanceRow.access == Access.WAITING, col(AccountRow.is_active).is_(True))
        .order_by(col(AccountRow.sign_in_name))
    )
    return [(account, row) for account, row in session.exec(statement)]


def _find_open(context: NodeContext, session: Session, account_id: str) -> ClearanceRow:
    row = session.get(ClearanceRow, account_id, with_for_update=True)
    account = session.get(AccountRow, account_id)
    if row is None or account is None or not account.is_active or row.access != Access.WAITING:
        raise _nothing_waits()
    if row.asked_at is not None and row.asked_at <= context.clock() - WAITS_FOR:
        raise _nothing_waits()
    return row


def _may_decide(
    row: ClearanceRow, hands: Iterable[HandRow], held: frozenset[str], who: Principal
) -> bool:
    """Say whether this is a second person who has what was given, as far as anybody ever had it."""
    if who.person is None or who.person in {row.account_id, row.giver}:
        return False
    if any(hand.person == who.person for hand in hands):
        return False
    return _areas_of_row(row) & held <= list_areas_of(who)


def _areas_of_row(row: ClearanceRow | None) -> frozenset[str]:
    return frozenset() if row is None else list_areas(row.channels, confidential=row.confidential)


def _describe(account: AccountRow, row: ClearanceRow, hands: Iterable[HandRow]) -> Waiting:
    return Waiting(
        account_id=account.account_id,
        sign_in_name=account.sign_in_name,
        display_name=account.display_name,
        roles=frozenset(Role(role) for role in account.roles.split()),
        channels=frozenset(Channel(name) for name in row.channels.split()),
        confidential=row.confidential,
        hands=tuple(hand.actor for hand in hands) or (row.given_by or SYSTEM.actor,),
        asked_at=row.asked_at or account.created_at,
        row_version=row.row_version,
    )


def _nothing_waits() -> NotFoundError:
    return NotFoundError("Nobody of this identifier waits for your word: list those who do.")
