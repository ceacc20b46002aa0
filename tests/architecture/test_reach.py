"""What people do on pages, programs can do: each act is called by the interface, too."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.support.checkout import ROOT

#: Acts that pages alone call, and why programs do not miss them. Keep docs/api.md in step.
PAGES_ALONE: Final = {
    "cases.printing.handle_print": "paper: a case system prints its own",
    "work.alert_wishes.handle_wish_alerts": "sounds and notices of a browser",
    "composing.handle_send": "programs send by the desk that takes many at once",
    "drafts.handle_save_draft": "programs have drafts of their own: api_drafts",
    "drafts.handle_discard_draft": "programs have drafts of their own: api_drafts",
}
_SERVICE: Final = "node.service"


def list_acts(folder: Path) -> set[str]:
    """List the acts of the service that the modules of a folder name, without ``node.service``."""
    return {act for path in folder.rglob("*.py") for act in _find_acts(ast.parse(path.read_text()))}


def _find_acts(module: ast.Module) -> Iterator[str]:
    modules: dict[str, str] = {}
    for node in ast.walk(module):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(_SERVICE):
            for name in node.names:
                full = f"{node.module}.{name.name}".removeprefix(f"{_SERVICE}.")
                modules[name.asname or name.name] = full
                if name.name.startswith(("handle_", "export_")):
                    yield full
    for node in ast.walk(module):
        if isinstance(node, ast.Attribute) and node.attr.startswith(("handle_", "export_")):
            owner = node.value
            if isinstance(owner, ast.Name) and owner.id in modules:
                yield f"{modules[owner.id]}.{node.attr}"


def test_programs_reach_what_pages_do() -> None:
    """An act that is added to pages is added to the interface, or its reason stands here."""
    pages, programs = list_acts(ROOT / "node" / "web"), list_acts(ROOT / "node" / "api")
    assert len(pages & programs) > 50
    assert pages - programs == set(PAGES_ALONE)
