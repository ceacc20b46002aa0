"""What changes the hub's store writes its entry of the audit log in the same transaction."""

import ast

import pytest

from tests.support.checkout import ROOT

#: What the hub sees by itself, twice a minute, is no act of anybody.
SEES = "hub/network/records.py"
MODULES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (ROOT / "hub").rglob("*.py")
    if ".transaction(" in path.read_text(encoding="utf-8")
    and path.parent.name != "audit"
    and path != ROOT / SEES
)


def find_silent_transactions(source: str) -> list[int]:
    """List the lines of writing transactions whose function never records an act.

    A method that hands its open session on to one of the same module counts with it.
    """
    functions = [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]

    def called(node: ast.AST) -> set[str]:
        names = (
            call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
            for call in ast.walk(node)
            if isinstance(call, ast.Call)
        )
        return set(names)

    recording = {"record"}
    for _ in functions:  # until nothing is added: who calls who calls who records
        recording |= {node.name for node in functions if called(node) & recording}
    return [
        node.lineno
        for node in functions
        if "transaction" in called(node) and not called(node) & recording
    ]


@pytest.mark.parametrize("module", MODULES)
def test_a_transaction_of_the_hub_records_its_act(module: str) -> None:
    """No module of the hub changes the store in silence."""
    assert find_silent_transactions((ROOT / module).read_text(encoding="utf-8")) == []


def test_what_the_hub_sees_by_itself_changes_nothing_else() -> None:
    """What writes without an entry of the log knows no tables but those of the network."""
    source = (ROOT / SEES).read_text(encoding="utf-8")
    modules = [
        node.module or ""
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ImportFrom)
    ]
    assert [name for name in modules if name.startswith("hub.store")] == [
        "hub.store.network_tables"
    ]


def test_a_silent_transaction_is_found() -> None:
    """The look is not blind: it finds one that records nothing, and knows one that does."""
    silent = "\ndef f(d):\n    with d.transaction() as s:\n        s.add(1)\n"
    assert find_silent_transactions(silent) == [2]
    assert (
        find_silent_transactions(silent + "        note(s)\ndef note(s):\n    s.record()\n") == []
    )
