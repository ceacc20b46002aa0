"""Write what follows from the translations: Serbian in Latin, marks of what is whole, the table.

usage: ``python scripts/generate_languages.py [--check]``

Writes ``console/locales/sr-Latn.po`` out of ``sr-Cyrl.po``, the column ``sr-Latn`` of the glossary,
``whole.json`` (which catalogues are complete, so that no process compares them when it starts), and
the table in docs/console.md. With ``--check`` nothing is written; exits with 1 if a file is not
what its source says.
"""

import argparse
import csv
import json
import sys
from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import Final

from console.glossary import COLUMNS, GLOSSARY, load_glossary
from console.i18n import (
    LANGUAGE_NAMES,
    LOCALES_FOLDER,
    TEMPLATE,
    WHOLE,
    Language,
    is_complete,
    load_catalogue,
    mark_of,
)
from console.serbian import write_latin
from console.translation_checks import key_of, list_forms
from scripts.translate import format_catalogue, make_catalogue

ROOT: Final = Path(__file__).resolve().parents[1]
DOCUMENT: Final = ROOT / "docs" / "console.md"
BEGIN: Final = "<!-- languages: written by scripts/generate_languages.py -->"
END: Final = "<!-- end of languages -->"
LATIN: Final = LOCALES_FOLDER / f"{Language.SERBIAN_LATIN.value}.po"
CYRILLIC: Final = LOCALES_FOLDER / f"{Language.SERBIAN_CYRILLIC.value}.po"


def derive_latin() -> bytes | None:
    """Write the Latin catalogue out of the Cyrillic one; None while there is none."""
    if not CYRILLIC.is_file():
        return None
    known = {}
    for message in load_catalogue(CYRILLIC):
        if message.id and message.string:
            forms = [write_latin(form) for form in list_forms(message.string)]
            text = forms[0] if isinstance(message.id, str) else tuple(forms)
            known[key_of(message.id, message.context)] = text
    catalogue = make_catalogue(Language.SERBIAN_LATIN, load_catalogue(TEMPLATE), known)
    return format_catalogue(Language.SERBIAN_LATIN, catalogue)


def derive_glossary() -> bytes:
    """Write the glossary with its Latin column anew."""
    with GLOSSARY.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    written = StringIO()
    writer = csv.DictWriter(written, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        latin = write_latin(row[Language.SERBIAN_CYRILLIC.value])
        writer.writerow({**row, Language.SERBIAN_LATIN.value: latin})
    return written.getvalue().encode()


def count_done(latin: bytes | None) -> Mapping[Language, tuple[int, bool]]:
    """Count the finished sentences of each language, and say which is complete."""
    template = load_catalogue(TEMPLATE)
    total = sum(1 for message in template if message.id)
    counted = {Language.ENGLISH: (total, True)}
    for language in Language:
        path = LOCALES_FOLDER / f"{language.value}.po"
        source = CYRILLIC if language is Language.SERBIAN_LATIN and latin is not None else path
        if language is Language.ENGLISH:
            continue
        if not source.is_file():
            counted[language] = (0, False)
            continue
        catalogue = load_catalogue(source)
        keys = {key_of(m.id, m.context) for m in template if m.id}
        done = sum(
            1
            for m in catalogue
            if m.id and m.string and key_of(m.id, m.context) in keys and all(list_forms(m.string))
        )
        counted[language] = (done, is_complete(catalogue, template))
    return counted


def derive_marks(latin: bytes | None) -> bytes:
    """Write which catalogues are complete, by the digests of what they and the template say."""
    counted = count_done(latin)
    marks = {TEMPLATE.name: mark_of(TEMPLATE.read_bytes())}
    for language, (_, is_whole) in counted.items():
        if is_whole and language is not Language.ENGLISH:
            path = LOCALES_FOLDER / f"{language.value}.po"
            derived = latin if language is Language.SERBIAN_LATIN else None
            marks[path.name] = mark_of(path.read_bytes() if derived is None else derived)
    return (json.dumps(marks, indent=1) + "\n").encode()


def write_table(latin: bytes | None) -> str:
    """Write the table of languages with their coverage."""
    counted = count_done(latin)
    total = counted[Language.ENGLISH][0]
    lines = [
        BEGIN,
        f"{total} sentences and words, {len(load_glossary())} terms in the glossary.",
        "",
        "| language | tag | translated | offered to readers |",
        "| --- | --- | ---: | --- |",
    ]
    for language, (done, is_offered) in counted.items():
        share = f"{100 * done // total} %"
        offered = "yes" if is_offered else "no: not complete yet"
        lines.append(f"| {LANGUAGE_NAMES[language]} | `{language.value}` | {share} | {offered} |")
    return "\n".join([*lines, END])


def derive_document(latin: bytes | None) -> bytes:
    """Put the table into its place in the document."""
    text = DOCUMENT.read_text(encoding="utf-8")
    before, found, rest = text.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not found or not ended:
        raise SystemExit(f"{DOCUMENT.name} needs the lines {BEGIN} and {END} around the table")
    return f"{before}{write_table(latin)}{after}".encode()


def main() -> int:
    """Write, or compare; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    checks: bool = parser.parse_args().check
    latin = derive_latin()
    wanted = {
        GLOSSARY: derive_glossary(),
        DOCUMENT: derive_document(latin),
        WHOLE: derive_marks(latin),
    }
    if latin is not None:
        wanted[LATIN] = latin
    stale = [
        path for path, data in wanted.items() if not path.is_file() or path.read_bytes() != data
    ]
    if checks:
        for path in stale:
            sys.stderr.write(f"{path.relative_to(ROOT)} is out of date: run make generate\n")
        return int(bool(stale))
    for path in stale:
        path.write_bytes(wanted[path])
    return 0


if __name__ == "__main__":
    sys.exit(main())
