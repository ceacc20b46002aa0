"""Rules that bodies of several phases share, and the span of days that many of them hold."""

from collections.abc import Iterable
from datetime import date
from typing import Annotated, Self

from pydantic import model_validator

from protocol.messages.fields import Day, Model, Sensitivity


def verify_order(first: date | None, last: date | None) -> None:
    """Raise ``ValueError`` if both days are given and the last comes before the first."""
    if first is not None and last is not None and last < first:
        raise ValueError("The last day comes before the first: correct one of the two.")


def verify_noted(codes: Iterable[str | None], note: str | None) -> None:
    """Raise ``ValueError`` if a code is ``other`` and no note says what that is."""
    if note is None and "other" in codes:
        raise ValueError("Say in the note what 'other' means, or choose another code.")


class Period(Model):
    """A span of days, both ends included; one end may be open.

    Rules: at least one day is given; the days are in order.
    """

    first_day: Annotated[Day | None, Sensitivity.NONE] = None
    last_day: Annotated[Day | None, Sensitivity.NONE] = None

    @model_validator(mode="after")
    def _verify_days(self) -> Self:
        if self.first_day is None and self.last_day is None:
            raise ValueError("Give the first day, the last day, or both; or leave the period out.")
        verify_order(self.first_day, self.last_day)
        return self
