"""The growth curves as pictures, for docs/bench.md."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from matplotlib.figure import Figure

from tests.bench.delivery.growth import Point

_INK: Final = "#1f2a37"
_LINE: Final = "#14532d"


def draw_curve(points: Sequence[Point], *, across: str, to: Path) -> None:
    """Draw the cost of a message over ``across`` (how many of what there are) into an SVG file.

    The vertical axis begins at zero, so that a flat curve looks flat and a steep one steep.
    """
    figure = Figure(figsize=(7.2, 3.6), layout="constrained")
    axes = figure.add_subplot()
    positions = range(len(points))
    axes.plot(
        positions, [point.milliseconds for point in points], color=_LINE, marker="o", linewidth=2
    )
    for position, point in zip(positions, points, strict=True):
        axes.annotate(
            f"{point.milliseconds:.1f}",
            (position, point.milliseconds),
            textcoords="offset points",
            xytext=(0, 8),
            ha="center",
            color=_INK,
        )
    axes.set_xticks(positions, [f"{point.size:,}" for point in points])
    axes.set_ylim(0, 1.35 * max(point.milliseconds for point in points))
    axes.set_xlabel(across, color=_INK)
    axes.set_ylabel("CPU of both nodes, ms a message", color=_INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(visible=True, axis="y", alpha=0.3)
    to.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(to, format="svg", metadata={"Date": None})
