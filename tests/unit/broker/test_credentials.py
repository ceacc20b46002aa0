"""Keys and tokens for the broker. That a real broker takes them, the integration tests show."""

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest

from protocol.broker_credentials import (
    AccountClaims,
    AccountLimits,
    Permissions,
    ServiceExport,
    UserClaims,
    issue_account_deletion_token,
    issue_account_token,
    issue_operator_token,
    issue_user_token,
    parse_token,
)
from protocol.errors import ForgedError, LocalProtocolError, MalformedError
from protocol.nkeys import Nkey, NkeyKind, parse_nkey_seed, parse_public_nkey
from protocol.signing import SigningKey

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
OPERATOR = Nkey.generate(NkeyKind.OPERATOR)
ACCOUNT = Nkey.generate(NkeyKind.ACCOUNT)
USER = Nkey.generate(NkeyKind.USER)


@pytest.mark.parametrize("kind", list(NkeyKind))
def test_a_key_survives_being_written_down(kind: NkeyKind) -> None:
    """Seed and public key read back, and show their kind by their first letters."""
    key = Nkey.generate(kind)

    assert parse_nkey_seed(key.encode_seed()) == key
    assert key.encode_seed().startswith(f"S{kind.value}")
    assert parse_public_nkey(key.public, kind=kind) == key.public
    assert key.public.startswith(kind.value)


def test_known_keys_are_written_as_others_write_them() -> None:
    """The text holds kind, the public key of the all-zero seed, and a checksum made another way."""
    zero = Nkey(NkeyKind.ACCOUNT, SigningKey(bytes(32)))

    raw = base64.b32decode(zero.public)
    assert raw[0] == 0
    assert raw[1:33].hex() == "3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29"
    assert int.from_bytes(raw[33:], "little") == _crc16_xmodem(raw[:33])


def _crc16_xmodem(data: bytes) -> int:
    """Compute the checksum bit by bit, as its definition says (polynomial 0x1021, start 0)."""
    crc = 0
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1) ^ 0x1021 if crc & 0x8000 else crc << 1
            crc &= 0xFFFF
    return crc


def test_one_mistyped_character_is_noticed() -> None:
    """Every change of one character of a public key is refused."""
    text = ACCOUNT.public
    for position, character in enumerate(text):
        other = "A" if character != "A" else "B"
        with pytest.raises(MalformedError):
            parse_public_nkey(text[:position] + other + text[position + 1 :], kind=NkeyKind.ACCOUNT)


def test_a_seed_is_shown_nowhere() -> None:
    """Neither the representation nor the error of a bad seed repeats it."""
    seed = USER.encode_seed()

    assert seed not in repr(USER)
    assert seed[4:20] not in repr(USER)
    with pytest.raises(MalformedError) as caught:
        parse_nkey_seed(seed[:-1] + ("A" if seed[-1] != "A" else "B"))
    assert seed[4:20] not in str(caught.value)


def test_a_public_key_is_no_seed_and_a_seed_no_public_key() -> None:
    """The two forms cannot be taken for each other."""
    with pytest.raises(MalformedError):
        parse_nkey_seed(USER.public)
    with pytest.raises(MalformedError):
        parse_public_nkey(USER.encode_seed(), kind=NkeyKind.USER)


def test_a_user_token_says_what_was_meant() -> None:
    """Issuer, subject, times and permissions read back."""
    claims = UserClaims(
        name="node", permissions=Permissions(publish=("a.b",)), account=ACCOUNT.public
    )
    text = issue_user_token(
        ACCOUNT,
        user=USER.public,
        claims=claims,
        issued_at=NOW,
        expires_at=NOW + timedelta(hours=1),
    )

    token = parse_token(text)

    assert (token.issuer, token.subject, token.name) == (ACCOUNT.public, USER.public, "node")
    assert (token.issued_at, token.expires_at) == (NOW, NOW + timedelta(hours=1))
    assert token.claims["pub"] == {"allow": ["a.b"]}
    assert token.claims["sub"] == {"deny": [">"]}
    assert token.claims["issuer_account"] == ACCOUNT.public


def test_two_tokens_of_one_second_can_be_told_apart() -> None:
    """By content and by the very moment, so that the newer of two replaces the older."""

    def identifier(name: str, at: datetime = NOW) -> str:
        claims = AccountClaims(name=name, limits=AccountLimits())
        text = issue_account_token(OPERATOR, account=ACCOUNT.public, claims=claims, issued_at=at)
        body = text.split(".")[1]
        return str(json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))["jti"])

    assert identifier("AA") == identifier("AA") != identifier("BB")
    assert identifier("AA") != identifier("AA", NOW + timedelta(microseconds=1))


def test_revocations_and_deletions_are_written() -> None:
    """A revoked user and a deleted account stand in their tokens."""
    claims = AccountClaims(name="AA", limits=AccountLimits(), revocations={USER.public: NOW})
    account = parse_token(
        issue_account_token(OPERATOR, account=ACCOUNT.public, claims=claims, issued_at=NOW)
    )
    deletion = parse_token(
        issue_account_deletion_token(OPERATOR, accounts=[ACCOUNT.public], issued_at=NOW)
    )

    assert account.claims["revocations"] == {USER.public: int(NOW.timestamp())}
    assert deletion.claims["accounts"] == [ACCOUNT.public]


def test_an_altered_token_is_refused() -> None:
    """A token whose claims were exchanged under the same signature is forged."""
    texts = [
        issue_operator_token(
            OPERATOR,
            name=name,
            system_account=ACCOUNT.public,
            signing_keys=[],
            issued_at=NOW,
        ).split(".")
        for name in ("one", "two")
    ]
    with pytest.raises(ForgedError):
        parse_token(".".join((texts[0][0], texts[1][1], texts[0][2])))


def test_an_export_must_point_at_a_wildcard() -> None:
    """A position that the broker would not bind to the account is a mistake of ours."""
    ServiceExport(name="put", subject="a.*.c", account_token_position=2)
    for position in (0, 1, 3, 4):
        with pytest.raises(LocalProtocolError, match="count the tokens"):
            ServiceExport(name="put", subject="a.*.c", account_token_position=position)


def test_a_moment_without_a_time_zone_is_refused() -> None:
    """A naive moment would be read in the zone of the machine."""
    claims = AccountClaims(name="AA", limits=AccountLimits())
    with pytest.raises(LocalProtocolError, match="time zone"):
        issue_account_token(
            OPERATOR,
            account=ACCOUNT.public,
            claims=claims,
            issued_at=datetime(2026, 3, 1),  # noqa: DTZ001 - the very case
        )
