"""Every sentence of the documents' own checks can be translated where a form shows it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from contact_registry.changes.findings import FindingCode
from contact_registry.changes.states import OPEN, ChangeState, Step
from contact_registry.coverage import CoverageCode
from contact_registry.editing.forms import FieldProblem
from contact_registry.errors import RefusalCode
from contact_registry.models import Authority
from directory_pages import change_words
from directory_pages.entry_fields import (
    EntryChoices,
    FormField,
    list_covered_fields,
    list_sections,
)
from directory_pages.problem_words import CHECKS, explain
from directory_pages.refusals import HOST_WORDS
from tests.support.checkout import ROOT

FILES = ("fields", "schedules", "particulars", "agreements")
#: Checks of what no form of these pages writes: keys, whole documents, a Participant's own entry.
ELSEWHERE = (
    "A moment is in UTC", "A public key", "A broker account", "key_id does not", "Write ",
    "A name has its asterisk", "Each of a Participant's names", "A language has one",
    "No hours are listed", " once each and in their order",
)  # fmt: skip


def list_checks(name: str) -> Iterator[str]:
    """List the sentences that a module of the registry refuses values with."""
    tree = ast.parse((ROOT / "contact_registry" / f"{name}.py").read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
            if " " in text and text.endswith(".") and "\n" not in text and "``" not in text:
                yield text


@pytest.mark.parametrize("name", FILES)
def test_the_checks_of_the_documents_have_their_sentences(name: str) -> None:
    """A check whose sentence changed, or is new, needs it in the table for translators too."""
    docstrings = _list_docstrings(ROOT / "contact_registry" / f"{name}.py")
    wanted = {text for text in list_checks(name) if not text.startswith(ELSEWHERE)} - docstrings
    assert wanted - set(CHECKS) == set()


def _list_docstrings(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {
        node.body[0].value.value
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module)
        and node.body
        and isinstance(node.body[0], ast.Expr)
        and isinstance(node.body[0].value, ast.Constant)
        and isinstance(node.body[0].value.value, str)
    }


def test_the_form_shows_every_field_of_a_desk() -> None:
    """A field that a desk gains needs its place on the form; only the identifier has none."""
    assert list_covered_fields() == set(Authority.model_fields) - {"id"}


@pytest.mark.parametrize(
    ("field", "code", "said"),
    [
        ("name", "missing", "Fill this in: %(field)s."),
        ("name", "string_too_long", "Shorten this to %(count)s characters: %(field)s."),
        ("name", "odd", "Type this again, without line breaks or invisible characters: %(field)s."),
        ("type", "enum", "Choose one of the answers offered: %(field)s."),
        ("time_zone", "missing", "Choose an answer: %(field)s."),
        (
            "elsewhere",
            "odd",
            "This cannot stand in the directory as it is: check what is typed here.",
        ),
    ],
)
def test_each_problem_says_what_to_do(field: str, code: str, said: str) -> None:
    """Without a sentence of its own, a problem is said by its kind and how the field is filled."""
    items = [item for section in list_sections(EntryChoices()) for item in section.items]
    fields = {item.name: item for item in items if isinstance(item, FormField)}
    assert explain(FieldProblem(field, code, "anything"), fields).msgid == said


def test_every_code_of_a_change_has_words() -> None:
    """States, steps, findings and gaps: one that is new needs its words."""
    assert set(change_words.STATE_LOOKS) == set(ChangeState)
    assert set(change_words.NEXT_STEPS) == OPEN
    assert set(change_words._STEPS) == set(Step)
    assert set(change_words._FINDINGS) | set(change_words._GAP_FRAMES) == set(FindingCode)
    assert set(change_words._GAPS) == set(CoverageCode)
    assert set(HOST_WORDS) == set(RefusalCode)


def test_no_page_speaks_of_members_of_documents() -> None:
    """What a check or a refusal says on a page is words, not the names that programs use."""
    said = [message.msgid for message in (*CHECKS.values(), *HOST_WORDS.values())]
    assert [text for text in said if re.search(r"[a-z]_[a-z]", text)] == []
