"""What the signer's tool prints about a signing file: plain sentences, and JSON for programs."""

from collections.abc import Iterator
from datetime import datetime

from contact_registry.ceremony.digest import speak_digest
from contact_registry.changes.review import Review
from contact_registry.history.naming import Names


def format_review(it: Review, *, now: datetime, with_digest: bool = True) -> Iterator[str]:
    """Yield what a file does as lines of text: what must not be overlooked comes first.

    Whoever is about to sign is not shown the digest, so as not to copy it from the own screen.
    """
    file, published, directory = it.file, it.published, it.directory
    who = Names((published.entry,)).show(published.code)
    yield f"Change of the contacts of {who}: version {file.version}"
    if it.objection is not None:
        yield f"DO NOT SIGN: {it.objection}"
    yield from (f"ATTENTION: {alarm}" for alarm in it.alarms)
    yield ""
    age = (now - directory.verified_at).days
    yield (
        f"Compared with version {published.version}, in the registry that you hold (version "
        f"{directory.version}, verified on {directory.verified_at:%Y-%m-%d}, "
        f"{age} day{'' if age == 1 else 's'} ago):"
    )
    yield from (f"  {sentence}" for sentence in it.sentences)
    if it.effects.opened:
        yield "What it leaves without an answer, and was not before:"
        # Said once, though it may hold for adults and for children.
        yield from dict.fromkeys(f"  {finding.message}" for finding in it.effects.opened)
    yield ""
    expires = file.metadata.signed.expires
    yield f"The signature holds until {expires:%Y-%m-%d %H:%M} UTC."
    yield from _format_signatures(it)
    if with_digest:
        yield "Digest, the same on the page of the change and for everybody who signs:"
        yield f"  {speak_digest(file.sha256)}"


def _format_signatures(it: Review) -> Iterator[str]:
    needed = f"{it.published.threshold} of {len(it.published.key_ids)} keys"
    yield f"It needs {needed}; signed: {len(it.signed_by)}, missing: {it.missing}."
    for key_id in it.published.key_ids:
        mark = "signed" if key_id in it.signed_by else "not yet"
        yield f"  {key_id}: {mark}"


def describe_review(it: Review) -> dict[str, object]:
    """Return what a file does as data."""
    return {
        "participant": it.published.code,
        "version": it.file.version,
        "published_version": it.published.version,
        "registry_version": it.directory.version,
        "registry_verified_at": it.directory.verified_at.isoformat(),
        "objection": it.objection,
        "alarms": list(it.alarms),
        "changes": [
            {"kind": c.kind, "path": list(c.path), "old": c.old, "new": c.new}
            for c in it.difference.changes
        ],
        "expires_at": it.file.metadata.signed.expires.isoformat(),
        "could_sign": list(it.published.key_ids),
        "signed_by": list(it.signed_by),
        "threshold": it.published.threshold,
        "missing": it.missing,
        "sha256": it.file.sha256,
        "digest": speak_digest(it.file.sha256),
    }
