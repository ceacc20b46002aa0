"""Translate the sentences of the consoles, piece by piece, into console/locales/<tag>.po.

usage: ``python -m scripts.translate TAG status``: how much is done, and what is wrong
       ``python -m scripts.translate TAG next [--count 80] [--part 2/3]``: untranslated ones
       ``python -m scripts.translate TAG put FILE``: takes JSON, {key: text or [form, ...]}
       ``python -m scripts.translate TAG show KEY|WORD``: sentences that are translated
       ``python -m scripts.translate TAG copy OTHER``: takes over from a sister what is missing

TAG is sq, bs, hr, mk, cnr or sr-Cyrl; sr-Latn is derived by ``scripts/generate_languages.py``.
``next`` gives for each sentence its key, the English, and where there is one its context, a note,
and the forms that the plural needs. Translate the values and hand them back with ``put``:
what is right is stored, what is not is named with its key and the reason, and exits with 1.
Several people may work at one language: each step locks the file, reads it, and writes it whole.
"""

import argparse
import fcntl
import hashlib
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import write_po

from console.extraction import UNUSED_HEADERS
from console.i18n import (
    LANGUAGE_NAMES,
    LOCALES_FOLDER,
    PLURAL_FORMS,
    TEMPLATE,
    Language,
    load_catalogue,
    load_data_locale,
)
from console.translation_checks import (
    find_catalogue_findings,
    find_flaws,
    key_of,
    list_forms,
)

TRANSLATED: Final = tuple(
    language for language in Language
    if language not in {Language.ENGLISH, Language.SERBIAN_LATIN}
)  # fmt: skip
_KEY_LENGTH: Final = 10
#: For which numbers each form is used, told to translators.
_SLAVIC_HINTS: Final = ("1, 21, 31 ...", "2-4, 22-24 ...", "0, 5-20, 25-30 ...")
_FORM_HINTS: Final = {
    Language.ALBANIAN: ("1", "0, 2, 3, 4 ..."),
    Language.MACEDONIAN: ("1, 21, 31 ...", "all others"),
}
_SHORT: Final = 3
Given = Mapping[str, str | list[str]]


def name_key(message: Message) -> str:
    """Give the short name of a sentence, the same on every machine."""
    context, forms = key_of(message.id, message.context)
    text = "\0".join((context, *forms))
    return hashlib.sha256(text.encode()).hexdigest()[:_KEY_LENGTH]


def open_catalogue(language: Language) -> Catalog:
    """Read the translations of a language that the template still has, in its order."""
    template, path = load_catalogue(TEMPLATE), LOCALES_FOLDER / f"{language.value}.po"
    known = {}
    if path.is_file():
        known = {key_of(m.id, m.context): m.string for m in load_catalogue(path) if m.id}
    return make_catalogue(language, template, known)


def make_catalogue(
    language: Language, template: Catalog, known: Mapping[tuple[str, tuple[str, ...]], Any]
) -> Catalog:
    """Make the catalogue of a language: every sentence of the template, with what is known."""
    catalogue = Catalog(
        locale=load_data_locale(language),
        charset="utf-8",
        fuzzy=False,
        header_comment=f"# The sentences of the TRM consoles: {LANGUAGE_NAMES[language]}.\n#",
    )
    for message in template:
        if not message.id:
            continue
        catalogue.add(
            message.id,
            string=known.get(key_of(message.id, message.context), ""),
            locations=message.locations,
            auto_comments=message.auto_comments,
            context=message.context,
        )
    return catalogue


def format_catalogue(language: Language, catalogue: Catalog) -> bytes:
    """Write a catalogue as the bytes of its file: no dates, no line numbers, the right plurals."""
    written = BytesIO()
    write_po(written, catalogue, include_lineno=False, sort_by_file=True, width=100)
    lines: list[str] = []
    is_plural = False
    for line in written.getvalue().decode().split("\n"):
        if line.startswith(UNUSED_HEADERS):
            continue
        if line.startswith('"Language: '):
            lines.append(f'"Language: {language.value}\\n"')
        elif line.startswith('"Plural-Forms: ') or is_plural:
            is_plural = not line.endswith('\\n"')  # a long one goes on in the next line
            if not is_plural:
                lines.append(f'"Plural-Forms: {PLURAL_FORMS[language]}\\n"')
        else:
            lines.append(line)
    return "\n".join(lines).encode()


def save_catalogue(language: Language, catalogue: Catalog) -> None:
    """Put the file of a language in place as a whole."""
    path = LOCALES_FOLDER / f"{language.value}.po"
    new = path.with_suffix(".po.new")
    new.write_bytes(format_catalogue(language, catalogue))
    new.replace(path)


@contextmanager
def locked() -> Iterator[None]:
    """Let one process at a time change a file of the folder."""
    descriptor = os.open(LOCALES_FOLDER, os.O_RDONLY)
    try:  # the folder itself is locked: no file stays behind
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def describe(message: Message, language: Language) -> dict[str, Any]:
    """Say of a sentence what a translator has to know."""
    forms = list_forms(message.id)
    told: dict[str, Any] = {"en": forms[-1] if len(forms) > 1 else forms[0]}
    if len(forms) > 1:
        told["en_one"] = forms[0]
        told["forms"] = _FORM_HINTS.get(language, _SLAVIC_HINTS)
    if message.context:
        told["context"] = message.context
    if message.auto_comments:
        told["note"] = " ".join(message.auto_comments)
    if len(forms[0].split()) <= _SHORT:  # of a few words the place tells what is meant
        told["where"] = str(message.locations[0][0]).rsplit("/", 1)[-1]
    return told


def is_done(message: Message) -> bool:
    """Tell whether every form of a sentence is translated."""
    return all(list_forms(message.string)) and bool(list_forms(message.string))


def show_next(language: Language, *, count: int, under: str, part: str) -> dict[str, Any]:
    """Give the next sentences that nobody has translated.

    ``part`` divides the template among several people at one language, in runs of its order:
    sentences of one page stay together.
    """
    number, parts = (int(one) for one in part.split("/"))
    sentences = [message for message in open_catalogue(language) if message.id]
    size = -(-len(sentences) // parts)
    open_ones = [
        message
        for message in sentences[(number - 1) * size : number * size]
        if not is_done(message)
        and any(str(place[0]).startswith(under) for place in message.locations)
    ]
    return {name_key(message): describe(message, language) for message in open_ones[:count]}


def put(language: Language, given: Given) -> list[str]:
    """Store what is right of these translations; returns what is wrong with the others."""
    with locked():
        catalogue = open_catalogue(language)
        by_key = {name_key(message): message for message in catalogue if message.id}
        problems = []
        for key, text in given.items():
            message = by_key.get(key)
            if message is None:
                problems.append(f"{key}: no such sentence now; ask for the next ones")
                continue
            forms = list_forms(text)
            flaws = find_flaws(list_forms(message.id), forms, language)
            if flaws:
                problems.append(f"{key}: {'; '.join(flaws)} | {list_forms(message.id)[-1]}")
                continue
            message.string = forms[0] if isinstance(message.id, str) else tuple(forms)
        save_catalogue(language, catalogue)
    return problems


def copy(language: Language, other: Language) -> int:
    """Take over from another language what this one lacks and what is right in it; how many."""
    with locked():
        catalogue, source = open_catalogue(language), open_catalogue(other)
        taken = 0
        for message in catalogue:
            theirs = source.get(list_forms(message.id)[0], message.context) if message.id else None
            if theirs is None or is_done(message) or not is_done(theirs):
                continue
            if not find_flaws(list_forms(message.id), list_forms(theirs.string), language):
                message.string, taken = theirs.string, taken + 1
        save_catalogue(language, catalogue)
    return taken


def find_shown(language: Language, wanted: str) -> dict[str, Any]:
    """Give translated sentences by their key, or by a word in English or in the translation."""
    found = {}
    for message in open_catalogue(language):
        if not message.id or not is_done(message):
            continue
        texts = [*list_forms(message.id), *list_forms(message.string)]
        if wanted == name_key(message) or any(wanted.casefold() in t.casefold() for t in texts):
            found[name_key(message)] = {
                **describe(message, language),
                "now": message.string,
            }
    return found


def report(language: Language) -> list[str]:
    """Say how much is done, and name what is wrong; without the merely missing ones."""
    catalogue, template = open_catalogue(language), load_catalogue(TEMPLATE)
    sentences = [message for message in catalogue if message.id]
    done = sum(1 for message in sentences if is_done(message))
    findings = find_catalogue_findings(language, catalogue, template)
    wrong = [line for line in findings if not line.startswith("missing: ")]
    return [f"{language.value}: {done} of {len(sentences)} sentences", *wrong]


def _print(lines: Sequence[str]) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))


def _write(told: Mapping[str, Any]) -> str:
    """Write a sentence on one line; as plain text when there is nothing else to say of it."""
    return json.dumps(told["en"] if set(told) == {"en"} else told, ensure_ascii=False)


def _read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("tag", choices=[language.value for language in TRANSLATED])
    acts = parser.add_subparsers(dest="act", required=True)
    acts.add_parser("status", help="how much is done, and what is wrong")
    following = acts.add_parser("next", help="the next untranslated sentences, as JSON")
    following.add_argument("--count", type=int, default=80)
    following.add_argument("--under", default="", help="only of files under this folder")
    following.add_argument(
        "--part", default="1/1", help="of several translators: 2/3 is the second"
    )
    acts.add_parser("put", help="store translations").add_argument("file", type=Path)
    acts.add_parser("show", help="look at translated sentences").add_argument("wanted")
    taking = acts.add_parser("copy", help="take over what is missing from a sister language")
    taking.add_argument("other", choices=[language.value for language in TRANSLATED])
    return parser.parse_args()


def main() -> int:
    """Do what is asked."""
    asked = _read_arguments()
    language = Language(asked.tag)
    if asked.act == "status":
        lines = report(language)
        _print(lines)
        return int(len(lines) > 1)
    if asked.act == "put":
        given = json.loads(asked.file.read_text(encoding="utf-8"))
        problems = put(language, given)
        _print([f"stored {len(given) - len(problems)} of {len(given)}", *problems])
        return int(bool(problems))
    if asked.act == "copy":
        _print([f"took over {copy(language, Language(asked.other))}; look at each of them"])
        return 0
    shown = (
        find_shown(language, asked.wanted)
        if asked.act == "show"
        else show_next(language, count=asked.count, under=asked.under, part=asked.part)
    )
    lines = [f"{json.dumps(key)}: {_write(told)}" for key, told in shown.items()]
    _print(["{", ",\n".join(lines), "}"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
