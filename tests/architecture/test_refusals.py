"""What services refuse reaches pages as sentences that are translated."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from console.phrasebook import Phrasebook
from hub.web.check_phrases import BROKER_PHRASES, CHECK_PHRASES, TASK_PHRASES
from hub.web.drill_refusals import DRILL_REFUSALS
from hub.web.registry.list_refusals import LIST_REFUSALS
from node.service.borrowed_words import BORROWED

_PLACE = re.compile(r"%\(\w+\)s")
ROOT = Path(__file__).parents[2]
#: The kinds that pages show in the words in which they were raised.
SHOWN = {
    "AlertTakenError",
    "AuditBrokenError",
    "CannotRetryError",
    "ForbiddenError",
    "NoRoomError",
    "NodeError",
    "RefusedDraftError",
    "RefusedFileError",
}
#: An answer without its text: the page of what is not there is the same for all.
WORDLESS = {"NotFoundError"}
#: What finds the sentence of a text.
SAYERS = {"say", "say_broker"}


def _read(*folders: str) -> Iterator[tuple[Path, ast.Module]]:
    for folder in folders:
        place = ROOT / folder
        for path in [place] if place.is_file() else sorted(place.rglob("*.py")):
            yield path.relative_to(ROOT), _parse(path)


@cache
def _parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _name(call: ast.Call) -> str:
    function = call.func
    return function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")


def _is_text(node: ast.expr) -> bool:
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id == "str"
    return isinstance(node, ast.JoinedStr) or (
        isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def test_what_pages_show_is_raised_as_a_message() -> None:
    """No error that a page shows is made of a bare string, an f-string or another error's text."""
    found = [
        f"{path}:{call.lineno}: give {_name(call)} a console.i18n.msg(...)"
        for path, tree in _read("node", "hub", "console")
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and _name(call) in SHOWN
        if call.args and _is_text(call.args[0])
    ]
    assert found == []


def test_pages_show_no_text_of_an_error() -> None:
    """A page takes an error's message, or finds its sentence: never the English text itself."""
    found = []
    for path, tree in _read("node/web", "hub/web", "directory_pages"):
        caught = {
            each.name
            for each in ast.walk(tree)
            if isinstance(each, ast.ExceptHandler) and each.name
        }
        excused = {
            id(inner)
            for call in ast.walk(tree)
            if isinstance(call, ast.Call) and _name(call) in WORDLESS | SAYERS
            for inner in ast.walk(call)
        }
        found += [
            f"{path}:{call.lineno}: show console.refusals.say_refusal({ast.unparse(call.args[0])})"
            for call in ast.walk(tree)
            if isinstance(call, ast.Call) and _name(call) == "str" and call.args
            if isinstance(call.args[0], ast.Name) and call.args[0].id in caught
            if id(call) not in excused
        ]
    assert found == []


def _fill(node: ast.AST) -> str | None:
    """Return a sentence as it may be at run time, with numbers for what changes in it."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(
            str(part.value) if isinstance(part, ast.Constant) else "7" for part in node.values
        )
    return None


def _list_texts(*folders: str) -> set[str]:
    """List every text under the folders; places of messages are filled as well."""
    filled = (_fill(node) for _, tree in _read(*folders) for node in ast.walk(tree))
    return {_PLACE.sub("7", text) for text in filled if text is not None}


@pytest.mark.parametrize(
    ("book", "folders"),
    [
        (
            BORROWED,
            ("protocol/identifiers.py", "protocol/attachment.py", "contact_registry/terms.py"),
        ),
        (LIST_REFUSALS, ("contact_registry/importing", "hub/lists")),
        (DRILL_REFUSALS, ("contact_registry/drills", "hub/drills")),
        (CHECK_PHRASES, ("hub/monitoring",)),
        (TASK_PHRASES, ("console/process",)),
        (BROKER_PHRASES, ("hub/broker", "hub/network")),
    ],
    ids=["borrowed", "lists", "drills", "checks", "tasks", "broker"],
)
def test_each_phrase_is_said_somewhere(book: Phrasebook, folders: tuple[str, ...]) -> None:
    """Whoever changes a sentence where it is made is told to change it where it is translated."""
    made = {book.say(text).msgid for text in _list_texts(*folders)}
    assert [phrase.msgid for phrase in book.phrases if phrase.msgid not in made] == []
