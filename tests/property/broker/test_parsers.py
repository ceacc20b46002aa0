"""Whatever comes from outside, the parsers of broker texts raise only the protocol's errors."""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.broker_credentials import Permissions, UserClaims, issue_user_token, parse_token
from protocol.errors import ForgedError, MalformedError, RemoteProtocolError
from protocol.nkeys import Nkey, NkeyKind, parse_nkey_seed, parse_public_nkey
from protocol.subjects import parse_account_id, parse_mailbox_subject

ACCOUNT = Nkey.generate(NkeyKind.ACCOUNT)
USER = Nkey.generate(NkeyKind.USER)
ISSUED = datetime(2026, 1, 1, tzinfo=UTC)
TOKEN = issue_user_token(
    ACCOUNT,
    user=USER.public,
    claims=UserClaims(name="node", permissions=Permissions(publish=("a",)), account=ACCOUNT.public),
    issued_at=ISSUED,
    expires_at=ISSUED + timedelta(hours=1),
)

base32_like = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567=", min_size=54, max_size=60)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


def _parse_user_key(text: str) -> object:
    return parse_public_nkey(text, kind=NkeyKind.USER)


@pytest.mark.parametrize(
    "parse", [_parse_user_key, parse_nkey_seed, parse_account_id, parse_mailbox_subject]
)
@given(text=st.text() | base32_like | base32_like.map(lambda key: f"trm.mbx.{key}.{key}.m"))
def test_garbage_is_malformed_and_nothing_else(parse: Callable[[str], object], text: str) -> None:
    """No text makes a parser of keys or subjects fail in another way."""
    with pytest.raises(MalformedError):
        parse(text)


@given(st.text() | st.binary().map(lambda raw: raw.decode("latin-1")))
def test_garbage_is_no_token(text: str) -> None:
    """No text makes the parser of tokens fail in another way."""
    with pytest.raises(MalformedError):
        parse_token(text)


@given(
    st.dictionaries(
        st.sampled_from(["iss", "sub", "iat", "exp", "name", "nats", "jti"]), json_values
    )
)
def test_a_token_with_any_claims_is_refused_properly(claims: dict[str, Any]) -> None:
    """Claims of any shape, with a signature of the right length, are malformed or forged."""

    def encode(raw: bytes) -> str:
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

    header = TOKEN.split(".")[0]
    body = {"iss": ACCOUNT.public, "sub": USER.public, "iat": 0, "name": "", "nats": {}, **claims}
    with pytest.raises(RemoteProtocolError):
        parse_token(f"{header}.{encode(json.dumps(body).encode())}.{encode(bytes(64))}")


def test_deep_nesting_is_refused() -> None:
    """A body of brackets only does not exhaust the stack."""
    header = TOKEN.split(".")[0]
    body = base64.urlsafe_b64encode(b"[" * 40_000).rstrip(b"=").decode()
    with pytest.raises(MalformedError):
        parse_token(f"{header}.{body}.{TOKEN.split('.')[2]}")


@given(st.integers(0, len(TOKEN) - 1), st.sampled_from("ABCabc019-_.= "))
def test_no_changed_character_of_a_token_goes_unseen(position: int, character: str) -> None:
    """Any single change of a valid token is refused."""
    changed = TOKEN[:position] + character + TOKEN[position + 1 :]
    if changed == TOKEN:
        parse_token(changed)
    else:
        with pytest.raises((MalformedError, ForgedError)):
            parse_token(changed)
