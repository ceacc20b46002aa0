"""A small registry for tests: keys, a repository on disk, and a host that can be made to cheat."""

import secrets
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import httpx
import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from contact_registry.models import (
    Authority,
    BrokerIdentity,
    Competence,
    ContactsDocument,
    EncryptionKeyEntry,
    KeysDocument,
    ListedBy,
    ParticipantEntry,
    SigningKeyEntry,
    Telephone,
)
from contact_registry.trust.client import RegistryClient
from contact_registry.trust.layout import ExpiryPeriods
from contact_registry.trust.published import PublishedVersion
from contact_registry.trust.repository import NewParticipant, OnlineSigners, RegistryRepository
from contact_registry.trust.signers import RegistrySigner
from contact_registry.trust.storage import WriteFile, write_durably
from contact_registry.trust.submitting import (
    Submission,
    build_contacts_submission,
    build_keys_submission,
)
from hub.registry_host.router import DEFAULT_INTAKE, IntakeLimits, OnPublished, create_router
from protocol.identifiers import AuthorityId, ParticipantCode, Phase
from protocol.nkeys import Nkey, NkeyKind
from protocol.signing import SigningKey

AL = ParticipantCode("AL")
MK = ParticipantCode("MK")
ACCOUNT_KEY = Nkey(NkeyKind.ACCOUNT, SigningKey(b"a" * 32))


@dataclass
class Timepiece:
    """A clock that stands until it is moved."""

    now: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))

    def __call__(self) -> datetime:
        """Return the moment at which it stands."""
        return self.now

    def move(self, span: timedelta) -> None:
        """Move on."""
        self.now += span


def make_signer() -> RegistrySigner:
    """Return a signer with a new key."""
    return RegistrySigner(SigningKey.generate())


def make_entry(code: ParticipantCode) -> ParticipantEntry:
    """Return a Participant's entry under an invented name."""
    return ParticipantEntry(code=code, name=f"Participant {code}", display_name=f"Part. {code}")


def make_authority(code: ParticipantCode, slug: str = "desk", **changes: object) -> Authority:
    """Return an authority competent for identification, with ``changes``."""
    fields: dict[str, object] = {
        "id": AuthorityId(f"{code}-{slug}"),
        "name": f"Desk {slug}",
        "competences": (Competence(phase=Phase.IDENTIFICATION),),
        "telephones": (Telephone(as_listed="+355 44541821", e164="+35544541821"),),
        "time_zone": "Europe/Tirane",
        "valid_from": date(2022, 1, 1),
    }
    return Authority.model_validate(fields | changes)


def make_contacts(code: ParticipantCode, *, note: str = "") -> ContactsDocument:
    """Return the contacts of one Participant with one desk."""
    return ContactsDocument(
        participant=code,
        listed_by=ListedBy.PARTICIPANT,
        authorities=(make_authority(code, note=note),),
    )


def make_keys(code: ParticipantCode, at: datetime, *, signing: SigningKey) -> KeysDocument:
    """Return the keys of one node: one signing key and one encryption key of a week."""
    return KeysDocument(
        participant=code,
        issued_at=at,
        signing_keys=(SigningKeyEntry.of(signing.verify_key, valid_from=at),),
        encryption_keys=(
            EncryptionKeyEntry.of(
                secrets.token_bytes(1216), valid_from=at, valid_to=at + timedelta(days=7)
            ),
        ),
        broker=BrokerIdentity.of(code, ACCOUNT_KEY),
    )


@dataclass
class RegistryWorld:
    """A repository with its keys in hand. Two of three operators sign root and targets."""

    folder: Path
    clock: Timepiece = field(default_factory=Timepiece)
    expiry: ExpiryPeriods = field(default_factory=ExpiryPeriods)
    write_file: WriteFile = write_durably

    def __post_init__(self) -> None:
        """Make all keys."""
        self.operators = [make_signer() for _ in range(3)]
        online = make_signer()
        self.online = OnlineSigners(snapshot=online, timestamp=online)
        self.directory_keys = {AL: make_signer(), MK: make_signer()}
        self.node_keys = {AL: make_signer(), MK: make_signer()}
        self.message_keys = {AL: SigningKey.generate(), MK: SigningKey.generate()}
        self.repository = self.open()

    def open(self) -> RegistryRepository:
        """Return the repository as a new process would open it."""
        return RegistryRepository(
            self.folder, clock=self.clock, expiry=self.expiry, write_file=self.write_file
        )

    def new_participant(self, code: ParticipantCode) -> NewParticipant:
        """Return what the operators need to admit a Participant."""
        return NewParticipant(make_entry(code), (self.directory_keys[code].verify_key,))

    def create(self) -> PublishedVersion:
        """Create the repository with AL and MK."""
        return self.repository.create(
            root_signers=self.operators,
            root_threshold=2,
            targets_signers=self.operators,
            targets_threshold=2,
            online=self.online,
            participants=[self.new_participant(AL), self.new_participant(MK)],
        )

    def contacts_submission(
        self, code: ParticipantCode, *, note: str = "", expires: datetime | None = None
    ) -> Submission:
        """Return the next version of a Participant's contacts."""
        return build_contacts_submission(
            make_contacts(code, note=note),
            previous_version=self.repository.role_status(code).version,
            signers=[self.directory_keys[code]],
            expires=expires or self.clock() + timedelta(days=90),
            node_keys=[self.node_keys[code].verify_key],
        )

    def keys_submission(
        self, code: ParticipantCode, *, expires: datetime | None = None
    ) -> Submission:
        """Return the next version of a node's keys."""
        return build_keys_submission(
            make_keys(code, self.clock(), signing=self.message_keys[code]),
            previous_version=self.repository.role_status(f"{code}-node").version,
            signer=self.node_keys[code],
            expires=expires or self.clock() + timedelta(days=90),
        )

    def publish(self, submission: Submission) -> PublishedVersion:
        """Publish a submission, which must be accepted."""
        return self.repository.accept(submission, self.online)

    def publish_all(self) -> PublishedVersion:
        """Create the repository and publish everything of AL and MK."""
        self.create()
        for code in (AL, MK):
            self.publish(self.contacts_submission(code))
            self.publish(self.keys_submission(code))
        return self.repository.published_version()

    def client(self, base_url: str, cache: Path, http: httpx.Client) -> RegistryClient:
        """Return a client that trusts this repository's root."""
        return RegistryClient(
            base_url=base_url,
            cache_dir=cache,
            trusted_root=self.repository.read_root(),
            http=http,
            clock=self.clock,
        )


@dataclass
class CheatingHost:
    """An ASGI application in front of the registry host: it notes what is asked, and can lie."""

    app: ASGIApp
    lies: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with a lie for this path, if there is one."""
        if scope["type"] != "http" or scope["path"] not in self.lies:
            if scope["type"] == "http":
                self.asked.append(scope["path"].removeprefix("/registry/"))
            await self.app(scope, receive, send)
            return
        status, body = self.lies[scope["path"]]
        headers = [(b"location", b"/elsewhere")] if status in range(300, 400) else []
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def serve_instead(self, path: str, body: bytes, *, status: int = 200) -> None:
        """Serve ``body`` for ``/registry/{path}`` from now on."""
        self.lies[f"/registry/{path}"] = (status, body)


@contextmanager
def serve(app: ASGIApp) -> Iterator[str]:
    """Serve an application on a free port of the loopback interface; yields its address.

    The socket listens before the server's thread starts, so that no one has to wait for it. It
    names its protocol, because asyncio switches Nagle's algorithm off only for sockets that do.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        config = uvicorn.Config(app, log_config=None, lifespan="off", ws="none", loop="asyncio")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def serve_registry(
    world: RegistryWorld,
    on_published: OnPublished | None = None,
    *,
    intake: IntakeLimits = DEFAULT_INTAKE,
) -> Iterator[tuple[str, CheatingHost]]:
    """Serve a world's repository; yields the address and the host that can be made to cheat."""
    app = FastAPI()
    app.include_router(create_router(world.repository, world.online, on_published, intake=intake))
    host = CheatingHost(app)
    with serve(host) as address:
        yield address, host
