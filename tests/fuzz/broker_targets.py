"""Targets: names, broker keys, broker tokens, and subjects."""

import base64
import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from contact_registry.trust.layout import is_target_name, parse_metadata_name, parse_role
from protocol.account_proof import sign_account_proof, verify_account_proof
from protocol.broker_credentials import (
    AccountClaims,
    AccountLimits,
    Permissions,
    UserClaims,
    issue_account_token,
    issue_user_token,
    parse_token,
)
from protocol.errors import MalformedError, RemoteProtocolError
from protocol.identifiers import (
    ParticipantCode,
    make_case_reference,
    parse_authority_id,
    parse_case_reference,
    parse_language,
    parse_message_id,
    parse_participant_code,
)
from protocol.nkeys import Nkey, NkeyKind, decode_public_nkey, parse_nkey_seed
from protocol.signing import SigningKey
from protocol.subjects import TrafficClass, mailbox_subject, parse_account_id, parse_mailbox_subject
from tests.fuzz.target import Target, read_text, require
from tests.fuzz.trees import TreeMutator

OPERATOR: Final = Nkey(NkeyKind.OPERATOR, SigningKey(b"o" * 32))
ACCOUNT: Final = Nkey(NkeyKind.ACCOUNT, SigningKey(b"a" * 32))
USER: Final = Nkey(NkeyKind.USER, SigningKey(b"u" * 32))
AL: Final = ParticipantCode("AL")
ISSUED: Final = datetime(2026, 1, 1, tzinfo=UTC)

USER_TOKEN: Final = issue_user_token(
    ACCOUNT,
    user=USER.public,
    claims=UserClaims(name="node", permissions=Permissions(publish=("a",)), account=ACCOUNT.public),
    issued_at=ISSUED,
    expires_at=ISSUED + timedelta(hours=1),
)
ACCOUNT_TOKEN: Final = issue_account_token(
    OPERATOR,
    account=ACCOUNT.public,
    claims=AccountClaims(name="AL", limits=AccountLimits(), revocations={USER.public: ISSUED}),
    issued_at=ISSUED,
)
PROOF: Final = sign_account_proof(AL, ACCOUNT)


def check_identifiers(data: bytes) -> None:
    """Read it as every kind of name: what is read has one spelling, and leads nowhere."""
    text = read_text(data)
    parsers: tuple[Callable[[str], str], ...] = (
        parse_participant_code,
        parse_authority_id,
        parse_message_id,
        parse_language,
        parse_account_id,
    )
    for parse in parsers:
        if _is_read(parse, text):
            require(held=parse(text) == text, what="a name that travels has a second spelling")
    for parse_name in (parse_role, parse_metadata_name, is_target_name):
        if _is_read(parse_name, text):
            leads_out = ".." in text or text.startswith("/") or "\\" in text
            require(held=not leads_out, what="a name leads out of its folder")


def _is_read(parse: Callable[[str], object], text: str) -> bool:
    try:
        return parse(text) not in {None, False}
    except MalformedError:
        return False


def check_case_reference(data: bytes) -> None:
    """Read a reference however it was typed: what is read is its one canonical form."""
    reference = parse_case_reference(read_text(data))
    require(held=parse_case_reference(reference) == reference, what="it is read as another")
    require(held=len(reference) == len("TRM-XXXXX-XXXXX-C"), what="it is not in its form")


def check_nkey(data: bytes) -> None:
    """Read a broker key, public or private: it has exactly this spelling."""
    text = read_text(data)
    if text.startswith("S"):
        require(held=parse_nkey_seed(text).encode_seed() == text, what="a second spelling")
        return
    kind, key = decode_public_nkey(text)
    raw = base64.b32decode(text)
    require(held=raw[1:33] == key.public and raw[0] == kind.prefix, what="another key is read")


def check_subject(data: bytes) -> None:
    """Read a subject: it is written as the same text."""
    text = read_text(data)
    subject = parse_mailbox_subject(text)
    again = mailbox_subject(
        recipient=subject.recipient, sender=subject.sender, traffic=subject.traffic
    )
    require(held=again == text, what="a second spelling")


def check_account_proof(data: bytes) -> None:
    """Verify a proof: of all texts only one proves."""
    text = read_text(data)
    verify_account_proof(text, participant=AL, account=ACCOUNT.public)
    require(held=text == PROOF, what="a second proof proves")


def check_token(data: bytes) -> None:
    """Read a token: one of which anything was changed is refused."""
    text = read_text(data)
    parse_token(text)
    require(held=text in {USER_TOKEN, ACCOUNT_TOKEN}, what="a token that nobody issued is read")


def check_token_claims(data: bytes) -> None:
    """Let an issuer sign any claims at all: they are read or refused."""
    header = USER_TOKEN.split(".")[0]
    signed = f"{header}.{_base64url(data)}"
    token = parse_token(f"{signed}.{_base64url(ACCOUNT.sign(signed.encode()))}")
    require(held=token.issuer == ACCOUNT.public, what="another issuer is named")


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _read_claims(token: str) -> dict[str, Any]:
    body = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return claims


def _name_seeds() -> Iterable[bytes]:
    names = ("AL", "XK", "AL-anti-trafficking-desk", "0" * 32, "sr-Cyrl", ACCOUNT.public, "AL-node")
    files = ("1.root.json", "timestamp.json", f"participants/AL/{'0' * 64}.keys.json")
    return [name.encode() for name in (*names, *files)]


def _nkey_seeds() -> Iterable[bytes]:
    return [
        text.encode()
        for key in (OPERATOR, ACCOUNT, USER)
        for text in (key.public, key.encode_seed())
    ]


def _subject_seeds() -> Iterable[bytes]:
    account = parse_account_id(ACCOUNT.public)
    return [
        mailbox_subject(recipient=account, sender=account, traffic=traffic).encode()
        for traffic in TrafficClass
    ]


def _claims_seeds() -> Iterable[bytes]:
    claims = _read_claims(USER_TOKEN), {**_read_claims(ACCOUNT_TOKEN), "iss": ACCOUNT.public}
    return [json.dumps(each).encode() for each in claims]


_REFUSALS: Final = (RemoteProtocolError,)
BROKER_TARGETS: Final = (
    Target("identifiers", check_identifiers, _name_seeds, _REFUSALS, longest=200),
    Target(
        "case_reference",
        check_case_reference,
        lambda: [make_case_reference(bytes).encode(), b"7g1ao 2co28 r", b"TRM-7G1A0-2C028-R"],
        _REFUSALS,
        longest=40,
    ),
    Target("nkey", check_nkey, _nkey_seeds, _REFUSALS, longest=70),
    Target("subject", check_subject, _subject_seeds, _REFUSALS, longest=200),
    Target("account_proof", check_account_proof, lambda: [PROOF.encode()], _REFUSALS, longest=120),
    Target("token", check_token, lambda: [USER_TOKEN.encode(), ACCOUNT_TOKEN.encode()], _REFUSALS),
    Target(
        "token_claims",
        check_token_claims,
        _claims_seeds,
        _REFUSALS,
        mutate=TreeMutator(
            words=("iss", "sub", "iat", "exp", "name", "nats", OPERATOR.public, USER.public),
            donors=(_read_claims(USER_TOKEN), _read_claims(ACCOUNT_TOKEN)),
        ),
    ),
)
