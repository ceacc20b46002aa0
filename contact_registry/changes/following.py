"""What becomes of an open change when somebody else has published: merged, in conflict, or done.

Pure. The signatures of a change that was overtaken are dropped: they are for a version number that
is taken. Its base moves to what is published once it goes together with it, and stays where it was
while there is a conflict, so that all three sides can be shown.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from contact_registry.changes.change import Change, ChangeEvent
from contact_registry.changes.content import make_empty
from contact_registry.changes.findings import is_changed
from contact_registry.changes.merging import Choices, Conflict, Merge, Side, merge
from contact_registry.changes.published_role import PublishedRole
from contact_registry.changes.states import Step, advance
from contact_registry.models import ContactsDocument
from protocol.signing import VerifyKey

NODE_KEYS: Final = "node_keys"
#: How the desk itself stands in a change's story.
DESK: Final = "desk"

Keys = tuple[VerifyKey, ...]


@dataclass(frozen=True, slots=True)
class Followed:
    """A change after somebody else published, and what is to be told about it."""

    change: Change
    event: ChangeEvent


def bring_together(
    change: Change, published: PublishedRole, *, choices: Choices | None = None
) -> tuple[Merge, Keys]:
    """Merge a change with what is published; the node keys are those to name after it.

    Raises ``DraftRefusedError`` if what was chosen does not go together.
    """
    empty = make_empty(change.participant, change.draft.listed_by)
    chosen: Choices = choices or {}
    merged = merge(change.base or empty, change.draft, published.document or empty, choices=chosen)
    keys, conflict = _merge_keys(change, published.node_keys, chosen)
    if conflict is not None:
        merged = Merge(None, (*merged.conflicts, conflict))
    return merged, keys


def _merge_keys(
    change: Change, theirs: Keys, choices: Mapping[str, Side]
) -> tuple[Keys, Conflict | None]:
    base, ours = change.base_node_keys, change.node_keys
    if set(ours) == set(theirs) or set(theirs) == set(base):
        return ours, None
    if set(ours) == set(base):
        return theirs, None
    side = choices.get(NODE_KEYS)
    if side is not None:
        return (ours if side is Side.OURS else theirs), None
    names = ([key.key_id for key in keys] for keys in (base, ours, theirs))
    return theirs, Conflict((NODE_KEYS,), *names)


def follow(change: Change, published: PublishedRole, *, at: datetime) -> Followed | None:
    """Return what becomes of an open change that was overtaken; None if nothing does.

    The caller has made sure that what is published is not this change itself.
    """
    if published.version <= change.base_version or published.version == change.theirs_version:
        return None
    was_untouched = _is_untouched(change)
    merged, keys = bring_together(change, published)
    if merged.document is None:
        names = ", ".join(conflict.key or "document" for conflict in merged.conflicts)
        return _step(
            replace(change, theirs_version=published.version, metadata=b""),
            Step.CONFLICT_FOUND,
            at=at,
            detail=f"version {published.version}: {names}"[:500],
        )
    rebased = rebase(change, published, document=merged.document, keys=keys)
    goes_on = was_untouched or is_changed(rebased, published)
    step = Step.MERGED if goes_on else Step.NOTHING_LEFT
    return _step(rebased, step, at=at, detail=f"version {published.version}")


def _is_untouched(change: Change) -> bool:
    """Whether nobody has written anything yet: somebody may be typing the first edit."""
    listed_by = change.draft.listed_by
    base = change.base or make_empty(change.participant, listed_by)
    return (
        not change.is_renewal
        and change.draft == base.model_copy(update={"listed_by": listed_by})
        and set(change.node_keys) == set(change.base_node_keys)
    )


def rebase(
    change: Change, published: PublishedRole, *, document: ContactsDocument, keys: Keys
) -> Change:
    """Return the change as one of what is published now."""
    return replace(
        change,
        base_version=published.version,
        base=published.document,
        base_node_keys=published.node_keys,
        draft=document,
        node_keys=keys,
        theirs_version=0,
        metadata=b"",
    )


def _step(change: Change, step: Step, *, at: datetime, detail: str) -> Followed:
    stepped = replace(
        change,
        state=advance(change.state, step),
        row_version=change.row_version + 1,
        updated_by=DESK,
        updated_at=at,
        refusal=None,
        refusal_detail="",
    )
    return Followed(stepped, ChangeEvent(at=at, actor=DESK, step=step, detail=detail))
