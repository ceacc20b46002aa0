"""What is exported comes back unchanged, and an independent reader reads what we wrote."""

import io
import zipfile
from datetime import date

import vobject
from hypothesis import example, given, settings
from hypothesis import strategies as st

from contact_registry.errors import ContactListError
from contact_registry.exporting.cards import export_vcards
from contact_registry.exporting.tables import export_csv, export_xlsx
from contact_registry.importing.importer import ImportDefaults, import_contact_file
from contact_registry.importing.reconciling import ChangeKind
from contact_registry.models import Authority
from tests.support.printed_lists import DAY, make_desk, make_directory, make_full_directory

DEFAULTS = ImportDefaults(valid_from=date(2026, 1, 1), source="list")
LETTERS = st.characters(categories=("L", "N", "P", "S", "Zs"), exclude_characters="\u200b")
LINES = st.text(LETTERS, max_size=40).map(lambda text: " ".join(text.split()))
LINES = LINES.filter(str.isprintable)
NAMES = st.one_of(LINES, st.sampled_from(["=1+1", "'=x", "+355", "@a", "-", "a;b,c\\n", '"x"']))
WORKBOOK = export_xlsx(make_full_directory(), day=DAY)


def make_desks(names: list[tuple[str, str]]) -> list[Authority]:
    """Return a desk for each name and unit."""
    return [
        make_desk("RS", f"d{number}", name=name or "Desk", unit=unit, note=f"{unit}\n{name}")
        for number, (name, unit) in enumerate(names)
    ]


@settings(max_examples=12, deadline=None)
@given(st.lists(st.tuples(NAMES, LINES), min_size=1, max_size=4))
@example([("", "\uf900")])  # a letter that a table holds in its composed form
def test_exported_tables_come_back_unchanged(names: list[tuple[str, str]]) -> None:
    """A table that was exported and is imported again changes nothing, whatever the names are."""
    directory = make_directory(*make_desks(names))
    for data in (export_csv(directory, day=DAY), export_xlsx(directory, day=DAY)):
        result = import_contact_file(data, defaults=DEFAULTS, onto=directory.contacts)
        assert {change.kind for change in result.changes} == {ChangeKind.UNCHANGED}
        assert result.contacts == directory.contacts


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(NAMES, LINES), min_size=1, max_size=4))
def test_independent_reader_reads_the_cards(names: list[tuple[str, str]]) -> None:
    """Another implementation of vCard reads back every name, unit and note as it was."""
    desks = make_desks(names)
    data = export_vcards(make_directory(*desks), day=DAY)
    assert max(map(len, data.split(b"\r\n"))) <= 75
    cards = list(vobject.readComponents(data.decode()))
    assert [card.uid.value for card in cards] == [desk.id for desk in desks]
    for card, desk in zip(cards, desks, strict=True):
        assert card.fn.value == ", ".join(filter(None, (desk.name, desk.unit)))
        assert card.org.value == [part for part in (desk.name, desk.unit) if part]
        assert card.note.value == desk.note
        assert card.tel.value == "tel:+381113008000"


@settings(max_examples=12, deadline=None)
@given(st.data())
def test_any_workbook_is_a_list_or_refused(data: st.DataObject) -> None:
    """A workbook with other bytes in one of its parts imports or raises the list's own error."""
    with zipfile.ZipFile(io.BytesIO(WORKBOOK)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    name = data.draw(st.sampled_from(sorted(parts)))
    start = data.draw(st.integers(0, len(parts[name])))
    length = data.draw(st.integers(0, 40))
    parts[name] = (
        parts[name][:start] + data.draw(st.binary(max_size=40)) + parts[name][start + length :]
    )
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for part, content in parts.items():
            archive.writestr(part, content)
    try:
        result = import_contact_file(written.getvalue(), defaults=DEFAULTS)
    except ContactListError:
        return
    assert result.rows_imported + len(result.held_back) == result.rows_read


@settings(max_examples=25, deadline=None)
@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_are_a_list_or_refused(data: bytes, claims: bool) -> None:
    """Any bytes import or raise the list's own error, also those that claim to be a workbook."""
    try:
        import_contact_file(b"PK\x03\x04" * claims + data, defaults=DEFAULTS)
    except ContactListError:
        return
