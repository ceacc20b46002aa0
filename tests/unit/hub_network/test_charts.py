"""Charts show what was sampled: no line across a gap, a scale that holds it, and a table."""

from datetime import timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from hub.network.records import Sample
from hub.web.network.charts import (
    DEPTH,
    HEIGHT,
    LAG,
    WIDTH,
    draw,
    draw_spark,
    round_up_age,
    round_up_bytes,
    round_up_count,
    write_bytes,
)
from tests.support.console_face import NOON

VIENNA = ZoneInfo("Europe/Vienna")


def make_samples(*minutes_and_stored: tuple[int, int]) -> list[Sample]:
    """Make samples so many minutes before noon."""
    return [
        Sample(
            taken_at=NOON - timedelta(minutes=minutes),
            stored=stored,
            waiting=stored,
            stored_bytes=stored * 1000,
            oldest_seconds=stored * 60,
        )
        for minutes, stored in minutes_and_stored
    ]


def test_a_gap_interrupts_the_line() -> None:
    """Between two looks that are far apart nothing is drawn; a single look can be seen."""
    chart = draw(DEPTH, make_samples((720, 3), (100, 1), (90, 7), (0, 8)), now=NOON, zone=VIENNA)
    assert chart is not None
    assert chart.line == "M360 113 L362 113 M670 144 L675 51 M720 35 L722 35"
    assert chart.area.count("Z") == 3
    assert chart.ticks_y == ("10", "5")


def test_the_table_has_the_most_of_each_hour() -> None:
    """Hours are those of the reader's city, the newest first."""
    chart = draw(DEPTH, make_samples((70, 2), (65, 9), (5, 1)), now=NOON, zone=VIENNA)
    assert chart is not None
    assert [value for _, value in chart.rows] == ["1", "9"]
    assert len(chart.ticks_x) == 5
    assert draw(LAG, [], now=NOON, zone=VIENNA) is None


@given(st.lists(st.tuples(st.integers(0, 1439), st.integers(0, 10**9)), min_size=1, max_size=40))
def test_no_point_leaves_the_chart(found: list[tuple[int, int]]) -> None:
    """Whatever was sampled lies within the drawing."""
    for measure in (DEPTH, LAG):
        samples = make_samples(*sorted(found, reverse=True))
        chart = draw(measure, samples, now=NOON, zone=VIENNA)
        assert chart is not None
        numbers = [int(word.strip("MLZ")) for word in chart.line.split()]
        assert all(0 <= x <= WIDTH + 2 for x in numbers[::2])
        assert all(0 <= y <= HEIGHT for y in numbers[1::2])


@given(st.integers(0, 10**12))
def test_scales_hold_what_they_show(most: int) -> None:
    """A scale is never smaller than the most that it shows, and written without a decimal sign."""
    for round_up in (round_up_count, round_up_bytes, round_up_age):
        assert round_up(most) >= most
    number, unit = str(write_bytes(most)).split()
    assert number.isdigit()
    assert unit in {"B", "KiB", "MiB", "GiB"}


def test_a_spark_is_a_small_line() -> None:
    """24 numbers are one path; nothing but zeros is none."""
    assert draw_spark([0] * 24) == ""
    assert draw_spark([0] * 23 + [5]).endswith("L96 2")
