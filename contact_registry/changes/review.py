"""What a signing file does, derived from its bytes against the registry that the signer holds.

Nothing in the file is believed: who it is about, what it changes, for how long it holds and which
keys it lets speak for a node are read from what would be signed, and compared with the published
version that the signer verified and kept. What no registry host would accept is not offered for
signing.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from contact_registry.changes.content import NAMED
from contact_registry.changes.effects import Effects, foretell, narrow
from contact_registry.changes.findings import list_changed_terms, say_terms_changed
from contact_registry.changes.published_role import PublishedRole, read_node_keys
from contact_registry.changes.signing_file import SigningFile
from contact_registry.directory import Directory
from contact_registry.errors import SubmissionRefusedError
from contact_registry.history.comparing import Change, ChangeKind, Difference, diff
from contact_registry.history.wording import LONGEST_TEXT, word_difference
from contact_registry.models import ListedBy
from contact_registry.trust.acceptance import check_sizes, check_statement
from contact_registry.trust.layout import ExpiryPeriods

#: A signature that holds for less is gone before anybody thinks of it.
_SHORT: Final = timedelta(days=14)
_LIST, _ENTRY = 2, 4  # steps of the path of a Participant's list, and of a named entry
_IN_ITS_NAME: Final = frozenset({"id", "name"})
_LONGEST: Final = ExpiryPeriods().longest_delegation


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """A signing file as its signer sees it.

    ``alarms`` are to be read before anything else. ``objection`` says why it must not be signed;
    None: nothing speaks against it, and a registry host would take it, once it is signed.
    ``sentences`` are the difference in words, with the footnotes that names need.
    """

    file: SigningFile
    published: PublishedRole
    directory: Directory
    difference: Difference
    sentences: tuple[str, ...]
    alarms: tuple[str, ...]
    effects: Effects
    signed_by: tuple[str, ...]
    objection: str | None

    @property
    def missing(self) -> int:
        """How many signatures are still needed."""
        return max(0, self.published.threshold - len(self.signed_by))


def review(
    file: SigningFile, published: PublishedRole, directory: Directory, *, now: datetime
) -> Review:
    """Derive what a file does; ``published`` and ``directory`` are what the signer holds."""
    old = narrow(directory, published.entry, published.document)
    new = narrow(directory, published.entry, file.document)
    difference = diff(old, new)
    effects = foretell(old, new, published.entry, at=now)
    return Review(
        file=file,
        published=published,
        directory=directory,
        difference=difference,
        sentences=(
            *word_difference(Difference(old, new, tuple(_tell_all(difference.changes)))),
            *_tell_in_full(difference.changes),
        ),
        alarms=tuple(_find_alarms(file, published, difference, now=now)),
        effects=effects,
        signed_by=published.find_signers(file.metadata),
        objection=_find_objection(file, published, now=now),
    )


def _tell_all(changes: Iterable[Change]) -> Iterator[Change]:
    """Yield the changes, and of every entry that is new each field: all of it is to be signed."""
    for change in changes:
        yield change
        if change.kind is not ChangeKind.ADDED or change.path[0] != "contacts":
            continue
        if len(change.path) == _LIST:
            for name in NAMED:
                yield from _tell_all(
                    Change(ChangeKind.ADDED, (*change.path, name, entry), None, value)
                    for entry, value in change.new[name].items()
                )
        elif len(change.path) == _ENTRY and change.path[2] in NAMED:
            for name, value in change.new.items():
                if name not in _IN_ITS_NAME and value not in (None, "", [], False):
                    nothing: object = [] if isinstance(value, list) else None
                    yield Change(ChangeKind.CHANGED, (*change.path, name), nothing, value)


def _tell_in_full(changes: Iterable[Change]) -> Iterator[str]:
    """Yield what the sentences show by its beginning only: nothing is signed unseen."""
    for change in changes:
        for steps, text in _find_long(change.new, change.path[2:]):
            yield f"In full, {' '.join(steps)}: “{' '.join(text.split())}”"


def _find_long(value: Any, steps: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(value, str) and len(value) > LONGEST_TEXT:
        yield steps, value
    elif isinstance(value, Mapping):
        for name, part in value.items():
            yield from _find_long(part, (*steps, name))
    elif isinstance(value, list):
        for part in value:
            yield from _find_long(part, steps)


def _find_objection(file: SigningFile, published: PublishedRole, *, now: datetime) -> str | None:
    if file.version <= published.version:
        return (
            f"Version {published.version} is published, and this would be version {file.version}: "
            "the file is out of date. Get a new one from the desk."
        )
    if file.version > published.version + 1:
        return (
            f"This would be version {file.version}, and the registry at hand knows version "
            f"{published.version}: bring the newest registry first (trm-registry change keep)."
        )
    submission = file.to_submission()
    try:
        check_sizes(submission)
        check_statement(
            file.metadata.signed, submission, published.to_published(), now=now, longest=_LONGEST
        )
    except SubmissionRefusedError as error:
        return str(error)
    changed = list_changed_terms(published.document, file.document)
    return say_terms_changed(changed[0]) if changed else None


def _find_alarms(
    file: SigningFile, published: PublishedRole, difference: Difference, *, now: datetime
) -> Iterator[str]:
    yield from _judge_node_keys(file, published)
    expires = file.metadata.signed.expires
    if expires < now + _SHORT:
        yield (
            f"The signature would hold until {expires:%Y-%m-%d} only: after that the registry "
            "counts these contacts as overdue."
        )
    old_listed_by = published.document.listed_by if published.document else None
    if old_listed_by is not None and old_listed_by is not file.document.listed_by:
        who = "the operators" if file.document.listed_by is ListedBy.OPERATOR else "the Participant"
        yield f"From now on {who} would answer for these contacts."
    for change in difference.changes:
        if change.path[2:3] == ("authorities",) and change.kind is ChangeKind.REMOVED:
            yield f"An authority is taken out altogether: {change.path[3]}."
        if change.path[2:3] == ("agreements",):
            yield f"What is stated about the agreement {change.path[3]} changes."
    if not file.document.authorities:
        yield "No authority would be listed: nobody will find a desk in this Participant."


def _judge_node_keys(file: SigningFile, published: PublishedRole) -> Iterator[str]:
    before = {key.key_id for key in published.node_keys}
    after = {key.key_id for key in read_node_keys(file.metadata.signed, file.participant)}
    for key_id in sorted(after - before):
        yield (
            f"A NEW KEY MAY SPEAK FOR THE NODE: {key_id}. Whoever holds it receives this "
            "Participant's cases. Let the node's administrator read it out to you ('trm-node "
            "registry-key'), by telephone, before you sign."
        )
    for key_id in sorted(before - after):
        yield f"A key of the node loses its word: {key_id}."
    if before and not after:
        yield "The Participant would have NO NODE any more: nobody could send it cases."
