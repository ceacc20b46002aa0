"""The columns of further ways in (passkeys, recovery codes, a national login), for each face.

These are mixins without a table, as in :mod:`console.storage.account_tables`.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import LargeBinary
from sqlmodel import Field, SQLModel

from console.storage.columns import Moment


class PasskeyColumns(SQLModel):
    """A passkey: its public key, and whose it is."""

    #: SHA-256 of the credential's identifier, in hex.
    passkey_id: str = Field(primary_key=True, max_length=64)
    account_id: str = Field(foreign_key="account.account_id", index=True, max_length=32)
    credential_id: bytes = Field(sa_type=LargeBinary)
    #: As COSE (RFC 9052) writes it.
    public_key: bytes = Field(sa_type=LargeBinary)
    #: How often it was used, if its authenticator counts.
    sign_count: int
    label: str = Field(max_length=100)
    created_at: datetime = Field(sa_type=Moment)
    used_at: datetime | None = Field(default=None, sa_type=Moment)


class RecoveryCodeColumns(SQLModel):
    """A recovery code, by its hash; used once."""

    code_hash: str = Field(primary_key=True, max_length=64)
    account_id: str = Field(foreign_key="account.account_id", index=True, max_length=32)
    created_at: datetime = Field(sa_type=Moment)
    used_at: datetime | None = Field(default=None, sa_type=Moment)


class NationalLoginColumns(SQLModel):
    """Who somebody is at the national login: an issuer, and its name for the person."""

    account_id: str = Field(primary_key=True, foreign_key="account.account_id", max_length=32)
    #: SHA-256 of issuer and subject, in hex: a stolen store does not say who somebody is there.
    identity_hash: str = Field(unique=True, max_length=64)
    linked_at: datetime = Field(sa_type=Moment)


class CeremonyColumns(SQLModel):
    """Something that was begun with a browser and is finished by it, once and in time."""

    ceremony_id: str = Field(primary_key=True, max_length=64)
    purpose: str = Field(max_length=20)
    #: What the answer is checked against, sealed for this ceremony.
    secret_sealed: bytes = Field(sa_type=LargeBinary)
    expires_at: datetime = Field(sa_type=Moment, index=True)


@dataclass(frozen=True, slots=True)
class FactorTables:
    """The tables that one face made of these columns."""

    passkey: type[PasskeyColumns]
    recovery_code: type[RecoveryCodeColumns]
    national_login: type[NationalLoginColumns]
    ceremony: type[CeremonyColumns]
