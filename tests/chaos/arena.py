"""The network under force: the demo's world, with a proxy on each link and hands on each part.

Everything is a real process: nodes, hub, nats-server. What is done to a part is what happens to
machines: it is killed, stands still, finds its disk full, its clock wrong, its backup put back, its
mailbox emptied by an operator.
"""

import os
import resource
import shutil
import signal
import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from deploy.demo.processes import ServiceProcess
from deploy.demo.world import DemoNode, DemoWorld, utc_now
from protocol.identifiers import ParticipantCode, Phase
from tests.chaos.operator_hands import OperatorHands
from tests.chaos.proxy import ProxyRoom
from tests.chaos.small_disk import SmallDisk
from tests.support.broker import kill_broker
from tests.support.case_world import let_everything_pass

READY_SECONDS: Final = 120.0
BROKER: Final = "broker"
HUB: Final = "hub"
#: Keys are older than any jump of a clock, as they are wherever a system has run for some days.
_KEYS_AGE: Final = timedelta(days=3)
#: Where systems keep it; ``scripts/system-packages`` looks there, too.
FAKETIME_PLACES: Final = (
    "/usr/lib/*/faketime/libfaketimeMT.so.1",
    "/usr/lib/faketime/libfaketimeMT.so.1",
    "/usr/lib64/faketime/libfaketimeMT.so.1",
)
_UNLIMITED: Final = resource.RLIM_INFINITY


def find_faketime() -> str | None:
    """Return the library that changes what a process takes for the time; None: clocks stay."""
    found = (path for place in FAKETIME_PLACES for path in sorted(Path("/").glob(place[1:])))
    return next(map(str, found), None)


@dataclass(frozen=True, slots=True)
class Tempo:
    """How fast nodes try again: a run cannot wait for hours."""

    resend_first: timedelta = timedelta(seconds=1)
    repair_first: timedelta = timedelta(seconds=2)
    #: Whose node gets a disk of its own, where that may be done.
    small_disk_of: str | None = None


@dataclass(slots=True)
class Backup:
    """A copy of what docs/operations.md says to keep of a node."""

    folder: Path
    #: How many messages were accepted when it was begun.
    accepted_before: int


@dataclass(slots=True)
class Estate:
    """What the arena keeps of one node."""

    folder: Path
    backup: Backup | None = None
    #: Databases that a restore replaced, oldest first: what the system has forgotten.
    discarded: list[Path] = field(default_factory=list)


class Arena(DemoWorld):
    """The world of a run. Start processes from the main thread: they end with it."""

    def __init__(self, folder: Path, *, room: ProxyRoom, tempo: Tempo) -> None:
        self._room = room
        self._tempo = tempo
        self._faketime = find_faketime()
        self.estates: dict[str, Estate] = {}
        self._disk: SmallDisk | None = None
        self._copies = 0
        super().__init__(folder, resend_first=tempo.resend_first)
        self.hands = OperatorHands(self)

    # ------------------------------------------------------------------ how it is built

    def choose_settings(self, code: ParticipantCode) -> dict[str, str]:
        """Let the node reach broker and hub through proxies, and be quick to ask."""
        settings = super().choose_settings(code)
        broker = self._room.open(name_link(code, BROKER), port=read_port(self.broker.url))
        hub = self._room.open(name_link(code, HUB), port=read_port(self.hub.url))
        return settings | {
            "broker_servers": f"tls://127.0.0.1:{broker}",
            "hub_url": f"http://127.0.0.1:{hub}",
            "repair_first": f"PT{self._tempo.repair_first.total_seconds()}S",
        }

    def make_node(self, code: ParticipantCode, *, display_name: str) -> DemoNode:
        """Give one node a disk of its own that can be full, if asked for and possible."""
        node = super().make_node(code, display_name=display_name)
        if code == self._tempo.small_disk_of:
            self._disk = SmallDisk.mount(self.folder / f"node-{code}")
        return node

    def stop(self) -> None:
        """Stop everything, and leave all files in ordinary folders."""
        super().stop()
        if self._disk is not None:
            self._disk.close()
            self._disk = None

    def choose_surroundings(self, code: ParticipantCode) -> dict[str, str]:
        """Let the node's wall clock, and nothing else, follow a file."""
        self.estates[code] = Estate(self.folder / f"node-{code}")
        if self._faketime is None:
            return {}
        self.set_clock(code, "+0")
        return {
            "LD_PRELOAD": self._faketime,
            "FAKETIME_TIMESTAMP_FILE": str(self._clock_file(code)),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            # Else every wait of a thread for another is mistaken for one by the wall clock and ends
            # at once: the node spins, fifty times slower.
            "FAKETIME_FORCE_MONOTONIC_FIX": "0",
            "NO_FAKE_STAT": "1",
        }

    def keys_begin_at(self) -> datetime:
        """Return a moment before any that a clock here is set to."""
        return utc_now() - _KEYS_AGE

    def found_registry(self) -> None:
        """Let the Participants have agreed on everything, and desks that are there for it."""
        contacts = let_everything_pass(self.contacts.contacts, parties=self.nodes)
        self.contacts = replace(self.contacts, contacts=contacts)
        super().found_registry()

    def list_desks(self) -> dict[str, str]:
        """Return a desk of each node's Participant for the phase that all traffic is in."""
        return {
            code: next(
                authority.id
                for authority in self.contacts.contacts[ParticipantCode(code)].authorities
                if any(each.phase is Phase.IDENTIFICATION for each in authority.competences)
            )
            for code in self.nodes
        }

    @property
    def certificate_authority(self) -> Path:
        """Whom clients of the broker trust."""
        return self._tls / "ca.pem"

    # ------------------------------------------------------------------ hands on processes

    def process(self, part: str) -> ServiceProcess:
        """Return the process of a node or the hub."""
        return self.hub if part == HUB else self.nodes[part].process

    def process_id(self, part: str) -> int | None:
        """Return the number of a part's process; None if it does not run."""
        if part == BROKER:
            return self.broker.process_id
        process = self.process(part)
        return process.process_id if process.is_running else None

    def kill(self, part: str) -> None:
        """End a part at once, as a power cut of its machine would."""
        if part != BROKER:
            self.process(part).kill()
            return
        kill_broker(self.broker)

    def start_part(self, part: str) -> None:
        """Start a part that does not run."""
        if part == BROKER:
            self.broker.start()
        elif not self.process(part).is_running:
            self.process(part).start()

    def stand_still(self, part: str) -> None:
        """Let a part stand still."""
        self._signal(part, signal.SIGSTOP)

    def go_on(self, part: str) -> None:
        """Let it go on."""
        self._signal(part, signal.SIGCONT)

    def _signal(self, part: str, number: signal.Signals) -> None:
        process_id = self.process_id(part)
        if process_id is not None:
            os.kill(process_id, number)

    def stop_nodes(self) -> None:
        """End the nodes in order; hub and broker stay."""
        processes = [node.process for node in self.nodes.values()]
        for process in processes:
            process.ask_to_stop()
        for process in processes:
            process.wait_stopped()

    # ------------------------------------------------------------------ disk and clock

    def limit_files(self, part: str, limit: int | None) -> None:
        """Let a process write no file beyond ``limit`` bytes, as on a full disk; None: as before.

        prlimit(2) needs no privilege towards a process of one's own user, and nothing on the
        machine changes: the writes of this one process fail.
        """
        process_id = self.process_id(part)
        if process_id is not None:
            soft = _UNLIMITED if limit is None else limit
            resource.prlimit(process_id, resource.RLIMIT_FSIZE, (soft, _UNLIMITED))

    @property
    def small_disk(self) -> SmallDisk:
        """The disk of that node; only where there is one."""
        if self._disk is None:
            raise AssertionError("No node has a disk of its own: the row was to be left out.")
        return self._disk

    @property
    def has_small_disk(self) -> bool:
        """Whether a node has a disk of its own."""
        return self._disk is not None

    def set_clock(self, code: str, offset: str) -> None:
        """Set a node's wall clock off by ``offset`` (``+1d``); it looks within a second."""
        file = self._clock_file(code)
        fresh = file.with_suffix(".new")
        fresh.write_text(offset + "\n", encoding="ascii")
        fresh.replace(file)

    @property
    def has_clocks(self) -> bool:
        """Whether clocks can be set."""
        return self._faketime is not None

    def _clock_file(self, code: str) -> Path:
        return self.folder / f"clock-{code}"

    # ------------------------------------------------------------------ backup and restore

    def back_up(self, code: str, *, accepted_before: int) -> None:
        """Copy a node's database and key store while it runs, as docs/operations.md says."""
        self._copies += 1
        copy = self.folder / f"backup-{code}-{self._copies}"
        copy.mkdir(mode=0o700)
        estate = self.estates[code]
        with (
            closing(sqlite3.connect(estate.folder / "node.db", timeout=30)) as source,
            closing(sqlite3.connect(copy / "node.db")) as target,
        ):
            source.backup(target)
        shutil.copy(estate.folder / "keystore.json", copy / "keystore.json")
        copy_files(estate.folder / "files", copy / "files")
        if estate.backup is not None:
            shutil.rmtree(estate.backup.folder)
        estate.backup = Backup(copy, accepted_before)

    def put_back(self, code: str) -> None:
        """Put a dead node back to its backup; start it afterwards. Its links begin anew."""
        estate = self.estates[code]
        if estate.backup is None:
            raise AssertionError(f"No backup of {code} was made: correct the schedule.")
        self._copies += 1
        discarded = self.folder / f"discarded-{code}-{self._copies}"
        discarded.mkdir(mode=0o700)
        for file in estate.folder.glob("node.db*"):
            shutil.move(file, discarded / file.name)
        estate.discarded.append(discarded / "node.db")
        shutil.rmtree(estate.folder / "registry", ignore_errors=True)
        shutil.copy(estate.backup.folder / "node.db", estate.folder / "node.db")
        shutil.copy(estate.backup.folder / "keystore.json", estate.folder / "keystore.json")
        copy_files(estate.backup.folder / "files", estate.folder / "files")
        self.process(code).run_command("begin-new-generation")

    def copy_broker(self) -> None:
        """Remember the broker's disk as it is, as a snapshot of its machine would."""
        fresh = self.folder / "broker-copy-new"
        copy_files(self.folder / "broker", fresh)
        shutil.rmtree(self._broker_copy, ignore_errors=True)
        fresh.rename(self._broker_copy)

    def set_broker_back(self) -> None:
        """Put a dead broker's disk back to the copy, if one was made."""
        if self._broker_copy.is_dir():
            copy_files(self._broker_copy, self.folder / "broker")

    @property
    def _broker_copy(self) -> Path:
        return self.folder / "broker-copy"


def copy_files(source: Path, target: Path) -> None:
    """Let ``target`` hold what ``source`` holds, and nothing else; files may go meanwhile."""
    shutil.rmtree(target, ignore_errors=True)
    if source.is_dir():
        with suppress(shutil.Error):
            shutil.copytree(source, target)


def name_link(code: str, service: str) -> str:
    """Name the link between a node and the broker or the hub."""
    return f"{code}-{service}"


def read_port(url: str) -> int:
    """Return the port of an address."""
    return int(url.rsplit(":", 1)[1])
