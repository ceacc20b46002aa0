"""What the operators ask to have corrected, fetched from the hub when somebody looks."""

from typing import Final

import httpx
import structlog

from contact_registry.bounded_exchange import exchange
from contact_registry.changes.correction_wire import MAX_CORRECTIONS_BYTES, parse_corrections
from contact_registry.changes.corrections import Correction
from contact_registry.errors import DocumentError, RegistryUnavailableError
from protocol.identifiers import ParticipantCode

_log = structlog.get_logger(__name__)

_PATIENCE_SECONDS: Final = 5.0
_PATH: Final = "registry/corrections/"


class CorrectionHost:
    """Asks the hub. Implements ``directory_pages.corrections.CorrectionSource``."""

    def __init__(
        self,
        base_url: str,
        http: httpx.Client,
        *,
        participant: ParticipantCode,
        patience: float = _PATIENCE_SECONDS,
    ) -> None:
        self._url = f"{base_url.rstrip('/')}/{_PATH}{participant}"
        self._http = http
        self._participant = participant
        self._patience = patience

    def list_open(self) -> tuple[Correction, ...]:
        """Return what is asked of this Participant.

        Raises ``RegistryUnavailableError`` if the hub cannot be asked, or answers what cannot be
        read.
        """
        try:
            data = self._download()
            return parse_corrections(data, participant=self._participant)
        except (httpx.HTTPError, DocumentError) as error:
            _log.warning("corrections_not_fetched", problem=type(error).__name__)
            raise RegistryUnavailableError(
                "The hub cannot be asked for corrections now: try again later."
            ) from error

    def _download(self) -> bytes:
        """Read the answer, within its size and a time that a person waits."""
        answer = exchange(
            self._http,
            "GET",
            self._url,
            longest=MAX_CORRECTIONS_BYTES,
            seconds=self._patience,
        )
        answer.raise_for_status()
        return answer.content
