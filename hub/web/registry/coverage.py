"""The coverage matrix: Participant, phase, adult or child, in and out of hours; and the worst gap.

The answers are those of :func:`~contact_registry.coverage.list_coverage`, so that this page and the
desk that a message goes to can never disagree.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from contact_registry.coverage import (
    Coverage,
    CoverageCell,
    CoverageCode,
    CoverageState,
    Hours,
)
from contact_registry.directory import Directory
from contact_registry.models import Authority, ListedBy, ParticipantEntry, PersonGroup
from directory_pages.looks import Look
from hub.web.registry.looks import look_of_confirmation, look_of_day, look_of_night
from protocol.identifiers import Channel, ParticipantCode, Phase

_Reasons = dict[tuple[ParticipantCode, Phase | None, PersonGroup | None], CoverageCode]
#: Participants of one page of the matrix, each with twenty cells.
MATRIX_PAGE: Final = 20
GROUPS: Final = (PersonGroup.ADULT, PersonGroup.CHILD)


@dataclass(frozen=True, slots=True)
class HoursCell:
    """Who answers, in hours or out of hours; ``authority`` is None in a gap."""

    state: CoverageState
    look: Look
    authority: Authority | None


@dataclass(frozen=True, slots=True)
class PhaseCell:
    """Both halves of the week for one phase and person group."""

    phase: Phase
    by_day: HoursCell
    by_night: HoursCell


@dataclass(frozen=True, slots=True)
class GroupRow:
    """The row of adults or of children."""

    group: PersonGroup
    cells: tuple[PhaseCell, ...]


@dataclass(frozen=True, slots=True)
class ParticipantCoverage:
    """The rows of one Participant; gaps are counted in cells of the table."""

    entry: ParticipantEntry
    rows: tuple[GroupRow, ...]
    gaps_by_day: int
    gaps_by_night: int

    @property
    def has_gap(self) -> bool:
        """Whether any cell has nobody."""
        return bool(self.gaps_by_day or self.gaps_by_night)


@dataclass(frozen=True, slots=True)
class Matrix:
    """The table with its sums; ``cells`` counts those of office hours, one for each question."""

    at: datetime
    channel: Channel
    participants: tuple[ParticipantCoverage, ...]
    cells: int
    gaps_by_day: int
    gaps_by_night: int

    @property
    def worst(self) -> ParticipantCoverage | None:
        """Where to look first: gaps in office hours weigh more, then those of the night."""
        gaps = [one for one in self.participants if one.has_gap]
        return max(gaps, key=lambda one: (one.gaps_by_day, one.gaps_by_night), default=None)


def build_matrix(directory: Directory, coverage: Coverage) -> Matrix:
    """Put a table into rows, in the order of the registry's Participants."""
    by_place = {(c.participant, c.phase, c.person_group, c.hours): c for c in coverage.cells}
    reasons: _Reasons = {
        (f.participant, f.phase, f.person_group): f.code
        for f in coverage.findings
        if f.phase is not None
    }
    reader = _Reader(directory, coverage.at, by_place, reasons)
    participants = tuple(reader.read(entry) for entry in directory.participants)
    return Matrix(
        at=coverage.at,
        channel=coverage.channel,
        participants=participants,
        cells=len(coverage.cells) // len(Hours),
        gaps_by_day=sum(one.gaps_by_day for one in participants),
        gaps_by_night=sum(one.gaps_by_night for one in participants),
    )


@dataclass(frozen=True, slots=True)
class _Reader:
    directory: Directory
    at: datetime
    cells: dict[tuple[ParticipantCode, Phase, PersonGroup, Hours], CoverageCell]
    reasons: _Reasons

    def read(self, entry: ParticipantEntry) -> ParticipantCoverage:
        rows = tuple(
            GroupRow(group, tuple(self._read_cell(entry.code, phase, group) for phase in Phase))
            for group in GROUPS
        )
        return ParticipantCoverage(
            entry=entry,
            rows=rows,
            gaps_by_day=_count_gaps(cell.by_day for row in rows for cell in row.cells),
            gaps_by_night=_count_gaps(cell.by_night for row in rows for cell in row.cells),
        )

    def _read_cell(self, code: ParticipantCode, phase: Phase, group: PersonGroup) -> PhaseCell:
        day = self.cells[code, phase, group, Hours.IN]
        night = self.cells[code, phase, group, Hours.OUT]
        look = look_of_day(
            day.state,
            self.reasons.get((code, phase, group)),
            confirmation=self._confirm(code, day.authority),
        )
        night_look = look_of_night(night.state, by_day=day.state, day_look=look)
        return PhaseCell(
            phase,
            HoursCell(day.state, look, day.authority),
            HoursCell(night.state, night_look, night.authority),
        )

    def _confirm(self, code: ParticipantCode, authority: Authority | None) -> Look | None:
        if authority is None:
            return None
        document = self.directory.contacts.get(code)
        listed_by = document.listed_by if document else ListedBy.OPERATOR
        today = self.at.astimezone(ZoneInfo(authority.time_zone)).date()
        return look_of_confirmation(authority, listed_by=listed_by, today=today)


def _count_gaps(cells: Iterator[HoursCell]) -> int:
    return sum(cell.state is CoverageState.GAP for cell in cells)
