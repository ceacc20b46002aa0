"""This node's own keys: rotated by the calendar, and brought into the registry.

The key store's file is the one place where private halves live, so a new key is in it before
anybody is told of it, and an erased one is out of it before it leaves the memory. Processes that
share the file take turns, and see what another one made.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from contact_registry.models import KeysDocument
from contact_registry.trust.storage import exclusive
from node.adapters.keystore import (
    Epoch,
    FileKeyStore,
    KeyStoreError,
    Unlock,
    load_keystore,
    save_keystore,
)
from node.adapters.registry import KeysPublisher, NodeNotListedError, describe_keys
from protocol.epochs import EpochPolicy, KeyPlan, plan_keys

_Stamp = tuple[int, int, int]
"""Tells one version of the file from another: inode, time of change, size."""


@dataclass(slots=True)
class OwnKeys:
    """Implements the port ``node.workers.keys_renewal.OwnKeys``."""

    store: FileKeyStore
    path: Path
    unlock: Unlock
    publisher: KeysPublisher
    policy: EpochPolicy = field(default_factory=EpochPolicy)
    _seen: _Stamp | None = None

    def rotate(self, *, now: datetime, confirmed: datetime | None) -> KeyPlan:
        """Make what is missing and erase what is past, on disk and then in memory. Blocking.

        ``confirmed`` as in :func:`protocol.epochs.plan_keys`. Raises ``KeyStoreError`` and
        ``OSError``; then nothing has changed in memory, and no key is published that is not saved.
        """
        with exclusive(self.path.resolve().parent):
            self._take_in_what_others_wrote()
            store = self.store
            plan = self._plan(now=now, confirmed=confirmed)
            made = [Epoch.make(validity) for validity in plan.make]
            kept = [epoch for epoch in store.epochs if epoch.key.key_id not in plan.erase]
            epochs = tuple(sorted([*kept, *made], key=lambda epoch: epoch.valid_from))
            if made or plan.erase:
                save_keystore(
                    replace(store, epochs=epochs), self.path, unlock=self.unlock, overwrite=True
                )
                self._seen = self._look()
            store.use_epochs(epochs, listed={*plan.publish, *(each.key.key_id for each in made)})
        return plan

    def _plan(self, *, now: datetime, confirmed: datetime | None) -> KeyPlan:
        """Plan as if what was withdrawn were not held; it is erased when its time comes."""
        current, withdrawn = (
            plan_keys(
                now=now,
                confirmed=confirmed,
                held=[each.held for each in self.store.epochs if each.withdrawn is is_withdrawn],
                policy=self.policy,
            )
            for is_withdrawn in (False, True)
        )
        return replace(current, erase=(*current.erase, *withdrawn.erase))

    def describe(self, *, at: datetime) -> KeysDocument:
        """Return what the registry should say."""
        return describe_keys(self.store, at=at, takes=self.publisher.takes)

    def publish(self, *, at: datetime) -> int | None:
        """Publish; the version, or ``None`` if the registry does not list our node. Blocking.

        Raises ``KeysNotPublishedError`` if the host is away or refuses.
        """
        try:
            return self.publisher.publish(self.store, at=at)
        except NodeNotListedError:
            return None

    def _look(self) -> _Stamp:
        found = self.path.stat()
        return found.st_ino, found.st_mtime_ns, found.st_size

    def _take_in_what_others_wrote(self) -> None:
        stamp = self._look()
        if stamp == self._seen:
            return
        found = load_keystore(self.path, unlock=self.unlock)
        if found.signing_key != self.store.signing_key:
            raise KeyStoreError(
                f"{self.path} was replaced by another key store while this node runs: restart it."
            )
        self.store.use_epochs(found.epochs, listed={epoch.key.key_id for epoch in found.epochs})
        self._seen = stamp
