"""Tables of further ways in."""

from typing import ClassVar, Final

from console.storage.factor_tables import (
    CeremonyColumns,
    FactorTables,
    NationalLoginColumns,
    PasskeyColumns,
    RecoveryCodeColumns,
)


class PasskeyRow(PasskeyColumns, table=True):
    """A passkey of a person of this node."""

    __tablename__: ClassVar[str] = "passkey"


class RecoveryCodeRow(RecoveryCodeColumns, table=True):
    """A recovery code of a person of this node."""

    __tablename__: ClassVar[str] = "recovery_code"


class NationalLoginRow(NationalLoginColumns, table=True):
    """Who a person of this node is at the national login."""

    __tablename__: ClassVar[str] = "national_login"


class CeremonyRow(CeremonyColumns, table=True):
    """A way in that was begun."""

    __tablename__: ClassVar[str] = "ceremony"


FACTOR_TABLES: Final = FactorTables(
    passkey=PasskeyRow,
    recovery_code=RecoveryCodeRow,
    national_login=NationalLoginRow,
    ceremony=CeremonyRow,
)
