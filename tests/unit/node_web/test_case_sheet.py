"""The sheet on which a case is printed: long texts, other letters, and what stands on each page."""

from datetime import UTC, datetime
from io import BytesIO

from pypdf import PdfReader

from node.web.cases.sheet import write_pdf
from node.web.cases.sheet_text import Paper, Row, Section

LONG = " ".join(f"word{number}" for number in range(2_500))


def make_paper(*rows: Row) -> Paper:
    """Return a paper with these lines."""
    return Paper(
        title="Предмет",
        code="TRM-4Q7KD-9XW2M-H",
        say_page=lambda page, pages: f"Page {page} of {pages}",
        foot=("Printed by Duty officer", "Destroy by 3 April 2026"),
        sections=(Section("Осуда", rows, subtitle="од Косово*"),),
        footnotes=("* footnote",),
        language="mk",
        made_at=datetime(2026, 3, 4, 11, tzinfo=UTC),
    )


def test_a_text_longer_than_a_page_goes_on_and_nothing_is_lost() -> None:
    """Each word is printed once, in order, and each page has code, number and day of its end."""
    paper = make_paper(Row("Text", LONG), Row("After", "the end"))
    data = write_pdf(paper)
    pages = [page.extract_text() for page in PdfReader(BytesIO(data)).pages]
    assert len(pages) > 2
    words = " ".join(pages).split()
    assert [word for word in words if word.startswith("word")] == LONG.split()
    for number, page in enumerate(pages, start=1):
        assert page.count(f"Page {number} of {len(pages)}") == 1
        assert "TRM-4Q7KD-9XW2M-H" in page
        assert "Destroy by 3 April 2026" in page
    assert write_pdf(paper) == data


def test_letters_that_the_fonts_lack_are_shown_as_boxes() -> None:
    """Cyrillic and Latin letters are there; what is not stands as a box and is not left out."""
    data = write_pdf(make_paper(Row("Име", "Ђорђе Šćepanović 李")))
    text = "".join(page.extract_text() for page in PdfReader(BytesIO(data)).pages)
    assert "Ђорђе Šćepanović" in text
    assert "Предмет" in text
    assert "李" not in text
