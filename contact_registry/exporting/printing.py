"""The printed list as PDF (ISO 32000): A4, with version, code and footnotes on every page."""

from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time
from importlib import resources
from typing import Final, cast

from fpdf import FPDF
from fpdf.enums import Align, MethodReturnValue, XPos, YPos
from fpdf.fonts import TTFFont
from typing_extensions import override

from contact_registry.exporting.layout import (
    PrintedDesk,
    PrintedList,
    PrintedParticipant,
    PrintedPhase,
)

_FAMILY: Final = "noto"
_INK: Final = (26, 31, 38)
_SOFT: Final = (75, 85, 99)
_WARN: Final = (138, 28, 28)
_LINE: Final = (203, 210, 218)
_TINT: Final = (238, 242, 246)
#: Millimetres.
_MARGIN: Final = 15.0
_TOP: Final = 18.0
_GUTTER: Final = 5.0
_PADDING: Final = 2.0
#: Width of the columns of a desk: authority, contact, competence.
_COLUMNS: Final = (66.0, 68.0, 36.0)
_LEADING: Final = 1.32
_MILLIMETRES: Final = 25.4 / 72


@dataclass(frozen=True, slots=True)
class _Text:
    """A paragraph of one style; ``size`` in points."""

    text: str
    size: float = 8.5
    style: str = ""
    colour: tuple[int, int, int] = _INK

    @property
    def leading(self) -> float:
        """Height of a line, in millimetres."""
        return self.size * _MILLIMETRES * _LEADING


_Heights = dict[tuple[_Text, float], float]


def export_pdf(printed: PrintedList) -> bytes:
    """Return the list as a PDF. The same list gives the same bytes."""
    heights: _Heights = {}
    with closing(_Sheet(printed, pages=0, heights=heights)) as first:
        first.set_list()
    # The number of pages is known only once all are set, and stands on each of them.
    with closing(_Sheet(printed, pages=first.page_no(), heights=heights)) as second:
        second.set_list()
        return bytes(second.output())


def find_missing_letters(printed: PrintedList) -> frozenset[str]:
    """Return the characters for which the fonts have no shape: the PDF shows a box for each."""
    with closing(_Sheet(printed, pages=0, heights={})) as sheet:
        font = sheet.current_font
        known = {ord("\n")} | (set(font.cmap) if isinstance(font, TTFFont) else set())
    return frozenset(
        character
        for participant in printed.participants
        for text in _find_texts(participant)
        for character in text
        if ord(character) not in known
    )


def _find_texts(participant: PrintedParticipant) -> Iterable[str]:
    yield participant.title
    for phase in participant.phases:
        for desk in phase.desks:
            for column in _fill_columns(desk):
                yield from (paragraph.text for paragraph in column)


class _Sheet(FPDF):
    """The document while it is set."""

    def __init__(self, printed: PrintedList, *, pages: int, heights: _Heights) -> None:
        super().__init__(orientation="portrait", unit="mm", format="A4")
        self.printed = printed
        self.pages_in_all = pages
        self._heights = heights
        self.running_title = printed.wording.title
        self._participant_title = self.running_title
        self.footer_height = 0.0
        # No text of the registry may be taken for the place of the number of pages.
        self.str_alias_nb_pages = ""
        fonts = resources.files("contact_registry.exporting") / "data" / "fonts"
        for style, weight in (("", 400), ("B", 700)):
            with resources.as_file(fonts / f"noto-sans-{weight}.ttf") as path:
                self.add_font(_FAMILY, style, path)
        self.set_font(_FAMILY)
        self.set_creation_date(datetime.combine(printed.day, time(), UTC))
        self.set_title(f"{printed.wording.title} \N{EN DASH} {printed.version}")
        self.set_lang(printed.language)
        self.set_producer("trm-registry")
        self.set_margins(_MARGIN, _TOP, _MARGIN)
        self._footer_texts = (
            _Text(f"{printed.version} \N{MIDDLE DOT} {printed.code}", 7.5, "B", _SOFT),
            _Text(printed.hash, 6.5, "", _SOFT),
            *(_Text(footnote, 6.5, "", _SOFT) for footnote in printed.footnotes),
        )

    def close(self) -> None:
        """Close the files of the fonts, which the library leaves open."""
        for font in self.fonts.values():
            if isinstance(font, TTFFont):
                font.close()

    @override
    def header(self) -> None:
        if self.page_no() > 1:
            self._put(_Text(self.running_title, 7.5, "", _SOFT), x=_MARGIN, y=9, width=self.epw)
            self.set_y(_TOP)

    @override
    def footer(self) -> None:
        y = self.h - self.footer_height - 7
        self.set_draw_color(*_LINE)
        self.line(_MARGIN, y - 1.5, self.w - _MARGIN, y - 1.5)
        page = self.printed.wording.page.format(page=self.page_no(), pages=self.pages_in_all)
        self._put(_Text(page, 7.5, "", _SOFT), x=_MARGIN, y=y, width=self.epw, align=Align.R)
        for text in self._footer_texts:
            y += self._put(text, x=_MARGIN, y=y, width=self.epw)

    def set_list(self) -> None:
        """Set the whole list."""
        self.set_auto_page_break(False)
        self.add_page()
        self.footer_height = sum(self._measure(text, self.epw) for text in self._footer_texts)
        self._write_front()
        for participant in self.printed.participants:
            self._write_participant(participant)

    @property
    def _bottom(self) -> float:
        return self.h - self.footer_height - 11

    def _write_front(self) -> None:
        printed = self.printed
        for text in (
            _Text(printed.wording.title, 20, "B"),
            _Text(f"{printed.as_of} \N{MIDDLE DOT} {printed.version}", 10),
            _Text(printed.code, 10, "B"),
            _Text(printed.hash, 7.5, "", _SOFT),
            _Text(printed.wording.code_note, 8, "", _SOFT),
        ):
            self.set_y(
                self.get_y() + self._put(text, x=_MARGIN, y=self.get_y(), width=self.epw) + 0.6
            )

    def _write_participant(self, participant: PrintedParticipant) -> None:
        self.running_title = f"{self.printed.wording.title} \N{MIDDLE DOT} {participant.title}"
        self._participant_title = self.running_title
        # The title, its remark, a phase and a desk stay together.
        self._make_room(50)
        self.start_section(participant.title)
        y = self.get_y() + 5
        self.set_draw_color(*_INK)
        self.set_line_width(0.6)
        self.line(_MARGIN, y, self.w - _MARGIN, y)
        self.set_line_width(0.2)
        y += 2
        y += self._put(_Text(participant.title, 14, "B"), x=_MARGIN, y=y, width=self.epw)
        y += self._put(_Text(participant.remark, 8, "", _SOFT), x=_MARGIN, y=y, width=self.epw)
        self.set_y(y + 1)
        for phase in participant.phases:
            self._write_phase(phase)

    def _write_phase(self, phase: PrintedPhase) -> None:
        self.running_title = self._participant_title
        first = self._measure_desk(phase.desks[0]) if phase.desks else 8
        self._make_room(min(12 + first, 120))
        y = self.get_y() + 2
        title = _Text(phase.title, 9.5, "B")
        height = title.leading + 2
        self.set_fill_color(*_TINT)
        self.rect(_MARGIN, y, self.epw, height, style="F")
        self._put(title, x=_MARGIN + _PADDING, y=y + 1, width=self.epw - 2 * _PADDING)
        self.set_y(y + height + 1)
        self.running_title = f"{self._participant_title} \N{MIDDLE DOT} {phase.title}"
        for desk in phase.desks:
            self._write_desk(desk)
        if not phase.desks:
            text = _Text(self.printed.wording.no_desk, 8.5, "B", _WARN)
            width = self.epw - 2 * _PADDING
            y = self.get_y()
            self.set_y(y + self._put(text, x=_MARGIN + _PADDING, y=y, width=width) + 1)

    def _write_desk(self, desk: PrintedDesk) -> None:
        """Set a desk on one page if it fits on one, else over as many as it takes."""
        columns = [list(column) for column in _fill_columns(desk)]
        if self._measure_desk(desk) < self._bottom - _TOP:
            self._make_room(self._measure_desk(desk))
        else:
            columns = [
                [line for text in column for line in self._split(text, width)]
                for column, width in zip(columns, _COLUMNS, strict=True)
            ]
        while any(columns):
            top = self.get_y() + 1
            lowest = top
            x = _MARGIN + _PADDING
            for column, width in zip(columns, _COLUMNS, strict=True):
                y = top
                while column and y + self._measure(column[0], width) <= self._bottom:
                    y += self._put(column.pop(0), x=x, y=y, width=width)
                lowest = max(lowest, y)
                x += width + _GUTTER
            self.set_y(lowest + 1)
            if any(columns):
                self.add_page()
        self.set_draw_color(*_LINE)
        self.line(_MARGIN, self.get_y(), self.w - _MARGIN, self.get_y())

    def _measure_desk(self, desk: PrintedDesk) -> float:
        heights = (
            sum(self._measure(text, width) for text in column)
            for column, width in zip(_fill_columns(desk), _COLUMNS, strict=True)
        )
        return max(heights) + 3

    def _make_room(self, height: float) -> None:
        if self.get_y() + height > self._bottom:
            self.add_page()

    def _measure(self, text: _Text, width: float) -> float:
        """Return the height of a paragraph, in millimetres; it is found once."""
        key = (text, width)
        if key not in self._heights:
            self.set_font(_FAMILY, text.style, text.size)
            height = self.multi_cell(
                width, text.leading, text.text, dry_run=True, output=MethodReturnValue.HEIGHT
            )
            self._heights[key] = float(cast("float", height))
        return self._heights[key]

    def _split(self, text: _Text, width: float) -> list[_Text]:
        """Return a paragraph as its lines, each of which fits on any page."""
        self.set_font(_FAMILY, text.style, text.size)
        lines = self.multi_cell(
            width, text.leading, text.text, dry_run=True, output=MethodReturnValue.LINES
        )
        return [replace(text, text=line.strip()) for line in cast("list[str]", lines)]

    def _put(
        self, text: _Text, *, x: float, y: float, width: float, align: Align = Align.L
    ) -> float:
        """Set a paragraph and return its height, in millimetres."""
        self.set_xy(x, y)
        self.set_font(_FAMILY, text.style, text.size)
        self.set_text_color(*text.colour)
        self.multi_cell(
            width, text.leading, text.text, align=align, new_x=XPos.LEFT, new_y=YPos.NEXT
        )
        return self._measure(text, width)


def _fill_columns(desk: PrintedDesk) -> Sequence[Sequence[_Text]]:
    contact = [
        _Text(f"{line.label}: {line.value}" + (f" ({line.remark})" if line.remark else ""))
        for line in desk.contact
    ]
    if desk.warning:
        contact.append(_Text(desk.warning, 8.5, "B", _WARN))
    return (
        [_Text(desk.name, 8.5, "B"), *map(_Text, desk.place)],
        contact,
        [_Text(text, 8, "", _SOFT) for text in (*desk.competence, *desk.remarks)],
    )
