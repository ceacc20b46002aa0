"""Charts of the last day as paths for inline SVG: made here, so that no script has to draw.

Words and numbers beside a chart are text of the page, which scales and is read aloud; the drawing
itself is only a shape, and the same numbers stand in a table behind it.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from console.formats import describe_duration
from console.i18n import Message, msg
from hub.network.records import DAY, SLOT, Sample

WIDTH: Final = 720
HEIGHT: Final = 160
SPARK_WIDTH: Final = 96
SPARK_HEIGHT: Final = 24
_TOP: Final = 4
#: A longer pause between two samples is a gap: nobody looked.
_GAP: Final = 2.5 * SLOT
_QUARTER: Final = timedelta(hours=6)
_HOUR: Final = timedelta(hours=1)
_KIB: Final = 1024
_STEPS: Final = (1, 2, 5)
_AGES: Final = tuple(
    int(timedelta(minutes=minutes).total_seconds())
    for minutes in (10, 30, 60, 180, 360, 720, 1440, 2 * 1440, 4 * 1440, 8 * 1440, 16 * 1440)
)

Words = Message | str
Write = Callable[[int], Words]
"""Writes a value of the chart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A chart: ``name`` for identifiers of the page, paths, ticks, and the table behind it.

    ``ticks_y`` are the words at top and middle of the scale, ``ticks_x`` five times of day;
    ``rows`` the highest value of each hour, the newest first.
    """

    name: str
    title: Message
    summary: Message
    line: str
    area: str
    ticks_y: tuple[Words, Words]
    ticks_x: Sequence[str]
    rows: Sequence[tuple[str, Words]]


def write_count(count: int) -> Words:
    """Write a number."""
    return str(count)


def write_bytes(count: int) -> Words:
    """Write a size without a decimal sign: in the largest unit of which there are at least ten."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 10 * _KIB or unit == "GiB":
            return f"{count} {unit}"
        count //= _KIB
    raise ValueError("No unit is left for this size.")


def write_age(seconds: int) -> Words:
    """Write an age given in seconds."""
    return describe_duration(timedelta(seconds=seconds)) if seconds else msg("nothing waits")


def round_up_count(most: int) -> int:
    """Return a round number that is not smaller, and can be halved."""
    step = 1
    while True:
        for factor in _STEPS:
            if factor * step * 2 >= most:
                return factor * step * 2
        step *= 10


def round_up_bytes(most: int) -> int:
    """Return a power of two that is not smaller, at least ten KiB."""
    size = 16 * _KIB
    while size < most:
        size *= 2
    return size


def round_up_age(most: int) -> int:
    """Return a length of time that people use, in seconds, not smaller."""
    return next((age for age in _AGES if age >= most), most)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """What a chart shows of each sample, and how it is written."""

    name: str
    title: Message
    read: Callable[[Sample], int]
    write: Write
    round_up: Callable[[int], int]


DEPTH: Final = Measure(
    name="depth",
    title=msg("What waits, over the last day"),
    read=lambda sample: sample.stored,
    write=write_count,
    round_up=round_up_count,
)
LAG: Final = Measure(
    name="lag",
    title=msg("How long the oldest has waited, over the last day"),
    read=lambda sample: sample.oldest_seconds,
    write=write_age,
    round_up=round_up_age,
)
SIZE: Final = Measure(
    name="size",
    title=msg("Bytes that wait, over the last day"),
    read=lambda sample: sample.stored_bytes,
    write=write_bytes,
    round_up=round_up_bytes,
)


def draw(
    measure: Measure, samples: Sequence[Sample], *, now: datetime, zone: ZoneInfo
) -> Chart | None:
    """Draw the last day; None without any sample."""
    points = [(one.taken_at, measure.read(one)) for one in samples]
    points = [point for point in points if now - DAY < point[0] <= now]
    if not points:
        return None
    most = max(value for _, value in points)
    top = measure.round_up(most)
    runs = [
        [(_place_x(at, now), _place_y(value, top)) for at, value in run] for run in _split(points)
    ]
    return Chart(
        name=measure.name,
        title=measure.title,
        summary=msg(
            "Last: %(last)s. Most: %(most)s.",
            last=measure.write(points[-1][1]),
            most=measure.write(most),
        ),
        line=" ".join(_join(run) for run in runs),
        area=" ".join(
            f"{_join(run)} L{run[-1][0]} {HEIGHT} L{run[0][0]} {HEIGHT} Z" for run in runs
        ),
        ticks_y=(measure.write(top), measure.write(top // 2)),
        ticks_x=[_clock(now - DAY + n * _QUARTER, zone) for n in range(5)],
        rows=_tabulate(points, measure.write, zone),
    )


def draw_spark(hours: Sequence[int]) -> str:
    """Draw 24 numbers as a small line; an empty text if they are all zero."""
    most = max(hours, default=0)
    if not most:
        return ""
    wide = SPARK_WIDTH / (len(hours) - 1)
    return _join(
        [
            (round(n * wide), round(SPARK_HEIGHT - 2 - value * (SPARK_HEIGHT - 4) / most))
            for n, value in enumerate(hours)
        ]
    )


def _split(points: Iterable[tuple[datetime, int]]) -> list[list[tuple[datetime, int]]]:
    """Begin anew after each gap: a line across it would say what nobody saw."""
    runs: list[list[tuple[datetime, int]]] = []
    for point in points:
        if not runs or point[0] - runs[-1][-1][0] > _GAP:
            runs.append([])
        runs[-1].append(point)
    return runs


def _place_x(at: datetime, now: datetime) -> int:
    return round((1 - (now - at) / DAY) * WIDTH)


def _place_y(value: int, top: int) -> int:
    return round(HEIGHT - value * (HEIGHT - _TOP) / top)


def _join(run: Sequence[tuple[int, int]]) -> str:
    """Write a path; a single point becomes a short line, which can be seen."""
    first, rest = run[0], run[1:] or [(run[0][0] + 2, run[0][1])]
    return f"M{first[0]} {first[1]}" + "".join(f" L{x} {y}" for x, y in rest)


def _clock(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%H:%M}"


def _tabulate(
    points: Sequence[tuple[datetime, int]], write: Write, zone: ZoneInfo
) -> Sequence[tuple[str, Words]]:
    hours: dict[datetime, int] = {}
    for at, value in points:
        hour = at.replace(minute=0, second=0, microsecond=0)
        hours[hour] = max(hours.get(hour, 0), value)
    return [
        (f"{_clock(hour, zone)}-{_clock(hour + _HOUR, zone)}", write(value))
        for hour, value in sorted(hours.items(), reverse=True)
    ]
