"""Where people are signed in: their own devices, and those of others for administrators."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from console.accounts.models import AccountId, Session, Stage, TokenHash
from console.accounts.sessions import DISCARD_AFTER
from node.domain.access import Permission, Principal
from node.service.accounts import open_accounts, open_sessions
from node.service.context import NodeContext, NotFoundError
from node.service.permitting import require


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A browser in which somebody is signed in. ``device_id`` opens nothing."""

    device_id: str
    stage: Stage
    started_at: datetime
    seen_at: datetime
    client: str
    browser: str


def list_devices(context: NodeContext, account_id: str, *, who: Principal) -> list[Device]:
    """List where somebody is signed in, newest first: oneself, or anybody for administrators."""
    _verify(context, account_id, who=who)
    return [
        Device(
            device_id=session.token_hash,
            stage=session.stage,
            started_at=session.started_at,
            seen_at=session.seen_at,
            client=session.client,
            browser=session.browser,
        )
        for session in _list_open(context, account_id)
    ]


def handle_end_device(
    context: NodeContext, account_id: str, device_id: str, *, who: Principal
) -> None:
    """Sign somebody out in one browser; raises ``NotFoundError`` if they are not there."""
    _verify(context, account_id, who=who)
    if device_id not in {session.token_hash for session in _list_open(context, account_id)}:
        raise NotFoundError("There is no such device of theirs: list them again.")
    open_sessions(context, who).delete_session(TokenHash(device_id))


def handle_end_devices(context: NodeContext, account_id: str, *, who: Principal) -> None:
    """Sign somebody out everywhere, at once."""
    _verify(context, account_id, who=who)
    open_sessions(context, who).delete_sessions(AccountId(account_id))


def _list_open(context: NodeContext, account_id: str) -> Sequence[Session]:
    oldest = context.clock() - DISCARD_AFTER
    sessions = open_sessions(context).list_sessions(AccountId(account_id))
    return [session for session in sessions if session.started_at > oldest]


def _verify(context: NodeContext, account_id: str, *, who: Principal) -> None:
    if account_id != who.person:
        require(who, Permission.ADMINISTER_PEOPLE)
    if open_accounts(context).load_account(AccountId(account_id)) is None:
        raise NotFoundError("There is no such account: list the people.")
