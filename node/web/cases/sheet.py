"""A case on paper, as PDF (ISO 32000): A4, and on each page whose it is and when it has to go.

The fonts are those of the printed contact list: Noto Sans with Latin and Cyrillic letters.
"""

from collections.abc import Iterator
from contextlib import closing
from importlib import resources
from typing import Final

from fpdf import FPDF
from fpdf.enums import Align, XPos, YPos
from fpdf.fonts import TTFFont
from typing_extensions import override

from node.web.cases.sheet_text import Paper, Row, Section

_FAMILY: Final = "noto"
_BLACK: Final = (0, 0, 0)
#: Millimetres.
_MARGIN: Final = 18.0
_TOP: Final = 20.0
_FOOT: Final = 24.0
_LABEL_WIDTH: Final = 52.0
_GUTTER: Final = 4.0
_LEADING: Final = 1.35
_MILLIMETRES: Final = 25.4 / 72
#: Points.
_TEXT, _SMALL = 9.5, 7.5
_MISSING: Final = "\N{WHITE SQUARE}"


def write_pdf(paper: Paper) -> bytes:
    """Return the document. The same paper gives the same bytes."""
    with closing(_Sheet(paper, pages=0)) as first:
        first.set_paper()
    # The number of pages is known only once all are set, and stands on each of them.
    with closing(_Sheet(paper, pages=first.page_no())) as second:
        second.set_paper()
        return bytes(second.output())


class _Sheet(FPDF):
    """The document while it is set."""

    def __init__(self, paper: Paper, *, pages: int) -> None:
        super().__init__(orientation="portrait", unit="mm", format="A4")
        self.paper = paper
        self.pages_in_all = pages
        # No text of a case may be taken for the place of the number of pages.
        self.str_alias_nb_pages = ""
        fonts = resources.files("contact_registry.exporting") / "data" / "fonts"
        for style, weight in (("", 400), ("B", 700)):
            with resources.as_file(fonts / f"noto-sans-{weight}.ttf") as path:
                self.add_font(_FAMILY, style, path)
        self.set_font(_FAMILY, "", _TEXT)
        font = self.current_font
        self._letters = set(font.cmap) if isinstance(font, TTFFont) else set()
        self.set_creation_date(paper.made_at)
        # The file's properties name neither the case nor what it is about.
        self.set_title("TRM")
        self.set_lang(paper.language)
        self.set_producer("trm-node")
        self.set_margins(_MARGIN, _TOP, _MARGIN)
        self.set_text_color(*_BLACK)
        self.set_draw_color(*_BLACK)
        self.set_auto_page_break(auto=True, margin=_FOOT + 2)

    def close(self) -> None:
        """Close the files of the fonts, which the library leaves open."""
        for font in self.fonts.values():
            if isinstance(font, TTFFont):
                font.close()

    @override
    def header(self) -> None:
        self.set_y(9)
        self._write(self.paper.code, size=_SMALL, style="B")
        self.set_y(_TOP)

    @override
    def footer(self) -> None:
        y = self.h - _FOOT
        self.line(_MARGIN, y, self.w - _MARGIN, y)
        self.set_y(y + 1.5)
        page = self.paper.say_page(self.page_no(), self.pages_in_all)
        self._write(f"{self.paper.code} \N{MIDDLE DOT} {page}", size=_SMALL, align=Align.R)
        self.set_y(y + 1.5)
        who, destroy = self.paper.foot
        self._write(destroy, size=_SMALL, style="B", width=self.epw * 0.6)
        self._write(who, size=_SMALL)

    def set_paper(self) -> None:
        """Set all of it."""
        self.add_page()
        self._write(self.paper.title, size=18, style="B")
        self.ln(3)
        for section in self.paper.sections:
            self._set_section(section)
        for footnote in self.paper.footnotes:
            self.ln(3)
            self._write(footnote, size=_SMALL)

    def _set_section(self, section: Section) -> None:
        # A heading stays with the beginning of what it is about.
        if self.get_y() > self.h - _FOOT - 30:
            self.add_page()
        self.ln(3)
        self._write(section.title, size=12, style="B")
        if section.subtitle:
            self._write(section.subtitle, size=_SMALL)
        self.ln(1)
        for row in section.rows:
            self._set_row(row)

    def _set_row(self, row: Row) -> None:
        """Set a label and, beside it, its text, over as many pages as that takes."""
        label_height = self._measure(row.label, _LABEL_WIDTH, style="B")
        if self.get_y() + label_height > self.h - _FOOT - 2:
            self.add_page()
        page, top = self.page_no(), self.get_y()
        self._write(row.label, size=_TEXT, style="B", width=_LABEL_WIDTH)
        below_label = self.get_y()
        self.set_xy(_MARGIN + _LABEL_WIDTH + _GUTTER, top)
        # Where the text breaks to the next page it goes on in its own column.
        self.set_left_margin(_MARGIN + _LABEL_WIDTH + _GUTTER)
        self._write(row.text, size=_TEXT, width=self.w - _MARGIN - self.l_margin)
        self.set_left_margin(_MARGIN)
        if self.page_no() == page:
            self.set_y(max(self.get_y(), below_label))
        self.set_x(_MARGIN)
        self.ln(1.2)

    def _measure(self, text: str, width: float, *, style: str = "") -> float:
        self.set_font(_FAMILY, style, _TEXT)
        lines = self.multi_cell(width, 5, self._clean(text), dry_run=True, output="LINES")
        return len(lines) * _TEXT * _MILLIMETRES * _LEADING if isinstance(lines, list) else 0.0

    def _write(
        self,
        text: str,
        *,
        size: float,
        style: str = "",
        width: float = 0,
        align: Align = Align.L,
    ) -> None:
        """Set a paragraph and go below it."""
        self.set_font(_FAMILY, style, size)
        self.multi_cell(
            width or self.epw,
            size * _MILLIMETRES * _LEADING,
            self._clean(text),
            align=align,
            new_x=XPos.LMARGIN,
            new_y=YPos.NEXT,
        )

    def _clean(self, text: str) -> str:
        """Put a box for each letter that the fonts lack, so that nothing is silently left out."""
        return "".join(self._keep(text))

    def _keep(self, text: str) -> Iterator[str]:
        for letter in text:
            is_known = letter == "\n" or not self._letters or ord(letter) in self._letters
            yield letter if is_known else _MISSING
