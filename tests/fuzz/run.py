"""Run the fuzz targets, led by coverage (atheris on libFuzzer).

::

    python -m tests.fuzz.run [--seconds N | --runs N] [--processes N] [--target NAME]...
    python -m tests.fuzz.run --target NAME --replay FILE

The time is that of the whole run: each target gets an equal part of what the processes have. Every
target runs in a process of its own, forked after the parsers were loaded and instrumented once.
Exit codes: 0 nothing found, 1 a finding or a target that did not run, 2 it cannot run here.

Corpora grow in ``build/fuzz/corpus`` and are used again by the next run; ``make clean`` removes
them.
"""

import argparse
import contextlib
import io
import os
import re
import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final, NoReturn

from tests.fuzz.target import Target

#: Packages whose code is instrumented: ours, and the libraries that read hostile content in Python.
INSTRUMENTED: Final = (
    "protocol", "contact_registry", "console", "hub", "node", "stdnum", "tuf", "tests",
)  # fmt: skip
#: What makes inputs is not what is tested: its coverage would only be noise.
NOT_INSTRUMENTED: Final = (
    "tests.fuzz.trees", "tests.fuzz.registry_universe", "tests.fuzz.run", "tests.fuzz.target",
)  # fmt: skip

#: One input that takes longer, in seconds, is a finding: nothing outside may buy that much work.
_SLOWEST: Final = 20
_MOST_MEMORY_MB: Final = 2_048
#: Of ten changed inputs so many are changed by structure, the others by bytes.
_BY_STRUCTURE: Final = 8

_STATUS: Final = re.compile(rb"cov: (\d+) ft: \d+ corp: (\d+)")
_EXECUTED: Final = re.compile(rb"stat::number_of_executed_units: (\d+)")


@dataclass(frozen=True, slots=True)
class Budget:
    """How long each target runs: seconds, or a number of inputs."""

    seconds: int | None
    runs: int | None

    def as_options(self) -> list[str]:
        """Write it for libFuzzer."""
        if self.runs is not None:
            return [f"-runs={self.runs}", "-seed=1"]  # a number of inputs is the same inputs
        return [f"-max_total_time={self.seconds}"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one target."""

    name: str
    executions: int
    corpus: int
    coverage: int
    findings: tuple[Path, ...]
    exit_code: int
    log: Path

    @property
    def is_good(self) -> bool:
        """It ran, and found nothing."""
        return self.exit_code == 0 and self.executions > 0 and not self.findings


@dataclass(frozen=True, slots=True)
class Workspace:
    """Where corpora, logs and findings are kept."""

    root: Path

    def folder(self, kind: str, name: str) -> Path:
        """Return a folder of one target, which then exists."""
        folder = self.root / kind / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def log(self, name: str) -> Path:
        """Name the log of one target."""
        return self.folder("logs", "") / f"{name}.log"

    def findings(self, name: str, *, since: float) -> tuple[Path, ...]:
        """List the inputs of one target that were saved as findings since a moment."""
        saved = sorted(self.folder("findings", name).iterdir())
        return tuple(file for file in saved if file.stat().st_mtime >= since)


def load_atheris() -> Any:
    """Return the fuzzing engine, or end with what is missing."""
    try:
        import atheris  # noqa: PLC0415 - it exists for some platforms only: the rest works without
    except ImportError:
        print(
            "fuzz: atheris is not installed. It is built for Linux with glibc on x86-64 only, and "
            "is in requirements/dev.lock for that. Run the fuzzing on such a machine (a container "
            "of it will do). Replaying a finding (--replay) works everywhere.",
            file=sys.stderr,
        )
        sys.exit(2)
    return atheris


def write_seeds(target: Target, folder: Path) -> None:
    """Write the inputs to start from, the past findings of the target among them."""
    for number, seed in enumerate(target.make_seeds()):
        (folder / f"seed-{number:03}").write_bytes(seed)
    past = Path(__file__).parent / "regressions" / target.name
    for file in sorted(past.iterdir()) if past.is_dir() else ():
        (folder / f"past-{file.name}").write_bytes(file.read_bytes())


def fuzz_here(atheris: Any, target: Target, budget: Budget, workspace: Workspace) -> NoReturn:
    """Fuzz one target in this process, which libFuzzer ends."""
    options = [
        f"-artifact_prefix={workspace.folder('findings', target.name)}/",
        f"-max_len={target.longest}",
        f"-timeout={_SLOWEST}",
        f"-report_slow_units={_SLOWEST}",
        f"-rss_limit_mb={_MOST_MEMORY_MB}",
        "-print_final_stats=1",
        "-use_value_profile=1",
        "-detect_leaks=0",
        *budget.as_options(),
    ]
    seeds = workspace.folder("seeds", target.name)
    write_seeds(target, seeds)
    folders = [str(workspace.folder("corpus", target.name)), str(seeds)]
    extra: dict[str, Any] = {}
    change = target.mutate
    if change is not None:

        def mutate(data: bytes, longest: int, seed: int) -> bytes:
            random = Random(seed)
            by_structure = random.randrange(10) < _BY_STRUCTURE
            changed = change(data, random) if by_structure else None
            if changed is None or len(changed) > longest:
                return bytes(atheris.Mutate(data, longest))
            return changed

        extra["custom_mutator"] = mutate
    atheris.Setup([f"fuzz-{target.name}", *options, *folders], target.run, **extra)
    atheris.Fuzz()
    sys.exit("libFuzzer came back, which it never does.")


def start(atheris: Any, target: Target, budget: Budget, workspace: Workspace) -> int:
    """Fork a process for one target; its number."""
    sys.stdout.flush()
    process = os.fork()
    if process:
        return process
    log = os.open(workspace.log(target.name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(log, sys.stdout.fileno())
    os.dup2(log, sys.stderr.fileno())
    fuzz_here(atheris, target, budget, workspace)


def read_outcome(name: str, exit_code: int, workspace: Workspace, *, since: float) -> Outcome:
    """Read what a process said before it ended."""
    log = workspace.log(name)
    said = log.read_bytes()
    status = _STATUS.findall(said)
    executed = _EXECUTED.findall(said)
    coverage, corpus = status[-1] if status else (0, 0)
    return Outcome(
        name=name,
        executions=int(executed[-1]) if executed else 0,
        corpus=int(corpus),
        coverage=int(coverage),
        findings=workspace.findings(name, since=since),
        exit_code=exit_code,
        log=log,
    )


def fuzz_all(
    targets: Mapping[str, Target], budget: Budget, workspace: Workspace, *, processes: int
) -> list[Outcome]:
    """Run every target, so many at a time."""
    atheris = load_atheris()
    waiting = list(targets.values())
    running: dict[int, tuple[str, float]] = {}
    outcomes: list[Outcome] = []
    while waiting or running:
        while waiting and len(running) < processes:
            target = waiting.pop(0)
            began = time.time()
            running[start(atheris, target, budget, workspace)] = (target.name, began)
        process, status = os.wait()
        name, began = running.pop(process)
        code = os.waitstatus_to_exitcode(status)
        outcome = read_outcome(name, code, workspace, since=began)
        outcomes.append(outcome)
        print(write_row(outcome), flush=True)
    return outcomes


def write_row(outcome: Outcome) -> str:
    """Write one line of the table."""
    verdict = "ok" if outcome.is_good else f"FAILED (exit code {outcome.exit_code})"
    return (
        f"{outcome.name:<20} {outcome.executions:>12,} {outcome.corpus:>7,} "
        f"{outcome.coverage:>9,} {len(outcome.findings):>8}  {verdict}"
    )


def explain(outcome: Outcome) -> str:
    """Say how to see a failure again."""
    lines = [f"\n{outcome.name}: see {outcome.log}"]
    for file in outcome.findings:
        lines += [
            f"  saved: {file}",
            f"  again: make fuzz TARGET={outcome.name} REPLAY={shlex.quote(str(file))}",
            f"  keep:  cp it to tests/fuzz/regressions/{outcome.name}/ under a name that says what",
        ]
    return "\n".join(lines)


def choose(names: Sequence[str]) -> dict[str, Target]:
    """Return the targets of these names; all that find nothing by nature, if there are none."""
    from tests.fuzz.catalogue import PLANTED, TARGETS  # noqa: PLC0415 - under instrumentation only

    if not names:
        return dict(TARGETS)
    known = {**TARGETS, **PLANTED}
    unknown = sorted(set(names) - set(known))
    if unknown:
        sys.exit(f"fuzz: no target {', '.join(unknown)}. Known: {', '.join(known)}.")
    return {name: known[name] for name in names}


def main(arguments: Sequence[str]) -> int:
    """Run what the command line asks for; the exit code."""
    parser = argparse.ArgumentParser(prog="fuzz", description="Fuzz the parsers of outside bytes.")
    parser.add_argument("--seconds", type=int, default=1_800, help="of the whole run")
    parser.add_argument("--runs", type=int, help="inputs for each target, instead of seconds")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--target", action="append", default=[])
    parser.add_argument("--replay", type=Path, help="run this one input through the target")
    parser.add_argument("--workspace", type=Path, default=Path("build/fuzz"))
    given = parser.parse_args(arguments)
    if given.replay is not None:
        if len(given.target) != 1:
            parser.error("--replay runs one input through one target: name it with --target.")
        (target,) = choose(given.target).values()
        target.run(given.replay.read_bytes())
        print(f"{target.name}: returned or refused as it should.")
        return 0
    atheris = load_atheris()
    notes = io.StringIO()  # the engine names each module; what fails says so by an exception
    with (
        contextlib.redirect_stderr(notes),
        atheris.instrument_imports(include=INSTRUMENTED, exclude=NOT_INSTRUMENTED),
    ):
        targets = choose(given.target)
    processes = min(given.processes, len(targets))
    each = max(1, given.seconds * processes // len(targets))
    budget = Budget(seconds=each, runs=given.runs)
    amount = f"{given.runs} inputs" if given.runs is not None else f"{each} seconds"
    print(f"{len(targets)} targets, {amount} each, {processes} at a time")
    print(f"{'target':<20} {'executions':>12} {'corpus':>7} {'coverage':>9} {'findings':>8}")
    workspace = Workspace(given.workspace.resolve())
    outcomes = fuzz_all(targets, budget, workspace, processes=processes)
    failed = [outcome for outcome in outcomes if not outcome.is_good]
    total = sum(outcome.executions for outcome in outcomes)
    print(f"{total:,} executions, {len(failed)} of {len(outcomes)} targets failed")
    for outcome in failed:
        print(explain(outcome))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
