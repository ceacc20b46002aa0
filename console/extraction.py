"""Gathers every sentence of the consoles into ``locales/trm.pot``, and checks that file.

Run ``python -m console.extraction`` after changing words. The file has no dates and no line
numbers, so that it changes only when a sentence does. Translators copy it to ``locales/<tag>.po``.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.pofile import read_po, write_po

from console.i18n import TEMPLATE

SOURCE_ROOT: Final = Path(__file__).parent.parent
FOLDERS: Final[Sequence[str]] = ("console", "directory_pages", "node", "hub")
"""Where words for people live, from the root of the source tree; a folder may not exist yet."""

_METHODS: Final = [
    ("**.py", "python"),
    ("**/templates/**.html", "jinja2"),
    ("templates/**.html", "jinja2"),
]
_OPTIONS: Final[Mapping[str, dict[str, Any]]] = {
    "**/templates/**.html": {"trimmed": "true", "silent": "false"},
    "templates/**.html": {"trimmed": "true", "silent": "false"},
}
_KEYWORDS: Final = {**DEFAULT_KEYWORDS, "msg": None, "pmsg": ((1, "c"), 2), "nmsg": (1, 2)}
UNUSED_HEADERS: Final = (
    '"Project-Id-Version:',
    '"Report-Msgid-Bugs-To:',
    '"POT-Creation-Date:',
    '"PO-Revision-Date:',
    '"Last-Translator:',
    '"Language-Team:',
    '"Generated-By:',
)
_HEADER: Final = """\
# The sentences of the TRM consoles, in English.
# Copy this file to <language tag>.po to translate it.
#"""


def extract_messages(root: Path = SOURCE_ROOT) -> Catalog:
    """Read all words of the Python files and templates under ``root``."""
    catalogue = Catalog(project="trm-hub", charset="utf-8", header_comment=_HEADER, fuzzy=False)
    for folder, file, found in _walk(root):
        _, message, comments, context = found
        catalogue.add(
            message,
            locations=[(f"{folder}/{file}", 0)],
            auto_comments=comments,
            context=context,
        )
    return catalogue


def format_template(catalogue: Catalog) -> bytes:
    """Write a catalogue as the bytes of ``trm.pot``."""
    written = BytesIO()
    write_po(written, catalogue, include_lineno=False, sort_by_file=True, width=100)
    lines = written.getvalue().decode().split("\n")
    return "\n".join(line for line in lines if not line.startswith(UNUSED_HEADERS)).encode()


def find_template_findings(root: Path = SOURCE_ROOT, template: Path = TEMPLATE) -> list[str]:
    """Compare the template in the tree with the words in the source: a line a difference."""
    wanted = extract_messages(root)
    with template.open("rb") as file:
        present = read_po(file)
    new, old = _keys(wanted), _keys(present)
    findings = [f"missing in {template.name}: {key!r}" for key in sorted(new - old)]
    findings += [f"not used any more: {key!r}" for key in sorted(old - new)]
    if not findings and template.read_bytes() != format_template(wanted):
        findings.append(f"{template.name} names other places than the source: make it anew")
    return findings


def _walk(root: Path) -> Iterator[tuple[str, str, Any]]:
    """Give folder, file, and (line, message, comments, context) of each sentence, in order."""
    for folder in FOLDERS:
        if not (root / folder).is_dir():
            continue
        found = extract_from_dir(
            root / folder,
            method_map=_METHODS,
            options_map=_OPTIONS,
            keywords=_KEYWORDS,
            comment_tags=["Translators:"],
            strip_comment_tags=True,
        )
        for file, *rest in sorted(found, key=lambda item: (item[0], item[1])):
            yield folder, Path(str(file)).as_posix(), tuple(rest)


def _keys(catalogue: Catalog) -> set[tuple[str, str]]:
    keys = set()
    for message in catalogue:
        if message.id:
            msgid = message.id if isinstance(message.id, str) else "\0".join(message.id)
            keys.add((message.context or "", msgid))
    return keys


def main() -> int:
    """Write ``trm.pot`` anew."""
    TEMPLATE.write_bytes(format_template(extract_messages()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
