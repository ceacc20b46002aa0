"""Sending reminders: each once, at the mailboxes that the registry lists."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import structlog
from sqlmodel import col, select

from contact_registry.reminders import Reminder, ReminderKind, list_reminders
from hub.audit.actions import Action
from hub.context import HubContext
from hub.drills.desk import PROGRAM, DrillDesk
from hub.drills.mailing import (
    MailboxRefusedError,
    MailboxWaitsError,
    Mailer,
    MailUnavailableError,
)
from hub.store.drill_tables import ReminderRow
from protocol.identifiers import AuthorityId, ParticipantCode

_log = structlog.get_logger(__name__)

_KEYS_AT_ONCE: Final = 500
_SHOWN: Final = 20
#: Desks that are written to in one round: it must end, also where the server takes its time.
_DESKS_IN_A_ROUND: Final = 200
#: A desk that was written to, or could not be, is left alone so long, whatever fails then: a round
#: that fails is begun again within seconds, and nobody is to get a mail each time.
_TRY_AGAIN_AFTER: Final = timedelta(minutes=50)


class ReminderOutcome(StrEnum):
    """What became of a reminder."""

    SENT = "sent"
    NO_MAILBOX = "no_mailbox"
    #: The mail server knows none of the mailboxes that the registry lists.
    REFUSED = "refused"


class RemindersWaitError(Exception):
    """Some reminders could not be sent; they are tried again in the next round."""


@dataclass(frozen=True, slots=True)
class SentReminder:
    """A reminder that was settled, and how."""

    kind: ReminderKind
    authority: AuthorityId
    outcome: ReminderOutcome
    sent_at: datetime


@dataclass(frozen=True, slots=True)
class Reminding:
    """Finds and sends what has to be said. Everything here blocks."""

    context: HubContext
    desk: DrillDesk
    _tried: dict[AuthorityId, datetime] = field(default_factory=dict, init=False, compare=False)

    def list_waiting(self) -> tuple[Reminder, ...]:
        """Return what was not said yet."""
        return list_reminders(
            self.context.registry.current(),
            self.desk.list_current(),
            now=self.context.clock(),
            already_sent=self._find_sent,
        )

    def list_sent(self, participant: ParticipantCode) -> list[SentReminder]:
        """Return the last twenty reminders to a Participant's desks, newest first."""
        statement = (
            select(ReminderRow)
            .where(ReminderRow.participant == participant)
            .order_by(col(ReminderRow.sent_at).desc(), col(ReminderRow.reminder_key))
            .limit(_SHOWN)
        )
        with self.context.database.reading() as session:
            return [
                SentReminder(
                    kind=ReminderKind(row.kind),
                    authority=AuthorityId(row.authority),
                    outcome=ReminderOutcome(row.outcome),
                    sent_at=row.sent_at,
                )
                for row in session.exec(statement).all()
            ]

    def send_waiting(self, mailer: Mailer) -> int:
        """Send what waits; returns how many reminders were settled.

        A desk gets one mail, however much waits for it. What was sent is written down after it was
        sent: a crash between the two sends it twice, and never not at all. A mailbox that takes
        nothing now is tried again in a later round. Raises :class:`RemindersWaitError` if the mail
        server cannot be used; nobody else is tried then.
        """
        settled = 0
        for reminders in self._choose_desks():
            desk, mailboxes = reminders[0].authority.id, reminders[0].mailboxes
            self._tried[desk] = self.context.clock()
            try:
                outcome = _send(mailer, mailboxes)
            except MailUnavailableError as error:
                del self._tried[desk]
                raise RemindersWaitError(f"Reminders wait. {error}") from error
            if outcome is None:
                _log.warning("reminder_waits", authority=desk)
                continue
            for reminder in reminders:
                self._keep(reminder, outcome)
            settled += len(reminders)
        return settled

    def _choose_desks(self) -> list[list[Reminder]]:
        """Return what waits for each desk that was not tried just now."""
        just_now = self.context.clock() - _TRY_AGAIN_AFTER
        for desk in [desk for desk, at in self._tried.items() if at <= just_now]:
            del self._tried[desk]
        by_desk: dict[AuthorityId, list[Reminder]] = {}
        for reminder in self.list_waiting():
            if reminder.authority.id not in self._tried:
                by_desk.setdefault(reminder.authority.id, []).append(reminder)
        return list(by_desk.values())[:_DESKS_IN_A_ROUND]

    def _find_sent(self, keys: Collection[str]) -> set[str]:
        wanted = sorted(keys)
        found: set[str] = set()
        with self.context.database.reading() as session:
            for start in range(0, len(wanted), _KEYS_AT_ONCE):
                part = wanted[start : start + _KEYS_AT_ONCE]
                statement = select(ReminderRow.reminder_key).where(
                    col(ReminderRow.reminder_key).in_(part)
                )
                found.update(session.exec(statement).all())
        return found

    def _keep(self, reminder: Reminder, outcome: ReminderOutcome) -> None:
        subject = reminder.drill_id or reminder.authority.id
        with self.context.audit.acting(
            PROGRAM,
            Action.REMINDER_SENT,
            subject=subject,
            kind=reminder.kind.value,
            outcome=outcome.value,
        ) as act:
            act.session.add(
                ReminderRow(
                    reminder_key=reminder.key,
                    kind=reminder.kind.value,
                    participant=reminder.participant,
                    authority=reminder.authority.id,
                    outcome=outcome.value,
                    sent_at=self.context.clock(),
                )
            )


def _send(mailer: Mailer, mailboxes: Collection[str]) -> ReminderOutcome | None:
    """Write to every mailbox of a desk; None if all that could take it take nothing now.

    One mailbox that took it is enough: the others are not tried again, or it would get a mail each
    time. Raises ``MailUnavailableError`` if nothing was sent because the server cannot be used.
    """
    taken = waits = 0
    for mailbox in mailboxes:
        try:
            mailer.send(mailbox)
        except MailboxRefusedError:
            _log.warning("reminder_mailbox_refused")
        except MailboxWaitsError:
            waits += 1
        except MailUnavailableError:
            if not taken:
                raise
            break
        else:
            taken += 1
    if taken:
        return ReminderOutcome.SENT
    if waits:
        return None
    return ReminderOutcome.REFUSED if mailboxes else ReminderOutcome.NO_MAILBOX
