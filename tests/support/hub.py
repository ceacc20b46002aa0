"""A whole hub for tests: a signed registry on disk, and the application over it."""

from dataclasses import dataclass
from pathlib import Path

from contact_registry.models import ListedBy, ParticipantEntry
from contact_registry.trust.repository import (
    NewParticipant,
    OnlineSigners,
    RegistryRepository,
)
from contact_registry.trust.signers import RegistrySigner, save_signing_key
from hub.broker.operator import create_operator_material
from protocol.identifiers import ParticipantCode
from protocol.signing import SigningKey
from tests.support.broker import read_clock, write_certificates


@dataclass(frozen=True)
class HubFolder:
    """A data folder that is ready for `trm-hub run`, and the environment that names it."""

    data: Path
    authority: Path
    environment: dict[str, str]
    directory_key: SigningKey


def make_hub_folder(folder: Path) -> HubFolder:
    """Make operators' keys, certificates, and a registry with one Participant, AL."""
    data = folder / "hub"
    data.mkdir(mode=0o700)
    authority, certificate, key = write_certificates(folder / "tls")
    create_operator_material(data / "operator", name="test", issued_at=read_clock())
    online, directory_key = SigningKey.generate(), SigningKey.generate()
    save_signing_key(data / "registry-online.key", online)
    signer = RegistrySigner(online)
    offline = RegistrySigner(SigningKey.generate())
    entry = ParticipantEntry(
        code=ParticipantCode("AL"),
        name="Albania",
        display_name="Albania",
        directory_key_held_by=ListedBy.OPERATOR,
    )
    RegistryRepository(data / "registry", clock=read_clock).create(
        root_signers=[offline],
        root_threshold=1,
        targets_signers=[offline],
        targets_threshold=1,
        online=OnlineSigners(snapshot=signer, timestamp=signer),
        participants=[NewParticipant(entry, (directory_key.verify_key,))],
    )
    token = folder / "operator-token"
    token.write_text("t" * 40)
    environment = {
        "TRM_HUB_DATA_DIR": str(data),
        "TRM_HUB_BROKER_CERTIFICATE": str(certificate),
        "TRM_HUB_BROKER_PRIVATE_KEY": str(key),
        "TRM_HUB_BROKER_CA": str(authority),
        "TRM_HUB_BROKER_PORT": "-1",
        "TRM_HUB_PORT": "0",
        "TRM_HUB_ADMISSION_INTERVAL": "PT1M",
        "TRM_HUB_DRILLS_BY_SCHEDULE": "false",  # it asks by the clock, and a test has no hour
        "TRM_HUB_OPERATOR_TOKEN_FILE": str(token),
    }
    return HubFolder(data, authority, environment, directory_key)
