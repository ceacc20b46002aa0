"""The forms of every type: made from its model, filled in as a person would, read back."""

import ast
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from jinja2 import Environment
from pydantic import BaseModel
from starlette.datastructures import FormData, UploadFile

from console.i18n import Language, Message
from node.web.field_labels import FIELD_LABELS, find_label
from node.web.forms.conditions import CONDITIONS
from node.web.forms.filled import FilledForm, FormSetting, list_left_out
from node.web.forms.rules import RULES, find_rule
from node.web.forms.spreading import spread
from node.web.forms.tree import list_shapes
from node.web.labels import CODE_LABELS
from node.web.type_labels import TYPE_LABELS
from node.web.words.hints import HINTS
from protocol import messages as messages_package
from protocol.messages.catalogue import CATALOGUE
from protocol.messages.codes import Kind
from protocol.messages.describing import ValueKind, describe_own_fields
from protocol.messages.fields import Sensitivity
from protocol.messages.first_assistance import NeedsAssessmentBody
from protocol.messages.general import ErasureBody
from protocol.messages.head import AskingOrTelling, CaseMessage
from protocol.messages.identification_requests import TraffickingQuestion
from protocol.messages.response import ResponseBody
from protocol.messages.return_readiness import ReturnGates
from tests.support.examples import list_good, list_good_answers
from tests.support.node_console import build_pair
from tests.support.page_reader import read_forms

ZONE = ZoneInfo("Europe/Tirane")
TYPES = sorted(tag for tag, entry in CATALOGUE.items() if issubclass(entry.model, CaseMessage))

ASK_OR_TELL = [tag for tag in TYPES if issubclass(CATALOGUE[tag].model, AskingOrTelling)]

_PAGE = """{% import "node/form_parts.html" as parts with context %}
<form action="/x">{{ parts.fill_in(filled) }}</form>"""


@pytest.fixture(scope="module")
def pages(
    tmp_path_factory: pytest.TempPathFactory, shared_node_url_of: Callable[[str], str]
) -> Iterator[Environment]:
    """Give the templates of a node, as its pages use them."""
    pair = build_pair(tmp_path_factory.mktemp("forms"), url_of=shared_node_url_of)
    yield pair.al.console.renderer._build_environment(Language.ENGLISH)
    pair.network.close()


def render(pages: Environment, filled: FilledForm) -> str:
    """Render a form as it stands on a page."""
    errors = filled.find_errors()
    return pages.from_string(_PAGE).render(
        filled=filled, errors=errors, language=Language.ENGLISH, form_token_value=""
    )


def list_bodies(tag: str) -> list[tuple[type[BaseModel], dict[str, Any]]]:
    """Give every example of a type, and of the answer to it, with its model."""
    entry = CATALOGUE[tag]
    body = entry.body
    found = [(body, example["body"]) for _, example in list_good(tag)]
    if entry.answer is not None:
        answers = [answer for _, answer in list_good_answers(tag)]
        found += [(ResponseBody, {"completeness": "full", "answer": one}) for one in answers]
    return found


def setting_of(body: dict[str, Any]) -> FormSetting:
    """Choose the answer model that an example of ``general.response`` holds."""
    answer = body.get("answer") or {}
    model = CATALOGUE[answer["answers"]].answer if answer else None
    return FormSetting(zone=ZONE, variants={("answer",): model} if model else {})


def post(html: str) -> FormData:
    """Send a page's form as a browser does."""
    (form,) = read_forms(html)
    return FormData([(name, value) for name, values in form.fields.items() for value in values])


def settle(body: BaseModel) -> Any:
    """Give a body as JSON values; several codes in a fixed order, which says nothing."""

    def order(tree: Any) -> Any:
        if isinstance(tree, dict):
            return {name: order(value) for name, value in tree.items()}
        if isinstance(tree, list):
            return sorted(tree) if all(isinstance(i, str) for i in tree) else list(map(order, tree))
        return tree

    return order(json.loads(body.model_dump_json()))


@pytest.mark.parametrize("tag", TYPES)
def test_what_a_form_shows_comes_back_as_the_same_body(tag: str, pages: Environment) -> None:
    """Each example, laid into its form, rendered, and sent by a browser, is the same body again."""
    for model, example in list_bodies(tag):
        setting = setting_of(example)
        wanted = model.model_validate_json(json.dumps(example))
        html = render(pages, FilledForm(model, spread(model, wanted, setting), setting))
        answers = FilledForm(model, {}, setting).take(post(html))
        filled = FilledForm(model, answers, setting)
        body = filled.body()
        assert settle(model.model_validate_json(json.dumps(body))) == settle(wanted)
        assert filled.find_errors() == {}
        assert filled.not_applying == []


@pytest.mark.parametrize("tag", TYPES)
def test_an_empty_form_says_at_its_fields_what_is_missing(tag: str, pages: Environment) -> None:
    """Nothing typed: each error stands at a field that the page has, in words that name it."""
    entry = CATALOGUE[tag]
    body = entry.body
    for model in filter(None, (body, entry.answer)):
        filled = FilledForm(model, {}, FormSetting(zone=ZONE))
        errors = filled.find_errors()
        html = render(pages, filled)
        assert errors
        for name in errors:
            assert f'id="{name}"' in html
            assert f'id="{name}-error"' in html or "field-error" in html


@pytest.mark.parametrize("tag", TYPES)
def test_each_leaf_has_words(tag: str) -> None:
    """Every field, code and type has its own words; what a machine calls it is never shown."""
    entry = CATALOGUE[tag]
    assert tag in TYPE_LABELS
    body = entry.body
    for model in filter(None, (body, entry.answer)):
        for leaf in FilledForm(model, {}, FormSetting(zone=ZONE)).shapes:
            assert isinstance(leaf.label, Message)
            if leaf.kind in {ValueKind.CODE, ValueKind.TRI_STATE}:
                assert leaf.choices, leaf.name
                assert all(isinstance(words, Message) for _, words in leaf.choices)


def walk_models() -> dict[type[BaseModel], None]:
    """Give every model that stands in a body or in an answer."""
    found: dict[type[BaseModel], None] = {}

    def walk(model: type[BaseModel]) -> None:
        if model not in found:
            found[model] = None
            for said in describe_own_fields(model):
                for inner in said.models:
                    walk(inner)

    for tag in TYPES:
        body = CATALOGUE[tag].body
        for model in filter(None, (body, CATALOGUE[tag].answer)):
            walk(model)
    return found


def test_no_words_are_left_over() -> None:
    """Words of fields, hints and code lists that no form uses are found here and taken out."""
    named: set[str] = set()
    spoken: set[str] = set()
    codes: set[type] = set()
    for model in walk_models():
        for said in describe_own_fields(model):
            own = f"{model.__name__}.{said.name}"
            named |= {own, said.name}
            if said.kind is not ValueKind.FIXED:
                spoken.add(own if own in FIELD_LABELS else said.name)
                assert find_label(model, said.name).msgid
            if said.code_list is not None:
                codes.add(said.code_list)
                assert set(said.choices) <= set(CODE_LABELS[said.code_list])
    assert set(FIELD_LABELS) - spoken == set()
    assert set(HINTS) - named == set()
    ours = {code for code in CODE_LABELS if code.__module__.startswith("protocol.messages.")}
    assert {code.__name__ for code in ours - codes} <= {
        "Urgency", "Formality", "ExceptionGround", "OnwardScope",
    }  # fmt: skip


#: Rules of single values, of files, of whole messages, and of what machines write: said elsewhere.
_SAID_ELSEWHERE = frozenset({
    "fields.py", "attachments.py", "head.py", "link_repair.py", "system.py",
})  # fmt: skip
_MESSAGES = frozenset({"CaseMessage", "AskingOrTelling"})


def list_rules() -> Iterator[tuple[str, bool]]:
    """Give the sentence of every rule, and whether it is one of a body."""
    for path in Path(next(iter(messages_package.__path__))).glob("*.py"):
        for owner in ast.parse(path.read_text(encoding="utf-8")).body:
            bases = {getattr(base, "id", "") for base in getattr(owner, "bases", ())}
            is_ours = path.name not in _SAID_ELSEWHERE and not bases & _MESSAGES
            for call in ast.walk(owner):
                if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "ValueError":
                    said = call.args[0]
                    if isinstance(said, ast.Constant):
                        yield str(said.value), is_ours


def test_every_rule_of_a_body_is_said_in_words() -> None:
    """The sentences of the models' rules and those that pages translate are the same ones."""
    stated = list(list_rules())
    assert set(RULES) - {sentence for sentence, _ in stated} == set()
    assert [s for s, is_ours in stated if is_ours and find_rule(s) is None] == []


def test_conditions_name_fields_and_answers_that_exist() -> None:
    """A condition asks for fields of its own model, or of a body, and for codes that they have."""
    for (model, name), condition in CONDITIONS.items():
        fields = {said.name: said for said in describe_own_fields(model)}
        assert name in fields
        for one in condition.any_of:
            for decider, wanted in one.items():
                if not decider.startswith("/"):
                    assert wanted <= set(fields[decider].choices), (model, name)


def test_rows_are_added_and_removed_by_buttons() -> None:
    """A row is added at the end, one in the middle removed; the others keep what was typed."""
    setting = FormSetting(zone=ZONE)
    typed = {
        "topics": ["suspects"], "suspects": ["2"],
        "suspects-0-role": ["recruiter"], "suspects-0-description": ["first"],
        "suspects-1-role": ["exploiter"], "suspects-1-description": ["second"],
    }  # fmt: skip
    pairs = [(name, value) for name, values in typed.items() for value in values]
    empty = FilledForm(TraffickingQuestion, {}, setting)
    more = FormData([*pairs, ("add_row", "suspects")])
    assert empty.row_act(more) == "suspects"
    grown = empty.take(more)
    assert grown["suspects"] == ("3",)
    less = FormData([*pairs, ("drop_row", "suspects-0")])
    assert empty.row_act(less) == "suspects"
    left = empty.take(less)
    assert left["suspects"] == ("1",)
    assert left["suspects-0-description"] == ("second",)
    assert "suspects-1-description" not in left


@pytest.mark.parametrize("act", ["removed", "emptied"])
def test_what_this_screen_does_not_show_moves_with_its_row(act: str) -> None:
    """A row that goes takes its hidden fields along; those of another row never become its own."""
    stored = {
        "needs": ["3"],
        "needs-0-need": ["shelter"], "needs-0-priority": ["high"],
        "needs-1-need": ["legal"], "needs-1-note": ["hidden, of the second"],
        "needs-2-need": ["medical"], "needs-2-note": ["hidden, of the third"],
    }  # fmt: skip
    setting = FormSetting(zone=ZONE, keep=lambda leaf: leaf.sensitivity is Sensitivity.NONE)
    form = FilledForm(NeedsAssessmentBody, stored, setting)
    assert form.is_beside("needs-1-note")
    shown: list[tuple[str, str | UploadFile]]
    shown = [("needs", "3"), ("needs-1-need", "legal"), ("needs-2-need", "medical")]
    if act == "removed":
        shown += [("needs-0-need", "shelter"), ("drop_row", "needs-0")]
    left = form.take(FormData(shown))
    assert left["needs"] == ("2",)
    assert [left[f"needs-{row}-need"] for row in range(2)] == [("legal",), ("medical",)]
    notes = {name: values for name, values in left.items() if name.endswith("note")}
    assert notes == {
        "needs-0-note": ("hidden, of the second",),
        "needs-1-note": ("hidden, of the third",),
    }


def test_an_empty_row_between_others_is_closed_up() -> None:
    """What is wrong in the third row is said at the row where it then stands."""
    typed = {
        "topics": ["suspects"], "suspects": ["3"],
        "suspects-0-role": ["recruiter"], "suspects-0-description": ["first"],
        "suspects-2-description": ["third, without a role"],
    }  # fmt: skip
    filled = FilledForm(TraffickingQuestion, typed, FormSetting(zone=ZONE))
    assert len(filled.body()["suspects"]) == 2
    assert list(filled.find_errors()) == ["suspects-1-role"]
    assert filled.value("suspects-1-description") == "third, without a role"


def test_what_does_not_apply_is_kept_and_does_not_leave() -> None:
    """A field whose condition is no longer met is named, and is no part of the body."""
    typed = {
        "scope": ["whole_case"], "ground": ["retention_over"], "tell_onward_recipients": ["yes"],
        "messages": ["ab" * 16],
    }  # fmt: skip
    filled = FilledForm(ErasureBody, typed, FormSetting(zone=ZONE))
    assert "messages" not in filled.body()
    assert [leaf.name for leaf in filled.not_applying] == ["messages"]
    assert filled.find_errors() == {}


def test_a_rule_of_several_fields_is_said_at_the_one_to_change() -> None:
    """A message list that is needed is asked for at the list, not at the top of the page."""
    typed = {
        "scope": ["listed_messages"], "ground": ["retention_over"],
        "tell_onward_recipients": ["no"],
    }  # fmt: skip
    filled = FilledForm(ErasureBody, typed, FormSetting(zone=ZONE))
    assert list(filled.find_errors()) == ["messages"]


def test_the_condition_stands_in_words_for_browsers_without_a_script(pages: Environment) -> None:
    """A dependent field says of which answer it depends, and the script is told the same."""
    html = render(pages, FilledForm(ErasureBody, {}, FormSetting(zone=ZONE)))
    assert "Only if “Scope” is: Some messages" in html
    assert "data-shown-when" in html
    gates = render(pages, FilledForm(ReturnGates, {}, FormSetting(zone=ZONE)))
    assert "To the family, To other relatives" in gates


@pytest.mark.parametrize(
    "tag", [t for t in TYPES if issubclass(CATALOGUE[t].model, AskingOrTelling)]
)
def test_a_type_that_asks_or_tells_shows_one_half(tag: str) -> None:
    """A request has no fields to tell with, and a notification none to ask with."""
    entry = CATALOGUE[tag]
    body = entry.body
    for kind, absent in ((Kind.REQUEST, "information"), (Kind.NOTIFICATION, "question")):
        setting = FormSetting(zone=ZONE, leave_out=list_left_out(entry, kind))
        names = {leaf.path[0] for leaf in FilledForm(body, {}, setting).shapes}
        assert absent not in names
        assert len(names) >= 1


def test_the_shape_of_a_form_is_made_once_for_a_model() -> None:
    """Two forms of one model share their shape: pages of large types stay quick."""
    first = FilledForm(TraffickingQuestion, {}, FormSetting(zone=ZONE))
    second = FilledForm(TraffickingQuestion, {}, FormSetting(zone=ZONE))
    assert first.shapes[0] is second.shapes[0]
    assert list(list_shapes(first.parts))
