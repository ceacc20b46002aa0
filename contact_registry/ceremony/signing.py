"""Adding a signature to a ceremony, joining the signatures of several, and what is noted of it."""

from collections.abc import Iterable, Sequence
from types import MappingProxyType

from tuf.api.metadata import Metadata, Snapshot

from contact_registry.ceremony.digest import speak_digest
from contact_registry.ceremony.notebook import Intent
from contact_registry.ceremony.signing_file import digest_change, digest_of
from contact_registry.errors import RefusalCode, SubmissionRefusedError
from contact_registry.trust.operators import OperatorsChange, Standing
from contact_registry.trust.operators_acceptance import Examined
from contact_registry.trust.operators_parts import MOST_SIGNATURES
from contact_registry.trust.signers import RegistrySigner


def make_intent(
    examined: Examined,
    standing: Standing | None,
    roles: Iterable[str],
    *,
    instead_of: str | None,
) -> Intent:
    """Return what is to be noted of signing these parts; see :class:`Intent`."""
    top = standing.top if standing is not None else None
    return Intent(
        versions=[(role, examined.parts[role].signed.version) for role in roles],
        file=digest_of(examined),
        seen=top.snapshot.version if top is not None else 0,
        root=top.root.version if top is not None else 0,
        online=top.root.roles[Snapshot.type].keyids[0] if top is not None else "",
        instead_of=instead_of,
    )


def list_wanted(examined: Examined, key_id: str) -> list[str]:
    """Return the parts that this key has a say in, signed by it already or not."""
    return [
        role
        for role in examined.changed
        if any(r.role == role and key_id in r.holders for r in examined.requirements)
    ]


def sign_change(
    change: OperatorsChange, examined: Examined, signer: RegistrySigner
) -> OperatorsChange:
    """Return the change with this signer's signature on every part that wants it.

    ``examined`` is what was made of this very change and shown to the signer.
    Raises :class:`~contact_registry.errors.SubmissionRefusedError` if no part wants it.
    """
    wanted = list_wanted(examined, signer.public_key.keyid)
    if not wanted:
        raise SubmissionRefusedError(
            f"The key {signer.public_key.keyid} has no say in this file: use the key that is "
            "listed under signatures, or send the file on.",
            code=RefusalCode.NOT_SIGNED,
        )
    parts = dict(change.parts)
    for role in wanted:
        metadata = Metadata.from_bytes(parts[role])
        metadata.sign(signer, append=True)
        parts[role] = metadata.to_bytes()
    return OperatorsChange(MappingProxyType(parts), change.documents)


def combine_changes(changes: Sequence[OperatorsChange]) -> OperatorsChange:
    """Join the signatures of copies of one signing file.

    Raises :class:`~contact_registry.errors.SubmissionRefusedError` if they are not copies of one.
    Whether the signatures are good is seen when the result is examined.
    """
    first, digest = changes[0], digest_change(changes[0])
    for other in changes[1:]:
        others = digest_change(other)
        if others != digest or dict(other.documents) != dict(first.documents):
            raise SubmissionRefusedError(
                "The files are not copies of one signing file: their digests are "
                f"{speak_digest(digest)} and {speak_digest(others)}. Combine those with the same "
                "digest, and ask whoever sent the other one.",
                code=RefusalCode.CONTENT_MISMATCH,
            )
    parts = {role: _join([change.parts[role] for change in changes]) for role in first.parts}
    return OperatorsChange(MappingProxyType(parts), first.documents)


def _join(copies: Sequence[bytes]) -> bytes:
    joined = Metadata.from_bytes(copies[0])
    for data in copies[1:]:
        for keyid, signature in Metadata.from_bytes(data).signatures.items():
            joined.signatures.setdefault(keyid, signature)
    if len(joined.signatures) > MOST_SIGNATURES:
        raise SubmissionRefusedError(
            f"Together they carry more than {MOST_SIGNATURES} signatures: combine fewer files.",
            code=RefusalCode.TOO_LARGE,
        )
    result: bytes = joined.to_bytes()
    return result
