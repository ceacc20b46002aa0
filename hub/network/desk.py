"""What operators do about the network: alerts that they look after, and comparing now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlmodel import Session

from console.accounts.models import SignedIn
from console.i18n import msg
from hub.audit.actions import Action
from hub.context import HubContext, HubError, NotFoundError
from hub.network.alerts import Alert, find_alerts
from hub.network.records import NetworkRecords, Taken
from hub.store.network_tables import TakenAlertRow


class AlertTakenError(HubError):
    """Somebody else looks after it, or did so meanwhile; nothing was changed."""


@dataclass(frozen=True, slots=True)
class FollowedAlert:
    """An alert, and who looks after it."""

    alert: Alert
    taken: Taken | None


@dataclass(frozen=True, slots=True)
class NetworkDesk:
    """The desk of hub administrators. Everything here may block."""

    context: HubContext

    @property
    def records(self) -> NetworkRecords:
        """The hub's memory of the network."""
        return NetworkRecords(self.context.database)

    def list_alerts(self) -> Sequence[FollowedAlert]:
        """List what is wrong now, the most urgent first."""
        look = self.context.network.last
        if look is None:
            return ()
        records = self.records
        found = find_alerts(look, records.load_presences(), now=self.context.clock())
        taken: Mapping[str, Taken] = records.load_taken() if found else {}
        return [FollowedAlert(alert, taken.get(alert.key)) for alert in found]

    def count_untaken(self) -> int:
        """Count the alerts that nobody looks after."""
        return sum(one.taken is None for one in self.list_alerts())

    def take(self, key: str, who: SignedIn) -> None:
        """Look after an alert from now on; repeating it changes nothing.

        Raises :class:`~hub.context.NotFoundError` for one that is over, :class:`AlertTakenError`.
        """
        alert = self._find(key)
        with self.context.database.transaction() as session:
            if self._holder_allows(session, key, who):
                return
            now = self.context.clock()
            session.add(
                TakenAlertRow(alert_key=key, taken_by=who.account.id, taken_at=now, true_at=now)
            )
            self._record(session, Action.ALERT_TAKEN, alert, who)

    def give_back(self, key: str, who: SignedIn) -> None:
        """Leave an alert of one's own to others; repeating it changes nothing. Errors as above."""
        alert = self._find(key)
        with self.context.database.transaction() as session:
            if not self._holder_allows(session, key, who):
                return
            session.delete(session.get_one(TakenAlertRow, key))
            self._record(session, Action.ALERT_GIVEN_BACK, alert, who)

    def record_comparison(self, who: SignedIn) -> None:
        """Keep in the audit log that somebody let broker and registry be compared."""
        with self.context.audit.acting(who.account.id, Action.ADMISSION_COMPARED):
            pass

    def _find(self, key: str) -> Alert:
        for one in self.list_alerts():
            if one.alert.key == key:
                return one.alert
        raise NotFoundError(msg("This alert is over: look at the list again."))

    @staticmethod
    def _holder_allows(session: Session, key: str, who: SignedIn) -> bool:
        """Whether it is this person's already; raises if it is another's."""
        row = session.get(TakenAlertRow, key)
        if row is not None and row.taken_by != who.account.id:
            raise AlertTakenError(
                msg("Somebody else looks after this alert: look at the list again.")
            )
        return row is not None

    def _record(self, session: Session, action: Action, alert: Alert, who: SignedIn) -> None:
        self.context.audit.record(
            session,
            who.account.id,
            action,
            subject=alert.key,
            detail={"alert": alert.kind.value, "about": alert.subject[:100]},
        )
