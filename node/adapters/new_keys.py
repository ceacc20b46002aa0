"""Another set of keys for a node whose key store was in wrong hands (SPEC 12.2, its last rule)."""

from collections.abc import Sequence
from dataclasses import replace

from node.adapters.keystore import FileKeyStore
from protocol.epochs import Validity


def make_anew(store: FileKeyStore, *, validities: Sequence[Validity]) -> FileKeyStore:
    """Return a key store with nothing of what a thief can use: all keys, the broker account too.

    ``validities`` are those of a new node. Two things stay: the private halves of the opening keys,
    which open what was sealed for them and are erased when they are due, and the node key, without
    which nothing in the store can be read. The given store is as it was.
    """
    fresh = FileKeyStore.generate(store.participant, validities=validities)
    withdrawn = [replace(epoch, withdrawn=True) for epoch in store.epochs]
    return replace(
        store,
        signing_key=fresh.signing_key,
        registry_key=fresh.registry_key,
        account_key=fresh.account_key,
        account_signing_key=fresh.account_signing_key,
        user_key=fresh.user_key,
        epochs=tuple(sorted([*withdrawn, *fresh.epochs], key=lambda epoch: epoch.valid_from)),
        signing_since=fresh.signing_since,
        _listed=None,
    )
