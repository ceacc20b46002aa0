"""Targets: signing files as desks and signers read them, and what signers are shown of them."""

import base64
import json
from datetime import timedelta
from typing import Any, Final

from contact_registry.changes.errors import SigningFileError
from contact_registry.changes.presenting import format_review
from contact_registry.changes.published_role import PublishedRole
from contact_registry.changes.review import review
from contact_registry.changes.signing_file import parse_signing_file
from contact_registry.errors import SubmissionRefusedError
from contact_registry.models import serialize_document
from contact_registry.trust.acceptance import check_submission
from contact_registry.trust.layout import RoleKind
from contact_registry.trust.submitting import build_contacts_submission
from tests.fuzz.registry_universe import AL, AT, DOCUMENTS, UNIVERSE, make_delegator, sign_tree
from tests.fuzz.target import Target, require
from tests.fuzz.trees import TreeMutator
from tests.support.registry import make_contacts, make_entry
from tests.support.registry_content import make_view

_CONTACTS: Final = make_contacts(AL, note="Ring twice.")
_PUBLISHED: Final = PublishedRole(
    entry=make_entry(AL), delegator=make_delegator(RoleKind.PARTICIPANT)
)
_VIEW: Final = make_view()


def _pack(metadata: bytes, document: bytes) -> bytes:
    members = {
        "format": "trm-change/1",
        "metadata": base64.b64encode(metadata).decode(),
        "document": base64.b64encode(document).decode(),
    }
    return json.dumps(members).encode()


def _offered() -> dict[str, Any]:
    """Return a good change as a tree: whatever becomes of it, its document is named rightly."""
    return {
        "metadata": UNIVERSE["roles"]["AL"],
        "document": DOCUMENTS["participants/AL/contacts.json"],
    }


def _seed() -> dict[str, Any]:
    submission = build_contacts_submission(
        _CONTACTS, previous_version=0, signers=(), expires=AT + timedelta(days=90)
    )
    return {
        "metadata": json.loads(submission.metadata)["signed"],
        "document": json.loads(serialize_document(_CONTACTS)),
    }


def check_signing_file(data: bytes) -> None:
    """Read a file: it is written as one that says the same, or refused."""
    file = parse_signing_file(data)
    again = parse_signing_file(file.to_bytes())
    require(held=again.statement == file.statement, what="it says something else when written")
    require(held=again.data == file.data, what="its document is another when written")


def check_review(data: bytes) -> None:
    """Let anybody offer anything for signing: what is shown is lines, and no objection is lost."""
    try:
        tree = json.loads(data)
    except (ValueError, RecursionError):
        return
    if not isinstance(tree, dict):
        return
    document = json.dumps(tree.get("document"), indent=1).encode() + b"\n"
    path = "participants/AL/contacts.json"
    file = parse_signing_file(_pack(sign_tree(tree.get("metadata"), {path: document}), document))
    if file.participant != AL:
        return
    seen = review(file, _PUBLISHED, _VIEW, now=AT)
    lines = list(format_review(seen, now=AT))
    require(held=all(line.isprintable() for line in lines), what="a line that is more than one")
    try:
        check_submission(
            file.to_submission(), _PUBLISHED.to_published(), now=AT, longest=timedelta(days=366)
        )
    except SubmissionRefusedError:
        return
    require(held=seen.objection is None, what="the host takes what the signer is warned of")
    require(held=seen.missing == 0, what="the host takes what is said to lack signatures")


CHANGE_TARGETS: Final = (
    Target(
        "signing_file",
        check_signing_file,
        lambda: [_pack(json.dumps({"signatures": [], "signed": _seed()["metadata"]}).encode(),
                       serialize_document(_CONTACTS))],
        (SigningFileError,),
        mutate=TreeMutator(),
    ),
    Target(
        "change_review",
        check_review,
        lambda: [json.dumps(_offered()).encode(), json.dumps(_seed()).encode()],
        (SigningFileError,),
        mutate=TreeMutator(donors=(_offered(),)),
    ),
)  # fmt: skip
