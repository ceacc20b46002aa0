"""The registry as JSON, for programs: everything that is published of Participants and contacts."""

import json

from contact_registry.directory import Directory
from contact_registry.exporting.verification_code import make_verification_code


def export_json(directory: Directory) -> bytes:
    """Return the whole directory but the keys, ended entries too, as JSON in UTF-8."""
    participants = [
        {
            **entry.model_dump(mode="json"),
            "contacts": document.model_dump(mode="json") if document else None,
        }
        for entry in sorted(directory.participants, key=lambda entry: entry.code)
        for document in [directory.contacts.get(entry.code)]
    ]
    content = {
        "format": "trm-contact-list/1",
        "version": directory.version,
        "sha256": directory.sha256,
        "verification_code": make_verification_code(directory.version, directory.sha256),
        "participants": participants,
    }
    return json.dumps(content, ensure_ascii=False, indent=1).encode() + b"\n"
