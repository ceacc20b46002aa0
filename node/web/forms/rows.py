"""The answers of lists: counting rows, taking one out, closing up what is empty.

Pure: answers by their flat names in, answers out.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from console.digits import read_number

Given = Mapping[str, Sequence[str]]

#: Stands in a path for the number of a row.
ROW: Final = "*"
_MOST_DIGITS: Final = 3


def read_count(answers: Given, name: str, most: int) -> int:
    """Read how many rows a list has: as many as were counted, and as have answers."""
    given = next(iter(answers.get(name, ())), "")
    pattern = re.compile(re.escape(name) + "-([0-9]{1,3})(?=-|_|$)")
    seen = [int(found[1]) + 1 for key in answers if (found := pattern.match(key))]
    return min(max([read_number(given, digits=_MOST_DIGITS) or 0, *seen]), most)


def list_placed(name: str, answers: Given) -> list[str]:
    """List the lists of one shape that there are answers of: one for each row around it."""
    if ROW not in name:
        return [name]
    pattern = re.compile(re.escape(name).replace(re.escape(ROW), "[0-9]{1,3}") + "(?=-|$)")
    return sorted({found[0] for key in answers if (found := pattern.match(key))})


def drop_row(answers: Given, name: str, number: int) -> dict[str, Sequence[str]]:
    """Take a row out; those after it move up."""
    pattern = re.compile(re.escape(name) + "-([0-9]{1,3})(-.*)")
    moved: dict[str, Sequence[str]] = {}
    for key, values in answers.items():
        found = pattern.fullmatch(key)
        if found is None:
            moved[key] = values
        elif (row := int(found[1])) != number:
            moved[f"{name}-{row - 1 if row > number else row}{found[2]}"] = values
    return moved


def close_up(
    answers: Given, name: str, *, most: int, is_count: Callable[[str], bool]
) -> dict[str, Sequence[str]]:
    """Take empty rows out, but for those at the end, which somebody has just opened.

    ``is_count`` knows the names under which rows are counted: those say nothing by themselves.
    """
    count = read_count(answers, name, most)
    if count == 0:
        return dict(answers)
    said = [
        key
        for key, values in answers.items()
        if any(value.strip() for value in values) and not is_count(key)
    ]
    filled = {i for i in range(count) if any(key.startswith(f"{name}-{i}-") for key in said)}
    closed = dict(answers)
    for index in reversed(range(max(filled, default=0))):
        if index not in filled:
            closed = drop_row(closed, name, index)
            count -= 1
    return {**closed, name: (str(count),)}
