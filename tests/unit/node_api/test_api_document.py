"""docs/api.md says what the interface does: every type of problem stands there with its status."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.api.problems import (
    BY_STATUS,
    FAILED,
    PROBLEMS,
    VERSION_DIFFERS,
    VERSION_MISSING,
    WRONG_REQUEST,
)
from node.api.shapes import CursorError, read_cursor, write_cursor
from tests.support.checkout import ROOT


def test_every_problem_is_documented() -> None:
    """No more types and no fewer than those that are answered, each with its statuses."""
    known: dict[str, set[int]] = {}
    for problem in (
        *PROBLEMS.values(),
        *BY_STATUS.values(),
        VERSION_DIFFERS,
        VERSION_MISSING,
        WRONG_REQUEST,
        FAILED,
    ):
        known.setdefault(problem.code, set()).add(problem.status.value)
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    written: dict[str, set[int]] = {}
    for codes, statuses in re.findall(r"^\| (`[a-z`, -]+`) \| ([0-9, ]+) \|", text, re.MULTILINE):
        for code in re.findall(r"`([a-z-]+)`", codes):
            written[code] = {int(status) for status in statuses.split(",")}
    assert written == known


@given(st.text(max_size=80), st.integers(min_value=-(2**31) + 1, max_value=2**31 - 1))
def test_a_cursor_comes_back(text: str, number: int) -> None:
    """What was written is read, in its own list and with its own kinds only."""
    cursor = write_cursor("things", [text, number])
    if "\x00" in text:
        with pytest.raises(CursorError):
            read_cursor("things", cursor, (str, int))
        return
    assert read_cursor("things", cursor, (str, int)) == (text, number)
    with pytest.raises(CursorError):
        read_cursor("others", cursor, (str, int))
    with pytest.raises(CursorError):
        read_cursor("things", cursor, (int, str))


@given(st.one_of(st.text(max_size=60), st.binary(max_size=40).map(lambda b: b.decode("latin-1"))))
def test_no_other_text_is_a_cursor(text: str) -> None:
    """Whatever a program sends in its place is refused, and nothing else happens."""
    with pytest.raises(CursorError):
        read_cursor("things", text, (str,))
