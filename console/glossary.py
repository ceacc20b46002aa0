"""The words of the field in all languages: for readers of another language, and for translators.

They stand in ``locales/glossary.csv``: English, a note for translators, one column for each other
language by its tag. The column of Serbian in Latin script is written by
``scripts/generate_languages.py`` out of the one in Cyrillic.
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from console.i18n import LOCALES_FOLDER, Language

GLOSSARY: Final = LOCALES_FOLDER / "glossary.csv"
NOTE: Final = "note"
#: English first, what a translator should know, then the other languages in the picker's order.
COLUMNS: Final = (
    Language.ENGLISH.value,
    NOTE,
    *(language.value for language in Language if language is not Language.ENGLISH),
)


class GlossaryError(ValueError):
    """The glossary has a gap or a foreign column: the text says where."""


@dataclass(frozen=True, slots=True)
class Term:
    """One word of the field: what it means, in English, and how each language calls it."""

    note: str
    words: Mapping[Language, str]


def load_glossary(path: Path = GLOSSARY) -> Sequence[Term]:
    """Read the terms, in the order of the file. Raises :class:`GlossaryError` for a gap in it."""
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file, strict=True)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise GlossaryError(f"{path.name} needs the columns {', '.join(COLUMNS)}")
        return [_read_term(row, line) for line, row in enumerate(reader, start=2)]


def _read_term(row: Mapping[str, str | None], line: int) -> Term:
    words = {language: (row.get(language.value) or "").strip() for language in Language}
    missing = [language.value for language, word in words.items() if not word]
    if missing:
        raise GlossaryError(f"line {line} of the glossary has no word in {', '.join(missing)}")
    return Term(note=(row.get(NOTE) or "").strip(), words=words)
