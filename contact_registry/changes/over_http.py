"""A desk away from the registry host: what a Participant's editors work with at their node."""

import hashlib
from collections.abc import Callable
from typing import Final

import httpx
import structlog

from contact_registry.bounded_exchange import exchange
from contact_registry.changes.ports import Receipt
from contact_registry.changes.published_role import PublishedRole, read_kept_role
from contact_registry.directory import Directory
from contact_registry.errors import (
    RefusalCode,
    RegistryError,
    RegistryUnavailableError,
    SubmissionRefusedError,
)
from contact_registry.trust.client import RegistryClient
from contact_registry.trust.layout import LIMITS, METADATA_URL
from contact_registry.trust.submitting import Submission
from protocol.identifiers import ParticipantCode

_log = structlog.get_logger(__name__)

_SUBMISSIONS: Final = "registry/submissions"
_LONGEST_DETAIL: Final = 500


class KeptSource:
    """Reads what a node verified and keeps. Implements ``RegistrySource``.

    ``refresh`` looks for a newer version, for the whole node. The view is made anew from the kept
    files whenever these are others: so it never says more or less than the signed files at hand.
    """

    def __init__(self, client: RegistryClient, *, refresh: Callable[[], object]) -> None:
        self._client = client
        self._refresh = refresh
        self._directory: Directory | None = None

    def refresh(self) -> None:
        """Look for a newer version; what cannot be reached or does not verify leaves the last."""
        try:
            self._refresh()
        except RegistryError as error:
            _log.warning("registry_not_refreshed_for_a_change", problem=type(error).__name__)

    def directory(self) -> Directory:
        """Return the newest verified view."""
        with self._client.open_kept() as kept:
            snapshot = kept.find("snapshot")
        held = None if snapshot is None else hashlib.sha256(snapshot.content).hexdigest()
        directory = self._directory
        if directory is None or directory.sha256 != held:
            directory = self._client.load_cached()
            if directory is None:
                raise RegistryUnavailableError(
                    "This node has no registry at hand: check that the hub can be reached."
                )
            self._directory = directory
        return directory

    def role(self, code: ParticipantCode) -> PublishedRole:
        """Return what the kept files say of one Participant."""
        try:
            return self._read_role(code)
        except RegistryUnavailableError:
            return self._read_role(code)  # a newer version was just being taken over: its files

    def _read_role(self, code: ParticipantCode) -> PublishedRole:
        directory = self.directory()
        with self._client.open_kept() as kept:
            return read_kept_role(kept, directory, code)


class HttpPublisher:
    """Sends submissions to a registry host. Implements ``Publisher``."""

    def __init__(self, base_url: str, http: httpx.Client) -> None:
        self._base = base_url if base_url.endswith("/") else f"{base_url}/"
        self._http = http

    def send(self, submission: Submission) -> Receipt:
        """Send a submission; raises ``SubmissionRefusedError`` or ``RegistryUnavailableError``."""
        answer = self._exchange("POST", self._base + _SUBMISSIONS, json=submission.to_json())
        if answer.status_code == httpx.codes.CREATED:
            return Receipt(_read_version(answer))
        code = _read_code(answer)
        if code is None:
            # Busy, broken, or not a registry host at all: nobody said that the change is wrong.
            raise self._unreachable()
        raise SubmissionRefusedError(_read_detail(answer), code=code)

    def find(self, role: str, version: int) -> bytes | None:
        """Return the published metadata of a role in this version, or None."""
        answer = self._exchange("GET", f"{self._base}{METADATA_URL}{version}.{role}.json")
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        if answer.status_code != httpx.codes.OK:
            raise self._unreachable()
        return answer.content

    def _exchange(self, method: str, url: str, *, json: object = None) -> httpx.Response:
        try:
            return exchange(self._http, method, url, json=json, longest=LIMITS.delegation)
        except httpx.HTTPError as error:
            raise self._unreachable() from error

    def _unreachable(self) -> RegistryUnavailableError:
        return RegistryUnavailableError(
            "The registry host cannot be reached, or did not answer as one. The change is kept, "
            "and is sent again by itself."
        )


def _read_version(answer: httpx.Response) -> int | None:
    version = _read_body(answer).get("version")
    return version if isinstance(version, int) and version > 0 else None


def _read_code(answer: httpx.Response) -> RefusalCode | None:
    try:
        return RefusalCode(str(_read_body(answer).get("code")))
    except ValueError:
        return None


def _read_detail(answer: httpx.Response) -> str:
    detail = _read_body(answer).get("detail")
    text = detail if isinstance(detail, str) else "The registry host gave no reason."
    return " ".join(text.split())[:_LONGEST_DETAIL]


def _read_body(answer: httpx.Response) -> dict[str, object]:
    try:
        body = answer.json()
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}
