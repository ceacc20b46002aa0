"""Whatever a file holds and whatever a form answers, a list is asked about, or refused in words."""

import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from contact_registry.errors import ContactListError
from contact_registry.importing.importer import ImportDefaults, import_contact_file
from contact_registry.importing.vocabulary import KNOWN
from hub.lists.answers import LEFT_OUT, ListAnswers, ask, take_answers
from protocol.identifiers import Phase
from tests.support.console_face import NOON

CODES = ("AL", "XK")
CELLS = st.one_of(
    st.sampled_from([*KNOWN, "Shteti", "Masa", "Institucioni", "AL", "Kosova", "Return", "", "x"]),
    st.text(max_size=8),
)
TABLES = st.lists(st.lists(CELLS, min_size=1, max_size=5), min_size=1, max_size=6)
CHOICES = st.sampled_from(["", LEFT_OUT, "junk", *KNOWN, *Phase, *CODES])


def write_table(rows: list[list[str]]) -> bytes:
    """Write rows as comma-separated text."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode("utf-8", errors="replace")


@given(st.one_of(st.binary(max_size=200), TABLES.map(write_table)))
def test_any_bytes_are_asked_about_or_refused(data: bytes) -> None:
    """No file brings the page down: it is a table, or it is refused with what to do."""
    try:
        questions = ask(data, ListAnswers(), known=CODES)
    except ContactListError as error:
        assert str(error)
        return
    assert questions.open_count <= sum(
        map(len, (questions.headings, questions.measures, questions.participants))
    )


@given(TABLES.map(write_table), st.dictionaries(st.integers(0, 4), CHOICES), st.data())
def test_any_answers_make_a_mapping_that_imports(
    data: bytes, headings: dict[int, str], draw: st.DataObject
) -> None:
    """A form takes choices of its own only, and what it takes is understood by the importer."""
    try:
        questions = ask(data, ListAnswers(), known=CODES)
    except ContactListError:
        return
    given_form = {f"heading-{place}": choice for place, choice in headings.items()}
    for name in ("measure", "participant"):
        given_form[f"{name}-0"] = draw.draw(CHOICES)
    answers = take_answers(ListAnswers(), questions, given_form, known=CODES)
    assert set(answers.headings.values()) <= {*KNOWN, None}
    assert set(answers.participants.values()) <= set(CODES)
    assert ListAnswers.model_validate_json(answers.model_dump_json()) == answers
    defaults = ImportDefaults(NOON.date(), "list", mapping=answers.make_mapping())
    try:
        result = import_contact_file(data, defaults=defaults)
    except ContactListError:
        return
    assert result.rows_imported + len(result.held_back) == result.rows_read
