"""Write what is generated from the message types: JSON Schemas, MESSAGES.md, docs/htcds.md.

usage: ``python scripts/generate_protocol.py [--check]``

With ``--check`` nothing is written: it exits with 1 and names what differs from the types, and
every model that checks a rule which its docstring does not state.
"""

import ast
import inspect
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Final, get_args

from pydantic import BaseModel

from protocol.identifiers import Channel
from protocol.limits import LIMITS
from protocol.messages import htcds
from protocol.messages.catalogue import CATALOGUE
from protocol.messages.describing import (
    FieldDescription,
    ValueKind,
    describe_own_fields,
    describe_purpose,
    list_rules,
    list_unstated_rules,
)
from protocol.messages.entries import CatalogueEntry
from protocol.messages.fields import StatedClass
from protocol.messages.head import Body, CaseMessage
from protocol.messages.schemas import TEXT_KEYWORDS, make_schema

ROOT: Final = Path(__file__).resolve().parents[1]
SCHEMAS: Final = Path("protocol/schemas")
ANNEX: Final = Path("protocol/MESSAGES.md")
HTCDS: Final = Path("docs/htcds.md")

_INTRODUCTION: Final = f"""\
# Message types

Normative annex of [SPEC.md](SPEC.md). `scripts/generate_protocol.py` makes it, and the JSON Schemas
in [schemas/](schemas/), from the types in `protocol/messages/`: change those, never this file.

A payload is a JSON object in UTF-8 with the fields of the head and a `body`. A reader MUST refuse a
field that the tables do not name, a missing field that they require, a value of another form, and
whatever breaks a rule. A field that is not required MAY be absent, which says nothing; so does
`null`, which a field with a default, lists among them, does not take.

| value | form on the wire |
|---|---|
| line | text of 1 to {LIMITS.line} characters (a writer uses NFC): no control character, no mark \
that changes the direction of text, no blank at either end |
| narrative | as a line, up to {LIMITS.narrative} characters, with line feeds and tabs |
| text `pattern` | text that the regular expression matches |
| code | one of the texts of the code list |
| tri-state | `yes`, `no` or `unknown` |
| yes or no | `true` or `false` |
| number | an integer within the bounds |
| date | `YYYY-MM-DD` |
| moment | RFC 3339, whole seconds, written in UTC with `Z` |
| participant, authority, message, case, language | identifiers of SPEC.md, matching the patterns \
below |
| fixed | this text or number, always there |
| part | an object with the fields of that part |
| list of a to b | an array with that many such values |

The class of a field says what kind of personal data it holds (SPEC.md). A part has no class: its
fields have; `stated` means the class that the part names in its field `sensitivity`. `default`
marks a field that means a documented default when it is absent. The channels of a type are those
in which a reader accepts it; a sender's policy may allow fewer.
"""


@cache
def _read_notes(module_file: str) -> dict[tuple[str, str], str]:
    """Return what ``#:`` comments say above fields, by class and field."""
    source = Path(module_file).read_text(encoding="utf-8")
    lines = source.splitlines()
    notes: dict[tuple[str, str], str] = {}
    for owner in ast.walk(ast.parse(source)):
        if not isinstance(owner, ast.ClassDef):
            continue
        for field in owner.body:
            if not isinstance(field, ast.AnnAssign) or not isinstance(field.target, ast.Name):
                continue
            note: list[str] = []
            for line in reversed(lines[: field.lineno - 1]):
                if not line.strip().startswith("#:"):
                    break
                note.insert(0, line.strip().removeprefix("#:").strip())
            notes[owner.name, field.target.id] = " ".join(note)
    return notes


def _find_note(model: type[BaseModel], name: str) -> str:
    for owner in model.__mro__:
        if name in inspect.get_annotations(owner):
            return _read_notes(inspect.getfile(owner)).get((owner.__name__, name), "")
    return ""


def _plain(text: str) -> str:
    """Turn the marks of our docstrings into those of Markdown, on one line of a table."""
    return text.replace("``", "`").replace("|", "\\|")


def _link(source: type) -> str:
    # A typed answer stands with the type that it answers.
    tags = [tag for tag, entry in CATALOGUE.items() if entry.answer is source]
    anchor = tags[0].replace(".", "") if tags else source.__name__.lower()
    return f"[{source.__name__}](#{anchor})"


_SIMPLE: Final = {
    ValueKind.TRI_STATE: "tri-state",
    ValueKind.YES_NO: "yes or no",
}


def _render_value(field: FieldDescription) -> str:
    if field.models:
        value = "part " + " or ".join(map(_link, field.models))
    elif field.kind is ValueKind.FIXED:
        value = f"fixed `{field.choices[0]}`"
    elif field.kind is ValueKind.CODE and field.code_list is not None:
        value = f"code {_link(field.code_list)}"
        if len(field.choices) < len(field.code_list):
            value += ": " + " or ".join(f"`{choice}`" for choice in field.choices)
    elif field.kind is ValueKind.PATTERN:
        value = f"text `{field.pattern}`"
    elif field.kind is ValueKind.NUMBER and field.maximum is not None:
        value = f"number {field.minimum} to {field.maximum}"
    elif field.kind is ValueKind.LINE and field.max_length != LIMITS.line:
        value = f"line of at most {field.max_length} characters"
    else:
        value = _SIMPLE.get(field.kind, field.kind.value)
    if field.many:
        most = "any number" if field.max_items is None else str(field.max_items)
        value = f"list of {field.min_items} to {most}: {value}"
    return value.replace("|", "\\|")


def _render_fields(model: type[BaseModel], *, leave_out: Iterable[str] = ()) -> Iterator[str]:
    yield "| field | value | required | class | note |"
    yield "|---|---|---|---|---|"
    stated = "stated" if issubclass(model, StatedClass) else ""
    for field in describe_own_fields(model):
        if field.name in leave_out:
            continue
        needed = "yes" if field.required or field.kind is ValueKind.FIXED else "no"
        default = model.model_fields[field.name].default
        if needed == "no" and default not in (None, ()):
            needed = "default"
        note = _plain(_find_note(model, field.name))
        mark = field.sensitivity.value if field.sensitivity else stated
        cells = (f"`{field.name}`", _render_value(field), needed, mark, note)
        yield f"| {' | '.join(cells)} |"
    for rules in list_rules(model):
        yield from ("", f"Rules: {_plain(rules)}")


def _render_channels(model: type[BaseModel]) -> str:
    field = model.model_fields.get("channel")
    if field is None:
        return "none: it travels beside the channels"
    named = get_args(field.annotation)
    allowed = named or tuple(item for item in Channel if item is not Channel.TREND)
    return ", ".join(f"`{item.value}`" for item in allowed)


def _render_kinds(entry: CatalogueEntry) -> str:
    return ", ".join(f"`{kind}`" for kind in entry.kinds)


def _render_deadline(entry: CatalogueEntry) -> str:
    days = entry.answer_working_days
    return "none" if days is None else f"{days} working day{'s' if days > 1 else ''}"


def _render_type(entry: CatalogueEntry) -> Iterator[str]:
    model = entry.model
    phase = model.model_fields.get("phase")
    phases = get_args(phase.annotation) if phase is not None else ()
    yield from (f"### {entry.tag}", "", _plain(describe_purpose(model)), "")
    yield f"- version: {entry.version}"
    yield f"- kind: {_render_kinds(entry)}"
    if phase is not None:
        yield f"- phase: {', '.join(f'`{item.value}`' for item in phases) or 'any'}"
    yield f"- channels: {_render_channels(model)}"
    yield f"- answer by, at standard urgency: {_render_deadline(entry)}"
    yield f"- the sender waits for: {entry.expects}"
    if model.model_fields.get("in_reply_to") and model.model_fields["in_reply_to"].is_required():
        yield "- `in_reply_to`: required"
    own = tuple(rule for rule in list_rules(model) if rule not in list_rules(CaseMessage))
    yield from (f"- rules: {_plain(rule)}" for rule in own)
    body = entry.body
    yield from ("", f"Body: {_plain(describe_purpose(body))}", "", *_render_fields(body), "")
    if entry.answer is not None:
        yield from (f"Typed answer: {_plain(describe_purpose(entry.answer))}", "")
        yield from (*_render_fields(entry.answer), "")


def _collect(
    models: Iterable[type[BaseModel]],
) -> tuple[dict[str, type[BaseModel]], dict[str, type[StrEnum]]]:
    """Return every part and code list that these models reach, by name."""
    parts: dict[str, type[BaseModel]] = {}
    codes: dict[str, type[StrEnum]] = {}
    waiting = list(models)
    seen: set[type[BaseModel]] = set()
    while waiting:
        model = waiting.pop()
        if model in seen:
            continue
        seen.add(model)
        for field in describe_own_fields(model):
            for part in field.models:
                _claim(parts, part)
                waiting.append(part)
            if field.code_list is not None:
                _claim(codes, field.code_list)
    return parts, codes


def _claim(names: dict[str, type], owner: type) -> None:
    if names.setdefault(owner.__name__, owner) is not owner:
        raise ValueError(
            f"Two definitions are called {owner.__name__}, in {owner.__module__} and "
            f"{names[owner.__name__].__module__}: rename one, so that the annex can name both."
        )


def _list_models() -> list[type[BaseModel]]:
    entries = CATALOGUE.values()
    answers = [entry.answer for entry in entries if entry.answer is not None]
    return [*(entry.model for entry in entries), *answers]


def _list_parts() -> tuple[list[type[BaseModel]], list[type[StrEnum]]]:
    models = _list_models()
    parts, codes = _collect(models)
    shown = {entry.body for entry in CATALOGUE.values()} | {*models, Body}
    rest = [part for _, part in sorted(parts.items()) if part not in shown]
    return rest, [codes[name] for name in sorted(codes)]


def render_annex() -> str:
    """Return the annex as Markdown."""
    lines = [_INTRODUCTION, "| identifier | pattern |", "|---|---|"]
    for kind, keywords in TEXT_KEYWORDS.items():
        if "pattern" in keywords:
            lines.append(f"| {kind.value} | `{keywords['pattern']}` |")
    lines += ["", "## Types", "", "| type | kind | the sender waits for | within |"]
    lines.append("|---|---|---|---|")
    for entry in CATALOGUE.values():
        anchor = entry.tag.replace(".", "")
        cells = (
            f"[{entry.tag}](#{anchor})",
            _render_kinds(entry),
            entry.expects.value,
            _render_deadline(entry),
        )
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", "## Head of a message in a case", "", _plain(describe_purpose(CaseMessage)), ""]
    lines += _render_fields(CaseMessage, leave_out=("body",))
    lines += ["", "## Types, one by one", ""]
    for entry in CATALOGUE.values():
        lines += _render_type(entry)
    parts, codes = _list_parts()
    lines += ["## Parts", ""]
    for part in parts:
        lines += [f"### {part.__name__}", "", _plain(describe_purpose(part)), ""]
        lines += [*_render_fields(part), ""]
    lines += ["## Code lists", ""]
    for codelist in codes:
        lines += [f"### {codelist.__name__}", "", _plain(describe_purpose(codelist)), ""]
        lines += [", ".join(f"`{code.value}`" for code in codelist), ""]
    return "\n".join(lines).rstrip("\n") + "\n"


_HTCDS_INTRODUCTION: Final = f"""\
# Our codes and the Human Trafficking Case Data Standard

`scripts/generate_protocol.py` makes this page from `protocol/messages/htcds.py`: change that, never
this page.

The standard is HTCDS version {htcds.VERSION} of the International Organization for Migration.
Source: Human Trafficking Case Data Standards (HTCDS), <{htcds.SOURCE}>, licence
{htcds.LICENCE}. The tables say which code means which and quote nothing else of it; IOM endorses
neither them nor this software.

The matches are those of SKOS, read from our side. `exactMatch` and `closeMatch` are translated
both ways; `broadMatch` (theirs says less) only from ours to theirs; `narrowMatch` (theirs says
more) only from theirs to ours. A code without a counterpart is refused and never replaced by
another one, not even by `other`: somebody who knows the case decides. `other` of one list and of
another leave over different things, so the note travels with it.

Not mapped, because we have no such list: `vic_TraffickingStatusDecisionMakingOrg`,
`vic_ForcedLabourIndustry`, `cas_Status`. The standard has no phase, urgency, deadline, channel,
scope or end of consent, and no risk: those are ours alone, as is every code list that is not below.
"""


def render_htcds() -> str:
    """Return the page on HTCDS as Markdown."""
    lines = [_HTCDS_INTRODUCTION, "## Codes", ""]
    for codes in htcds.list_mapped_codes():
        lines += [f"### {codes.__name__}", "", "| ours | field there | value there | match |"]
        lines.append("|---|---|---|---|")
        for code in codes:
            found = [item for item in htcds.MATCHES if item.code is code]
            lines += [
                f"| `{code.value}` | `{item.list}` | `{item.value}` | {item.match} |"
                for item in found
            ]
            if any(alone is code for alone in htcds.OURS_ALONE):
                why = "nothing there says as little" if found else "ours alone"
                lines.append(f"| `{code.value}` | - | - | {why} |")
        lines.append("")
    lines += ["## Values there that have no code here", "", "| field there | values |", "|---|---|"]
    for field, values in htcds.THEIRS_ALONE.items():
        lines.append(f"| `{field}` | {', '.join(f'`{value}`' for value in values)} |")
    lines += ["", "## Fields", "", "| ours | field there | match | note |", "|---|---|---|---|"]
    lines += [
        f"| `{item.owner.__name__}.{item.field}` | `{item.htcds}` | {item.match} | {item.note} |"
        for item in htcds.FIELDS
    ]
    return "\n".join(lines) + "\n"


def generate() -> dict[Path, str]:
    """Return every generated file: its path from the root, and its text."""
    files = {ANNEX: render_annex(), HTCDS: render_htcds()}
    for entry in CATALOGUE.values():
        text = json.dumps(make_schema(entry.model), indent=1, ensure_ascii=False)
        files[SCHEMAS / f"{entry.tag}.v{entry.version}.schema.json"] = text + "\n"
    return files


def find_unstated_rules() -> Iterator[str]:
    """Name the models that check a rule without stating it in words."""
    parts, _ = _list_parts()
    bodies = [entry.body for entry in CATALOGUE.values()]
    for model in {*_list_models(), *bodies, *parts}:
        yield from list_unstated_rules(model)


def find_differences(root: Path, files: dict[Path, str]) -> Iterator[str]:
    """Name what under ``root`` differs from these files, is missing, or is left over."""
    for path, text in files.items():
        file = root / path
        if not file.is_file():
            yield f"{path} is missing"
        elif file.read_text(encoding="utf-8") != text:
            yield f"{path} is not what the types say"
    for file in sorted((root / SCHEMAS).glob("*.json")):
        if file.relative_to(root) not in files:
            yield f"{file.relative_to(root)} belongs to no type"


def write(root: Path, files: dict[Path, str]) -> None:
    """Write these files under ``root``, and take away schemas that belong to no type."""
    for file in (root / SCHEMAS).glob("*.json"):
        if file.relative_to(root) not in files:
            file.unlink()
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")


def main(arguments: list[str], *, root: Path = ROOT, report: Callable[[str], None] = print) -> int:
    """Write or check; the exit code."""
    if arguments not in ([], ["--check"]):
        report("usage: python scripts/generate_protocol.py [--check]")
        return 2
    files = generate()
    if not arguments:
        write(root, files)
    problems = [
        f"{item}: run scripts/generate_protocol.py" for item in find_differences(root, files)
    ]
    problems += [
        f"{name} checks a rule that its docstring does not state: add a paragraph 'Rules: ...'"
        for name in sorted(set(find_unstated_rules()))
    ]
    for problem in problems:
        report(f"protocol: {problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], report=lambda line: print(line, file=sys.stderr)))
