"""A set-up by a link, as the pages do it, without the pages."""

from dataclasses import replace
from datetime import datetime

from console.accounts.models import AccountId, Credentials, Session, Stage, TokenHash
from console.accounts.ports import SessionStore, SettingUp

SECRET = "JBSWY3DPEHPK3PXP"


def open_session(
    sessions: SessionStore,
    account_id: str,
    *,
    at: datetime,
    stage: Stage = Stage.ENROLMENT,
    name: str = "set-up",
) -> Session:
    """Keep a session of somebody; its token's hash is made of ``name`` and whose it is."""
    session = Session(
        token_hash=TokenHash(f"{name} {account_id}"),
        account_id=AccountId(account_id),
        stage=stage,
        started_at=at,
        seen_at=at,
        client="127.0.0.1",
        browser="a browser",
    )
    sessions.add_session(session)
    return session


def set_up_account(
    setting_up: SettingUp,
    sessions: SessionStore,
    account_id: str,
    *,
    at: datetime,
    totp_last_step: int = 0,
    password_hash: str = "a hash",
) -> None:
    """Let somebody set up password and second factor; nobody stays signed in."""
    began = open_session(sessions, account_id, at=at)
    credentials = Credentials(
        account_id=AccountId(account_id),
        password_hash=password_hash,
        totp_secret=SECRET,
        totp_last_step=totp_last_step,
    )
    ended = replace(began, token_hash=TokenHash(f"set up {account_id}"))
    assert setting_up.set_up(credentials, old=began.token_hash, session=ended)
    sessions.delete_session(ended.token_hash)
