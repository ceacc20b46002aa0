"""The stores of accounts and sessions, with the audit log looking on."""

from collections.abc import Callable

from sqlmodel import Session, col, delete

from console.accounts.factors import FactorDeed
from console.accounts.models import AccountId
from console.storage.factors import SqlFactors
from console.storage.setting_up import SqlSettingUp
from console.storage.witness import Deed, Done, Witness
from node.domain.access import SYSTEM, Principal
from node.domain.audit import Act
from node.service.audit import lock_chain, record
from node.service.context import NodeContext
from node.service.second_word import note_deed
from node.service.tokens import take_back_tokens_of
from node.store.account_tables import ACCOUNT_TABLES
from node.store.accounts import KeyStoreBox, SqlAccounts, SqlSessions, open_storage
from node.store.factor_tables import FACTOR_TABLES
from node.store.kept_form_tables import KeptFormRow

Also = Callable[[Session, Done], None]
"""What is done with a deed, in its transaction; what it raises undoes the deed."""


def witness_for(
    context: NodeContext, who: Principal | None = None, also: Also | None = None
) -> Witness:
    """Return what notes each deed; without ``who`` it is the account's own."""

    def witness(session: Session, done: Done) -> None:
        actor = who or str(done.account_id)
        act, detail = Act(done.deed.value), dict(done.detail)
        record(context, session, actor, act, subject=str(done.account_id), detail=detail)
        note_deed(context, session, done, who=who)
        if done.deed is Deed.CREDENTIALS_SET:
            _end_what_was_left(context, session, str(done.account_id))
        if also is not None:
            also(session, done)

    return witness


def _end_what_was_left(context: NodeContext, session: Session, account_id: str) -> None:
    """End what somebody with an old way in may have left: tokens, and a form to be sent later."""
    take_back_tokens_of(context, session, account_id, who=SYSTEM)
    session.execute(delete(KeptFormRow).where(col(KeptFormRow.account_id) == account_id))


def open_accounts(
    context: NodeContext, who: Principal | None = None, *, also: Also | None = None
) -> SqlAccounts:
    """Return the store of accounts for what ``who`` does with them."""
    return SqlAccounts(context.database, context.keys, witness=witness_for(context, who, also))


def open_sessions(context: NodeContext, who: Principal | None = None) -> SqlSessions:
    """Return the store of sessions for what ``who`` does with them."""
    return SqlSessions(context.database, context.keys, witness=witness_for(context, who))


def open_factors(context: NodeContext) -> SqlFactors:
    """Return the store of further ways in."""

    def witness(session: Session, deed: FactorDeed, account_id: AccountId) -> None:
        record(context, session, str(account_id), Act(deed.value), subject=str(account_id))

    return SqlFactors(
        database=context.database,
        tables=FACTOR_TABLES,
        accounts=ACCOUNT_TABLES,
        box=KeyStoreBox(context.keys),
        witness=witness,
    )


def open_setting_up(context: NodeContext) -> SqlSettingUp:
    """Return what lets a set-up count."""
    return SqlSettingUp(
        storage=open_storage(context.database, context.keys, witness_for(context)),
        factors=open_factors(context),
    )


def lock_people(context: NodeContext, session: Session) -> None:
    """Let others who change people wait until this transaction is over."""
    lock_chain(context, session)
