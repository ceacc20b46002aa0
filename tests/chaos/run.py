"""Proof by force: ``python -m tests.chaos.run --seed 1 --messages 10000 --faults 200``.

See docs/chaos.md. The schedule of faults and what each program wants to send follow from the seed;
the moments at which processes meet do not, and the verdict does not depend on them.
"""

import argparse
import json
import math
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final

from console.process.logs import LogFormat, configure_logs
from deploy.demo.processes import ProcessFailedError
from tests.chaos.arena import BROKER, HUB, Arena, Tempo
from tests.chaos.faults import (
    FAULTS,
    Fault,
    NotDoneError,
    Size,
    Stage,
    list_held,
    plan_faults,
)
from tests.chaos.gaps import count_gaps
from tests.chaos.ledger import Ledger
from tests.chaos.proofs import Proofs, collect_proofs, try_program
from tests.chaos.proxy import ProxyRoom
from tests.chaos.showing import ask_nodes, wait_until_settled
from tests.chaos.traffic import Program, Quota
from tests.chaos.verdict import Verdict, judge

Say = Callable[[str], None]

_TICK: Final = 0.02
_AT_ONCE: Final = 3
#: Nothing accepted for so long, although no fault lasts: the run is stuck, and says so.
_STUCK_SECONDS: Final = 180.0
_CODES: Final = ("AL", "BA", "ME", "XK")


class StuckError(Exception):
    """No message was accepted for minutes although nothing is in the way."""


@dataclass(slots=True)
class _Active:
    fault: Fault
    until: float


@dataclass(slots=True)
class Run:
    """One run: begins faults when their moment has come, ends them when their time is over."""

    stage: Stage
    size: Size
    faults: list[Fault]
    say: Say
    done: Counter[str] = field(default_factory=Counter)
    #: Planned, and not possible on this machine or at that moment.
    not_done: Counter[str] = field(default_factory=Counter)
    #: Processes that ended without being killed, and were started again as a service would be.
    ended_by_themselves: Counter[str] = field(default_factory=Counter)
    _active: list[_Active] = field(default_factory=list)
    _backups: list[tuple[int, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Plan a backup before each restore, as old as was drawn."""
        self._backups = sorted(
            (max(0, fault.at - int(fault.detail.get("age", 0))), fault.target)
            for fault in self.faults
            if fault.kind in {"restore", "broker_back"}
        )

    def go_on_until(self, is_over: Callable[[], bool], quota: Quota) -> None:
        """Do what the schedule says while the programs work; returns with every fault ended."""
        waiting = list(self.faults)
        ledger, count, since = self.stage.ledger, 0, time.monotonic()
        while not is_over() or waiting or self._active:
            now = time.monotonic()
            if ledger.count != count or self._active:
                count, since = ledger.count, now
            if now - since > _STUCK_SECONDS:
                raise StuckError(
                    f"No message was accepted for {_STUCK_SECONDS:.0f} s, at {count}: look at the "
                    "logs of the nodes."
                )
            self._end_those_due(now)
            self._make_backups(count)
            reached = self.size.messages if is_over() else count
            for fault in self._list_ready(waiting, reached):
                waiting.remove(fault)
                self._begin(fault)
            quota.ceiling = waiting[0].at + self._slack if waiting else math.inf
            self._supervise()
            time.sleep(_TICK)  # moments of force are no events

    @property
    def _slack(self) -> int:
        """Return how far traffic may run ahead of the faults that are due."""
        return max(8, 2 * self.size.messages // max(1, self.size.faults))

    def _list_ready(self, waiting: list[Fault], count: int) -> list[Fault]:
        held = frozenset[str]().union(*(list_held(each.fault) for each in self._active))
        ready: list[Fault] = []
        for fault in waiting:
            room = _AT_ONCE - len(self._active) - len(ready)
            if fault.at > count or room <= 0:
                break
            if not list_held(fault) & held:
                ready.append(fault)
                held |= list_held(fault)
        return ready

    def _begin(self, fault: Fault) -> None:
        self.say(fault.describe())
        self.stage.ledger.note("fault", text=fault.describe())
        until = time.monotonic() + fault.lasts
        try:
            FAULTS[fault.kind].begin(self.stage, fault)
        except NotDoneError as error:
            self.say(f"       it could not be done: {error}")
            self.stage.ledger.note("not_done", kind=fault.kind, why=str(error))
            self.not_done[fault.kind] += 1
            return
        self._active.append(_Active(fault, until))
        self.done[fault.kind] += 1

    def _end_those_due(self, now: float) -> None:
        for active in [each for each in self._active if each.until <= now]:
            FAULTS[active.fault.kind].end(self.stage, active.fault)
            self._active.remove(active)

    def _make_backups(self, count: int) -> None:
        while self._backups and self._backups[0][0] <= count:
            _, target = self._backups.pop(0)
            if target == BROKER:
                self.stage.arena.copy_broker()
            else:
                self.stage.arena.back_up(target, accepted_before=count)

    def _supervise(self) -> None:
        """Start again what ended by itself, as a service manager does."""
        down = {each.fault.target for each in self._active if each.fault.kind in _DOWN}
        for part in (*self.size.codes, HUB, BROKER):
            if part not in down and self.stage.arena.process_id(part) is None:
                code = None if part == BROKER else self.stage.arena.process(part).exit_code
                self.ended_by_themselves[part] += 1
                self.say(f"       {part} ended by itself ({code}) and is started again")
                self.stage.ledger.note("ended_by_itself", part=part, exit_code=code)
                self.stage.arena.start_part(part)


_DOWN: Final = frozenset({"kill", "restore", "broker_back"})


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run is made of."""

    seed: int
    size: Size
    folder: Path
    pause: float = 0.02
    tempo: Tempo = field(default_factory=Tempo)
    #: How long everything may take to come to rest; what has not by then makes the run fail.
    settle_seconds: float = 1_800.0


def run_chaos(plan: Plan, say: Say) -> Verdict:
    """Do a whole run and judge it; raises ``StuckError``, ``ProcessFailedError``."""
    file = plan.folder / "ledger.jsonl"
    with ProxyRoom() as room, _ledger(file) as ledger, _arena(plan, room) as arena:
        arena.start(plan.size.codes)
        say(f"{len(plan.size.codes)} nodes, hub and broker run.")
        possible = {name for name, row in FAULTS.items() if row.is_possible(arena)}
        for name in FAULTS.keys() - possible:
            say(f"LEFT OUT on this machine: {name} ({FAULTS[name].meaning})")
        faults = plan_faults(Random(plan.seed), size=plan.size)
        done = [fault for fault in faults if fault.kind in possible]
        run = Run(Stage(arena, room, ledger), plan.size, done, say)
        run.not_done.update(fault.kind for fault in faults if fault.kind not in possible)
        _drive(plan, run)
        say(f"{ledger.count} messages accepted; all faults are over. Waiting for the rest.")
        wait_until_settled(arena, say=say, seconds=plan.settle_seconds)
        return _judge(plan, run, say)


def _judge(plan: Plan, run: Run, say: Say) -> Verdict:
    arena, ledger = run.stage.arena, run.stage.ledger
    say("Asking every node what it shows.")
    shown = ask_nodes(arena, ledger)
    say("Verifying every bundle.")
    arena.stop_nodes()
    root = arena.trusted_root.read_bytes()
    proofs: dict[str, Proofs] = {}
    for code, node in arena.nodes.items():
        proofs[code] = collect_proofs(node.settings, root)
        say(f"{code}: {proofs[code].bundles} bundles, {len(proofs[code].by_name)} messages.")
    verdict = Verdict(
        seed=plan.seed,
        messages=ledger.count,
        faults=dict(run.done),
        not_done=dict(run.not_done),
        ended_by_themselves=dict(run.ended_by_themselves),
        destroyed={
            "mailboxes wiped, one class or all": ledger.mailboxes_wiped,
            "streams in them": ledger.streams_wiped,
            "envelopes in them": ledger.envelopes_wiped,
            "databases replaced by a backup": len(ledger.restored),
        },
        gaps=count_gaps(arena),
    )
    judge(arena, ledger, verdict=verdict, shown=shown, proofs=proofs)
    for code, node in arena.nodes.items():
        for reference in proofs[code].proved_cases[-1:]:
            wrong = try_program(
                node.settings, reference, root=arena.trusted_root, folder=plan.folder
            )
            verdict.checked_by_program += 1
            verdict.unproved += [wrong] if wrong else []
    return verdict


def _arena(plan: Plan, room: ProxyRoom) -> Arena:
    return Arena(plan.folder / "world", room=room, tempo=plan.tempo)


@contextmanager
def _ledger(file: Path) -> Iterator[Ledger]:
    ledger = Ledger(file)
    try:
        yield ledger
    finally:
        ledger.close()


def _drive(plan: Plan, run: Run) -> None:
    arena, over = run.stage.arena, threading.Event()
    quota = Quota(plan.size.messages)
    programs = [
        Program(
            code=code,
            url=arena.nodes[code].url,
            token=arena.nodes[code].api_token,
            desks=arena.list_desks(),
            ledger=run.stage.ledger,
            quota=quota,
            random=Random(f"{plan.seed} {code}"),
            over=over,
            pause=plan.pause,
        )
        for code in plan.size.codes
    ]
    with ThreadPoolExecutor(len(programs)) as pool:
        running: list[Future[None]] = [pool.submit(program.run) for program in programs]
        try:
            run.go_on_until(lambda: all(each.done() for each in running), quota)
        except BaseException:
            over.set()
            raise
        for each in running:
            each.result()


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line says; 0 if everything held."""
    parser = argparse.ArgumentParser(prog="make chaos", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--faults", type=int, default=200)
    parser.add_argument("--nodes", type=int, default=len(_CODES), choices=range(2, len(_CODES) + 1))
    parser.add_argument("--tempo", type=float, default=1.0, help="how long faults last, times this")
    parser.add_argument("--keep", action="store_true", help="keep the folder of the run")
    chosen = parser.parse_args(arguments)
    configure_logs(LogFormat.CONSOLE, strict=False, quiet=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    folder = Path(tempfile.mkdtemp(prefix="trm-chaos-"))
    began = time.monotonic()

    def say(line: str) -> None:
        print(f"{time.monotonic() - began:8.1f} {line}", flush=True)

    print(
        f"make chaos SEED={chosen.seed} MESSAGES={chosen.messages} FAULTS={chosen.faults}",
        flush=True,
    )
    codes = (*_CODES[: chosen.nodes - 1], _CODES[-1])
    plan = Plan(
        seed=chosen.seed,
        size=Size(chosen.messages, chosen.faults, codes, tempo=chosen.tempo),
        folder=folder,
        tempo=Tempo(small_disk_of=_CODES[0]),
    )
    held = False
    try:
        verdict = run_chaos(plan, say)
        held = verdict.held
        for line in verdict.tell():
            print(line)
        print(json.dumps(verdict.summarize()))
    except (StuckError, ProcessFailedError) as error:
        print(f"The run did not come to its end: {error}", file=sys.stderr)
    finally:
        if held and not chosen.keep:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            print(f"Kept: {folder}", file=sys.stderr)
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
