"""The printed list as a page reads well on a desk and on a telephone, and prints its footnotes."""

import io
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from pypdf import PdfReader

from contact_registry.exporting.layout import lay_out
from contact_registry.exporting.page import export_html
from contact_registry.exporting.verification_code import make_verification_code
from contact_registry.exporting.wording import PrintLanguage
from tests.support.chromium import Visit
from tests.support.printed_lists import DAY, make_desk, make_directory

pytestmark = pytest.mark.browser


@pytest.fixture
def page_file(tmp_path: Path) -> Path:
    """Write a list of four pages in Albanian."""
    desks = (make_desk("XK", f"zyra-{number}", name=f"Zyra {number}") for number in range(60))
    printed = lay_out(make_directory(*desks), day=DAY, language=PrintLanguage.ALBANIAN)
    path = tmp_path / "list.html"
    path.write_bytes(export_html(printed))
    return path


@pytest.mark.parametrize("width", [375, 1280])
def test_page_fits_its_window(visit: Visit, page_file: Path, width: int) -> None:
    """Nothing sticks out at the width of a telephone or of a desk, and each phase is a heading."""
    page, _ = visit(page_file.as_uri(), width=width, javascript=False)
    measure = "document.documentElement.scrollWidth"
    assert page.evaluate(measure) <= width
    assert page.get_by_role("heading", name="Identifikimi").count() == 1
    assert page.get_by_role("heading", level=1).inner_text() == "Lista e kontakteve të MTR-së"
    page.get_by_role("link", name="Kosovo*").click()
    assert page.url.endswith("#XK")


def test_every_printed_page_has_the_footnote(chromium: Browser, page_file: Path) -> None:
    """Printed from the browser, each page carries the version's code and the footnote."""
    context = chromium.new_context()
    page = context.new_page()
    page.goto(page_file.as_uri())
    pages = PdfReader(io.BytesIO(page.pdf(prefer_css_page_size=True))).pages
    context.close()
    assert len(pages) > 2
    for printed in pages:
        text = " ".join(printed.extract_text().split())
        assert "UNSCR 1244/1999" in text
        assert make_verification_code(12, "0123456789abcdef" * 4) in text
