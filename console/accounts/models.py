"""Accounts, sessions and sign-in links, as values.

A session's life is a table (:data:`STAGES`): each stage says how long it may last and where it may
go. Tokens are 256 random bits; what is stored is only their SHA-256, so that a stolen store opens
nothing.
"""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NewType

AccountId = NewType("AccountId", str)
TokenHash = NewType("TokenHash", str)
"""Lower-case hex SHA-256 of a token's bytes."""

TOKEN_BYTES: Final = 32
_TOKEN_CHARACTERS: Final = 43  # 32 bytes in base64url without padding


class Stage(StrEnum):
    """How far a session has come."""

    SECOND_FACTOR = "second_factor"
    ENROLMENT = "enrolment"
    ACTIVE = "active"
    LOCKED = "locked"


@dataclass(frozen=True, slots=True)
class StageRule:
    """How long a stage lasts from its start, and which stages may follow.

    ``None`` as the length means: as long as the settings of the console say.
    """

    lasts: timedelta | None
    next: frozenset[Stage]


STAGES: Final[Mapping[Stage, StageRule]] = {
    Stage.SECOND_FACTOR: StageRule(timedelta(minutes=5), frozenset({Stage.ACTIVE})),
    Stage.ENROLMENT: StageRule(timedelta(minutes=30), frozenset({Stage.ENROLMENT, Stage.ACTIVE})),
    Stage.ACTIVE: StageRule(None, frozenset({Stage.LOCKED})),
    Stage.LOCKED: StageRule(None, frozenset({Stage.ACTIVE})),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A person who may sign in. ``totp_last_step`` is the newest time step whose code was used."""

    id: AccountId
    sign_in_name: str
    display_name: str
    roles: frozenset[str]
    is_active: bool = True
    password_hash: str | None = None
    totp_secret: str | None = None
    totp_last_step: int = -1
    language: str = ""
    """The tag of the language that the person reads in; empty: not chosen yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """What a person has chosen so far while setting up: kept until a code proves the second factor.

    It lives in the session, so that the old password and code hold until the new ones do.
    """

    password_hash: str | None
    totp_secret: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What somebody has set up, proved by the second factor's code of ``totp_last_step``."""

    account_id: AccountId
    password_hash: str
    totp_secret: str
    totp_last_step: int


class SessionOverError(Exception):
    """The session that asks was ended meanwhile, so nothing was done: sign in again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One browser's way in.

    ``started_at`` is when the stage SECOND_FACTOR, ENROLMENT or ACTIVE was reached with all it asks
    for; ``seen_at`` is the person's last act. Stores keep ``enrolment`` encrypted at rest.
    """

    token_hash: TokenHash
    account_id: AccountId
    stage: Stage
    started_at: datetime
    seen_at: datetime
    client: str
    browser: str
    enrolment: Enrolment | None = None
    is_shared: bool = False
    """The computer is used by others too: the screen locks sooner."""
    confirmed_at: datetime | None = None
    """When the person last proved to be there: at sign-in, at unlocking, or when asked again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInLink:
    """A one-time way in for a first sign-in or a recovery."""

    token_hash: TokenHash
    account_id: AccountId
    expires_at: datetime
    used_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """Who makes this request, after all checks."""

    account: Account
    session: Session


@dataclass(frozen=True, slots=True)
class Failures:
    """How often a sign-in failed since the last success, and when it last did."""

    count: int = 0
    last_at: datetime | None = None


def format_token(token: bytes) -> str:
    """Write a token for a cookie, a link or a form: base64url without padding."""
    return base64.urlsafe_b64encode(token).rstrip(b"=").decode()


def parse_token(text: str) -> bytes | None:
    """Read a token written by :func:`format_token`, or None if these are not exactly such bytes."""
    if len(text) != _TOKEN_CHARACTERS or not text.isascii():
        return None
    try:
        token = base64.b64decode(f"{text}=".encode(), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    # One spelling for each token: base64 leaves spare bits in its last character.
    return token if len(token) == TOKEN_BYTES and format_token(token) == text else None


def hash_token(token: bytes) -> TokenHash:
    """Give what is stored of a token. It has 256 random bits, so a plain SHA-256 is enough."""
    return TokenHash(hashlib.sha256(token).hexdigest())
