"""What a run does to the network: a table, one row for each fault, with its weight and its end.

A fault is begun, lasts, and is ended; what it needs for itself is named, so that two faults never
pull at one part. Everything random about a fault is drawn when the schedule is made.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from types import MappingProxyType
from typing import Final

from hub.broker.connection import BrokerUnavailableError
from protocol.subjects import TrafficClass
from tests.chaos.arena import BROKER, HUB, Arena, name_link
from tests.chaos.ledger import Ledger
from tests.chaos.proxy import FAIR, Direction, ProxyRoom, Weather


@dataclass(frozen=True, slots=True)
class Stage:
    """What faults act upon."""

    arena: Arena
    room: ProxyRoom
    ledger: Ledger


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of a schedule."""

    kind: str
    #: The part or the link that it is done to.
    target: str
    #: When: that many messages have been accepted.
    at: int
    #: How long, in seconds.
    lasts: float
    #: What else was drawn for it.
    detail: Mapping[str, str | float | int] = field(default_factory=dict)

    def describe(self) -> str:
        """Say in a line what is done."""
        drawn = " ".join(f"{name}={value}" for name, value in self.detail.items())
        return f"{self.at:>6} {self.kind} {self.target} {self.lasts:.1f}s {drawn}".rstrip()


class NotDoneError(Exception):
    """A fault could not be done after all; the text says why. Nothing of it has to be ended."""


Act = Callable[[Stage, Fault], None]
Draw = Callable[[Random], dict[str, str | float | int]]


@dataclass(frozen=True, slots=True)
class FaultKind:
    """One row of the table."""

    #: What happens, for people.
    meaning: str
    #: How often beside the others.
    weight: int
    #: Whom it can hit: ``node``, ``hub``, ``broker``, ``link``, ``mailbox``, ``small disk``.
    hits: tuple[str, ...]
    begin: Act
    end: Act
    #: Shortest and longest duration in seconds, at tempo 1.
    lasts: tuple[float, float]
    draw: Draw = lambda _random: {}
    #: Whether it can be done on this machine.
    is_possible: Callable[[Arena], bool] = lambda _arena: True


_ALL: Final = "all"
_WIPED: Final = (_ALL, _ALL, _ALL, *(each.value for each in TrafficClass))


def _kill(stage: Stage, fault: Fault) -> None:
    stage.arena.kill(fault.target)


def _start(stage: Stage, fault: Fault) -> None:
    stage.arena.start_part(fault.target)


def _stand_still(stage: Stage, fault: Fault) -> None:
    stage.arena.stand_still(fault.target)


def _go_on(stage: Stage, fault: Fault) -> None:
    stage.arena.go_on(fault.target)


def _cut(stage: Stage, fault: Fault) -> None:
    stage.room.change(fault.target, Weather(cut=True))


def _half_open(stage: Stage, fault: Fault) -> None:
    ways = {
        "up": frozenset({Direction.UP}),
        "down": frozenset({Direction.DOWN}),
        "both": frozenset(Direction),
    }
    stage.room.change(fault.target, Weather(silent=ways[str(fault.detail["way"])]))


def _slow(stage: Stage, fault: Fault) -> None:
    detail = fault.detail
    stage.room.change(fault.target, Weather(delay=float(detail["delay"]), rate=int(detail["rate"])))


def _fair(stage: Stage, fault: Fault) -> None:
    stage.room.change(fault.target, FAIR, reset=bool(fault.detail.get("reset", 0)))


def _wipe(stage: Stage, fault: Fault) -> None:
    which = str(fault.detail["which"])
    classes = list(TrafficClass) if which == _ALL else [TrafficClass(which)]
    try:
        gone = stage.arena.hands.wipe(fault.target, classes)
    except BrokerUnavailableError as error:
        raise NotDoneError(str(error)) from error
    stage.ledger.note_wiped(fault.target, envelopes=gone)


def _nothing(_stage: Stage, _fault: Fault) -> None:
    """Nothing is left to end."""


def _restore(stage: Stage, fault: Fault) -> None:
    arena, code = stage.arena, fault.target
    arena.kill(code)
    backup = arena.estates[code].backup
    if backup is None:
        raise AssertionError(f"No backup of {code} was made: correct the schedule.")
    stage.ledger.note_restored(code, accepted_before=backup.accepted_before)
    arena.put_back(code)


def _fill_disk(stage: Stage, fault: Fault) -> None:
    stage.arena.limit_files(fault.target, 0)


def _free_disk(stage: Stage, fault: Fault) -> None:
    """Let writes succeed again. A broker has to be restarted: it takes nothing until then."""
    if fault.target == BROKER:
        stage.arena.kill(BROKER)
        stage.arena.start_part(BROKER)
    else:
        stage.arena.limit_files(fault.target, None)


def _leave_no_room(stage: Stage, _fault: Fault) -> None:
    stage.arena.small_disk.fill()


def _make_room(stage: Stage, _fault: Fault) -> None:
    stage.arena.small_disk.free()


def _jump(stage: Stage, fault: Fault) -> None:
    stage.arena.set_clock(fault.target, str(fault.detail["offset"]))


def _right_clock(stage: Stage, fault: Fault) -> None:
    stage.arena.set_clock(fault.target, "+0")


def _set_broker_back(stage: Stage, fault: Fault) -> None:
    stage.arena.kill(BROKER)
    stage.arena.set_broker_back()


FAULTS: Final[Mapping[str, FaultKind]] = MappingProxyType(
    {
        "kill": FaultKind(
            "the process is gone at once (SIGKILL), and started again later",
            weight=30,
            hits=("node", "node", "hub", "broker"),
            begin=_kill,
            end=_start,
            lasts=(0.0, 6.0),
        ),
        "pause": FaultKind(
            "the process stands still (SIGSTOP) and goes on",
            weight=15,
            hits=("node", "node", "hub", "broker"),
            begin=_stand_still,
            end=_go_on,
            lasts=(0.5, 20.0),
        ),
        "cut": FaultKind(
            "connections of a link are aborted, new ones too",
            weight=15,
            hits=("link",),
            begin=_cut,
            end=_fair,
            lasts=(0.2, 15.0),
        ),
        "half_open": FaultKind(
            "connections stay, nothing arrives one way or both; then late, or never",
            weight=15,
            hits=("link",),
            begin=_half_open,
            end=_fair,
            lasts=(1.0, 30.0),
            draw=lambda random: {
                "way": random.choice(["up", "down", "both"]),
                "reset": random.choice([0, 1]),
            },
        ),
        "slow": FaultKind(
            "a link gets slow and thin",
            weight=10,
            hits=("link",),
            begin=_slow,
            end=_fair,
            lasts=(2.0, 30.0),
            draw=lambda random: {
                "delay": round(random.uniform(0.05, 1.5), 2),
                "rate": random.choice([4_000, 16_000, 64_000]),
            },
        ),
        "wipe": FaultKind(
            "an operator deletes mailboxes of one class, or all, and makes them anew",
            weight=10,
            hits=("mailbox",),
            begin=_wipe,
            end=_nothing,
            lasts=(0.0, 0.0),
            draw=lambda random: {"which": random.choice(_WIPED)},
        ),
        "restore": FaultKind(
            "a node is lost and put back to an older backup",
            weight=6,
            hits=("node",),
            begin=_restore,
            end=_start,
            lasts=(0.0, 5.0),
            draw=lambda random: {"age": random.randint(10, 200)},
        ),
        "full_disk": FaultKind(
            "nothing can be written (the process may write no file: RLIMIT_FSIZE)",
            weight=8,
            hits=("node", "node", "hub", "broker"),
            begin=_fill_disk,
            end=_free_disk,
            lasts=(0.5, 15.0),
        ),
        "no_space": FaultKind(
            "the disk of the first node is full (ENOSPC, a tmpfs that is made too small)",
            weight=5,
            hits=("small disk",),
            begin=_leave_no_room,
            end=_make_room,
            lasts=(0.5, 15.0),
            is_possible=lambda arena: arena.has_small_disk,
        ),
        "clock": FaultKind(
            "a node's clock jumps by a day, and back",
            weight=8,
            hits=("node",),
            begin=_jump,
            end=_right_clock,
            lasts=(2.0, 20.0),
            draw=lambda random: {"offset": random.choice(["+1d", "-1d"])},
            is_possible=lambda arena: arena.has_clocks,
        ),
        "broker_back": FaultKind(
            "the broker's disk is put back to what it was some time ago",
            weight=3,
            hits=("broker",),
            begin=_set_broker_back,
            end=_start,
            lasts=(0.0, 3.0),
            draw=lambda random: {"age": random.randint(5, 60)},
        ),
    }
)
"""Every fault. Weights are shares of a run."""


def list_held(fault: Fault) -> frozenset[str]:
    """Return what a fault needs for itself while it lasts."""
    if fault.kind == "clock":
        return frozenset({f"{fault.target} clock"})
    if fault.kind == "no_space":
        return frozenset({f"{fault.target} disk", f"{fault.target} restore"})
    if fault.kind == "restore":
        return frozenset({fault.target, f"{fault.target} restore"})
    if fault.kind == "wipe":
        return frozenset({BROKER})  # it needs one that runs
    return frozenset({fault.target})


@dataclass(frozen=True, slots=True)
class Size:
    """How much a run does."""

    messages: int
    faults: int
    codes: tuple[str, ...]
    #: What durations of faults are multiplied with.
    tempo: float = 1.0


def plan_faults(random: Random, *, size: Size) -> list[Fault]:
    """Draw a schedule: the same for the same seed and size, in the order of its moments.

    It is the same on every machine: what one cannot do is left out afterwards. Each kind occurs as
    often as its weight says, at least once if there are enough faults, so that no seed leaves one
    out by chance.
    """
    kinds = _share_out(size.faults)
    random.shuffle(kinds)
    moments = sorted(random.randint(0, max(0, size.messages * 19 // 20)) for _ in kinds)
    return [_plan(random, kind, at=at, size=size) for kind, at in zip(kinds, moments, strict=True)]


def _share_out(count: int) -> list[str]:
    """Return ``count`` kinds: each once, the heaviest first, and the rest by their weights."""
    kinds = sorted(FAULTS, key=lambda name: -FAULTS[name].weight)[:count]
    total = sum(row.weight for row in FAULTS.values())
    rest = count - len(kinds)
    shares = {name: rest * row.weight / total for name, row in FAULTS.items()}
    kinds += [name for name, share in shares.items() for _ in range(int(share))]
    by_remainder = sorted(shares, key=lambda name: int(shares[name]) - shares[name])
    return kinds + by_remainder[: count - len(kinds)]


def _plan(random: Random, kind: str, *, at: int, size: Size) -> Fault:
    row = FAULTS[kind]
    what = random.choice(row.hits)
    code = random.choice(size.codes)
    target = {
        "node": code,
        "hub": HUB,
        "broker": BROKER,
        "mailbox": code,
        "small disk": size.codes[0],
        "link": name_link(code, random.choice([BROKER, BROKER, HUB])),
    }[what]
    low, high = row.lasts
    return Fault(
        kind=kind,
        target=target,
        at=at,
        lasts=round(random.uniform(low, high) * size.tempo, 2),
        detail=row.draw(random),
    )
