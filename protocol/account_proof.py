"""The proof that a Participant holds the private key of the broker account it lists.

An account is named by its public key, which everybody knows. Without this proof a Participant could
list the account of another, and keep the other out or be taken for it. See SPEC.md, section 12.
"""

import base64
import binascii
from typing import Final

from protocol.errors import ForgedError, MalformedError
from protocol.identifiers import ParticipantCode
from protocol.nkeys import Nkey, NkeyKind, decode_public_nkey, parse_public_nkey

_STATEMENT: Final = b"trm broker account v1"


def sign_account_proof(participant: ParticipantCode, account_key: Nkey) -> str:
    """Return the proof as base64 of 64 bytes (Ed25519, by the account's own key)."""
    statement = _make_statement(participant, account_key.public)
    return base64.b64encode(account_key.sign(statement)).decode("ascii")


def verify_account_proof(proof: str, *, participant: ParticipantCode, account: str) -> None:
    """Check that the holder of ``account`` signed that it is the account of ``participant``.

    Raises :class:`~protocol.errors.MalformedError` if ``account`` is no public nkey of kind account
    or ``proof`` is no canonical base64, :class:`~protocol.errors.ForgedError` if the signature is
    not by this account over exactly this statement.
    """
    parse_public_nkey(account, kind=NkeyKind.ACCOUNT)
    _, key = decode_public_nkey(account)
    try:
        key.verify_raw(_make_statement(participant, account), signature=_decode(proof))
    except ForgedError as error:
        raise ForgedError(
            f"Nothing proves that {participant} holds the private key of the broker account it "
            "lists: publish the keys again from the node that has it."
        ) from error


def _make_statement(participant: ParticipantCode, account: str) -> bytes:
    """Join the parts by zero bytes, which neither a code nor an nkey can contain."""
    return b"\x00".join((_STATEMENT, participant.encode(), account.encode()))


def _decode(proof: str) -> bytes:
    refusal = MalformedError(
        "The proof of a broker account is written in canonical standard base64: publish the keys "
        "again from the node that holds the account."
    )
    try:
        signature = base64.b64decode(proof, validate=True)
    except (binascii.Error, ValueError) as error:
        raise refusal from error
    if base64.b64encode(signature).decode("ascii") != proof:
        raise refusal
    return signature
