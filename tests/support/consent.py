"""Consents as a person would have them: free, informed, written, on file, and nothing wrong."""

from collections.abc import Mapping
from typing import Any

ON_FILE: Mapping[str, Any] = {
    "is_free": True,
    "is_informed": True,
    "is_written": True,
    "is_on_file": True,
    "giver_is_suspect": "no",
    "child_informed": True,
}
"""How the consent was given that a legal basis describes: ``make_draft(consent=ON_FILE)``."""


def on_consent(*recipients: str) -> dict[str, Any]:
    """Return what a draft with protection data for these needs: its basis, and that on file."""
    basis = {
        "kind": "consent",
        "given_by": "person",
        "given_at": "2026-03-03T09:00:00Z",
        "explained_in": "sq",
        "classes": ["protection"],
        "phases": ["identification"],
        "recipients": list(recipients),
    }
    return {"legal_basis": basis, "consent": dict(ON_FILE)}
