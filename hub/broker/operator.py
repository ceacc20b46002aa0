"""The operators' own broker keys, in a folder that only the hub may read.

======================  =======================================================================
file                    what it is
======================  =======================================================================
operator-root.seed      signs the operator token once; then belongs off line, the hub runs without
operator.jwt            the operator token: names the system account and the signing key
operator-signing.seed   issues accounts, on line
system-account.seed     issues the user that pushes accounts to the broker
hub-account.seed        issues the user that makes and watches mailboxes
======================  =======================================================================

Whoever holds these can shut Participants out or let false ones in, and still read nothing.
"""

import os
import secrets
import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from protocol.broker_credentials import MAX_TOKEN_CHARACTERS, issue_operator_token, parse_token
from protocol.errors import RemoteProtocolError
from protocol.nkeys import Nkey, NkeyKind, PublicNkey, parse_nkey_seed

ROOT_SEED: Final = "operator-root.seed"
_TOKEN: Final = "operator.jwt"  # noqa: S105 - a file name
_SIGNING_SEED: Final = "operator-signing.seed"
_SYSTEM_SEED: Final = "system-account.seed"
_HUB_SEED: Final = "hub-account.seed"


class OperatorMaterialError(Exception):
    """The operators' broker keys cannot be made or read; the message says what to do."""


@dataclass(frozen=True, slots=True)
class OperatorMaterial:
    """What the hub needs of the operators' keys while it runs."""

    token: str
    signing_key: Nkey
    system_account: Nkey
    hub_account: Nkey

    @property
    def reserved_accounts(self) -> frozenset[PublicNkey]:
        """The accounts that no Participant may claim."""
        return frozenset({self.system_account.public, self.hub_account.public})


def create_operator_material(directory: Path, *, name: str, issued_at: datetime) -> None:
    """Make all keys and write them into the new folder ``directory``, in one step.

    Raises :class:`OperatorMaterialError` if it exists already: keys are made once, and replacing
    them would shut out every Participant.
    """
    if directory.exists():
        raise OperatorMaterialError(
            f"{directory} exists already and was left as it is: use it, or name another folder."
        )
    root, signing = Nkey.generate(NkeyKind.OPERATOR), Nkey.generate(NkeyKind.OPERATOR)
    system, hub = Nkey.generate(NkeyKind.ACCOUNT), Nkey.generate(NkeyKind.ACCOUNT)
    token = issue_operator_token(
        root,
        name=name,
        system_account=system.public,
        signing_keys=[signing.public],
        issued_at=issued_at,
    )
    files = {
        ROOT_SEED: root.encode_seed(),
        _TOKEN: token,
        _SIGNING_SEED: signing.encode_seed(),
        _SYSTEM_SEED: system.encode_seed(),
        _HUB_SEED: hub.encode_seed(),
    }
    try:
        _write_folder(directory, files)
    except OSError as error:
        raise OperatorMaterialError(
            f"{directory} cannot be written ({error.strerror}): check the path and its permissions."
        ) from error


def _write_folder(directory: Path, files: dict[str, str]) -> None:
    """Write everything beside the final place, on disk, then move it there at once."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    draft = directory.with_name(f".{directory.name}.{secrets.token_hex(4)}")
    draft.mkdir(mode=0o700)
    try:
        for name, content in files.items():
            descriptor = os.open(draft / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(content + "\n")
                file.flush()
                os.fsync(file.fileno())
        draft.rename(directory)
    except OSError:
        shutil.rmtree(draft, ignore_errors=True)
        raise


def load_operator_material(directory: Path) -> OperatorMaterial:
    """Read the folder; raises :class:`OperatorMaterialError` if anything is missing or loose."""
    token = _read(directory / _TOKEN)
    material = OperatorMaterial(
        token=token,
        signing_key=_read_key(directory / _SIGNING_SEED, NkeyKind.OPERATOR),
        system_account=_read_key(directory / _SYSTEM_SEED, NkeyKind.ACCOUNT),
        hub_account=_read_key(directory / _HUB_SEED, NkeyKind.ACCOUNT),
    )
    try:
        claims = parse_token(token).claims
    except RemoteProtocolError as error:
        raise OperatorMaterialError(
            f"{directory / _TOKEN} is damaged: restore the folder from its backup."
        ) from error
    if claims.get(
        "system_account"
    ) != material.system_account.public or material.signing_key.public not in claims.get(
        "signing_keys", ()
    ):
        raise OperatorMaterialError(
            f"The files in {directory} do not belong together: restore the folder from its backup."
        )
    return material


def _read_key(path: Path, kind: NkeyKind) -> Nkey:
    try:
        key = parse_nkey_seed(_read(path))
    except RemoteProtocolError as error:
        raise OperatorMaterialError(
            f"{path} holds no broker key seed: restore it from its backup."
        ) from error
    if key.kind is not kind:
        raise OperatorMaterialError(
            f"{path} holds the key of another kind: restore it from its backup."
        )
    return key


def _read(path: Path) -> str:
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="ascii").strip()
    except FileNotFoundError as error:
        raise OperatorMaterialError(
            f"{path} is missing: run `trm-hub init` first, or restore it from its backup."
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise OperatorMaterialError(f"{path} cannot be read: check its permissions.") from error
    if mode & 0o077:
        raise OperatorMaterialError(f"{path} is open to other users: run `chmod 600 {path}`.")
    if len(text) > MAX_TOKEN_CHARACTERS:
        raise OperatorMaterialError(f"{path} is damaged: restore it from its backup.")
    return text
