"""What people answer about a list that our tables do not know, and what is still to be asked.

A list is looked at as the importer will read it: its heading row, the words in its column of
measures, and those in its column of Participants. Whatever is known by itself is not asked.
"""

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from types import MappingProxyType
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from contact_registry.errors import ContactListError
from contact_registry.importing.folding import fold
from contact_registry.importing.measures import map_measure
from contact_registry.importing.records import MAX_COLUMNS, Record, read_csv
from contact_registry.importing.vocabulary import (
    EXPORTED_ONLY,
    KNOWN,
    REQUIRED,
    ListMapping,
    find_heading,
    find_participant,
)
from contact_registry.importing.workbook import is_workbook, read_workbook
from protocol.identifiers import ParticipantCode, Phase

#: Rows among which the headings are looked for, as the importer does.
_LONGEST_TITLE: Final = 10
#: Words that are asked about at once; the next ones come when these are answered.
_MOST_ASKED: Final = 100
_LONGEST_WORD: Final = 200

Word = Annotated[str, Field(max_length=1000)]


class ListAnswers(BaseModel):
    """What people said of one list; the keys of the tables are comparable forms (``fold``).

    A heading that is answered with None is left out on purpose. ``participant`` and ``sheet`` are
    empty where the list says it itself.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    file_name: Annotated[str, Field(max_length=200)] = ""
    participant: Annotated[str, Field(max_length=8)] = ""
    sheet: Annotated[str, Field(max_length=100)] = ""
    headings: Annotated[dict[Word, str | None], Field(max_length=200)] = {}
    measures: Annotated[dict[Word, Phase], Field(max_length=1000)] = {}
    participants: Annotated[dict[Word, str], Field(max_length=1000)] = {}

    def make_mapping(self) -> ListMapping:
        """Return the mapping for the importer."""
        return ListMapping(
            headings=MappingProxyType(dict(self.headings)),
            measures=MappingProxyType(dict(self.measures)),
            participants=MappingProxyType(
                {theirs: ParticipantCode(ours) for theirs, ours in self.participants.items()}
            ),
        )


@dataclass(frozen=True, slots=True)
class Question:
    """One word of the list, and what it is taken for: None where nobody has said.

    ``is_left_out`` says that a column is left out on purpose.
    """

    text: str
    taken_for: str | None
    is_left_out: bool = False

    @property
    def is_open(self) -> bool:
        """Whether nobody has said what is meant."""
        return self.taken_for is None and not self.is_left_out


@dataclass(frozen=True, slots=True)
class Questions:
    """All words of a list that people may be asked about, in the order of the list."""

    headings: tuple[Question, ...] = ()
    measures: tuple[Question, ...] = ()
    participants: tuple[Question, ...] = ()

    @property
    def open_count(self) -> int:
        """How many words nobody has explained."""
        return sum(q.is_open for q in (*self.headings, *self.measures, *self.participants))


@dataclass
class _Look:
    """A list as it is looked through."""

    answers: ListAnswers
    known: frozenset[str]
    measures: dict[str, str] = field(default_factory=dict)
    participants: dict[str, str] = field(default_factory=dict)


def read_records(data: bytes, *, sheet: str = "") -> Iterable[Record]:
    """Return the rows of a file; raises :class:`~contact_registry.errors.ContactListError`."""
    if is_workbook(data):
        return read_workbook(data, sheet=sheet or None)
    try:
        return read_csv(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise ContactListError("The list is not UTF-8: save it as CSV (UTF-8) or XLSX.") from error


def ask(data: bytes, answers: ListAnswers, *, known: Iterable[str]) -> Questions:
    """Find out what people may be asked about a list; ``known`` are the registry's Participants.

    Raises :class:`~contact_registry.errors.ContactListError` if it cannot be read at all.
    """
    filled = (r for r in read_records(data, sheet=answers.sheet) if not r.is_blank)
    title = list(islice(filled, _LONGEST_TITLE))
    if not title:
        raise ContactListError("The list is empty: it needs a heading row and at least one row.")
    at = max(range(len(title)), key=lambda i: (_count_known(title[i], answers), -i))
    headings = title[at]
    columns = [_name_column(cell, answers) for cell in headings.cells[:MAX_COLUMNS]]
    look = _Look(answers, frozenset(known))
    for record in (*title[at + 1 :], *filled):
        _look_at(look, record, columns)
    return Questions(
        headings=tuple(_ask_headings(headings, answers)),
        measures=_ask_words(look.measures, answers.measures),
        participants=_ask_words(look.participants, answers.participants),
    )


def _ask_words(found: Mapping[str, str], answered: Mapping[str, str]) -> tuple[Question, ...]:
    """Ask about words; those that nobody has explained come first."""
    asked = [Question(text, answered.get(word)) for word, text in found.items()]
    return tuple(sorted(asked, key=lambda question: not question.is_open)[:_MOST_ASKED])


def _name_column(cell: str, answers: ListAnswers) -> str | None:
    word = fold(cell)
    return answers.headings[word] if word in answers.headings else find_heading(cell)


def _count_known(record: Record, answers: ListAnswers) -> int:
    return sum(_name_column(cell, answers) is not None for cell in record.cells[:MAX_COLUMNS])


def _ask_headings(record: Record, answers: ListAnswers) -> Iterator[Question]:
    for cell in record.cells[:MAX_COLUMNS]:
        text = _tidy(cell)
        if not text or text.casefold() in EXPORTED_ONLY:
            continue
        left_out = fold(text) in answers.headings and answers.headings[fold(text)] is None
        yield Question(text, _name_column(text, answers), left_out)


def _look_at(look: _Look, record: Record, columns: Sequence[str | None]) -> None:
    cells = dict(zip(columns, record.cells, strict=False))
    measure, participant = _tidy(cells.get("trm_measure", "")), _tidy(cells.get("participant", ""))
    if measure and map_measure(measure) is None:
        look.measures.setdefault(fold(measure), measure)
    if not participant or participant in look.known:
        return
    if find_participant(participant) not in look.known:
        look.participants.setdefault(fold(participant), participant)


def _tidy(cell: str) -> str:
    return " ".join(cell.split())[:_LONGEST_WORD]


def take_answers(
    answers: ListAnswers, questions: Questions, given: Mapping[str, str], *, known: Iterable[str]
) -> ListAnswers:
    """Return the answers after a form was sent: ``heading-3``, ``measure-0``, ``participant-2``.

    The numbers are places in ``questions``. Empty means that nobody knows yet, ``-`` that a column
    is left out; anything that is no choice of the form is not taken.
    """
    headings = dict(answers.headings)
    for place, question in enumerate(questions.headings):
        choice, word = given.get(f"heading-{place}", ""), fold(question.text)
        headings.pop(word, None)
        if choice == LEFT_OUT:
            headings[word] = None
        elif choice in KNOWN and choice != find_heading(question.text):
            headings[word] = choice
    update = {
        "headings": headings,
        "measures": _take_words("measure", questions.measures, given, set(Phase))
        | {w: p for w, p in answers.measures.items() if w not in _words(questions.measures)},
        "participants": _take_words("participant", questions.participants, given, set(known))
        | {
            w: p for w, p in answers.participants.items() if w not in _words(questions.participants)
        },
    }
    return ListAnswers.model_validate(answers.model_dump() | update)


def find_lacking(questions: Questions, *, has_participant: bool) -> list[str]:
    """Return the columns that a list must have and that nothing in it means yet."""
    meant = {question.taken_for for question in questions.headings}
    given = {"participant"} if has_participant else set()
    return [column for column in REQUIRED if column not in meant | given]


def find_repeated(questions: Questions) -> list[str]:
    """Return the columns that several headings mean: the importer takes one of them."""
    meant = Counter(q.taken_for for q in questions.headings if q.taken_for is not None)
    return [column for column, count in meant.items() if count > 1]


def _take_words(
    name: str, questions: Sequence[Question], given: Mapping[str, str], choices: Container[str]
) -> dict[str, str]:
    return {
        fold(question.text): choice
        for place, question in enumerate(questions)
        if (choice := given.get(f"{name}-{place}", "")) in choices
    }


def _words(questions: Iterable[Question]) -> frozenset[str]:
    return frozenset(fold(question.text) for question in questions)


LEFT_OUT: Final = "-"
"""The choice of the form for a column that is left out on purpose."""
