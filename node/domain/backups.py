"""What is known of backups: when the last one was made, and whether it was ever tried."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final


class BackupKind(StrEnum):
    """How a backup came about."""

    #: By ``trm-node backup``.
    MADE = "made"
    #: By other means; a person says that there is one.
    NOTED = "noted"


class BackupGrade(StrEnum):
    """How good the newest backup is."""

    NONE = "none"
    FRESH = "fresh"
    OLD = "old"
    #: Older than a message lives: what came since can be lost for good.
    TOO_OLD = "too_old"


#: One a day, and some hours for a late one.
FRESH_FOR: Final = timedelta(hours=30)
#: Peers send again what they sent in three weeks. What is older than that, nobody has any more.
TOO_OLD_AFTER: Final = timedelta(days=21)
#: A backup that nobody tried to restore is a hope.
TESTED_WITHIN: Final = timedelta(days=90)


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """One backup. ``size`` in bytes, where this program made it."""

    backup_id: str
    made_at: datetime
    kind: BackupKind
    place: str
    size: int | None
    noted_by: str
    tested_at: datetime | None
    test_passed: bool | None
    tested_by: str | None


def grade_backup(made_at: datetime | None, *, now: datetime) -> BackupGrade:
    """Say how good it is that the newest backup was made then."""
    if made_at is None:
        return BackupGrade.NONE
    age = now - made_at
    if age >= TOO_OLD_AFTER:
        return BackupGrade.TOO_OLD
    return BackupGrade.OLD if age >= FRESH_FOR else BackupGrade.FRESH
