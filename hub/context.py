"""The parts of the hub that its services and pages stand on, composed at bootstrap."""

from dataclasses import dataclass, field

from sqlmodel import Session, col, delete

from console.face import Clock, RandomBytes
from console.refusals import RefusalError
from console.storage.accounts import AccountStorage, SqlAccounts
from console.storage.box import Box
from console.storage.database import Database
from console.storage.sessions import SqlFailures, SqlSessions
from console.storage.setting_up import SqlSettingUp
from console.storage.witness import Deed, Done, Witness, tell_nobody
from contact_registry.drills.schedule import RULES, DrillRules
from contact_registry.trust.repository import OnlineSigners, RegistryRepository
from hub.audit.actions import Action
from hub.audit.log import AuditLog
from hub.delivery import DeliverySource
from hub.network.looking import NetworkSource, NobodyLooks
from hub.registry_reading import RegistryReading
from hub.registry_view import RegistryView
from hub.store.account_tables import ACCOUNT_TABLES
from hub.store.kept_form_tables import KeptFormRow


class HubError(RefusalError):
    """Something at the hub cannot be done as asked; the message says what to do next.

    - :class:`NotFoundError`: what was asked about does not exist
    - ``hub.operators.service.AccountError``: an account cannot be made or changed so
    """


class NotFoundError(HubError):
    """There is no such thing here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HubRecords:
    """The hub's own records: operators and the audit log. All that its command line needs.

    ``audit`` writes the log: do each act with ``audit.acting(...)``, or call ``audit.record`` in
    the transaction that you have. Everything here may block: use it from worker threads.
    """

    database: Database
    box: Box
    clock: Clock
    random: RandomBytes
    audit: AuditLog

    def open_accounts(self, actor: str = "", *, check: Witness = tell_nobody) -> SqlAccounts:
        """Open the store of accounts; ``actor`` does what is done there, or each account itself.

        ``check`` looks at each deed when it stands in the log, while nobody else can act: what it
        raises undoes the deed.
        """
        return SqlAccounts(self._storage(actor, check))

    def open_sessions(self, actor: str = "") -> SqlSessions:
        """Open the store of sessions; ``actor`` as for :meth:`open_accounts`."""
        return SqlSessions(self._storage(actor))

    def open_setting_up(self) -> SqlSettingUp:
        """Open what lets a set-up count."""
        return SqlSettingUp(storage=self._storage(""))

    def open_failures(self) -> SqlFailures:
        """Open the store of failed sign-ins."""
        return SqlFailures(self.database, ACCOUNT_TABLES.failure)

    def _storage(self, actor: str, check: Witness = tell_nobody) -> AccountStorage:
        def witness(session: Session, done: Done) -> None:
            self.audit.record(
                session,
                actor or done.account_id,
                Action(done.deed.value),
                subject=done.account_id,
                detail=done.detail,
            )
            if done.deed is Deed.CREDENTIALS_SET:  # what an old session left to be sent
                forms = col(KeptFormRow.account_id) == done.account_id
                session.execute(delete(KeptFormRow).where(forms))
            check(session, done)

        return AccountStorage(
            database=self.database, tables=ACCOUNT_TABLES, box=self.box, witness=witness
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HubContext(HubRecords):
    """The hub's parts, composed at bootstrap.

    ``registry`` gives the verified directory as it is published, ``delivery`` looks at the running
    hub now, ``network`` shows what its last look at the network found.
    """

    repository: RegistryRepository
    online: OnlineSigners
    registry: RegistryView
    delivery: DeliverySource
    #: Where people open the console.
    public_url: str
    drill_rules: DrillRules = RULES
    reading: RegistryReading = field(default_factory=RegistryReading)
    network: NetworkSource = field(default_factory=NobodyLooks)
