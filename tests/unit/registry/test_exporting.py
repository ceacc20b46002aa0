"""Every export says what the registry says, and nothing that a reader's program would run."""
# ruff: noqa: RUF001 - these letters are Cyrillic and Greek on purpose

import csv
import hashlib
import io
import json
import string
from datetime import date

import pytest
from openpyxl import load_workbook
from pypdf import PdfReader

from contact_registry.exporting.cards import export_vcards
from contact_registry.exporting.layout import lay_out
from contact_registry.exporting.page import export_html
from contact_registry.exporting.printing import export_pdf, find_missing_letters
from contact_registry.exporting.structured import export_json
from contact_registry.exporting.tables import COLUMNS, export_csv, export_xlsx
from contact_registry.exporting.verification_code import make_verification_code
from contact_registry.exporting.wording import PrintLanguage, Wording, load_wording
from contact_registry.models import KOSOVO_FOOTNOTE, PersonGroup, Telephone
from protocol.identifiers import Channel, Phase
from tests.support.printed_lists import (
    DAY,
    HOSTILE,
    make_desk,
    make_directory,
    make_full_directory,
)

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
DIRECTORY = make_full_directory()
CODE = make_verification_code(DIRECTORY.version, DIRECTORY.sha256)


def read_pages(pdf: bytes) -> list[str]:
    """Return the text of each page, with single spaces."""
    return [" ".join(page.extract_text().split()) for page in PdfReader(io.BytesIO(pdf)).pages]


def find_places(text: str) -> set[str]:
    """Return the places in braces of a sentence."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_code_is_computed_as_described() -> None:
    """The code follows its description: 50 bits of the hash, and a Luhn character modulo 32."""
    sha256 = DIRECTORY.sha256
    digest = hashlib.sha256(b"trm-contact-list/1\n12\n" + sha256.encode() + b"\n").digest()
    bits = "".join(f"{byte:08b}" for byte in digest)
    body = [int(bits[start : start + 5], 2) for start in range(0, 50, 5)]
    total = 0
    for place, value in enumerate(reversed(body)):
        doubled = value * 2 if place % 2 == 0 else value
        total += doubled // 32 + doubled % 32
    written = "".join(CROCKFORD[value] for value in [*body, -total % 32])
    assert f"{written[:5]}-{written[5:10]}-{written[10:]}" == CODE


def test_code_names_one_version() -> None:
    """Another version, and another registry of the same version, have other codes."""
    codes = {make_verification_code(version, digit * 64) for version in (1, 2) for digit in "ab"}
    assert len(codes) == 4


@pytest.mark.parametrize("language", PrintLanguage)
def test_wordings_are_complete(language: PrintLanguage) -> None:
    """Each language has every word, with the places of the English one, and every name."""
    words, english = load_wording(language), load_wording(PrintLanguage.ENGLISH)
    for name in Wording.model_fields:
        assert find_places(getattr(words, name)) == find_places(getattr(english, name)), name
    assert len({words.phase(phase) for phase in Phase}) == 5
    assert len({words.person_group(group) for group in PersonGroup}) == 3
    assert len({words.channel(channel) for channel in Channel}) == 4


@pytest.mark.parametrize("language", PrintLanguage)
def test_pdf_in_each_language(language: PrintLanguage) -> None:
    """Version, code and footnote stand on every page, and an outside reader finds the desks."""
    printed = lay_out(DIRECTORY, day=DAY, language=language)
    pdf = export_pdf(printed)
    pages = read_pages(pdf)
    words = load_wording(language)
    for number, page in enumerate(pages, start=1):
        assert CODE in page
        assert words.version.format(version=12) in page
        assert words.page.format(page=number, pages=len(pages)) in page
        assert all(" ".join(footnote.split()) in page for footnote in printed.footnotes)
    text = " ".join(pages)
    assert printed.footnotes
    assert "*" in next(p.title for p in printed.participants if p.code == "XK")
    for said in ("Министарство, Šumarska; ëç", "+381 11 3008000", "desk@mup.example", "{nb}"):
        assert said in text
    for phase in Phase:
        assert words.phase(phase) in text
    assert words.national_only in text
    assert "Ended" not in text
    assert find_missing_letters(printed) == frozenset()
    assert export_pdf(printed) == pdf


def test_desk_longer_than_a_page() -> None:
    """A desk with all numbers and the longest note goes on over pages, and nothing is left out."""
    numbers = tuple(
        Telephone(as_listed=f"{'long ' * 60}{number}", national_only=True) for number in range(32)
    )
    desk = make_desk("RS", "long", telephones=numbers, note="word " * 399)
    printed = lay_out(make_directory(desk), day=DAY, language=PrintLanguage.ENGLISH)
    text = " ".join(read_pages(export_pdf(printed)))
    assert text.count("long") >= 32 * 60
    assert text.count("word") >= 399


def test_letters_without_shape_are_found() -> None:
    """Letters that the PDF's fonts lack are named, so that somebody prints from HTML instead."""
    directory = make_directory(make_desk("RS", "greek", name="Αθήνα"))
    printed = lay_out(directory, day=DAY, language=PrintLanguage.ENGLISH)
    assert find_missing_letters(printed) == frozenset("Αθήνα")


def test_layout_says_everything() -> None:
    """Hours, routes, places, confirmation and gaps stand in the printed words."""
    printed = lay_out(DIRECTORY, day=DAY, language=PrintLanguage.ENGLISH)
    serbia = next(p for p in printed.participants if p.code == "RS")
    desks = {phase.title: phase.desks for phase in serbia.phases}
    assert desks["Identification"] == ()
    by_name = {desk.name: desk for desk in desks["Return"]}
    contact = [
        (line.label, line.value, line.remark)
        for line in by_name["Министарство, Šumarska; ëç"].contact
    ]
    assert contact == [
        ("Telephone", "+381 11 3008000 ext. 12", ""),
        ("Toll-free", "0800 100 388", "inside this Participant only"),
        ("Telephone", "ring us", "as listed, not a valid number"),
        ("Fax", "+381 11 1234567", ""),
        ("Telephone", "+9991234567", ""),
        ("E-mail", "desk@mup.example", ""),
        ("Address", "Ulica 1, 18000 Niš", ""),
        ("Hours", "Mo–We, Fr 08:00–16:00", ""),
        ("If nobody answers", HOSTILE, ""),
        ("Out of hours", "night@mup.example", "after 16:00"),
    ]
    assert by_name["Министарство, Šumarska; ëç"].competence == ("children, police",)
    assert by_name[HOSTILE].warning == "Nobody can be reached here from abroad."
    assert desks["Criminal and civil proceedings"][0].competence == ("adults and children, Vranje",)
    albania = next(p for p in printed.participants if p.code == "AL")
    assert (albania.remark, albania.phases) == ("No contacts are published.", ())


def test_page_escapes_and_is_one_file() -> None:
    """The HTML escapes every name, fetches nothing, and has the facts of its version."""
    page = export_html(lay_out(DIRECTORY, day=DAY, language=PrintLanguage.SERBIAN_LATIN)).decode()
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert '<html lang="sr-Latn">' in page
    for fact in (CODE, DIRECTORY.sha256, "default-src &#39;none&#39;", "2026-03-01"):
        assert fact.replace("&#39;", "'") in page
    assert "src=" not in page.replace("default-src", "")
    assert "http" not in page.replace("http-equiv", "")


def test_footnote_is_the_registry_s_own() -> None:
    """The footnote of Kosovo* is printed as the operators signed it."""
    printed = lay_out(DIRECTORY, day=DAY, language=PrintLanguage.ENGLISH)
    assert printed.footnotes == (KOSOVO_FOOTNOTE,)
    assert next(p for p in printed.participants if p.code == "XK").title == "Kosovo*"


def test_csv_has_no_formula() -> None:
    """No cell of the CSV begins like a formula, and each desk has a row for each competence."""
    data = export_csv(DIRECTORY, day=DAY)
    assert data.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))
    assert [row["id"] for row in rows] == ["RS-full", "RS-full", "RS-hostile", "XK-idle"]
    assert not [cell for row in rows for cell in row.values() if cell[:1] in set("=+-@\t\r\n")]
    assert rows[2]["authority"] == f"'{HOSTILE}"
    assert rows[0]["phone"] == "'+381 11 3008000 ext. 12; 0800 100 388; ring us; +9991234567"
    assert (rows[0]["fax"], rows[1]["trm_measure"]) == ("'+381 11 1", "proceedings")


def test_workbook_has_no_formula() -> None:
    """Every cell of the workbook is text; the same registry gives the same bytes."""
    data = export_xlsx(DIRECTORY, day=DAY)
    sheet = load_workbook(io.BytesIO(data)).worksheets[0]
    cells = [cell for row in sheet.iter_rows() for cell in row if cell.value is not None]
    assert {cell.data_type for cell in cells} == {"s"}
    (hostile,) = [cell for cell in cells if cell.value == HOSTILE]
    assert hostile.quotePrefix
    assert [cell.value for cell in sheet[1]] == list(COLUMNS)
    assert export_xlsx(DIRECTORY, day=DAY) == data


def test_json_is_the_whole_registry() -> None:
    """The JSON has every entry, ended ones too, with version, hash and code."""
    content = json.loads(export_json(DIRECTORY))
    assert (content["version"], content["sha256"]) == (12, DIRECTORY.sha256)
    assert content["verification_code"] == CODE
    by_code = {entry["code"]: entry for entry in content["participants"]}
    assert by_code["AL"]["contacts"] is None
    assert by_code["XK"]["footnote"] == KOSOVO_FOOTNOTE
    listed = [desk["id"] for desk in by_code["RS"]["contacts"]["authorities"]]
    assert listed == ["RS-full", "RS-hostile", "RS-ended"]


def test_cards_ring_only_what_can_be_rung() -> None:
    """A card has dialable numbers as addresses, others as text, and lines of at most 75 octets."""
    data = export_vcards(DIRECTORY, day=DAY)
    lines = data.decode().replace("\r\n ", "").split("\r\n")
    assert "TEL;VALUE=uri;TYPE=voice:tel:+381113008000;ext=12" in lines
    assert "TEL;VALUE=text;TYPE=voice:0800 100 388" in lines
    assert "NOTE:First line\\nsecond\\, line\\; with \\\\ marks" in lines
    assert "ADR;TYPE=work:;;Ulica 1;Niš;;18000;" in lines
    assert lines.count("BEGIN:VCARD") == 3
    assert max(map(len, data.split(b"\r\n"))) <= 75


def test_day_chooses_the_desks() -> None:
    """An export for a past day has the desks of that day."""
    past = export_csv(DIRECTORY, day=date(2025, 6, 1)).decode("utf-8-sig")
    assert "RS-ended" in past
