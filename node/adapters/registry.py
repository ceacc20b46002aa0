"""The node's view of the registry, and publishing its own part of it."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final

import httpx
import structlog

from contact_registry.bounded_exchange import AnswerTooLongError, exchange
from contact_registry.directory import Directory
from contact_registry.errors import RegistryRefusedError, RegistryUnavailableError
from contact_registry.models import (
    BrokerIdentity,
    EncryptionKeyEntry,
    KeysDocument,
    SigningKeyEntry,
)
from contact_registry.trust.client import RegistryClient
from contact_registry.trust.layout import node_role
from contact_registry.trust.signers import RegistrySigner
from contact_registry.trust.submitting import Submission, build_keys_submission
from node.adapters.keystore import FileKeyStore
from node.service.registry_archive import RegistryArchive

#: How long our signature under our keys holds before it has to be given anew.
_KEYS_SIGNED_FOR: Final = timedelta(days=90)
_TRIES: Final = 3
#: In bytes: a problem with its reason takes some hundred.
_LONGEST_ANSWER: Final = 20_000
_LONGEST_REASON: Final = 500
#: Past versions that one refresh asks for at most: it must end.
_PINS_AT_ONCE: Final = 100

log = structlog.get_logger(__name__)


class KeysNotPublishedError(Exception):
    """The registry host did not take our keys. The message says why and what to do."""


class NodeNotListedError(KeysNotPublishedError):
    """The registry does not know this Participant's node (yet)."""


class RegistryDirectory:
    """Holds the newest verified directory. Implements ``node.domain.ports.DirectorySource``."""

    def __init__(self, client: RegistryClient, *, archive: RegistryArchive) -> None:
        self._client = client
        self._archive = archive
        self._refused: set[tuple[int, str]] = set()
        self._directory: Directory | None = _load_cached(client)

    def current(self) -> Directory:
        """Return the newest verified view, of whatever age; the age is for others to judge."""
        if self._directory is None:
            raise RegistryUnavailableError(
                "This node has never seen the registry: check that the hub's address is right and "
                "that it can be reached."
            )
        return self._directory

    @property
    def loaded(self) -> Directory | None:
        """The view, or ``None`` if there never was one."""
        return self._directory

    def refresh(self) -> int:
        """Download and verify; returns the version. Blocking. Raises the registry's own errors.

        What verified is kept for evidence before anybody acts on it; then what messages of others
        name, and this node never saw, is asked for.
        """
        directory = self._client.refresh()
        if not self._archive.has(directory.sha256):
            with self._client.open_kept() as kept:
                self._archive.keep_newest(kept)
        self._directory = directory
        self.complete_archive()
        return directory.version

    def complete_archive(self) -> None:
        """Fetch the versions that messages and receipts name and that are not kept yet.

        A version that the host does not have under the hash named is not asked for again: its
        sender was shown another registry, or made it up. The same hash under another version is:
        otherwise whoever names it wrongly would keep the right one from being fetched.
        """
        missing = (
            it
            for it in self._archive.list_missing()
            if (it.version, it.sha256) not in self._refused
        )
        for pin in islice(missing, _PINS_AT_ONCE):
            try:
                objects = self._client.download_past(
                    pin.version, pin.sha256, find=self._archive.find_object
                )
            except RegistryUnavailableError:
                return
            except RegistryRefusedError:
                self._refused.add((pin.version, pin.sha256))
                log.warning("registry_pin_refused", version=pin.version, sha256=pin.sha256)
            else:
                self._archive.keep_past(pin, objects)


def _load_cached(client: RegistryClient) -> Directory | None:
    """Return the view of before the restart; None if there is none that still verifies.

    A node whose cache was damaged starts like a new one: it reads the registry again.
    """
    try:
        return client.load_cached()
    except RegistryRefusedError:
        log.exception("registry_cache_refused")
        return None


@dataclass(frozen=True, slots=True)
class TakenFiles:
    """What this node says of the files that it takes; None: nothing."""

    largest: int | None = None
    media_types: tuple[str, ...] | None = None

    @property
    def members(self) -> dict[str, Any]:
        """The members of the key document; those of which nothing is said are left out."""
        said = {"max_attachment_bytes": self.largest, "attachment_types": self.media_types}
        return {name: value for name, value in said.items() if value is not None}


def describe_keys(
    store: FileKeyStore, *, at: datetime, takes: TakenFiles | None = None
) -> KeysDocument:
    """Return what peers and hub need to know of this node."""
    return KeysDocument(
        **(takes.members if takes else {}),
        participant=store.participant,
        issued_at=at,
        signing_keys=(
            SigningKeyEntry.of(
                store.signing_key.verify_key, valid_from=store.signing_since, valid_to=None
            ),
        ),
        encryption_keys=tuple(
            EncryptionKeyEntry.of(
                epoch.key.recipient_key.public,
                valid_from=epoch.valid_from,
                valid_to=epoch.valid_to,
            )
            for epoch in store.listed_epochs
        ),
        broker=BrokerIdentity.of(
            store.participant, store.account_key, (store.account_signing_key.public,)
        ),
    )


def sign_keys(store: FileKeyStore, *, version: int, at: datetime) -> Submission:
    """Return this node's keys, signed with its registry key, as this version of its role."""
    return build_keys_submission(
        describe_keys(store, at=at),
        previous_version=version - 1,
        signer=RegistrySigner(store.registry_key),
        expires=at + _KEYS_SIGNED_FOR,
    )


@dataclass(frozen=True, slots=True)
class KeysPublisher:
    """Brings this node's keys into the registry, signed with its registry key."""

    hub_url: str
    http: httpx.Client
    #: What is said of files.
    takes: TakenFiles = field(default_factory=TakenFiles)

    def publish(self, store: FileKeyStore, *, at: datetime) -> int:
        """Publish and return the registry version that has them; raises ``KeysNotPublishedError``.

        Somebody else may publish between our question for the next number and our answer, so a
        conflict is tried again.
        """
        role = node_role(store.participant)
        document = describe_keys(store, at=at, takes=self.takes)
        signer = RegistrySigner(store.registry_key)
        for tries_left in reversed(range(_TRIES)):
            previous = self._ask(f"registry/roles/{role}")
            submission = build_keys_submission(
                document,
                previous_version=previous,
                signer=signer,
                expires=at + _KEYS_SIGNED_FOR,
            )
            answer = self._exchange("POST", "registry/submissions", submission.to_json())
            if answer.is_success:
                return _read_version(answer)
            if answer.status_code != httpx.codes.CONFLICT or not tries_left:
                raise KeysNotPublishedError(
                    f"The registry host refused this node's keys ({answer.status_code}): "
                    f"{_detail(answer)}"
                )
        raise AssertionError("unreachable: the last try returns or raises")

    def _ask(self, path: str) -> int:
        """Return the version that is published of a role."""
        answer = self._exchange("GET", path)
        if answer.status_code == httpx.codes.NOT_FOUND:
            raise NodeNotListedError(
                "The registry does not know this Participant's node: write its public key with "
                "'trm-node registry-key', and have whoever holds the directory key publish the "
                "contacts with 'trm-registry publish-contacts ... --node-key KEY-FILE'."
            )
        if not answer.is_success:
            raise KeysNotPublishedError(f"The registry host answered {answer.status_code}.")
        return _read_version(answer)

    def _exchange(
        self, method: str, path: str, body: dict[str, object] | None = None
    ) -> httpx.Response:
        """Ask or send, and read no more of the answer than any has."""
        url = f"{self.hub_url.rstrip('/')}/{path}"
        try:
            return exchange(self.http, method, url, json=body, longest=_LONGEST_ANSWER)
        except AnswerTooLongError as error:
            raise KeysNotPublishedError(_not_a_registry_host(self.hub_url)) from error
        except httpx.HTTPError as error:
            raise KeysNotPublishedError(_unreachable(self.hub_url)) from error


def _read_version(answer: httpx.Response) -> int:
    try:
        version = answer.json()["version"]
    except (ValueError, LookupError, TypeError):
        version = None
    if not isinstance(version, int):
        raise KeysNotPublishedError(_not_a_registry_host(str(answer.request.url)))
    return version


def _not_a_registry_host(address: str) -> str:
    return f"What answers at {address} is no registry host: check the hub's address."


def _unreachable(hub_url: str) -> str:
    return f"The registry host at {hub_url} cannot be reached: check the address and the network."


def _detail(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["detail"])[:_LONGEST_REASON]
    except (ValueError, LookupError, TypeError):
        return "no reason given"
