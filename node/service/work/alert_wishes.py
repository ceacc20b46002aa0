"""Whether somebody wants to hear, or be shown by the browser, that something new came."""

from dataclasses import dataclass

from sqlmodel import Session

from console.i18n import msg
from node.domain.access import Principal
from node.service.context import NodeContext
from node.service.permitting import ForbiddenError
from node.store.work_tables import AlertWishRow


@dataclass(frozen=True, slots=True)
class AlertWish:
    """What somebody asked for; unasked, nothing."""

    has_sound: bool = False
    has_notice: bool = False


def read_alert_wish(context: NodeContext, account_id: str) -> AlertWish:
    """Return what somebody asked for."""
    with context.database.reading() as session:
        row = session.get(AlertWishRow, account_id)
    return AlertWish() if row is None else AlertWish(row.has_sound, row.has_notice)


def handle_wish_alerts(context: NodeContext, wish: AlertWish, *, who: Principal) -> None:
    """Keep what somebody asks for, for themselves; raises ``ForbiddenError`` for a program."""
    person = who.person
    if person is None:
        raise ForbiddenError(msg("Sounds and notices are for people: sign in as one."))

    def keep(session: Session) -> None:
        row = session.get(AlertWishRow, person, with_for_update=True)
        if row is None:
            row = AlertWishRow(account_id=person, has_sound=False, has_notice=False)
        row.has_sound, row.has_notice = wish.has_sound, wish.has_notice
        session.add(row)

    context.transact(keep)
