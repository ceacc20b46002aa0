"""Write node/api/data/draft_examples.json: one draft of each type, as a program posts it.

usage: ``python scripts/generate_api_examples.py [--check]``

They are made of the first good example of each type in protocol/vectors/messages, and stand in the
description of the interface (/api/v1/openapi.json). With ``--check`` nothing is written; exits with
1 if the file is not what the catalogue says.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from protocol.messages.catalogue import CATALOGUE
from protocol.messages.head import CaseMessage

ROOT: Final = Path(__file__).resolve().parents[1]
SOURCE: Final = ROOT / "protocol" / "vectors" / "messages"
TARGET: Final = ROOT / "node" / "api" / "data" / "draft_examples.json"
#: What of a message's head a draft may say.
SAID: Final = (
    "kind", "channel", "case", "in_reply_to", "phase", "urgency", "formality", "instrument",
    "language", "onward",
)  # fmt: skip
NO_PERSONAL_DATA: Final = {"kind": "no_personal_data"}


def make_draft(tag: str, example: Mapping[str, Any]) -> dict[str, Any]:
    """Return the draft that an example of the vectors means."""
    head = example["head"]
    said = {name: head[name] for name in SAID if name in head}
    return {
        "type": tag,
        "recipient": "XK",
        **said,
        "legal_basis": head.get("legal_basis", NO_PERSONAL_DATA),
        "body": example["body"],
    }


def write_all() -> str:
    """Return the file."""
    drafts = {}
    for tag, entry in sorted(CATALOGUE.items()):
        if issubclass(entry.model, CaseMessage):
            examples = json.loads((SOURCE / f"{tag}.json").read_text(encoding="utf-8"))
            drafts[tag] = make_draft(tag, examples["good"][0])
    return json.dumps(drafts, indent=1, ensure_ascii=False) + "\n"


def main() -> int:
    """Write or compare; returns the exit code."""
    parser = argparse.ArgumentParser(description="Write node/api/data/draft_examples.json.")
    parser.add_argument("--check", action="store_true", help="write nothing, only compare")
    wanted = write_all()
    if parser.parse_args().check:
        if TARGET.exists() and TARGET.read_text(encoding="utf-8") == wanted:
            return 0
        print(f"{TARGET.relative_to(ROOT)} is out of step: run make generate", file=sys.stderr)
        return 1
    TARGET.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
