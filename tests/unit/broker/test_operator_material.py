"""The operators' broker keys on disk."""

import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hub.broker.operator import (
    ROOT_SEED,
    OperatorMaterialError,
    create_operator_material,
    load_operator_material,
)
from protocol.broker_credentials import parse_token
from protocol.nkeys import Nkey, NkeyKind

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make the keys."""
    made = tmp_path / "operator"
    create_operator_material(made, name="test operator", issued_at=NOW)
    return made


def test_keys_are_made_for_their_owner_only(folder: Path) -> None:
    """Folder and files are closed to others, and no draft is left beside them."""
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}
    assert list(folder.parent.iterdir()) == [folder]


def test_the_token_names_what_was_made(folder: Path) -> None:
    """The operator token is signed by the root and names system account and signing key."""
    material = load_operator_material(folder)
    token = parse_token(material.token)

    assert token.name == "test operator"
    assert token.claims["system_account"] == material.system_account.public
    assert token.claims["signing_keys"] == [material.signing_key.public]
    assert token.issuer not in {material.signing_key.public, material.system_account.public}
    assert material.reserved_accounts == {
        material.system_account.public,
        material.hub_account.public,
    }


def test_the_hub_runs_without_the_root(folder: Path) -> None:
    """The root's seed can be taken off line."""
    before = load_operator_material(folder)
    (folder / ROOT_SEED).unlink()

    assert load_operator_material(folder) == before


def test_keys_are_made_once(folder: Path) -> None:
    """A second call changes nothing and says so."""
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    with pytest.raises(OperatorMaterialError, match="left as it is"):
        create_operator_material(folder, name="again", issued_at=NOW)

    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before


def test_nothing_is_shown_of_the_seeds(folder: Path) -> None:
    """Printing the material prints no seed."""
    shown = repr(load_operator_material(folder))

    for file in folder.glob("*.seed"):
        assert file.read_text().strip()[4:30] not in shown


@pytest.mark.parametrize(
    ("spoil", "hint"),
    [
        (lambda file: file.unlink(), "trm-hub init"),
        (lambda file: file.chmod(0o640), "chmod 600"),
        (lambda file: file.write_text("SA"), "backup"),
        (lambda file: file.write_bytes(b"\xff\xfe"), "permissions"),
        (lambda file: file.write_text(Nkey.generate(NkeyKind.USER).encode_seed()), "another kind"),
        (
            lambda file: file.write_text(Nkey.generate(NkeyKind.OPERATOR).encode_seed()),
            "belong together",
        ),
    ],
)
def test_damage_is_named_with_the_way_out(folder: Path, spoil: object, hint: str) -> None:
    """Each kind of damage to the signing seed ends in an error that says what to do."""
    assert callable(spoil)
    spoil(folder / "operator-signing.seed")

    with pytest.raises(OperatorMaterialError, match=hint):
        load_operator_material(folder)
