"""All rules between fields, by the name of the definition or type that they belong to."""

from typing import Any

from tests.support.minireader.body_rules import ANSWERS, BODIES, TYPES
from tests.support.minireader.part_rules import CONSENT_AND_ERASURE, GENERAL, PARTS, SYSTEM

RULES = PARTS | SYSTEM | CONSENT_AND_ERASURE | GENERAL | BODIES | ANSWERS | TYPES


def find_broken(name: str, fields: dict[str, Any]) -> bool:
    """Tell whether a rule of the definition or type is broken."""
    return not all(rule(fields) for rule in RULES.get(name, ()))
