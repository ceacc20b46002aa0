"""Handing a complete signing file to the registry host."""

import json
import re
from typing import Final

import httpx

from contact_registry.errors import RegistryError, RegistryUnavailableError

CEREMONIES_URL: Final = "registry/ceremonies"
_TIMEOUT: Final = httpx.Timeout(60.0)
_MOST_ANSWER: Final = 20_000
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


def send_signing_file(hub: str, data: bytes, *, http: httpx.Client) -> tuple[int, str]:
    """Publish a signing file; return version and SHA-256 of the registry that holds it.

    It may be sent again after a failure: what is published already is passed over. Raises
    :class:`~contact_registry.errors.RegistryError` with the host's reason.
    """
    base = hub if hub.endswith("/") else f"{hub}/"
    try:
        with http.stream(
            "POST",
            base + CEREMONIES_URL,
            content=data,
            headers={"Content-Type": "application/json", "Accept-Encoding": "identity"},
            timeout=_TIMEOUT,
            follow_redirects=False,
        ) as answer:
            said = json.loads(_read_answer(answer))
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise RegistryUnavailableError(
            f"{hub} gave no answer that can be read ({type(error).__name__}): it is not known "
            "whether the change is published. Send the same file again; that does no harm."
        ) from error
    if answer.status_code not in {httpx.codes.OK, httpx.codes.CREATED}:
        reason = said.get("detail") if isinstance(said, dict) else None
        shown = "".join(c for c in str(reason) if c.isprintable())[:1_000]
        raise RegistryError(f"The registry host did not publish it: {shown}")
    version, sha256 = (
        (said.get("version"), said.get("sha256")) if isinstance(said, dict) else (None, None)
    )
    if not isinstance(version, int) or not _SHA256.fullmatch(str(sha256)):
        raise RegistryUnavailableError(
            f"{hub} answered as no registry host does: check the address."
        )
    return version, str(sha256)


def _read_answer(answer: httpx.Response) -> bytes:
    """Return the answer, as far as one of a registry host can be."""
    body = bytearray()
    for chunk in answer.iter_raw():
        body += chunk
        if len(body) > _MOST_ANSWER:
            raise ValueError("longer than any answer of a registry host")
    return bytes(body)
