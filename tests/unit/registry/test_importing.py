"""The real contact list comes in whole, and everything imperfect is said."""

from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from contact_registry.errors import ContactListError
from contact_registry.importing.findings import FindingCode, Severity
from contact_registry.importing.importer import ImportDefaults, ImportResult, import_contact_list
from contact_registry.models import TelephoneKind
from protocol.identifiers import ParticipantCode, Phase

LIST = Path("contact_registry/data/trm_contacts_2022.csv")
DEFAULTS = ImportDefaults(valid_from=date(2022, 1, 1), source="Regional contact list 2022")
HEAD = "participant,trm_measure,authority,unit,city,post,phone,email,available_24_7,note\n"


@pytest.fixture(scope="module")
def real() -> ImportResult:
    """Import the real list."""
    return import_contact_list(LIST.read_text(encoding="utf-8"), defaults=DEFAULTS)


def bring_in(*rows: str) -> ImportResult:
    """Import rows under the usual headings."""
    return import_contact_list(HEAD + "\n".join(rows), defaults=DEFAULTS)


def codes(result: ImportResult) -> set[FindingCode]:
    """Return the kinds of findings."""
    return {finding.code for finding in result.findings}


def test_every_row_is_in(real: ImportResult) -> None:
    """All 66 rows are taken over, as 42 desks of six Participants with 66 competences."""
    assert (real.rows_read, real.rows_imported, real.held_back) == (66, 66, ())
    desks = {code: len(document.authorities) for code, document in real.contacts.items()}
    assert desks == {"AL": 7, "BA": 1, "MK": 8, "XK": 13, "ME": 8, "RS": 5}
    competences = [c for d in real.contacts.values() for a in d.authorities for c in a.competences]
    assert len(competences) == 66


def test_counts_of_findings(real: ImportResult) -> None:
    """The number of each kind of finding is what a reader of the list counts."""
    assert Counter(finding.code for finding in real.findings) == {
        FindingCode.NOBODY_REACHABLE: 13,
        FindingCode.MERGED_AUTHORITY: 24,
        FindingCode.SEVERAL_NUMBERS: 13,
        FindingCode.FAX_IN_NOTE: 10,
        FindingCode.FOREIGN_PREFIX: 9,
        FindingCode.MEASURE_MAPPED: 8,
        FindingCode.EXTENSION_KEPT: 6,
        FindingCode.PUBLIC_WEBMAIL: 5,
        FindingCode.NATIONAL_ONLY: 4,
        FindingCode.MIXED_STYLES: 3,
        FindingCode.INVALID_NUMBER: 2,
        FindingCode.MIXED_PREFIXES: 1,
        FindingCode.CHANNEL_TO_CONFIRM: 14,
    }
    assert not [f for f in real.findings if f.severity is Severity.BLOCKS]


def test_unreachable_rows_are_the_empty_ones(real: ImportResult) -> None:
    """The rows that reach nobody are those without telephone and mailbox in the file."""
    lines = LIST.read_text(encoding="utf-8").splitlines()
    empty = {row for row, line in enumerate(lines, start=1) if line.endswith(",,,no,")}
    found = {f.row for f in real.findings if f.code is FindingCode.NOBODY_REACHABLE}
    assert found == empty
    assert len(found) == 13


def test_numbers_are_kept(real: ImportResult) -> None:
    """Extension, national-only, invalid and fax numbers are all there, each marked."""
    telephones = {
        t.as_listed: t
        for document in real.contacts.values()
        for authority in document.authorities
        for t in authority.telephones
    }
    with_extension = telephones["+383 38 504 504 ext. 1890"]
    assert (with_extension.e164, with_extension.extension) == ("+38338504504", "1890")
    toll_free = telephones["0800 100 388"]
    assert (toll_free.e164, toll_free.national_only) == (None, True)
    assert toll_free.kind is TelephoneKind.TOLL_FREE
    invalid = telephones["+389 2700107"]
    assert (invalid.e164, invalid.national_only) == (None, False)
    assert telephones["+355 42279263"].kind is TelephoneKind.FAX
    assert telephones["+382 20 669 158"].kind is TelephoneKind.VOICE_AND_FAX


def test_mixed_prefixes_are_of_one_participant(real: ImportResult) -> None:
    """The mixture of +381 and +383 is told once, for XK."""
    (finding,) = [f for f in real.findings if f.code is FindingCode.MIXED_PREFIXES]
    assert "XK" in finding.message
    assert "+381 and +383" in finding.message


def test_merged_authority_has_all_phases(real: ImportResult) -> None:
    """The one office that is listed for five measures is one desk with five phases."""
    (office,) = real.contacts[ParticipantCode("BA")].authorities
    assert {c.phase for c in office.competences} == set(Phase)
    assert len(office.telephones) == 2


def test_import_is_repeatable(real: ImportResult) -> None:
    """The same list gives the same identifiers and documents again."""
    again = import_contact_list(LIST.read_text(encoding="utf-8"), defaults=DEFAULTS)
    assert again == real


def test_identifiers_do_not_depend_on_order(real: ImportResult) -> None:
    """The rows in reverse give the same set of identifiers."""
    head, *rows = LIST.read_text(encoding="utf-8").splitlines()
    backwards = import_contact_list("\n".join([head, *reversed(rows)]), defaults=DEFAULTS)
    for code, document in real.contacts.items():
        theirs = {a.id for a in backwards.contacts[code].authorities}
        assert theirs == {a.id for a in document.authorities}


def test_unknown_measure_keeps_the_desk() -> None:
    """A measure that is not known blocks, and its desk is there without a competence."""
    result = bring_in("AL,Repatriation of sorts,Desk,,,,,,,")
    (finding,) = [f for f in result.findings if f.code is FindingCode.UNKNOWN_MEASURE]
    assert (finding.row, finding.severity) == (2, Severity.BLOCKS)
    assert result.contacts[ParticipantCode("AL")].authorities[0].competences == ()


@pytest.mark.parametrize("code", ["ZZ", "al", "", "A,"])
def test_unknown_participant_is_held_back_whole(code: str) -> None:
    """A row of an unknown Participant is held back with all its cells, not dropped."""
    result = bring_in(f'"{code}",Return,Desk,,,,+355 44541821,,,')
    assert (result.rows_read, result.rows_imported) == (1, 0)
    (held,) = result.held_back
    assert held.row == 2
    assert "+355 44541821" in held.cells
    assert codes(result) == {FindingCode.UNKNOWN_PARTICIPANT}


def test_unknown_heading_is_said() -> None:
    """A column that is not known is reported with the number of cells that it would lose."""
    text = "participant,trm_measure,authority,pager\nAL,Return,Desk,+355 1\nAL,Return,Other,\n"
    result = import_contact_list(text, defaults=DEFAULTS)
    (finding,) = [f for f in result.findings if f.code is FindingCode.UNKNOWN_HEADING]
    assert finding.severity is Severity.BLOCKS
    assert "1 filled cells" in finding.message


def test_row_that_does_not_fit_is_held_back() -> None:
    """A cell that is too long, or too many cells, hold the row back with its reason."""
    result = bring_in(f"AL,Return,{'x' * 600},,,,,,,", "AL,Return,Desk,,,,,,,,,extra")
    assert [held.row for held in result.held_back] == [2, 3]
    assert (result.rows_read, result.rows_imported) == (2, 0)


def test_small_faults_are_said() -> None:
    """Wrong mailboxes, unclear answers, missing prefixes, odd characters, repeats: all said."""
    result = bring_in(
        "AL,Return,Desk,,,,044 541 821,not a mailbox,sometimes,",
        "AL,Return,Desk,,,,,,,",
        "MK,Return,De\x00sk,,,,ring us,,,",
    )
    assert codes(result) >= {
        FindingCode.INVALID_MAILBOX,
        FindingCode.UNKNOWN_VALUE,
        FindingCode.NATIONAL_FORMAT,
        FindingCode.REPEATED_ROW,
        FindingCode.UNREADABLE_CHARACTERS,
        FindingCode.INVALID_NUMBER,
    }
    assert "mailbox as listed" in result.contacts[ParticipantCode("AL")].authorities[0].note


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a,b,c\n1,2,3",
        "participant,participant,trm_measure,authority\n",
        'participant,trm_measure,authority\n"AL,Return',
        "x" * 2_000_001,
        "participant,trm_measure,authority" + ",c" * 70,
    ],
)
def test_no_table(text: str) -> None:
    """What is no contact list at all is refused with what to do."""
    with pytest.raises(ContactListError):
        import_contact_list(text, defaults=DEFAULTS)
