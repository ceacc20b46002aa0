"""Lists come in as CSV or workbook, in the working languages, and hostile files are refused."""
# ruff: noqa: RUF001 - these letters are Cyrillic on purpose

import io
import json
import re
import struct
import unicodedata
import zipfile
from collections.abc import Iterable, Sequence
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook

from contact_registry.errors import ContactListError
from contact_registry.importing.findings import FindingCode, Severity
from contact_registry.importing.folding import fold, transliterate
from contact_registry.importing.importer import ImportDefaults, ImportResult, import_contact_file
from contact_registry.importing.vocabulary import find_heading, parse_mapping
from contact_registry.models import Authority, PersonGroup, TelephoneKind
from protocol.identifiers import Channel, ParticipantCode, Phase

AL, RS, MK = ParticipantCode("AL"), ParticipantCode("RS"), ParticipantCode("MK")
DEFAULTS = ImportDefaults(valid_from=date(2026, 1, 1), source="List")
HEAD = ("participant", "trm_measure", "authority", "phone")


def make_workbook(*rows: Sequence[object], sheets: Iterable[str] = ("List",)) -> bytes:
    """Make a workbook with the same rows in each sheet."""
    book = Workbook()
    book.remove(book.worksheets[0])
    for name in sheets:
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


def bring_in(data: bytes | str, defaults: ImportDefaults = DEFAULTS) -> ImportResult:
    """Import a file."""
    return import_contact_file(data.encode() if isinstance(data, str) else data, defaults=defaults)


def codes(result: ImportResult) -> set[FindingCode]:
    """Return the kinds of findings."""
    return {finding.code for finding in result.findings}


def only(result: ImportResult, code: ParticipantCode = AL) -> Authority:
    """Return the only desk of a Participant."""
    (authority,) = result.contacts[code].authorities
    return authority


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Šabac", "Шабац"),
        ("Đakovica", "Djakovica"),
        ("Ђаковица", "Đakovica"),
        ("Ќустендил", "Kjustendil"),
        ("Njegoševa", "Његошева"),
        ("Gjirokastër", "GJIROKASTER"),
        ("Ministria e Brendshme,  Tiranë", "ministria e brendshme - Tirane"),
        ("C\u030cakovec", "Čakovec"),
    ],
)
def test_spellings_meet(one: str, other: str) -> None:
    """Script, marks, case and punctuation do not part two spellings of one name."""
    assert fold(one) == fold(other)


@given(st.text(st.one_of(st.sampled_from("djgk _-.9ŠšЂђ\x1c\x85\xa0\u0301"), st.characters())))
def test_words_are_what_unicode_calls_words(text: str) -> None:
    """Whichever way is quicker for a text; one letter without its mark may be written as two."""
    words = re.findall(r"\w+", transliterate(text).casefold().replace("_", " "))
    assert fold(text) == re.sub("([dgk])j", r"\1", " ".join(words))


@given(st.text())
def test_marks_are_taken_off_letter_by_letter(text: str) -> None:
    """A text is what its letters are, and has no marks any more."""
    latin = transliterate(text)
    assert not any(unicodedata.combining(each) for each in latin)
    assert latin == "".join(map(transliterate, unicodedata.normalize("NFC", text)))


@pytest.mark.parametrize(("one", "other"), [("Šid", "Žid"), ("Bar", "Bor"), ("Ниш", "Nikšić")])
def test_different_names_stay_different(one: str, other: str) -> None:
    """Folding does not make two towns one."""
    assert fold(one) != fold(other)


def test_transliteration_keeps_case() -> None:
    """Cyrillic becomes Latin with its capitals."""
    assert transliterate("Његош, Љубљана") == "Njegos, Ljubljana"


@pytest.mark.parametrize(
    ("heading", "ours"),
    [
        ("Telephone", "phone"), ("Institucioni", "authority"), ("Qyteti", "city"),
        ("Njësia", "unit"), ("Numri i telefonit", "phone"), ("E-POŠTA", "email"),
        ("Nadležni organ", "authority"), ("Nadležno tijelo", "authority"), ("Mjesto", "city"),
        ("Radno mjesto", "post"), ("Država", "participant"), ("Орган", "authority"),
        ("Одделение", "unit"), ("Забелешка", "note"), ("Мерка", "trm_measure"),
        ("Телефон", "phone"), ("Електронска пошта", "email"), ("Град", "city"),
        ("Надлежни орган", "authority"), ("Faks", "fax"), ("24/7", "available_24_7"),
    ],
)  # fmt: skip
def test_headings_of_the_working_languages(heading: str, ours: str) -> None:
    """Headings in each working language are understood, in both scripts."""
    assert find_heading(heading) == ours


def test_list_in_serbian_cyrillic() -> None:
    """A Cyrillic list with semicolons, a title and names of its own comes in whole."""
    result = bring_in(
        "Списак контаката 2026\n\n"
        "Држава;Фаза;Надлежни орган;Место;Телефон;Деноноћно\n"
        "Србија;Повратак;Министарство унутрашњих послова;Ниш;+381 11 3008 000;\n"
        "Србија;Идентификација;Ministarstvo unutrašnjih poslova;Niš;+381 11 3008 000;\n"
    )
    desk = only(result, RS)
    assert (result.rows_read, result.rows_imported) == (2, 2)
    assert desk.id == "RS-ministarstvo-unutrasnjih-poslova"
    assert {c.phase for c in desk.competences} == {Phase.RETURN, Phase.IDENTIFICATION}
    assert codes(result) >= {
        FindingCode.ABOVE_HEADINGS,
        FindingCode.HEADING_MAPPED,
        FindingCode.PARTICIPANT_MAPPED,
        FindingCode.MEASURE_MAPPED,
        FindingCode.MERGED_AUTHORITY,
        FindingCode.UNKNOWN_HEADING,
    }
    assert {f.row for f in result.findings if f.code is FindingCode.MERGED_AUTHORITY} == {5}


def test_mapping_file() -> None:
    """What the tables do not know, a mapping file says; what it leaves out is said to be left."""
    mapping = parse_mapping(
        json.dumps({
            "headings": {"Кој": "authority", "Boja": None},
            "measures": {"Repatrijacija": "return"},
            "participants": {"Republika": "MK"},
        }).encode()
    )  # fmt: skip
    result = bring_in(
        "participant,trm_measure,кој,boja\nREPUBLIKA,Репатријација,Канцеларија,plava\n",
        ImportDefaults(date(2026, 1, 1), "List", mapping=mapping),
    )
    assert only(result, MK).competences[0].phase is Phase.RETURN
    assert FindingCode.COLUMN_LEFT_OUT in codes(result)
    assert not [f for f in result.findings if f.severity is Severity.BLOCKS]


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b'{"headings": {"x": "colour"}}', b'{"measures": {"x": "y"}}', b"{" * 100_001],
)
def test_mapping_that_is_none(data: bytes) -> None:
    """A mapping that cannot be followed is refused with what one looks like."""
    with pytest.raises(ContactListError):
        parse_mapping(data)


def test_list_of_one_participant() -> None:
    """A Participant's own list needs no column that names it."""
    result = bring_in(
        "Masa,Autoriteti,Faks,Gjuhët,channel,person group\n"
        'Kthimi,Zyra,+355 42279263,"sq, en, albanian",police,child\n',
        ImportDefaults(date(2026, 1, 1), "List", participant=AL),
    )
    desk = only(result)
    assert [t.kind for t in desk.telephones] == [TelephoneKind.FAX]
    assert desk.languages == ("sq", "en")
    (competence,) = desk.competences
    assert (competence.channel, competence.person_group) == (Channel.POLICE, PersonGroup.CHILD)
    assert FindingCode.UNKNOWN_VALUE in codes(result)


def test_unknown_channel_is_said() -> None:
    """A channel that does not exist is reported, and the usual one entered."""
    result = bring_in("participant,trm_measure,authority,channel\nAL,Return,Desk,radio\n")
    assert only(result).competences[0].channel is Channel.ASSISTANCE
    assert FindingCode.UNKNOWN_VALUE in codes(result)


def test_workbook_is_read_as_written() -> None:
    """Numbers, days and yes/no of a workbook become the text that their writer meant."""
    result = bring_in(
        make_workbook(
            (None, "Contacts of 2026"),
            (),
            (*HEAD, "available_24_7", "note"),
            ("AL", "Return", "Desk", 35544541821.0, True, date(2026, 3, 1)),
            (),
            ("AL", "Return", "Other", "+355 44541821", False, 1.5),
        )
    )
    first, second = result.contacts[AL].authorities
    assert first.telephones[0].as_listed == "35544541821"
    assert (first.available_24_7, first.note) == (True, "2026-03-01T00:00:00")
    assert (second.available_24_7, second.note) == (False, "1.5")
    assert second.source == "List, row 6"
    assert result.rows_read == 2


def test_formula_is_never_computed() -> None:
    """A row with a formula is held back with its cells; the others come in."""
    formula = '=HYPERLINK("http://attacker.example","x")'
    result = bring_in(
        make_workbook(HEAD, ("AL", "Return", "Desk", "=1+1"), ("AL", "Return", formula),
                      ("AL", "Return", "Third", "+355 44541821"))
    )  # fmt: skip
    assert (result.rows_read, result.rows_imported) == (3, 1)
    assert [held.row for held in result.held_back] == [2, 3]
    assert result.held_back[0].cells == ("AL", "Return", "Desk", "=1+1")
    messages = [f.message for f in result.findings if f.code is FindingCode.FORMULA]
    assert "D2" in messages[0]
    assert "C3" in messages[1]
    assert only(result).name == "Third"


def test_sheet_is_chosen_never_guessed() -> None:
    """Of several sheets that hold something one must be named."""
    data = make_workbook(HEAD, ("AL", "Return", "Desk", ""), sheets=("One", "Two"))
    with pytest.raises(ContactListError, match="--sheet"):
        bring_in(data)
    chosen = import_contact_file(data, defaults=DEFAULTS, sheet="Two")
    assert chosen.rows_imported == 1
    with pytest.raises(ContactListError, match="no sheet"):
        import_contact_file(data, defaults=DEFAULTS, sheet="Three")


def replace_part(data: bytes, name: str, content: bytes) -> bytes:
    """Put other content into a part of an archive."""
    result = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as before, zipfile.ZipFile(result, "w") as after:
        for part in before.namelist():
            after.writestr(part, content if part == name else before.read(part),
                           compress_type=zipfile.ZIP_DEFLATED)  # fmt: skip
    return result.getvalue()


SHEET = "xl/worksheets/sheet1.xml"
LIST = make_workbook(HEAD, ("AL", "Return", "Desk", ""))
ENTITIES = (
    b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "' + b"a" * 1000 + b'"><!ENTITY b "'
    + b"&a;" * 1000 + b'">]><worksheet>&b;</worksheet>'
)  # fmt: skip
FAR = (
    b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
    b'<row r="1048576"><c r="XFD1048576" t="inlineStr"><is><t>far</t></is></c></row>'
    b"</sheetData></worksheet>"
)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"PK\x03\x04", id="no archive"),
        pytest.param(LIST[:-200], id="cut off"),
        pytest.param(replace_part(LIST, SHEET, b"<worksheet"), id="no xml"),
        pytest.param(replace_part(LIST, SHEET, ENTITIES), id="entities"),
        pytest.param(replace_part(LIST, SHEET, FAR), id="far cell"),
        pytest.param(replace_part(LIST, SHEET, b" " * 70_000_000), id="bomb"),
        pytest.param(LIST + b"\0" * 8_000_000, id="too long"),
        pytest.param(make_workbook(), id="empty"),
    ],
)
def test_hostile_workbooks_are_refused(data: bytes) -> None:
    """Bombs, entities, damage and cells beyond the bounds end in a refusal that says what to do."""
    with pytest.raises(ContactListError):
        bring_in(data)


def test_archive_that_lies_about_its_size() -> None:
    """A part that unpacks to more than it states is not unpacked beyond that."""
    bomb = replace_part(LIST, SHEET, b" " * 70_000_000)
    lying = bomb.replace(struct.pack("<I", 70_000_000), struct.pack("<I", 1000))
    with pytest.raises(ContactListError):
        bring_in(lying)


def test_too_many_columns_are_refused() -> None:
    """A sheet wider than a contact list can be is refused."""
    with pytest.raises(ContactListError, match="columns"):
        bring_in(make_workbook([*HEAD, *(f"c{number}" for number in range(70))]))


def test_encoding_is_said() -> None:
    """A list in an old code page is refused with what to save it as."""
    with pytest.raises(ContactListError, match="UTF-8"):
        bring_in("participant,trm_measure,authority\nRS,Return,Škola\n".encode("cp1250"))
