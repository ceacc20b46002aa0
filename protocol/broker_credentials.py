"""Broker tokens: the JWTs of NATS operator mode (``nats-io/jwt``, version 2).

The chain is operator, account, user: the operator says which accounts exist and what they may do,
an account says who may connect in its name. Nobody else's private key is ever needed for that, so
none ever travels. A token is a JWT with the algorithm ``ed25519-nkey``.

Nothing here reads a clock: the moment of issue is passed in.
"""

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from protocol.errors import ForgedError, LocalProtocolError, MalformedError
from protocol.nkeys import Nkey, PublicNkey, decode_public_nkey
from protocol.signing import SIGNATURE_BYTES

#: An account token of ours has about 2 KB. The broker's own control line allows 4 KB for a user.
MAX_TOKEN_CHARACTERS: Final = 64 * 1024

_TOKEN_VERSION: Final = 2
#: Header, claims, signature (RFC 7515 section 7.1).
_TOKEN_PARTS: Final = 3
_TOKEN_HEADER: Final = {"typ": "JWT", "alg": "ed25519-nkey"}
_UNLIMITED: Final = -1


# ----------------------------------------------------------------------------------- claims


@dataclass(frozen=True, slots=True)
class Permissions:
    """Subjects that a user may publish to and subscribe to. Everything else is denied."""

    publish: tuple[str, ...] = ()
    subscribe: tuple[str, ...] = ()

    def as_claims(self) -> dict[str, Any]:
        """Write it as the token carries it."""
        return {"pub": _allow_only(self.publish), "sub": _allow_only(self.subscribe)}


def _allow_only(subjects: tuple[str, ...]) -> dict[str, list[str]]:
    # An empty allow list means "everything" to the broker, so "nothing" is said as a denial.
    return {"allow": list(subjects)} if subjects else {"deny": [">"]}


class ResponseType(StrEnum):
    """How many answers one request to an exported service may get."""

    SINGLETON = "Singleton"
    STREAM = "Stream"


@dataclass(frozen=True, slots=True)
class ServiceExport:
    """A service that an account offers to others.

    ``account_token_position`` counts the tokens of ``subject`` from 1; the broker insists on the
    importing account's key there, so that nobody can ask in another's name.
    """

    name: str
    subject: str
    account_token_position: int
    response_type: ResponseType = ResponseType.SINGLETON

    def __post_init__(self) -> None:
        """Refuse a position that does not point at a wildcard: the broker would not bind it."""
        tokens = self.subject.split(".")
        position = self.account_token_position
        if not 1 <= position <= len(tokens) or tokens[position - 1] != "*":
            raise LocalProtocolError(
                f"Token {position} of {self.subject!r} is not '*': count the tokens from 1."
            )

    def as_claims(self) -> dict[str, Any]:
        """Write it as the token carries it."""
        return {
            "name": self.name,
            "subject": self.subject,
            "type": "service",
            "response_type": self.response_type.value,
            "account_token_position": self.account_token_position,
        }


@dataclass(frozen=True, slots=True)
class ServiceImport:
    """A service of another ``account`` that an account may use, under the same subject."""

    subject: str
    account: PublicNkey

    def as_claims(self) -> dict[str, Any]:
        """Write it as the token carries it."""
        return {"subject": self.subject, "account": self.account, "type": "service"}


@dataclass(frozen=True, slots=True)
class AccountLimits:
    """What an account may use; ``None`` is unlimited. Payload in bytes."""

    subscriptions: int | None = None
    payload: int | None = None
    connections: int | None = None
    imports: int | None = None
    exports: int | None = None
    leaf_nodes: int | None = 0
    #: Whether the account may keep streams of its own.
    jetstream: bool = False

    def as_claims(self) -> dict[str, Any]:
        """Write it as the token carries it."""
        claims: dict[str, Any] = {
            "subs": _limit(self.subscriptions),
            "data": _UNLIMITED,
            "payload": _limit(self.payload),
            "imports": _limit(self.imports),
            "exports": _limit(self.exports),
            "wildcards": True,
            "conn": _limit(self.connections),
            "leaf": _limit(self.leaf_nodes),
        }
        if self.jetstream:
            kinds = ("mem_storage", "disk_storage", "streams", "consumer", "max_ack_pending")
            claims |= dict.fromkeys(kinds, _UNLIMITED)
        return claims


def _limit(value: int | None) -> int:
    return _UNLIMITED if value is None else value


@dataclass(frozen=True, slots=True)
class AccountClaims:
    """What the operator says about an account.

    ``signing_keys`` may issue users of the account. ``revocations`` maps a user's key to the moment
    up to which its tokens are void: a token issued later for the same key is good again.
    """

    name: str
    limits: AccountLimits
    imports: tuple[ServiceImport, ...] = ()
    exports: tuple[ServiceExport, ...] = ()
    signing_keys: tuple[PublicNkey, ...] = ()
    revocations: Mapping[PublicNkey, datetime] = field(default_factory=dict)

    def as_claims(self) -> dict[str, Any]:
        """Write it as the token carries it."""
        claims: dict[str, Any] = {
            "type": "account",
            "version": _TOKEN_VERSION,
            "limits": self.limits.as_claims(),
            "default_permissions": Permissions().as_claims(),
        }
        lists: dict[str, list[Any]] = {
            "imports": [item.as_claims() for item in self.imports],
            "exports": [item.as_claims() for item in self.exports],
            "signing_keys": list(self.signing_keys),
        }
        claims |= {name: items for name, items in lists.items() if items}
        if self.revocations:
            claims["revocations"] = {
                key: _seconds(until) for key, until in sorted(self.revocations.items())
            }
        return claims


# ----------------------------------------------------------------------------------- tokens


def issue_operator_token(
    root: Nkey,
    *,
    name: str,
    system_account: PublicNkey,
    signing_keys: Sequence[PublicNkey],
    issued_at: datetime,
) -> str:
    """Say who the operator is: signed by its ``root``, which can then go off line.

    ``signing_keys`` are the keys on line that may issue accounts.
    """
    claims = {
        "type": "operator",
        "version": _TOKEN_VERSION,
        "system_account": system_account,
        "signing_keys": list(signing_keys),
    }
    fields = {"name": name, "nats": claims}
    return _issue(root, subject=root.public, fields=fields, issued_at=issued_at)


def issue_account_token(
    operator: Nkey, *, account: PublicNkey, claims: AccountClaims, issued_at: datetime
) -> str:
    """Say what ``account`` may do, signed by an operator key."""
    fields = {"name": claims.name, "nats": claims.as_claims()}
    return _issue(operator, subject=account, fields=fields, issued_at=issued_at)


def issue_account_deletion_token(
    operator: Nkey, *, accounts: Iterable[PublicNkey], issued_at: datetime
) -> str:
    """Ask the broker to forget accounts; their connected users are cut off at once."""
    claims = {"type": "generic", "version": _TOKEN_VERSION, "accounts": sorted(accounts)}
    fields = {"name": "deletion", "nats": claims}
    return _issue(operator, subject=operator.public, fields=fields, issued_at=issued_at)


@dataclass(frozen=True, slots=True)
class UserClaims:
    """What an account says about one of its users.

    ``account`` is named when a signing key of the account, not its identity key, signs.
    """

    name: str
    permissions: Permissions
    account: PublicNkey | None = None

    def as_claims(self) -> dict[str, Any]:
        """Write it as the token carries it."""
        claims: dict[str, Any] = {
            "type": "user",
            "version": _TOKEN_VERSION,
            "subs": _UNLIMITED,
            "data": _UNLIMITED,
            "payload": _UNLIMITED,
            **self.permissions.as_claims(),
        }
        if self.account is not None:
            claims["issuer_account"] = self.account
        return claims


def issue_user_token(
    signer: Nkey,
    *,
    user: PublicNkey,
    claims: UserClaims,
    issued_at: datetime,
    expires_at: datetime,
) -> str:
    """Let the holder of ``user`` connect until ``expires_at``; the broker then cuts it off."""
    fields = {"name": claims.name, "nats": claims.as_claims(), "exp": _seconds(expires_at)}
    return _issue(signer, subject=user, fields=fields, issued_at=issued_at)


def _issue(
    issuer: Nkey, *, subject: PublicNkey, fields: Mapping[str, Any], issued_at: datetime
) -> str:
    body = {"iat": _seconds(issued_at), "iss": issuer.public, "sub": subject, **fields}
    # Two tokens of one second must differ: the broker does nothing for a token that it had already,
    # also when it has put its account out since.
    digest = hashlib.sha256(_write_json(body) + issued_at.isoformat().encode()).digest()
    body["jti"] = base64.b32encode(digest).rstrip(b"=").decode("ascii")
    signed = _encode_part(_write_json(_TOKEN_HEADER)) + b"." + _encode_part(_write_json(body))
    return (signed + b"." + _encode_part(issuer.sign(signed))).decode("ascii")


def _seconds(moment: datetime) -> int:
    if moment.tzinfo is None:
        raise LocalProtocolError("A moment in a broker token needs a time zone: pass UTC.")
    return int(moment.timestamp())


def _write_json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()


def _encode_part(part: bytes) -> bytes:
    return base64.urlsafe_b64encode(part).rstrip(b"=")


@dataclass(frozen=True, slots=True)
class Token:
    """A token whose signature fits the issuer that it names itself.

    Whether that issuer may issue it is for the caller to decide.
    """

    issuer: PublicNkey
    subject: PublicNkey
    issued_at: datetime
    expires_at: datetime | None
    name: str
    claims: Mapping[str, Any]


def parse_token(text: str) -> Token:
    """Read a token and check its signature.

    Raises :class:`~protocol.errors.MalformedError` for anything that is no token of ours, and
    :class:`~protocol.errors.ForgedError` if the signature does not match.
    """
    if len(text) > MAX_TOKEN_CHARACTERS:
        raise _malformed_token()
    parts = text.split(".")
    if len(parts) != _TOKEN_PARTS:
        raise _malformed_token()
    header, body, signature = (_decode_part(part) for part in parts)
    if _read_json(header) != _TOKEN_HEADER or len(signature) != SIGNATURE_BYTES:
        raise _malformed_token()
    fields = _read_json(body)
    issuer_text, subject_text, name = (fields.get(key, "") for key in ("iss", "sub", "name"))
    claims = fields.get("nats")
    if not (
        isinstance(issuer_text, str)
        and isinstance(subject_text, str)
        and isinstance(name, str)
        and isinstance(claims, dict)
    ):
        raise _malformed_token()
    _, issuer = decode_public_nkey(issuer_text)
    decode_public_nkey(subject_text)
    issued_at = _read_moment(fields.get("iat"))
    expires_at = _read_moment(fields["exp"]) if "exp" in fields else None
    try:
        issuer.verify_raw(f"{parts[0]}.{parts[1]}".encode("ascii"), signature=signature)
    except ForgedError as error:
        raise ForgedError("The broker token was altered: issue it again.") from error
    return Token(
        issuer=PublicNkey(issuer_text),
        subject=PublicNkey(subject_text),
        issued_at=issued_at,
        expires_at=expires_at,
        name=name,
        claims=claims,
    )


def _malformed_token() -> MalformedError:
    return MalformedError("This is not a broker token (NATS JWT): issue it again.")


def _decode_part(part: str) -> bytes:
    try:
        raw = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except ValueError as error:  # binascii.Error, or text that is not ASCII
        raise _malformed_token() from error
    if _encode_part(raw).decode("ascii") != part:
        raise _malformed_token()
    return raw


def _read_json(raw: bytes) -> dict[str, Any]:
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise _malformed_token() from error
    if not isinstance(value, dict):
        raise _malformed_token()
    return value


def _read_moment(value: object) -> datetime:
    if type(value) is not int:
        raise _malformed_token()
    try:
        return datetime.fromtimestamp(value, tz=UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise _malformed_token() from error
