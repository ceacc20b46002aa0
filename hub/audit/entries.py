"""The entries of the hub's audit log: see :mod:`console.audit.entries`."""

from typing import Final

from console.audit.entries import FIRST_HASH, AuditEntry, AuditEntryError, Detail

DOMAIN: Final = "trm-hub audit entry 1"
"""What the hashes of this log begin with."""

__all__ = ["DOMAIN", "FIRST_HASH", "AuditEntry", "AuditEntryError", "Detail"]
