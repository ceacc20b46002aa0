"""One registry at four moments in memory, one HTTP server that shows any files, clients of it.

What is costly (keys, signatures, a first download) is done once for a module of tests. Each test
takes copies: of a dictionary of files, and of a client's cache folder.
"""

import shutil
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType
from typing import Final

import httpx
from tuf.api.metadata import Metadata, Root
from typing_extensions import override

from contact_registry.directory import Directory
from contact_registry.trust.client import RegistryClient
from contact_registry.trust.fetcher import Patience
from contact_registry.trust.repository import OnlineSigners
from contact_registry.trust.signers import RegistrySigner
from protocol.identifiers import ParticipantCode
from protocol.signing import SigningKey
from tests.support.registry import AL, MK, RegistryWorld, Timepiece, make_signer

RS: Final = ParticipantCode("RS")
OPERATORS: Final = ("operator-1", "operator-2", "operator-3")
KEYS: Final = (*OPERATORS, "snapshot", "timestamp", "AL", "AL-node", "MK", "MK-node", "stranger")
"""Who holds a key; ``stranger`` is a key that no role of the registry has."""

#: Seconds without a byte that no busy machine reaches: only a host that is silent on purpose does.
LONG_SILENCE: Final = 120.0
#: Seconds: far below what a client waits for a byte, and so long that its buffers do not fill.
_BETWEEN_PIECES: Final = 0.005
_PATIENCE: Final = Patience(silence=LONG_SILENCE, deadline=LONG_SILENCE)

Files = Mapping[str, bytes]
"""What a host serves: the path below ``registry/`` and its bytes."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that is more than bytes with status 200.

    ``length`` is what ``Content-Length`` claims (None: nothing, the end of the connection ends the
    body); ``silent``: nothing is sent at all, until the client gives up; ``drips``: each piece is
    sent when the client has looked at its clock after the one before (:attr:`Shown.looked`);
    ``instead``: sent in place of an answer, piece by piece, until the client hangs up.
    """

    body: Iterable[bytes] = ()
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    length: int | None = None
    silent: bool = False
    drips: bool = False
    instead: Iterable[bytes] = ()


@dataclass
class Shown:
    """What one test's host shows, what was asked of it, and how much it sent."""

    files: Mapping[str, bytes | Reply]
    asked: list[str] = field(default_factory=list)
    sent: int = 0
    looked: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))


class StageServer(ThreadingHTTPServer):
    """Serves what each test shows, below the test's own name."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.shown: dict[str, Shown] = {}
        self.over = threading.Event()

    @property
    def origin(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def show(self, test: str, files: Mapping[str, bytes | Reply]) -> Shown:
        """Show these files below this name from now on."""
        shown = self.shown[test] = Shown(files)
        return shown

    @override
    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that hang up: that is what they are to do."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: StageServer

    def do_GET(self) -> None:
        """Answer with the file of this path, or 404."""
        test, _, name = self.path.removeprefix("/").partition("/registry/")
        shown = self.server.shown[test]
        shown.asked.append(name)
        found = shown.files.get(name)
        reply = (
            found
            if isinstance(found, Reply)
            else Reply(
                (found or b"",), length=len(found or b""), status=404 if found is None else 200
            )
        )
        if reply.silent:
            self.server.over.wait()
            return
        for piece in reply.instead:
            self.wfile.write(piece)
            if self.server.over.wait(_BETWEEN_PIECES):
                return
        self.send_response(reply.status)
        for header, value in reply.headers:
            self.send_header(header, value)
        if reply.length is not None:
            self.send_header("Content-Length", str(reply.length))
        else:
            self.send_header("Connection", "close")
        self.end_headers()
        # Another answer's thread, which still ends, must not take away a look that this one is for.
        while reply.drips and shown.looked.acquire(blocking=False):
            pass
        for piece in reply.body:
            self.wfile.write(piece)
            shown.sent += len(piece)
            if reply.drips and not shown.looked.acquire(timeout=LONG_SILENCE):
                break
        self.close_connection = self.close_connection or not isinstance(found, bytes)

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Write no log."""


@dataclass(frozen=True)
class Moments:
    """The honest registry. Each moment has all files of those before it, as a host keeps them.

    ``ancient``: three days ago, its timestamp has run out. ``older``: before AL's last two changes.
    ``known``: what a client of these tests has verified. ``newest`` differs from it in every file
    that a client reads: root, RS takes part, AL's contacts and keys, MK's contacts.
    """

    ancient: Files
    older: Files
    known: Files
    newest: Files


@dataclass
class Stage:
    """Everything that an attack needs, made once."""

    folder: Path
    server: StageServer
    http: httpx.Client
    world: RegistryWorld
    moments: Moments
    keys: Mapping[str, RegistrySigner]
    newest: Directory

    @property
    def origin(self) -> str:
        """The server's address."""
        return self.server.origin

    def show(self, test: str, files: Mapping[str, bytes | Reply]) -> Shown:
        """Show these files below this name from now on."""
        return self.server.show(test, files)

    def client(
        self,
        test: str,
        cache: Path,
        *,
        knows: str | None = "known",
        root: bytes | None = None,
        clock: Timepiece | None = None,
        patience: Patience = _PATIENCE,
    ) -> RegistryClient:
        """Return a client whose cache holds the moment ``knows``, or nothing."""
        if knows is not None:
            shutil.copytree(self.folder / f"cache-{knows}", cache, symlinks=True)
        return RegistryClient(
            base_url=f"{self.origin}/{test}/",
            cache_dir=cache,
            trusted_root=root or self.moments.ancient["metadata/1.root.json"],
            http=self.http,
            clock=clock or Timepiece(self.world.clock()),
            patience=patience,
        )


def write_at_once(path: Path, data: bytes) -> None:
    """Write without waiting for the disk: nothing here has to survive a crash."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def read_files(folder: Path) -> Files:
    """Return everything that a repository's folder holds."""
    return MappingProxyType(
        {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.json")}
    )


def build_moments(world: RegistryWorld) -> Moments:
    """Let the registry live for three days."""
    world.clock.move(timedelta(days=-3))
    world.publish_all()
    ancient = read_files(world.folder)
    world.clock.move(timedelta(days=3, hours=-2))
    world.repository.refresh_timestamp(world.online)
    older = read_files(world.folder)
    world.clock.move(timedelta(hours=1))
    world.publish(world.contacts_submission(AL, note="first floor"))
    world.publish(world.keys_submission(AL))
    known = read_files(world.folder)
    world.clock.move(timedelta(hours=1))
    _renew_root(world)
    world.directory_keys[RS] = make_signer()
    world.repository.add_participants(
        [world.new_participant(RS)], targets_signers=world.operators[:2], online=world.online
    )
    world.publish(world.contacts_submission(AL, note="second floor"))
    world.message_keys[AL] = SigningKey.generate()
    world.publish(world.keys_submission(AL))
    world.publish(world.contacts_submission(MK, note="ring twice"))
    return Moments(ancient, older, known, read_files(world.folder))


def _renew_root(world: RegistryWorld) -> None:
    """Let two operators sign the root once more, with the same keys."""
    root = Metadata[Root].from_bytes(world.repository.read_root())
    root.signed.version = 2
    root.signatures.clear()
    for signer in world.operators[:2]:
        root.sign(signer, append=True)
    write_at_once(world.folder / "metadata" / "2.root.json", root.to_bytes())


def list_keys(world: RegistryWorld) -> Mapping[str, RegistrySigner]:
    """Return every key of the registry, by who holds it, and a stranger's."""
    online = (world.online.snapshot, world.online.timestamp)
    signers = (*world.operators, *online, world.directory_keys[AL], world.node_keys[AL],
               world.directory_keys[MK], world.node_keys[MK], make_signer())  # fmt: skip
    return {
        name: signer
        for name, signer in zip(KEYS, signers, strict=True)
        if isinstance(signer, RegistrySigner)
    }


@contextmanager
def serve_shown() -> Iterator[StageServer]:
    """Run a server that shows nothing yet."""
    with StageServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            server.over.set()
            server.shutdown()
            thread.join()


@contextmanager
def open_stage(folder: Path) -> Iterator[Stage]:
    """Make the registry, its server, and a cache for each moment that a client may know."""
    world = RegistryWorld(folder / "repository", write_file=write_at_once)
    world.online = OnlineSigners(snapshot=make_signer(), timestamp=make_signer())
    moments = build_moments(world)
    with serve_shown() as server, httpx.Client(trust_env=False) as http:
        stage = Stage(
            folder=folder,
            server=server,
            http=http,
            world=world,
            moments=moments,
            keys=list_keys(world),
            newest=world.repository.load_directory(),
        )
        for moment, files in (("known", moments.known), ("newest", moments.newest)):
            stage.show(moment, files)
            stage.client(moment, folder / f"cache-{moment}", knows=None).refresh()
        yield stage
