"""Forms of values that a schema cannot say: texts, moments, dates (SPEC section 9.2)."""

import datetime as dt
import re
import unicodedata

MOMENT = re.compile(r"(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2}:\d{2})(Z|[+-]\d{2}:\d{2})", re.ASCII)
DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
DIRECTIONAL = re.compile("[\u202a-\u202e\u2066-\u2069]")


def is_clean(text: str, *, kind: str) -> bool:
    """Tell whether a line or narrative holds only what it may."""
    allowed = "\n\t" if kind == "narrative" else ""
    hidden = any(
        unicodedata.category(character) in {"Cc", "Cs"} and character not in allowed
        for character in text
    )
    return not hidden and not DIRECTIONAL.search(text) and text == text.strip()


def parse_moment(text: str) -> dt.datetime:
    """Parse a moment of RFC 3339 in whole seconds; ValueError for anything else."""
    if not MOMENT.fullmatch(text):
        raise ValueError("no moment in whole seconds")
    return dt.datetime.fromisoformat(text).astimezone(dt.UTC)


def write_moment(moment: dt.datetime) -> str:
    """Write a moment as it stands on the wire."""
    return moment.astimezone(dt.UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def is_moment(text: str) -> bool:
    """Tell whether a text is a moment."""
    try:
        parse_moment(text)
    except (ValueError, OverflowError):
        return False
    return True


def is_date(text: str) -> bool:
    """Tell whether a text is a day of the calendar."""
    try:
        return bool(DATE.fullmatch(text) and dt.date.fromisoformat(text))
    except ValueError:
        return False
