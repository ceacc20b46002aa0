"""The reading half of a desk: the list of changes, and one change with all that is to be said."""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from contact_registry.ceremony.digest import speak_digest
from contact_registry.changes.change import (
    Change,
    ChangeEvent,
    ChangeId,
    ChangeSummary,
    Page,
)
from contact_registry.changes.effects import RoutingEffect, foretell, narrow
from contact_registry.changes.errors import ChangeNotFoundError, StaleChangeError
from contact_registry.changes.findings import Case, Finding, Severity, list_findings
from contact_registry.changes.following import DESK, bring_together, follow
from contact_registry.changes.merging import Conflict
from contact_registry.changes.ports import ChangeStore, Publisher, RegistrySource
from contact_registry.changes.published_role import PublishedRole, make_left_role
from contact_registry.changes.signing_file import (
    SigningFile,
    is_same_statement,
    make_signing_file,
)
from contact_registry.changes.states import OPEN, ChangeState, Step, advance, can
from contact_registry.clock import Clock
from contact_registry.directory import Directory
from contact_registry.errors import RegistryUnavailableError, SubmissionRefusedError
from contact_registry.history.comparing import Change as Difference
from contact_registry.history.comparing import diff
from contact_registry.models import serialize_document
from contact_registry.trust.acceptance import check_sizes, check_statement
from contact_registry.trust.layout import ExpiryPeriods, participant_role
from contact_registry.trust.submitting import build_contacts_submission
from protocol.identifiers import ParticipantCode, RandomBytes
from protocol.signing import VerifyKey

PAGE: Final = 50
_TRIES: Final = 3
_AN_ID: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)
#: For how long a signature holds unless its desk says otherwise, and at most.
SIGNED_FOR: Final = ExpiryPeriods().delegations
LONGEST: Final = ExpiryPeriods().longest_delegation


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeView:
    """A change with all that is to be said about it now.

    ``differences`` lead from what is published to the draft (in a conflict: from the base), with
    paths as between two versions: ``("contacts", "AL", "authorities", "AL-desk", "telephones")``.
    ``old`` and ``new`` are one-Participant views for whoever words them. A published, withdrawn or
    superseded change is compared with its base, and has no findings any more.
    """

    change: Change
    events: tuple[ChangeEvent, ...]
    published: PublishedRole
    old: Directory
    new: Directory
    differences: tuple[Difference, ...]
    node_keys_added: tuple[str, ...] = ()
    node_keys_removed: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    effects: tuple[RoutingEffect, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    signed_by: tuple[str, ...] = ()
    digest: str | None = None
    expires_at: datetime | None = None

    @property
    def could_sign(self) -> tuple[str, ...]:
        """The keys that may sign."""
        return self.published.key_ids

    @property
    def threshold(self) -> int:
        """How many of them must."""
        return self.published.threshold

    @property
    def next_version(self) -> int:
        """The version of the Participant's contacts that the change is, or would be."""
        return self.change.base_version + 1

    @property
    def is_blocked(self) -> bool:
        """Whether a finding keeps it from being signed."""
        return any(finding.severity is Severity.BLOCKING for finding in self.findings)

    def can(self, step: Step) -> bool:
        """Whether this step is possible now: pages offer these and no others."""
        if step is Step.PREPARED and self.is_blocked:
            return False
        return can(self.change.state, step)


class ReadingDesk:
    """Reads changes. One desk serves a node (its own Participant) or the hub (all)."""

    def __init__(  # noqa: PLR0913 - the parts of a desk, all by name
        self,
        *,
        store: ChangeStore,
        registry: RegistrySource,
        publisher: Publisher,
        clock: Clock,
        random: RandomBytes,
        participant: ParticipantCode | None = None,
    ) -> None:
        self._store = store
        self._registry = registry
        self._publisher = publisher
        self._clock = clock
        self._random = random
        self._participant = participant

    # ------------------------------------------------------------------ reading

    def list_changes(
        self,
        *,
        participant: ParticipantCode | None = None,
        states: Collection[ChangeState] | None = None,
        page: int = 1,
    ) -> Page:
        """Return one page of the changes, the one that was touched last first."""
        found = self._store.list(
            participant=self._participant or participant,
            states=states,
            skip=(max(page, 1) - 1) * PAGE,
            limit=PAGE + 1,
        )
        return Page(changes=tuple(found[:PAGE]), has_more=len(found) > PAGE)

    def count_open(self) -> int:
        """Return how many changes are open, up to a page of them."""
        return len(self.list_changes(states=OPEN).changes)

    def load_published(self, code: ParticipantCode) -> PublishedRole:
        """Return what is published of a Participant; raises ``ChangeNotFoundError``."""
        self._require_own(code)
        return self._registry.role(code)

    def look(self, change_id: ChangeId) -> ChangeView:
        """Return a change with all that is to be said about it.

        First it follows what was published meanwhile: it is merged with that, or found to conflict,
        or to be published itself. Raises ``ChangeNotFoundError``.
        """
        change = self._load_followed(change_id)
        published = self._role(change)
        directory = self._registry.directory()
        is_compared_with_base = not change.is_open or change.state is ChangeState.CONFLICTING
        was = change.base if is_compared_with_base else published.document
        was_keys = change.base_node_keys if is_compared_with_base else published.node_keys
        old = narrow(directory, published.entry, was)
        new = narrow(directory, published.entry, change.draft)
        file = self._load_file(change)
        view = ChangeView(
            change=change,
            events=tuple(self._store.list_events(change.id)),
            published=published,
            old=old,
            new=new,
            differences=diff(old, new).changes,
            node_keys_added=_names(set(change.node_keys) - set(was_keys)),
            node_keys_removed=_names(set(was_keys) - set(change.node_keys)),
            conflicts=self._find_conflicts(change, published),
            signed_by=published.find_signers(file.metadata) if file else (),
            digest=speak_digest(file.sha256) if file else None,
            expires_at=file.metadata.signed.expires if file else None,
        )
        if not change.is_open or change.state is ChangeState.CONFLICTING:
            return view
        return self._judge(view, directory)

    def _judge(self, view: ChangeView, directory: Directory) -> ChangeView:
        """Add effects and findings."""
        now = self._clock()
        change, published = view.change, view.published
        effects = foretell(view.old, view.new, published.entry, at=now)
        others = self._store.list(participant=change.participant, states=OPEN, limit=PAGE)
        findings = list_findings(
            Case(
                change=change,
                published=published,
                new=replace(
                    directory,
                    contacts=MappingProxyType(
                        {**directory.contacts, change.participant: change.draft}
                    ),
                ),
                effects=effects,
                refusal=self._find_refusal(change, published),
                other_changes=[other.id for other in others if other.id != change.id],
                at=now,
            )
        )
        return replace(view, effects=effects.routing, findings=findings)

    def _find_refusal(self, change: Change, published: PublishedRole) -> str | None:
        """Return what the registry host would object to, signatures left aside."""
        if published.has_left:
            return (
                f"{change.participant} does not take part any more: withdraw this change, or ask "
                "the operators to admit it again."
            )
        file = self._load_file(change) or self._draw_up(change, lasts=SIGNED_FOR)
        submission = file.to_submission()
        try:
            check_sizes(submission)
            check_statement(
                file.metadata.signed,
                submission,
                published.to_published(),
                now=self._clock(),
                longest=LONGEST,
            )
        except SubmissionRefusedError as error:
            return str(error)
        return None

    def _find_conflicts(self, change: Change, published: PublishedRole) -> tuple[Conflict, ...]:
        if change.state is not ChangeState.CONFLICTING:
            return ()
        return bring_together(change, published)[0].conflicts

    # ------------------------------------------------------------------ what other halves need

    def _draw_up(self, change: Change, *, lasts: timedelta) -> SigningFile:
        """Return the file to be signed, without signatures."""
        submission = build_contacts_submission(
            change.draft,
            previous_version=change.base_version,
            signers=(),
            expires=(self._clock() + lasts).replace(microsecond=0),
            node_keys=change.node_keys,
        )
        return make_signing_file(submission.metadata, serialize_document(change.draft))

    def _load_file(self, change: Change) -> SigningFile | None:
        if not change.metadata:
            return None
        return make_signing_file(change.metadata, serialize_document(change.draft))

    def _load(self, change_id: ChangeId) -> Change:
        change = self._store.load(change_id) if _AN_ID.fullmatch(change_id) else None
        if change is None or self._participant not in {None, change.participant}:
            raise ChangeNotFoundError(
                "There is no such change here: look for it in the list of changes."
            )
        return change

    def _load_followed(self, change_id: ChangeId) -> Change:
        """Return a change after what was published meanwhile, though others note that as well."""
        for _ in range(_TRIES):
            change = self._load(change_id)
            try:
                return self._follow(change)
            except StaleChangeError:
                continue  # somebody else was quicker: what they noted is there now
        return self._load(change_id)

    def _open(self, change_id: ChangeId, seen: int) -> Change:
        """Return the change as it stands now; raises ``StaleChangeError`` if not ``seen``."""
        change = self._follow(self._load(change_id))
        if change.row_version != seen:
            raise StaleChangeError(
                "This change was changed meanwhile, by somebody else or by what was published. "
                "Open it again, look at it, and repeat what you wanted to do."
            )
        return change

    def _require_own(self, code: ParticipantCode) -> None:
        if self._participant not in {None, code}:
            raise ChangeNotFoundError(
                f"{code} keeps its contacts at its own desk: ask its focal point for a correction."
            )

    def _save(
        self, before: Change, after: Change, event: ChangeEvent, *more: ChangeEvent
    ) -> Change:
        """Keep a step; ``after`` gets the next row version."""
        saved = replace(
            after,
            row_version=before.row_version + 1,
            updated_by=event.actor,
            updated_at=event.at,
        )
        self._store.save(saved, seen=before.row_version, events=(event, *more))
        return saved

    # ------------------------------------------------------------------ following

    def _follow(self, change: Change) -> Change:
        """Return the change after what was published meanwhile, which is on the disk then."""
        published = self._role(change)
        if published.version <= change.base_version:
            return _name_lister(change, published)
        try:
            if self._is_published(change, published):
                return self._note_published(change, registry_version=None)
        except RegistryUnavailableError:
            return change  # nobody knows yet whether it was this change: look again later
        followed = follow(change, published, at=self._clock()) if change.is_open else None
        if followed is None:
            return change
        self._store.save(followed.change, seen=change.row_version, events=(followed.event,))
        return followed.change

    def _is_published(self, change: Change, published: PublishedRole) -> bool:
        """Whether it was this change that was published, from here or by who held its file."""
        if not (change.metadata and can(change.state, Step.PUBLISHED)):
            return False
        wanted = change.base_version + 1
        if published.version == wanted:
            found: bytes | None = published.metadata
        elif change.is_open:
            found = self._publisher.find(participant_role(change.participant), wanted)
        else:
            return False  # long ago: the host is not asked for it again and again
        return found is not None and is_same_statement(found, change.metadata)

    def _note_published(self, change: Change, *, registry_version: int | None) -> Change:
        event = ChangeEvent(
            at=self._clock(),
            actor=DESK,
            step=Step.PUBLISHED,
            detail=f"version {change.base_version + 1}",
        )
        after = replace(
            change,
            state=advance(change.state, Step.PUBLISHED),
            registry_version=registry_version,
            refusal=None,
            refusal_detail="",
        )
        return self._save(change, after, event)

    def _list_all(self, states: Collection[ChangeState]) -> Sequence[ChangeSummary]:
        return self._store.list(participant=self._participant, states=states, limit=None)

    def _load_each(self, summaries: Iterable[ChangeSummary]) -> Iterator[Change]:
        for summary in summaries:
            change = self._store.load(summary.id)
            if change is not None:
                yield change

    def _role(self, change: Change) -> PublishedRole:
        """Return what is published of a change's Participant, also if it has left meanwhile."""
        try:
            return self._registry.role(change.participant)
        except ChangeNotFoundError:
            return make_left_role(
                change.participant,
                version=change.base_version,
                document=change.base,
                node_keys=change.base_node_keys,
                now=self._clock(),
            )


def _name_lister(change: Change, published: PublishedRole) -> Change:
    """Return a draft as listed by who holds the directory key now; no version says who that is."""
    listed_by = published.entry.directory_key_held_by
    if published.has_left or change.state is not ChangeState.DRAFTED:
        return change
    return replace(change, draft=change.draft.model_copy(update={"listed_by": listed_by}))


def _names(keys: Collection[VerifyKey]) -> tuple[str, ...]:
    return tuple(sorted(key.key_id for key in keys))
