"""A whole network in one folder: keys, registry, broker, hub, and a node for each Participant.

The ceremony that several people would hold over days (root keys, delegations, contact lists) is
done here by one program in a second, with the same functions that the command lines use.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from importlib import resources
from pathlib import Path
from typing import Final, Self

import httpx
import trustme

from contact_registry.founding import FOUNDING_PARTICIPANTS
from contact_registry.importing.importer import ImportDefaults, ImportResult, import_contact_list
from contact_registry.models import ListedBy
from contact_registry.trust.repository import NewParticipant, OnlineSigners, RegistryRepository
from contact_registry.trust.signers import RegistrySigner, save_signing_key
from contact_registry.trust.submitting import build_contacts_submission
from deploy.demo.processes import ServiceProcess, find_free_port
from hub.broker.config import BrokerConfig
from hub.broker.embedded import EmbeddedBroker
from hub.broker.operator import create_operator_material, load_operator_material
from hub.opening import open_records
from hub.operators import service as hub_operators
from hub.operators.roles import Role as HubRole
from hub.settings import HubSettings
from node.adapters.keystore import FileKeyStore, UnlockKey, save_keystore
from node.adapters.registry import KeysPublisher
from node.parts import build_parts, migrate_database
from node.service.people import (
    LINK_PATH,
    NewPerson,
    Standing,
    handle_add_account,
    handle_make_sign_in_link,
)
from node.service.principals import describe_local
from node.service.tokens import TokenWish, handle_make_token
from node.settings import NodeSettings
from protocol.epochs import EpochPolicy, plan_first_keys
from protocol.identifiers import Channel, ParticipantCode
from protocol.signing import SigningKey

CONTACT_LIST: Final = "trm_contacts_2022.csv"
_READY_SECONDS: Final = 60.0
_DEMO_ACTOR: Final = "local:demo"
_LINK_LIFETIME: Final = timedelta(hours=12)
_CONTACTS_SIGNED_FOR: Final = timedelta(days=90)


def utc_now() -> datetime:
    """Return the present moment."""
    return datetime.now(UTC)


@dataclass(slots=True)
class DemoNode:
    """One Participant's node: how it is run, and how a program talks to it."""

    code: ParticipantCode
    display_name: str
    keystore: FileKeyStore
    settings: NodeSettings
    process: ServiceProcess
    api_token: str = field(default="", repr=False)
    focal_point_link: str = field(default="", repr=False)
    administrator_link: str = field(default="", repr=False)

    @property
    def url(self) -> str:
        """Where its console and interface are."""
        return self.process.url


class DemoWorld:
    """Builds the network, starts it, stops it. Use as a context manager."""

    def __init__(self, folder: Path, *, resend_first: timedelta | None = None) -> None:
        self.folder = folder
        self._resend_first = resend_first
        self.nodes: dict[str, DemoNode] = {}
        self.operator_links: dict[str, str] = {}
        self.contacts: ImportResult = import_contact_list(
            resources.files("contact_registry").joinpath("data", CONTACT_LIST).read_text("utf-8"),
            defaults=ImportDefaults(
                valid_from=date(2022, 1, 1), source="regional TRM contact list, 2022"
            ),
        )
        self._tls = folder / "tls"
        self._hub_folder = folder / "hub"
        self.trusted_root = self._hub_folder / "registry" / "metadata" / "1.root.json"
        self.broker = self._prepare_broker()
        self.hub = self._prepare_hub()

    def __enter__(self) -> Self:
        """Use :meth:`start`."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop everything that runs."""
        self.stop()

    # -------------------------------------------------------------------------- building

    def _prepare_broker(self) -> EmbeddedBroker:
        self._tls.mkdir(parents=True)
        authority = trustme.CA(key_type=trustme.KeyType.ECDSA)
        certificate = authority.issue_cert("127.0.0.1", "localhost")
        authority.cert_pem.write_to_path(self._tls / "ca.pem")
        key = self._tls / "broker.key"
        key.touch(mode=0o600)
        certificate.private_key_pem.write_to_path(key)
        chain = b"".join(blob.bytes() for blob in certificate.cert_chain_pems)
        (self._tls / "broker.pem").write_bytes(chain)
        operator = self._hub_folder / "operator"
        self._hub_folder.mkdir(mode=0o700, parents=True)
        create_operator_material(operator, name="TRM demo operator", issued_at=utc_now())
        return EmbeddedBroker(
            BrokerConfig(
                state_directory=self.folder / "broker",
                certificate=self._tls / "broker.pem",
                private_key=key,
                port=find_free_port(),
            ),
            load_operator_material(operator),
            clock=utc_now,
        )

    def _prepare_hub(self) -> ServiceProcess:
        port = find_free_port()
        return ServiceProcess(
            "hub",
            program="trm-hub",
            settings={
                "TRM_HUB_DATA_DIR": str(self._hub_folder),
                "TRM_HUB_PORT": str(port),
                "TRM_HUB_BROKER_MODE": "external",
                "TRM_HUB_BROKER_SERVERS": self.broker.url,
                "TRM_HUB_BROKER_CA": str(self._tls / "ca.pem"),
                "TRM_HUB_ADMISSION_INTERVAL": "PT10S",
                "TRM_HUB_DRILLS_BY_SCHEDULE": "false",  # people ask by hand here, at any hour
            },
            url=f"http://127.0.0.1:{port}",
            log=self.folder / "hub.log",
        )

    def make_node(self, code: ParticipantCode, *, display_name: str) -> DemoNode:
        """Make a node's keys and settings; it is not known to anybody yet."""
        folder = self.folder / f"node-{code}"
        folder.mkdir(mode=0o700)
        unlock = UnlockKey(os.urandom(32))
        unlock_file = folder / "unlock.key"
        unlock_file.touch(mode=0o600)
        unlock_file.write_bytes(unlock.key)
        keystore = FileKeyStore.generate(
            code, validities=plan_first_keys(self.keys_begin_at(), EpochPolicy())
        )
        port = find_free_port()
        environment = self.choose_settings(code) | {
            "data_dir": str(folder),
            "unlock_key_file": str(unlock_file),
            "port": str(port),
        }
        settings = NodeSettings.model_validate(environment)
        save_keystore(keystore, settings.keystore_path, unlock=unlock)
        process = ServiceProcess(
            f"node {code}",
            program="trm-node",
            settings={f"TRM_NODE_{key.upper()}": value for key, value in environment.items()}
            | self.choose_surroundings(code),
            url=f"http://127.0.0.1:{port}",
            log=self.folder / f"node-{code}.log",
        )
        return DemoNode(
            code=code,
            display_name=display_name,
            keystore=keystore,
            settings=settings,
            process=process,
        )

    def choose_settings(self, code: ParticipantCode) -> dict[str, str]:  # noqa: ARG002 - for worlds where nodes differ
        """Return the settings of a node besides its folder, its port and what opens its keys."""
        settings = {
            "hub_url": self.hub.url,
            "trusted_root": str(self.trusted_root),
            "broker_servers": self.broker.url,
            "broker_ca": str(self._tls / "ca.pem"),
            "registry_refresh": "PT20S",
            "drills_refresh": "PT20S",
        }
        if self._resend_first is not None:
            settings["resend_first"] = f"PT{self._resend_first.total_seconds()}S"
        return settings

    def choose_surroundings(self, code: ParticipantCode) -> dict[str, str]:  # noqa: ARG002 - as above
        """Return further variables of a node's process."""
        return {}

    def keys_begin_at(self) -> datetime:
        """Return since when the nodes' keys are good."""
        return utc_now()

    def found_registry(self) -> None:
        """Hold the ceremony: root and targets keys, delegations, and the imported contacts."""
        operators = [RegistrySigner(SigningKey.generate()) for _ in range(3)]
        online_key = SigningKey.generate()
        save_signing_key(self._hub_folder / "registry-online.key", online_key)
        online = OnlineSigners(
            snapshot=RegistrySigner(online_key), timestamp=RegistrySigner(online_key)
        )
        directory_keys = {code: SigningKey.generate() for code in self.nodes}
        repository = RegistryRepository(self._hub_folder / "registry", clock=utc_now)
        repository.create(
            root_signers=operators,
            root_threshold=2,
            targets_signers=operators,
            targets_threshold=2,
            online=online,
            participants=[
                NewParticipant(
                    entry.model_copy(update={"directory_key_held_by": ListedBy.OPERATOR}),
                    (directory_keys[entry.code].verify_key,),
                )
                for entry in FOUNDING_PARTICIPANTS
                if entry.code in self.nodes
            ],
        )
        for code, key in directory_keys.items():
            submission = build_contacts_submission(
                self.contacts.contacts[ParticipantCode(code)],
                previous_version=0,
                signers=[RegistrySigner(key)],
                expires=utc_now().replace(microsecond=0) + _CONTACTS_SIGNED_FOR,
                node_keys=[self.nodes[code].keystore.registry_key.verify_key],
            )
            repository.accept(submission, online)

    # -------------------------------------------------------------------------- running

    def start(self, codes: Sequence[str] | None = None) -> None:
        """Start broker, hub, and nodes; return when every node is ready to send and receive."""
        for entry in FOUNDING_PARTICIPANTS:
            if codes is None or entry.code in codes:
                self.nodes[entry.code] = self.make_node(entry.code, display_name=entry.display_name)
        self.found_registry()
        self.broker.start()
        self.hub.start()
        self.hub.wait_until("/readyz", seconds=_READY_SECONDS)
        with httpx.Client(timeout=30.0) as http:
            publisher = KeysPublisher(hub_url=self.hub.url, http=http)
            for node in self.nodes.values():
                publisher.publish(node.keystore, at=utc_now().replace(microsecond=0))
        self._add_operators()
        for node in self.nodes.values():
            self._add_people(node)
            node.process.start()
        for node in self.nodes.values():
            node.process.wait_until("/readyz", seconds=_READY_SECONDS)

    def _add_operators(self) -> None:
        """Give the hub its first operators, as whoever keeps it would on the command line."""
        records = open_records(HubSettings.model_validate({"data_dir": self._hub_folder}))
        try:
            for name, shown, roles in (
                ("registry-desk", "Registry desk", [HubRole.DIRECTORY_OPERATOR]),
                ("hub-admin", "Hub administrator", [HubRole.HUB_ADMIN, HubRole.OBSERVER]),
            ):
                account = hub_operators.handle_add_operator(
                    records, actor=_DEMO_ACTOR, sign_in_name=name, display_name=shown, roles=roles
                )
                token = hub_operators.handle_make_sign_in_link(
                    records, account, actor=_DEMO_ACTOR, lifetime=_LINK_LIFETIME
                )
                self.operator_links[shown] = self.hub.url + hub_operators.LINK_PATH + token
        finally:
            records.database.close()

    def _add_people(self, node: DemoNode) -> None:
        """Give the node its first people and a program's token, as its administrator would."""
        migrate_database(node.settings)
        parts = build_parts(node.settings)
        try:
            context, local = parts.context, describe_local("demo")
            for name, shown, roles in (
                ("focal-point", "Focal point on duty", ["focal_point", "directory_editor"]),
                ("administrator", "Node administrator", ["node_admin"]),
            ):
                person = NewPerson(
                    sign_in_name=name,
                    display_name=shown,
                    standing=Standing(roles=frozenset(roles), channels=frozenset(Channel)),
                )
                handle_add_account(context, person, who=local)
            node.focal_point_link = (
                node.url
                + LINK_PATH
                + handle_make_sign_in_link(context, "focal-point", _LINK_LIFETIME, who=local)
            )
            node.administrator_link = (
                node.url
                + LINK_PATH
                + handle_make_sign_in_link(context, "administrator", _LINK_LIFETIME, who=local)
            )
            wish = TokenWish(
                label="demo-script", lifetime=timedelta(days=2), channels=frozenset(Channel)
            )
            node.api_token = handle_make_token(context, wish, who=local)
        finally:
            parts.close()

    def stop(self) -> None:
        """Stop everything in order: nodes, hub, broker."""
        processes = [node.process for node in self.nodes.values()]
        for group in (processes, [self.hub]):
            for process in group:
                process.ask_to_stop()
            for process in group:
                process.wait_stopped()
        self.broker.stop()
