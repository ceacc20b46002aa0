"""The stores of sign-in on a node: the kit's, over the node's tables and its key store."""

from console.storage import accounts, sessions
from console.storage.accounts import AccountStorage
from console.storage.database import Database
from console.storage.witness import Witness, tell_nobody
from node.domain.ports import KeyStore
from node.store.account_tables import ACCOUNT_TABLES, FailureRow


class KeyStoreBox:
    """Seals secrets of sign-in under the node key; implements ``console.storage.box.Box``."""

    def __init__(self, keys: KeyStore) -> None:
        self._keys = keys

    def seal(self, secret: bytes, *, context: str) -> bytes:
        """Encrypt a secret for its place."""
        return self._keys.encrypt(secret, wrapped_key=None, context=context)

    def unseal(self, sealed: bytes, *, context: str) -> bytes:
        """Decrypt what was sealed for this place; raises ``StoredContentError``."""
        return self._keys.decrypt(sealed, wrapped_key=None, context=context)


def open_storage(database: Database, keys: KeyStore, witness: Witness) -> AccountStorage:
    """Return what the stores of sign-in stand on."""
    return AccountStorage(
        database=database, tables=ACCOUNT_TABLES, box=KeyStoreBox(keys), witness=witness
    )


class SqlAccounts(accounts.SqlAccounts):
    """Accounts of this node and their one-time links."""

    def __init__(
        self, database: Database, keys: KeyStore, *, witness: Witness = tell_nobody
    ) -> None:
        super().__init__(open_storage(database, keys, witness))


class SqlSessions(sessions.SqlSessions):
    """Sessions of this node's people."""

    def __init__(
        self, database: Database, keys: KeyStore, *, witness: Witness = tell_nobody
    ) -> None:
        super().__init__(open_storage(database, keys, witness))


class SqlFailures(sessions.SqlFailures):
    """Failed sign-ins at this node."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, FailureRow)
