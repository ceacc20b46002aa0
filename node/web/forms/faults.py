"""What is wrong with a filled form, said at its fields in plain words.

The models judge; here their findings find their field. A rule of several fields is said at the one
that has to change most often; see :mod:`node.web.forms.rules`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ValidationError

from console.i18n import Message, msg
from node.service.drafts import Answers
from node.web.fields import FormField, explain_date, explain_error
from node.web.forms.rules import Rule, find_rule
from node.web.forms.tree import FormGroup, FormPart, FormRows, Path, Variants, list_leaves

_RULE: Final = "value_error"
#: Of a rule that this version has no words for; a test shows that there is none.
_UNKNOWN_RULE: Final = msg("These answers do not fit together. Check them.")


@dataclass(frozen=True, slots=True)
class _Finding:
    """One finding of a model: where, of what kind, in the model's own words."""

    path: Path
    kind: str
    words: str


class Faults:
    """Finds what is wrong with a body that was made of these parts."""

    def __init__(
        self, model: type[BaseModel], parts: tuple[FormPart, ...], *, variants: Variants
    ) -> None:
        self._model = model
        self._variants = variants
        self._places: Mapping[Path, FormPart] = {part.path: part for part in _list_parts(parts)}
        self._order = {part.name: index for index, part in enumerate(_list_parts(parts))}
        self._all = parts

    def find(self, body: Any, answers: Answers, *, zone: ZoneInfo) -> dict[str, Message]:
        """Say what to do about each field, in the order of the form."""
        found: dict[str, Message] = {}
        for finding in self._judge(body):
            said = self._explain(finding, answers, zone=zone)
            if said is not None:
                found.setdefault(*said)
        return dict(sorted(found.items(), key=lambda item: self._order.get(item[0], 0)))

    def _judge(self, body: Any) -> list[_Finding]:
        try:
            self._model.model_validate_json(json.dumps(body))
        except ValidationError as error:
            return [
                _Finding(
                    self._locate(item["loc"]),
                    item["type"],
                    item["msg"].removeprefix("Value error, "),
                )
                for item in error.errors(include_url=False, include_input=False)
            ]
        return []

    def _locate(self, loc: tuple[int | str, ...]) -> Path:
        """Give a place as a path of the form: the tag of an alternative is no step of it."""
        path: list[str] = []
        for step in loc:
            if tuple(path) in self._variants and f"{step}" == self._tag_at(tuple(path)):
                continue
            path.append(str(step))
        return tuple(path)

    def _tag_at(self, path: Path) -> str:
        field = self._variants[path].model_fields.get("answers")
        return "" if field is None else str(field.default)

    def _explain(
        self, finding: _Finding, answers: Answers, *, zone: ZoneInfo
    ) -> tuple[str, Message] | None:
        if finding.kind == _RULE and not isinstance(self._places.get(finding.path), FormField):
            return self._explain_rule(finding)
        part = self._find_part(finding.path)
        match part:
            case None:
                return None  # of another screen
            case FormField():
                dated = explain_date(part, answers, zone=zone)
                return part.name, dated or explain_error(part, finding.kind)
            case FormRows():
                return part.name, _explain_rows(part, finding.kind)
            case _:
                leaf = next(list_leaves((part,)), None)
                label = part.label
                return (leaf or part).name, msg("Fill this in: %(field)s.", field=label)

    def _find_part(self, path: Path) -> FormPart | None:
        """Find the part at a place, or the field that has it inside: one code of several."""
        for length in range(len(path), 0, -1):
            part = self._places.get(path[:length])
            if part is not None:
                is_inside = length == len(path) or isinstance(part, FormField)
                return part if is_inside else None
        return None

    def _explain_rule(self, finding: _Finding) -> tuple[str, Message] | None:
        rule = find_rule(finding.words) or Rule(_UNKNOWN_RULE, ())
        for field in rule.fields:
            part = self._places.get((*finding.path, field))
            if part is not None:
                return part.name, rule.words
        if rule.fields and not finding.path and not self._is_whole:
            return None  # of another screen
        inside = self._places.get(finding.path)
        leaf = next(list_leaves((inside,) if inside else self._all), None)
        return None if leaf is None else (leaf.name, rule.words)

    @property
    def _is_whole(self) -> bool:
        """Whether every field that the model requires is in the form."""
        needed = {name for name, info in self._model.model_fields.items() if info.is_required()}
        return needed <= {path[0] for path in self._places}


def _list_parts(parts: tuple[FormPart, ...]) -> list[FormPart]:
    found: list[FormPart] = []
    for part in parts:
        found.append(part)
        match part:
            case FormGroup():
                found += _list_parts(part.parts)
            case FormRows():
                for row in part.rows:
                    found.append(row)
                    found += _list_parts(row.parts)
    return found


def _explain_rows(rows: FormRows, kind: str) -> Message:
    if kind == "too_long":
        return msg("These are too many: %(field)s. Leave some out.", field=rows.label)
    return msg("Add at least one: %(field)s.", field=rows.label)
