"""The people of a ceremony for tests: operators, a registry host, Participants, and their tools.

Keys come from their names and the clock stands still, so that what the tools print is the same each
time: the transcripts in docs/ceremonies.md are made with it.
"""

import contextlib
import hashlib
import io
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from unittest.mock import patch

import httpx
from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from contact_registry import cli
from contact_registry.models import ContactsDocument, serialize_document
from contact_registry.trust.client import RegistryClient
from contact_registry.trust.layout import ExpiryPeriods
from contact_registry.trust.online import OnlineKeyring
from contact_registry.trust.operated import OperatedRepository
from contact_registry.trust.signers import RegistrySigner, save_public_key, save_signing_key
from contact_registry.trust.storage import WriteFile, write_durably
from contact_registry.trust.submitting import (
    Submission,
    build_contacts_submission,
    build_keys_submission,
)
from hub.registry_host.ceremonies import create_ceremony_router
from hub.registry_host.router import create_router
from protocol.identifiers import ParticipantCode
from protocol.signing import SigningKey
from tests.support.registry import Timepiece, make_contacts, make_keys, serve

OPERATORS: Final = ("op-1", "op-2", "op-3")
_CLOCKS: Final = (
    "contact_registry.ceremony.cli._now",
    "contact_registry.ceremony.cli_prepare._now",
    "contact_registry.cli._now",
)
_DIGEST: Final = re.compile(r"^  ((?:\d{5} ){5}\d{5})$", re.MULTILINE)


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def digest(self) -> str:
        """The digest that was printed."""
        return " ".join(_DIGEST.findall(self.out))


class PowerCutError(OSError):
    """The machine of the registry host stopped."""


@dataclass
class CuttingWriter:
    """Writes files until the power is cut, at write number ``cut_at``."""

    cut_at: int | None = None
    writes: int = 0

    def __call__(self, path: Path, data: bytes) -> None:
        """Write, or stop before this write."""
        if self.cut_at is not None and self.writes >= self.cut_at:
            raise PowerCutError
        self.writes += 1
        write_durably(path, data)


@dataclass
class RegistryHost:
    """The registry host over one folder; ``restart`` is a new process over the same disk."""

    folder: Path
    online_key: Path
    clock: Timepiece
    write_file: WriteFile = write_durably
    app: FastAPI = field(default_factory=FastAPI)

    def restart(self, write_file: WriteFile = write_durably) -> None:
        """Open the folder as a new process does."""
        self.repository = OperatedRepository(
            self.folder,
            clock=self.clock,
            keyring=OnlineKeyring.of_file(self.online_key),
            write_file=write_file,
        )
        online = self.repository.follow_root()
        self.app = FastAPI()
        self.app.include_router(create_router(self.repository, online))
        self.app.include_router(create_ceremony_router(self.repository))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the process that runs now."""
        await self.app(scope, receive, send)


@dataclass
class Stage:
    """A folder with everybody's keys, a registry host at ``address``, and the command line."""

    folder: Path
    clock: Timepiece
    address: str = ""
    #: Whether signers may ask the registry host: the TUF library takes its time from the machine.
    is_now: bool = True

    def __post_init__(self) -> None:
        """Make the keys of the founders."""
        self.host = RegistryHost(
            self.folder / "hub" / "registry",
            self.folder / "hub" / "registry-online.key",
            self.clock,
        )
        for name in (*OPERATORS, "AL-directory", "MK-directory", "AL-node", "MK-node"):
            self.make_key(name)
        self.make_key("registry-online", folder="hub")

    # ------------------------------------------------------------------ keys

    def make_key(self, name: str, *, folder: str = "keys") -> SigningKey:
        """Make the key of this name, and its two files."""
        key = self.key(name)
        for place in (folder, "public"):
            (self.folder / place).mkdir(parents=True, exist_ok=True)
        save_signing_key(self.folder / folder / f"{name}.key", key)
        save_public_key(self.folder / "public" / f"{name}.pub", key.verify_key)
        return key

    def key(self, name: str) -> SigningKey:
        """Return the key of this name: the same each time."""
        return SigningKey(hashlib.sha256(f"ceremony test {name}".encode()).digest())

    # ------------------------------------------------------------------ the command line

    def run(self, *words: object, typed: str = "") -> Outcome:
        """Run ``trm-registry`` in the stage's folder, as the installed script does.

        ``typed`` is what the person types when asked.
        """
        out, err = io.StringIO(), io.StringIO()
        with contextlib.ExitStack() as stack:
            for name in _CLOCKS:
                stack.enter_context(patch(name, self.clock))
            argv = ["trm-registry", *map(str, words)]
            stack.enter_context(patch.object(sys, "argv", argv))
            stack.enter_context(patch.object(sys, "stdin", io.StringIO(typed)))
            stack.enter_context(contextlib.chdir(self.folder))
            stack.enter_context(contextlib.redirect_stdout(out))
            stack.enter_context(contextlib.redirect_stderr(err))
            code = _end(cli.main)
        return Outcome(code, out.getvalue(), err.getvalue())

    def held(self) -> list[str]:
        """Return the options of a signer who asks the registry host, if the clock allows it."""
        if not self.is_now:
            return self.copied()
        return ["--registry", self.address, "--root", "1.root.json"]

    def copied(self) -> list[str]:
        """Return the options of a signer without network, with a new copy of the folder."""
        shutil.rmtree(self.folder / "copy", ignore_errors=True)
        shutil.copytree(self.host.folder, self.folder / "copy")
        return ["--registry", "copy", "--root", "1.root.json"]

    def do(self, *words: object) -> Outcome:
        """Run a command that must succeed."""
        outcome = self.run(*words)
        if outcome.code:
            raise AssertionError(f"{words}: {outcome.out}{outcome.err}")
        return outcome

    def sign(self, file: str, signers: Sequence[str], *, digest: str, name: str) -> str:
        """Let each sign a copy, join them, and return the joined file."""
        grounds = [self.held, self.copied]
        for number, signer in enumerate(signers):
            self.do("ceremony", "sign", file, "--key", f"keys/{signer}.key", "--digest", digest,
                    *grounds[number % 2]())  # fmt: skip
        copies = [f"{name}.{signer}.json" for signer in signers]
        complete = f"{name}.complete.json"
        self.do("ceremony", "combine", *copies, "--out", complete)
        return complete

    def prepare(self, name: str, *words: object, signers: Sequence[str]) -> str:
        """Prepare a ceremony, have it signed, and return the complete file."""
        file = f"{name}.json"
        prepared = self.do("ceremony", "prepare", *words, *self.held(), "--out", file)
        return self.sign(file, signers, digest=prepared.digest, name=name)

    def publish(self, file: str) -> Outcome:
        """Publish a complete file over HTTP."""
        return self.run("ceremony", "publish", file, "--hub", self.address)

    # ------------------------------------------------------------------ the registry

    def found(self) -> None:
        """Found the registry by the command line, with AL and MK, and start the host."""
        keys = [word for name in OPERATORS for word in ("--operator-key", f"public/{name}.pub")]
        members = [
            word for code in ("AL", "MK")
            for word in ("--participant", f"{code}=public/{code}-directory.pub")
        ]  # fmt: skip
        prepared = self.do(
            "ceremony", "prepare", "found", *keys, "--online-key", "public/registry-online.pub",
            *members, "--out", "founding.json",
        )  # fmt: skip
        for signer in ("op-1", "op-2"):
            self.do("ceremony", "sign", "founding.json", "--founding", "--key",
                    f"keys/{signer}.key", "--digest", prepared.digest)  # fmt: skip
        self.do("ceremony", "combine", "founding.op-1.json", "founding.op-2.json", "--out",
                "founding.complete.json")  # fmt: skip
        self.do("ceremony", "publish", "founding.complete.json", "--founding", "--repository",
                "hub/registry", "--online-key", "hub/registry-online.key")  # fmt: skip
        shutil.copy(self.host.folder / "metadata" / "1.root.json", self.folder / "1.root.json")
        self.host.restart()

    def contacts(self, code: str, *, note: str = "") -> ContactsDocument:
        """Return a Participant's contacts."""
        return make_contacts(ParticipantCode(code), note=note)

    def write_contacts(self, code: str, *, note: str = "") -> str:
        """Write a Participant's contacts to a file and return its name."""
        (self.folder / f"{code}.json").write_bytes(
            serialize_document(self.contacts(code, note=note))
        )
        return f"{code}.json"

    def submit(self, submission: Submission) -> None:
        """Publish a Participant's own change over HTTP; it must be accepted."""
        url = f"{self.address}/registry/submissions"
        httpx.post(url, json=submission.to_json(), trust_env=False).raise_for_status()

    def sign_contacts(
        self, code: str, *, signer: str, node_keys: Sequence[str], note: str = ""
    ) -> Submission:
        """Return the next version of a Participant's contacts."""
        return build_contacts_submission(
            self.contacts(code, note=note),
            previous_version=self.host.repository.role_status(code).version,
            signers=[RegistrySigner(self.key(signer))],
            expires=self.clock() + ExpiryPeriods().delegations,
            node_keys=[self.key(name).verify_key for name in node_keys],
        )

    def sign_keys(self, code: str, *, signer: str, version: int | None = None) -> Submission:
        """Return the next version of a node's keys, signed by the node key of this name."""
        role = f"{code}-node"
        previous = (
            self.host.repository.role_status(role).version if version is None else version - 1
        )
        with patch("tests.support.registry.secrets.token_bytes", _make_up):
            document = make_keys(
                ParticipantCode(code), self.clock(), signing=self.key(f"{signer} messages")
            )
        return build_keys_submission(
            document,
            previous_version=previous,
            signer=RegistrySigner(self.key(signer)),
            expires=self.clock() + ExpiryPeriods().delegations,
        )

    def settle(self) -> None:
        """Publish contacts and keys of AL and MK."""
        for code in ("AL", "MK"):
            self.submit(
                self.sign_contacts(code, signer=f"{code}-directory", node_keys=[f"{code}-node"])
            )
            self.submit(self.sign_keys(code, signer=f"{code}-node"))

    def client(self, http: httpx.Client, name: str) -> RegistryClient:
        """Return a node's client with a cache of its own."""
        return RegistryClient(
            base_url=self.address,
            cache_dir=self.folder / "clients" / name,
            trusted_root=(self.folder / "1.root.json").read_bytes(),
            http=http,
            clock=self.clock,
        )


@contextlib.contextmanager
def open_stage(folder: Path, clock: Timepiece) -> Iterator[Stage]:
    """Set a stage with a founded and settled registry, served over HTTP."""
    stage = Stage(folder, clock)
    with serve(stage.host) as address:
        stage.address = address
        stage.found()
        stage.settle()
        yield stage


def _make_up(size: int) -> bytes:
    """Return an encryption key that is the same each time."""
    return hashlib.shake_256(b"ceremony test encryption key").digest(size)


def _end(main: object) -> int:
    if not callable(main):
        raise TypeError("not a program")
    try:
        main()
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0
