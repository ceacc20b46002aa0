"""Handing a complete signing file to the registry host."""

import json
from typing import Final

import httpx

from contact_registry.errors import RegistryError, RegistryUnavailableError

CEREMONIES_URL: Final = "registry/ceremonies"
_TIMEOUT: Final = httpx.Timeout(60.0)
_MOST_ANSWER: Final = 20_000


def send_signing_file(hub: str, data: bytes, *, http: httpx.Client) -> tuple[int, str]:
    """Publish a signing file; return version and SHA-256 of the registry that holds it.

    It may be sent again after a failure: what is published already is passed over. Raises
    :class:`~contact_registry.errors.RegistryError` with the host's reason.
    """
    base = hub if hub.endswith("/") else f"{hub}/"
    try:
        answer = http.post(
            base + CEREMONIES_URL,
            content=data,
            headers={"Content-Type": "application/json"},
            timeout=_TIMEOUT,
            follow_redirects=False,
        )
        said = json.loads(answer.content[:_MOST_ANSWER])
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise RegistryUnavailableError(
            f"{hub} gave no answer that can be read ({type(error).__name__}): it is not known "
            "whether the change is published. Send the same file again; that does no harm."
        ) from error
    if answer.status_code not in {httpx.codes.OK, httpx.codes.CREATED}:
        reason = said.get("detail") if isinstance(said, dict) else None
        shown = "".join(c for c in str(reason) if c.isprintable())[:1_000]
        raise RegistryError(f"The registry host did not publish it: {shown}")
    try:
        return int(said["version"]), str(said["sha256"])[:64]
    except (KeyError, TypeError, ValueError) as error:
        raise RegistryUnavailableError(
            f"{hub} answered as no registry host does: check the address."
        ) from error
