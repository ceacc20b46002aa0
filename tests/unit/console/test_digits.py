"""Numbers that come as text."""

import pytest

from console.digits import read_number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("007", 7),
        ("999999999", 999_999_999),
        ("1000000000", None),
        ("", None),
        ("-1", None),
        ("+1", None),
        (" 1", None),
        ("1_0", None),
        ("1.0", None),
        ("\u0661", None),  # one, in Arabic digits
        ("\u00b2", None),  # a raised two
    ],
)
def test_only_short_plain_digits_are_a_number(text: str, number: int | None) -> None:
    """What ``int`` would take besides, or fail on, is none."""
    assert read_number(text) == number


def test_who_asks_says_how_long_a_number_may_be() -> None:
    """One digit more is none."""
    assert (read_number("12", digits=2), read_number("123", digits=2)) == (12, None)
