"""Where people get notices by e-mail: kept encrypted, and shown when the mail server refuses it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlmodel import Session, col, select

from console.i18n import Language
from node.domain.access import Permission, Principal
from node.domain.audit import Act
from node.service.audit import record
from node.service.context import NodeContext, NotFoundError
from node.service.permitting import require
from node.service.principals import load_people
from node.service.work.roster import WorkRefusedError
from node.store.work_tables import MailRefusalRow, NoticeAddressRow

_ADDRESS: Final = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9][A-Za-z0-9-]*(\.[A-Za-z0-9][A-Za-z0-9-]*)+"
)
_LONGEST: Final = 254


def is_mail_address(text: str) -> bool:
    """Whether this is one address that mail can go to (what all servers take of RFC 5321)."""
    return len(text) <= _LONGEST and _ADDRESS.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class NoticeAddress:
    """Somebody's address, and since when the mail server refuses it."""

    account_id: str
    address: str
    language: str
    refused_at: datetime | None
    refused_code: str | None


def open_address(context: NodeContext, row: NoticeAddressRow) -> str:
    """Decrypt an address."""
    return context.keys.decrypt(
        row.address_sealed, wrapped_key=None, context=_context_of(row.account_id)
    ).decode()


def _context_of(account_id: str) -> str:
    return f"mail:{account_id}"


def _describe(
    context: NodeContext, row: NoticeAddressRow, refusal: MailRefusalRow | None
) -> NoticeAddress:
    return NoticeAddress(
        account_id=row.account_id,
        address=open_address(context, row),
        language=row.language,
        refused_at=refusal.at if refusal else None,
        refused_code=refusal.code if refusal else None,
    )


def _require_own(who: Principal, account_id: str) -> None:
    """Somebody's address is theirs to know and to change, and the administrators'."""
    if who.person is None or who.person != account_id:
        require(who, Permission.ADMINISTER_PEOPLE)


def handle_list_addresses(context: NodeContext, *, who: Principal) -> Sequence[NoticeAddress]:
    """List where everybody gets notices; for administrators."""
    require(who, Permission.ADMINISTER_PEOPLE)
    with context.database.reading() as session:
        pairs = session.exec(
            select(NoticeAddressRow, MailRefusalRow)
            .join(
                MailRefusalRow,
                col(MailRefusalRow.account_id) == col(NoticeAddressRow.account_id),
                isouter=True,
            )
            .order_by(NoticeAddressRow.account_id)
        ).all()
    return [_describe(context, row, refusal) for row, refusal in pairs]


def handle_read_address(context: NodeContext, account_id: str, *, who: Principal) -> NoticeAddress:
    """Return where somebody gets notices; raises ``NotFoundError``."""
    _require_own(who, account_id)
    with context.database.reading() as session:
        row = session.get(NoticeAddressRow, account_id)
        refusal = session.get(MailRefusalRow, account_id)
    if row is None:
        raise NotFoundError("There is no address for notices: set one.")
    return _describe(context, row, refusal)


def handle_set_address(
    context: NodeContext, account_id: str, address: str, *, language: str, who: Principal
) -> NoticeAddress:
    """Let somebody get notices at an address; one that was refused is tried again.

    Raises :class:`WorkRefusedError`, ``NotFoundError`` for somebody who may not sign in.
    """
    _require_own(who, account_id)
    if len(address) > _LONGEST or not _ADDRESS.fullmatch(address):
        raise WorkRefusedError("That is no e-mail address: write it as name@example.org.")
    if language not in set(Language):
        raise WorkRefusedError(f"Choose one of these languages: {', '.join(Language)}.")
    sealed = context.keys.encrypt(
        address.encode(), wrapped_key=None, context=_context_of(account_id)
    )

    def write(session: Session) -> NoticeAddressRow:
        if account_id not in load_people(session, [account_id]):
            raise NotFoundError("There is no such person here who may sign in.")
        row = session.get(NoticeAddressRow, account_id, with_for_update=True)
        if row is None:
            row = NoticeAddressRow(account_id=account_id, address_sealed=sealed, language=language)
        row.address_sealed, row.language = sealed, language
        session.add(row)
        _forget_refusal(session, account_id)
        record(context, session, who, Act.NOTICE_ADDRESS_SET, subject=account_id)
        return row

    return _describe(context, context.transact(write), None)


def handle_forget_address(context: NodeContext, account_id: str, *, who: Principal) -> None:
    """Send somebody no more notices by mail; nothing happens if they had none."""
    _require_own(who, account_id)

    def forget(session: Session) -> None:
        row = session.get(NoticeAddressRow, account_id)
        if row is not None:
            session.delete(row)
            record(context, session, who, Act.NOTICE_ADDRESS_REMOVED, subject=account_id)
        _forget_refusal(session, account_id)

    context.transact(forget)


def _forget_refusal(session: Session, account_id: str) -> None:
    refusal = session.get(MailRefusalRow, account_id)
    if refusal is not None:
        session.delete(refusal)
