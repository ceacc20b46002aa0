"""What a path took: latencies, the whole span, and the CPU time of every process in it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Final

_TICKS: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Measured:
    """One run of a path with so many messages in flight."""

    #: Seconds of each message.
    latencies: list[float]
    #: Seconds of the whole run.
    seconds: float
    #: CPU seconds (user and system) by the name of a process.
    cpu: Mapping[str, float]

    @property
    def rate(self) -> float:
        """Messages per second."""
        return len(self.latencies) / self.seconds

    @property
    def median_ms(self) -> float:
        """The latency that half of the messages stayed below."""
        return median(self.latencies) * 1e3

    @property
    def p99_ms(self) -> float:
        """The latency that 99 of 100 messages stayed below."""
        return quantiles(self.latencies, n=100)[98] * 1e3

    def cpu_us(self, process: str) -> float:
        """CPU microseconds of one process for one message."""
        return self.cpu[process] / len(self.latencies) * 1e6

    @property
    def total_cpu_us(self) -> float:
        """CPU microseconds of all processes for one message."""
        return sum(self.cpu.values()) / len(self.latencies) * 1e6


def read_cpu(process_id: int) -> float:
    """Return the CPU seconds of a process and its threads so far (proc(5), ``stat``)."""
    fields = Path(f"/proc/{process_id}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def read_tree_cpu(parent: int) -> float:
    """Return the CPU seconds of a process and its children, living or waited for."""
    total = 0.0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text("ascii").rpartition(")")[2].split()
        except OSError:
            continue  # it ended meanwhile; its parent has its time
        if parent in {int(stat.parent.name), int(fields[1])}:
            total += sum(int(each) for each in fields[11:15]) / _TICKS
    return total
