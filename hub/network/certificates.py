"""When certificates end: read from a TLS handshake, so that what counts is what is really served.

No library for certificates is needed, nor a private key of anybody: the standard library tells the
dates of a certificate that it has verified. One that it refuses is reported with its reason.
"""

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

_ANSWER_SECONDS: Final = 5.0
_MOST_STEPS: Final = 10
_LONGEST_REASON: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateLook:
    """One certificate: ``where`` it is shown, when it ends (UTC), or why nobody can say.

    ``use`` is ``broker`` for a server of the broker, ``console`` for the hub's own HTTPS.
    """

    use: str
    where: str
    ends_at: datetime | None = None
    problem: str = ""


async def ask_brokers(addresses: Sequence[str], tls: ssl.SSLContext) -> tuple[CertificateLook, ...]:
    """Shake hands with every server (``tls://host:port``); what fails is told, not raised."""
    return tuple(await asyncio.gather(*(_ask(address, tls) for address in addresses)))


async def _ask(address: str, tls: ssl.SSLContext) -> CertificateLook:
    parts = urlsplit(address)
    where = parts.netloc
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            _reader, writer = await asyncio.open_connection(parts.hostname, parts.port, ssl=tls)
    except (OSError, TimeoutError) as error:
        return CertificateLook(use="broker", where=where, problem=_say(error))
    ends_at = read_end(writer.get_extra_info("peercert"))
    writer.transport.abort()
    return CertificateLook(use="broker", where=where, ends_at=ends_at)


def look_at_files(certificate: Path, private_key: Path, *, where: str) -> CertificateLook:
    """Tell when a certificate of our own ends: served and verified in memory. Blocking."""
    try:
        return CertificateLook(
            use="console", where=where, ends_at=_serve_once(certificate, private_key)
        )
    except OSError as error:  # ssl.SSLError is one
        return CertificateLook(use="console", where=where, problem=_say(error))


def _serve_once(certificate: Path, private_key: Path) -> datetime | None:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, private_key)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False  # its dates are asked for, and nobody is at the other end
    client.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
    client.load_verify_locations(certificate)
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    asking = client.wrap_bio(to_client, to_server)
    answering = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(_MOST_STEPS):
        try:
            asking.do_handshake()
        except ssl.SSLWantReadError:
            pass
        else:
            return read_end(asking.getpeercert())
        try:
            answering.do_handshake()
        except ssl.SSLWantReadError:
            continue
    return None


def read_end(certificate: object) -> datetime | None:
    """Read ``notAfter`` of what the standard library says of a verified certificate."""
    written = certificate.get("notAfter") if isinstance(certificate, dict) else None
    if not isinstance(written, str):
        return None
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(written), UTC)


def _say(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message[:_LONGEST_REASON]
    return (str(error) or type(error).__name__)[:_LONGEST_REASON]
