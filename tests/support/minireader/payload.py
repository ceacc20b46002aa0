"""Typed messages: outline, schema, and the rules of the head (SPEC sections 9 and 10).

What a schema cannot say is checked by the rules of the annex, written out once more in
``body_rules`` and ``part_rules``.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.support.minireader import attachments, case_reference, schemas, strict_json
from tests.support.minireader.body_rules import find_family_faults, is_treated_as_child
from tests.support.minireader.envelope import PARTICIPANT
from tests.support.minireader.rejection import RejectedError, malformed
from tests.support.minireader.rules import find_broken

TYPE = re.compile(r"[a-z_]{1,40}\.[a-z_]{1,60}", re.ASCII)
MESSAGE_ID = re.compile(r"[0-9a-f]{32}", re.ASCII)
VERSION_MOST = 10_000


@dataclass(frozen=True, slots=True)
class Message:
    """A message: its fields, and whether this reader knows its type and version."""

    fields: dict[str, Any]
    readable: bool


def read_message(payload: bytes) -> Message:
    """Read a payload; what breaks a rule is ``malformed``, an unknown type is kept."""
    fields = strict_json.parse_object(payload)
    tag, version = fields.get("type"), fields.get("version")
    if not isinstance(tag, str) or not TYPE.fullmatch(tag):
        raise malformed("no type")
    if not isinstance(version, int) or isinstance(version, bool):
        raise malformed("no version")
    if not 1 <= version <= VERSION_MOST:
        raise malformed("no version")
    schema = schemas.load_schema(tag, version)
    if schema is None:
        _check_outline(fields)
        return Message(fields, readable=False)
    for place in find_faults(fields, schema):
        raise malformed(f"a rule is broken at {place}")
    return Message(fields, readable=True)


def _check_outline(fields: dict[str, Any]) -> None:
    """Check the outline of a message of an unknown type (9.4)."""
    for name, form in (
        ("message_id", MESSAGE_ID),
        ("sender", PARTICIPANT),
        ("recipient", PARTICIPANT),
    ):
        value = fields.get(name)
        if not isinstance(value, str) or not form.fullmatch(value):
            raise malformed(f"the outline lacks {name}")
    if fields.get("case") is not None:
        if not isinstance(fields["case"], str):
            raise malformed("no case reference")
        case_reference.read_reference(fields["case"])
    link = fields.get("link")
    known = schemas.load_definition("LinkField")
    if link is not None and schemas.find_violations(link, known):
        raise malformed("no place on a link")


def find_faults(fields: dict[str, Any], schema: dict[str, Any]) -> Iterator[str]:
    """Find the places of a payload that break its schema, or else its rules."""
    violations = schemas.find_violations(fields, schema)
    yield from violations
    if violations:
        return
    places = list(schemas.walk(fields, schema))
    for found in places:
        if found.definition and find_broken(found.definition, found.value):
            yield found.path
        if found.definition == "AttachmentManifest":
            yield from attachments.find_manifest_faults(found.value, found.path)
    if "case" in fields:
        yield from _find_head_faults(fields, schema=schema, places=places)


def _collect_classes(places: list[schemas.Found]) -> set[str]:
    """Collect the classes of what body and attachments hold (9.3)."""
    classes = set()
    for found in places:
        if not found.path.startswith(("body.", "attachments.")) or found.value == "":
            continue
        if found.definition == "AttachmentManifest":
            classes.add(found.value["sensitivity"])
        elif found.sensitivity not in {None, "stated"}:
            classes.add(str(found.sensitivity))
    return classes - {"none"}


def _find_head_faults(
    fields: dict[str, Any], *, schema: dict[str, Any], places: list[schemas.Found]
) -> Iterator[str]:
    """Find what breaks the rules of the head (10.1) and of its type (MESSAGES.md)."""
    try:
        case_reference.read_reference(fields["case"])
    except RejectedError:
        yield "case"
    names = schemas.list_body_fields(schema)
    if find_family_faults(
        fields["body"], has_child_part="child" in names, has_gates="gates" in names
    ):
        yield "body"
    child = is_treated_as_child(fields["body"])
    basis = fields["legal_basis"]
    classes = _collect_classes(places)
    authorities = (fields["from_authority"], fields["to_authority"])
    fits = (
        fields["sender"] != fields["recipient"],
        authorities[0].split("-")[0] == fields["sender"],
        authorities[1].split("-")[0] == fields["recipient"],
        (fields["formality"] == "formal") == (fields.get("instrument") is not None),
        (fields["channel"] == "trend") == (fields["type"] == "general.trend_alert"),
        not (child and fields["urgency"] == "standard"),
        not (child and basis["kind"] == "consent" and basis["given_by"] == "person"),
        basis["kind"] != "no_personal_data" or not classes,
        basis["kind"] != "consent" or classes <= set(basis["classes"]),
        basis["kind"] != "consent" or fields["phase"] in basis["phases"],
        basis["kind"] != "consent" or fields["recipient"] in basis["recipients"],
        not find_broken(fields["type"], fields),
        _asks_or_tells(fields, names),
    )
    if not all(fits):
        yield ""
    identifiers = [one["attachment_id"] for one in fields.get("attachments", [])]
    if len(set(identifiers)) != len(identifiers):
        yield "attachments"


def _asks_or_tells(fields: dict[str, Any], names: set[str]) -> bool:
    """Tell whether a type that can ask and tell does the one that its kind says (section 10)."""
    if not {"question", "information"} <= names:
        return True
    body = fields["body"]
    asks, tells = (body.get(name) is not None for name in ("question", "information"))
    kind: str = fields["kind"]
    return asks == (kind == "request") and tells == (kind == "notification")
