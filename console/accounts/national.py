"""Signing in with a national login: OpenID Connect Core 1.0, authorization code with PKCE.

Only who somebody is there (issuer and subject) is taken over; nothing else that the provider says
of them is read or kept. What it says is believed if its signature, audience, time and nonce fit,
and if the answer comes back to the browser that was sent there.

The library that reads its tokens is loaded when the first one comes: most nodes have none.
"""

import base64
import hashlib
import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode, urlsplit

import httpx
import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from console.face import is_loopback

if TYPE_CHECKING:
    from joserfc.jwk import KeySet

ALGORITHMS: Final = ("RS256", "PS256", "ES256", "ES384", "EdDSA", "Ed25519")
"""Signatures that are believed: of public keys alone, none that a shared secret could make."""

_LARGEST_ANSWER: Final = 256 * 1024
_LEEWAY: Final = timedelta(seconds=60)
_OLDEST_TOKEN: Final = timedelta(minutes=10)
_KEEP: Final = timedelta(hours=1)
_ASK_AGAIN: Final = timedelta(minutes=1)
#: After it could not be reached.
_LEAVE_ALONE: Final = timedelta(seconds=10)
_LONGEST_WAIT: Final = timedelta(seconds=20)
_LONGEST_SUBJECT: Final = 255
_SECRET_BYTES: Final = 32

_log = structlog.get_logger(__name__)


class NationalLoginError(Exception):
    """The national login cannot be used now, or its answer does not fit; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NationalLoginSettings:
    """How this console is known at the national login."""

    issuer: str
    client_id: str
    client_secret: str
    #: The console's own address for answers, as registered there.
    redirect_uri: str
    #: What people call it.
    name: str
    #: Any of these levels (``acr``) counts as two factors.
    acr_values: Sequence[str] = ()
    #: All of these methods (``amr``) together count as two factors.
    amr_values: Sequence[str] = ()

    def __post_init__(self) -> None:
        for address in (self.issuer, self.redirect_uri):
            verify_address(address)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who signed in there. Without ``is_strong`` they gave one factor only."""

    identity_hash: str
    is_strong: bool


@dataclass(frozen=True, slots=True)
class Departure:
    """Where a browser is sent, and what its answer is checked against."""

    address: str
    state: str
    secret: bytes


class _Provider(BaseModel):
    """What a provider says of itself (OpenID Connect Discovery 1.0), as far as it is used."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    #: RFC 9207: each answer names its issuer, so that one without it is not from there.
    authorization_response_iss_parameter_supported: bool = False


class _Tokens(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    id_token: str = Field(max_length=_LARGEST_ANSWER)


class _Claims(BaseModel):
    """What an ID token says, as far as it is used."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    iss: str
    sub: str = Field(min_length=1, max_length=_LONGEST_SUBJECT)
    aud: str | list[str]
    azp: str | None = None
    exp: int
    iat: int
    nonce: str
    acr: str | None = None
    amr: list[str] = Field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class NationalLogin:
    """Sends browsers to the national login and reads its answers. Calls block."""

    settings: NationalLoginSettings
    http: httpx.Client
    clock: Callable[[], datetime]
    random: Callable[[int], bytes]
    _provider: _Provider | None = field(default=None, init=False)
    _keys: "KeySet | None" = field(default=None, init=False)
    _asked: dict[str, datetime] = field(default_factory=dict, init=False)
    _lock: Lock = field(default_factory=Lock, init=False)

    def depart(self, bound_to: str) -> Departure:
        """Prepare a visit; ``bound_to`` says which browser, and what for.

        Raises :class:`NationalLoginError` if the provider cannot be reached.
        """
        provider = self._find_provider()
        state, nonce, verifier = (_write(self.random(_SECRET_BYTES)) for _ in range(3))
        challenge = _write(hashlib.sha256(verifier.encode()).digest())
        asked = {
            "response_type": "code",
            "scope": "openid",
            "client_id": self.settings.client_id,
            "redirect_uri": self.settings.redirect_uri,
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        if self.settings.acr_values:
            asked["acr_values"] = " ".join(self.settings.acr_values)
        joint = "&" if "?" in provider.authorization_endpoint else "?"
        secret = {"nonce": nonce, "verifier": verifier, "bound_to": bound_to}
        return Departure(
            address=f"{provider.authorization_endpoint}{joint}{urlencode(asked)}",
            state=state,
            secret=json.dumps(secret).encode(),
        )

    def arrive(self, *, code: str, issuer: str | None, secret: bytes, bound_to: str) -> Identity:
        """Read an answer; raises :class:`NationalLoginError` if anything of it does not fit."""
        kept: Mapping[str, str] = json.loads(secret)
        if not secrets.compare_digest(kept["bound_to"], bound_to):
            raise NationalLoginError("The answer came to another browser than was sent there.")
        provider = self._find_provider()
        names_itself = provider.authorization_response_iss_parameter_supported
        if issuer != self.settings.issuer and (issuer is not None or names_itself):  # RFC 9207
            raise NationalLoginError("The answer comes from another issuer.")
        token = self._fetch_token(provider, code=code, verifier=kept["verifier"])
        claims = self._read_token(provider, token)
        self._verify_claims(claims, nonce=kept["nonce"])
        return Identity(
            identity_hash=hashlib.sha256(f"{claims.iss}\0{claims.sub}".encode()).hexdigest(),
            is_strong=self._is_strong(claims),
        )

    def _is_strong(self, claims: _Claims) -> bool:
        wanted = frozenset(self.settings.amr_values)
        by_methods = bool(wanted) and wanted <= set(claims.amr)
        return by_methods or (claims.acr is not None and claims.acr in self.settings.acr_values)

    # ------------------------------------------------------------------ the provider

    def _find_provider(self) -> _Provider:
        with self._lock:
            asked = self._asked.get("provider")
            if self._provider is None or asked is None or self.clock() - asked > _KEEP:
                failed = self._asked.get("failure")
                if failed is not None and self.clock() - failed < _LEAVE_ALONE:
                    raise NationalLoginError("The provider could not be reached a moment ago.")
                # Whoever comes after somebody who waited in vain does not wait as well: strangers
                # could otherwise keep every thread of the console waiting, one after the other.
                self._asked["failure"] = self.clock()
                self._provider = self._discover()
                self._asked["provider"] = self.clock()
                del self._asked["failure"]
            return self._provider

    def _discover(self) -> _Provider:
        address = f"{self.settings.issuer.rstrip('/')}/.well-known/openid-configuration"
        try:
            found = _Provider.model_validate(self._get(address))
        except ValidationError as error:
            raise NationalLoginError("The provider's description cannot be read.") from error
        if found.issuer != self.settings.issuer:
            raise NationalLoginError("The provider says that it is another one.")
        for each in (found.authorization_endpoint, found.token_endpoint, found.jwks_uri):
            verify_address(each)
        return found

    def _fetch_token(self, provider: _Provider, *, code: str, verifier: str) -> str:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.settings.redirect_uri,
            "code_verifier": verifier,
        }
        # RFC 6749 section 2.3.1: both are written as forms write them, before they are joined.
        credentials = ":".join(
            quote(each, safe="") for each in (self.settings.client_id, self.settings.client_secret)
        )
        basic = base64.b64encode(credentials.encode()).decode()
        answer = self._ask(
            "POST", provider.token_endpoint, data=form, headers={"Authorization": f"Basic {basic}"}
        )
        try:
            return _Tokens.model_validate(answer).id_token
        except ValidationError as error:
            raise NationalLoginError("The provider gave no ID token.") from error

    def _load_keys(self, provider: _Provider, *, anew: bool = False) -> "KeySet":
        """Give the provider's keys; ``anew`` asks again, though not more often than a minute."""
        from joserfc.errors import JoseError
        from joserfc.jwk import KeySet

        with self._lock:
            asked = self._asked.get("keys")
            age = None if asked is None else self.clock() - asked
            if self._keys is None or age is None or age > (_ASK_AGAIN if anew else _KEEP):
                try:
                    self._keys = KeySet.import_key_set(self._get(provider.jwks_uri))
                except (JoseError, ValueError, KeyError, TypeError) as error:
                    raise NationalLoginError("The provider's keys cannot be read.") from error
                self._asked["keys"] = self.clock()
            return self._keys

    def _get(self, address: str) -> Any:
        return self._ask("GET", address)

    def _ask(self, method: str, address: str, **more: Any) -> Any:
        until = self.clock() + _LONGEST_WAIT
        try:
            with self.http.stream(method, address, follow_redirects=False, **more) as answer:
                content = b""
                for piece in answer.iter_bytes():
                    content += piece
                    if len(content) > _LARGEST_ANSWER or self.clock() > until:
                        raise NationalLoginError("The provider's answer is too long.")
                if answer.status_code != httpx.codes.OK:
                    raise NationalLoginError(f"The provider answered {answer.status_code}.")
            return json.loads(content)
        except (httpx.HTTPError, ValueError, RecursionError) as error:
            _log.warning("national_login_unreachable", problem=type(error).__name__)
            raise NationalLoginError("The provider cannot be reached, or not be read.") from error

    # ------------------------------------------------------------------ its word

    def _read_token(self, provider: _Provider, token: str) -> _Claims:
        try:
            read = self._decode(token, self._load_keys(provider))
        except _UnknownKeyError:  # it may have changed its keys since
            try:
                read = self._decode(token, self._load_keys(provider, anew=True))
            except _UnknownKeyError as error:
                raise NationalLoginError("The ID token is signed by an unknown key.") from error
        try:
            return _Claims.model_validate(read)
        except ValidationError as error:
            raise NationalLoginError("The ID token does not say what it must.") from error

    def _decode(self, token: str, keys: "KeySet") -> dict[str, Any]:
        from joserfc import jwt
        from joserfc.errors import JoseError

        def choose(guest: Any) -> Any:
            wanted = guest.headers().get("kid")
            usable = [key for key in keys.keys if key.as_dict().get("use", "sig") == "sig"]
            fitting = [key for key in usable if wanted is not None and key.kid == wanted]
            if wanted is None and len(usable) == 1:
                fitting = usable
            if len(fitting) != 1:
                raise _UnknownKeyError
            return fitting[0]

        try:
            return dict(jwt.decode(token, choose, algorithms=list(ALGORITHMS)).claims)
        except (JoseError, ValueError, TypeError) as error:
            raise NationalLoginError("The ID token's signature does not fit.") from error

    def _verify_claims(self, claims: _Claims, *, nonce: str) -> None:
        now, own = self.clock().timestamp(), self.settings.client_id
        audience = [claims.aud] if isinstance(claims.aud, str) else claims.aud
        leeway = _LEEWAY.total_seconds()
        problems = {
            "issuer": claims.iss != self.settings.issuer,
            "audience": own not in audience,
            "authorised party": (len(audience) > 1 or claims.azp is not None) and claims.azp != own,
            "end": now >= claims.exp + leeway,
            "beginning": claims.iat > now + leeway,
            "age": claims.iat < now - _OLDEST_TOKEN.total_seconds(),
            "nonce": not secrets.compare_digest(claims.nonce.encode(), nonce.encode()),
        }
        wrong = [name for name, is_wrong in problems.items() if is_wrong]
        if wrong:
            raise NationalLoginError(f"The ID token does not fit: {', '.join(wrong)}.")


class _UnknownKeyError(Exception):
    """No key of the provider that is known here has the name in the token."""


def verify_address(address: str) -> None:
    """Raise :class:`NationalLoginError` unless nobody on the way can read or change what goes."""
    parts = urlsplit(address)
    if parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or "")):
        return
    raise NationalLoginError(f"{parts.scheme}://{parts.hostname}: the national login takes https.")


def _write(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
