"""Posting to a receiver of webhooks: only to public addresses unless the node's settings say so.

The name is looked up once, every address it has is checked, and the connection goes to the address
that was checked: a name that points elsewhere a moment later leads nowhere (DNS rebinding).
"""

import asyncio
import ipaddress
import socket
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

import httpx

from console.digits import read_number
from node.domain.hooks import Network
from node.service.webhooks.telling import Failure

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_TIMEOUT: Final = httpx.Timeout(15.0, connect=5.0)
_GONE: Final = 410
_NAME_SECONDS: Final = 5.0
#: Eleven days, in seconds: longer than any wish that is granted.
_WISH_DIGITS: Final = 6
#: All of it: each wait of its own would let a receiver hold us for ever, one byte at a time.
_WHOLE_SECONDS: Final = 15.0
#: IPv6 addresses of this network stand for IPv4 addresses (RFC 6052), private ones among them.
_TRANSLATED: Final = ipaddress.ip_network("64:ff9b::/96")
#: The only IPv6 addresses that are given to anybody (RFC 4291): outside lie site-local ones, IPv4
#: addresses in old notations, and what a later standard makes of the rest.
_UNICAST: Final = ipaddress.ip_network("2000::/3")
#: Not for everybody, though Python 3.11 takes them for it (RFC 6890, RFC 7526, RFC 9637).
_SPECIAL: Final = tuple(map(ipaddress.ip_network, ("192.0.0.0/24", "192.88.99.0/24", "3fff::/20")))


class _RefusedTargetError(Exception):
    """The address may not be asked; the text says why, without naming it."""


class WebhookPoster:
    """One for the process."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        *,
        allowed: Sequence[Network] = (),
        patience: float = _WHOLE_SECONDS,
    ) -> None:
        """``http``: without redirects, proxies and cookies; see :func:`build_http`.

        ``patience``: seconds that one request may take, however lively its receiver is.
        """
        self._http = http
        self._allowed = tuple(allowed)
        self._patience = patience

    async def aclose(self) -> None:
        """Give the connections back."""
        await self._http.aclose()

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Failure | None:
        """Post it; returns None if the receiver said yes, else why not. Reads no answer's body."""
        try:
            async with asyncio.timeout(self._patience):
                answer = await self._ask(httpx.URL(url), body, headers)
        except _RefusedTargetError as error:
            return Failure(str(error))
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError, OverflowError) as error:
            return Failure(type(error).__name__)
        if answer.is_success:
            return None
        return Failure(
            f"answered {answer.status_code}",
            is_gone=answer.status_code == _GONE,
            wish=_read_wish(answer),
        )

    async def _ask(self, url: httpx.URL, body: bytes, headers: Mapping[str, str]) -> httpx.Response:
        address = await self._find_address(url)
        request = self._http.build_request(
            "POST",
            url.copy_with(host=str(address)),
            content=body,
            headers={**headers, "host": url.netloc.decode("ascii")},
            extensions={"sni_hostname": url.host},
        )
        answer = await self._http.send(request, stream=True)
        await answer.aclose()
        return answer

    async def _find_address(self, url: httpx.URL) -> Address:
        port = url.port or (443 if url.scheme == "https" else 80)
        async with asyncio.timeout(_NAME_SECONDS):
            found = await asyncio.get_running_loop().getaddrinfo(
                url.host, port, type=socket.SOCK_STREAM
            )
        addresses = [ipaddress.ip_address(each[4][0]) for each in found]
        if not addresses:
            raise _RefusedTargetError("its name has no address")
        if not all(self._may_ask(each, scheme=url.scheme) for each in addresses):
            raise _RefusedTargetError(
                "its address is not public, or not https: see TRM_NODE_WEBHOOK_NETWORKS"
            )
        return addresses[0]

    def _may_ask(self, address: Address, *, scheme: str) -> bool:
        if any(address in network for network in self._allowed):
            return True
        return scheme == "https" and is_public(address)


def is_public(address: Address) -> bool:
    """Tell whether an address is reachable by everybody, whatever notation hides another in it."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
        if address in _TRANSLATED:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
        if address not in _UNICAST:
            return False
    is_special = any(address in network for network in _SPECIAL)
    return address.is_global and not address.is_multicast and not is_special


def _read_wish(answer: httpx.Response) -> timedelta | None:
    seconds = read_number(answer.headers.get("retry-after", ""), digits=_WISH_DIGITS)
    return None if seconds is None else timedelta(seconds=seconds)


def build_http() -> httpx.AsyncClient:
    """Return a client for receivers of webhooks: it goes nowhere but where it is sent.

    It keeps no connection: those of two names at one address would be taken for each other, and
    what was said to one of them go where only the other's certificate was seen.
    """
    return httpx.AsyncClient(
        timeout=_TIMEOUT,
        follow_redirects=False,
        trust_env=False,
        limits=httpx.Limits(max_connections=16, max_keepalive_connections=0),
    )
