"""What is done in each operation of the vectors: input in, result or rejection code out.

The vectors are those of protocol/vectors/*.json; their README says how they are read.
"""

from typing import Any

from tests.support.minireader import conduct_operations, drills, wire_operations
from tests.support.minireader.rejection import RejectedError

OPERATIONS = wire_operations.OPERATIONS | conduct_operations.OPERATIONS | drills.OPERATIONS


def run_case(topic: str, case: dict[str, Any], given: dict[str, Any]) -> tuple[str, Any]:
    """Run one case: ``("expected", result)`` or ``("error", rejection code)``."""
    try:
        return "expected", OPERATIONS[topic][case["operation"]](case["input"], given)
    except RejectedError as refusal:
        return "error", refusal.code
