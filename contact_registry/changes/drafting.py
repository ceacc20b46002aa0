"""The drafting half of a desk: what people write, entry by entry, each step on the disk at once."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Final

from contact_registry.agreements import AgreementStatement
from contact_registry.changes.change import Change, ChangeEvent, ChangeId, EntryKind, Grounds
from contact_registry.changes.content import check, make_empty
from contact_registry.changes.errors import ChangeNotFoundError, DraftRefusedError
from contact_registry.changes.following import bring_together, rebase
from contact_registry.changes.merging import Choices
from contact_registry.changes.reading import ReadingDesk
from contact_registry.changes.states import ChangeState, Step, advance
from contact_registry.importing.folding import transliterate
from contact_registry.models import Authority, ContactsDocument
from contact_registry.schedules import WorkCalendar
from protocol.identifiers import AuthorityId, ParticipantCode, get_participant_of
from protocol.signing import VerifyKey

_LONGEST_TITLE: Final = 200
_LONGEST_GROUNDS: Final = 2000
_LONGEST_SLUG: Final = 60
_MOST_NODE_KEYS: Final = 4
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
NO_GROUNDS: Final = Grounds()


class DraftingDesk(ReadingDesk):
    """Drafts changes.

    Every method names the row version that its caller saw and returns the change as it stands then.
    They raise ``ChangeNotFoundError``, ``StaleChangeError``, ``StepNotPossibleError`` (the state
    does not allow it), and ``DraftRefusedError`` (what was typed cannot stand; nothing changed).
    """

    def begin(  # noqa: PLR0913 - all that is known of a change as it begins, by name
        self,
        code: ParticipantCode,
        *,
        title: str,
        actor: str,
        is_renewal: bool = False,
        document: ContactsDocument | None = None,
        change_id: ChangeId | None = None,
    ) -> Change:
        """Begin a change of what is published now; ``document`` is what it shall say, if known.

        With a ``change_id`` a repetition returns the change that was begun, as it stands.

        A renewal signs again what is published, so that it does not run out. ``listed_by`` follows
        who holds the directory key: nobody claims that a Participant confirmed what the operators
        typed in.
        """
        self._require_own(code)
        known = self._store.load(change_id) if change_id is not None else None
        if known is not None and known.participant == code:
            return known
        self._registry.refresh()
        published = self._registry.role(code)
        listed_by = published.entry.directory_key_held_by
        draft = document or published.document or make_empty(code, listed_by)
        now = self._clock()
        change = Change(
            id=change_id or ChangeId(self._random(16).hex()),
            participant=code,
            title=_read_title(title),
            state=ChangeState.DRAFTED,
            row_version=1,
            base_version=published.version,
            base=published.document,
            draft=_own(draft, code).model_copy(update={"listed_by": listed_by}),
            base_node_keys=published.node_keys,
            node_keys=published.node_keys,
            is_renewal=is_renewal,
            created_by=actor,
            created_at=now,
            updated_by=actor,
            updated_at=now,
        )
        kind = EntryKind.DOCUMENT if document is not None else None
        self._store.add(change, ChangeEvent(at=now, actor=actor, step=Step.EDITED, entry_kind=kind))
        return change

    def put_document(
        self,
        change_id: ChangeId,
        document: ContactsDocument,
        *,
        seen: int,
        actor: str,
        grounds: Grounds = NO_GROUNDS,
    ) -> Change:
        """Let the draft say this, all of it."""
        change = self._open(change_id, seen)
        draft = _own(document, change.participant).model_copy(
            update={"listed_by": change.draft.listed_by}
        )
        event = self._edit(EntryKind.DOCUMENT, "", actor=actor, grounds=grounds)
        return self._write(change, draft, event)

    def put_authority(
        self,
        change_id: ChangeId,
        authority: Authority,
        *,
        seen: int,
        actor: str,
        grounds: Grounds = NO_GROUNDS,
    ) -> Change:
        """List an authority, or let its entry say this."""
        change = self._open(change_id, seen)
        entries = {entry.id: entry for entry in change.draft.authorities} | {
            authority.id: authority
        }
        draft = change.draft.model_copy(update={"authorities": tuple(entries.values())})
        event = self._edit(EntryKind.AUTHORITY, authority.id, actor=actor, grounds=grounds)
        return self._write(change, draft, event)

    def end_authority(  # noqa: PLR0913 - who ends what, when and why, all by name
        self,
        change_id: ChangeId,
        authority_id: AuthorityId,
        *,
        last_day: date,
        seen: int,
        actor: str,
        grounds: Grounds = NO_GROUNDS,
    ) -> Change:
        """Set an authority's last day; its entry stays, so that people see that it ended."""
        change = self._open(change_id, seen)
        entry = next((a for a in change.draft.authorities if a.id == authority_id), None)
        if entry is None:
            raise _not_listed(authority_id)
        ended = entry.model_copy(update={"valid_to": last_day})
        return self.put_authority(change_id, ended, seen=seen, actor=actor, grounds=grounds)

    def remove_authority(
        self,
        change_id: ChangeId,
        authority_id: AuthorityId,
        *,
        seen: int,
        actor: str,
        grounds: Grounds = NO_GROUNDS,
    ) -> Change:
        """Take an entry out altogether: for what was never right. What ended is ended."""
        change = self._open(change_id, seen)
        left = tuple(a for a in change.draft.authorities if a.id != authority_id)
        if len(left) == len(change.draft.authorities):
            raise _not_listed(authority_id)
        draft = change.draft.model_copy(update={"authorities": left})
        event = self._edit(EntryKind.AUTHORITY, authority_id, actor=actor, grounds=grounds)
        return self._write(change, draft, replace(event, detail="removed"))

    def put_calendar(
        self,
        change_id: ChangeId,
        calendar: WorkCalendar | None,
        *,
        seen: int,
        actor: str,
        grounds: Grounds = NO_GROUNDS,
    ) -> Change:
        """Set the Participant's weekend and holidays; None: no calendar of its own."""
        change = self._open(change_id, seen)
        draft = change.draft.model_copy(update={"calendar": calendar})
        event = self._edit(EntryKind.CALENDAR, "", actor=actor, grounds=grounds)
        return self._write(change, draft, event)

    def put_agreement(
        self,
        change_id: ChangeId,
        statement: AgreementStatement,
        *,
        seen: int,
        actor: str,
        grounds: Grounds = NO_GROUNDS,
    ) -> Change:
        """State an agreement, or what became of it (a notice, an end)."""
        change = self._open(change_id, seen)
        name = statement.terms.id
        stated = {s.terms.id: s for s in change.draft.agreements} | {name: statement}
        draft = change.draft.model_copy(update={"agreements": tuple(stated.values())})
        event = self._edit(EntryKind.AGREEMENT, name, actor=actor, grounds=grounds)
        return self._write(change, draft, event)

    def remove_agreement(
        self,
        change_id: ChangeId,
        agreement_id: str,
        *,
        seen: int,
        actor: str,
        grounds: Grounds = NO_GROUNDS,
    ) -> Change:
        """Take a statement out altogether; the agreement does not count from then on."""
        change = self._open(change_id, seen)
        left = tuple(s for s in change.draft.agreements if s.terms.id != agreement_id)
        if len(left) == len(change.draft.agreements):
            raise ChangeNotFoundError("This agreement is not stated here: choose one of the list.")
        draft = change.draft.model_copy(update={"agreements": left})
        event = self._edit(EntryKind.AGREEMENT, agreement_id, actor=actor, grounds=grounds)
        return self._write(change, draft, replace(event, detail="removed"))

    def put_node_keys(
        self,
        change_id: ChangeId,
        keys: Sequence[VerifyKey],
        *,
        seen: int,
        actor: str,
        grounds: Grounds = NO_GROUNDS,
    ) -> Change:
        """Name the keys of which any one may speak for the Participant's node; none: no node."""
        change = self._open(change_id, seen)
        named = tuple(dict.fromkeys(keys))
        if len(named) > _MOST_NODE_KEYS:
            raise DraftRefusedError(
                f"A Participant names at most {_MOST_NODE_KEYS} keys of its node: leave out those "
                "that are not used any more."
            )
        event = self._edit(EntryKind.NODE_KEYS, "", actor=actor, grounds=grounds)
        return self._write(replace(change, node_keys=named), change.draft, event)

    def resolve(self, change_id: ChangeId, choices: Choices, *, seen: int, actor: str) -> Change:
        """Decide every conflict, by its key; the draft then goes on from what is published.

        Raises ``DraftRefusedError`` if a conflict was left open, or what was chosen does not go
        together.
        """
        change = self._open(change_id, seen)
        state = advance(change.state, Step.RESOLVED)
        published = self._registry.role(change.participant)
        merged, keys = bring_together(change, published, choices=choices)
        if merged.document is None:
            left = ", ".join(conflict.key or "document" for conflict in merged.conflicts)
            raise DraftRefusedError(f"Decide these as well: {left[:500]}.")
        resolved = rebase(change, published, document=merged.document, keys=keys)
        event = ChangeEvent(
            at=self._clock(),
            actor=actor,
            step=Step.RESOLVED,
            detail="; ".join(f"{key or 'document'}: {side}" for key, side in choices.items())[:500],
        )
        return self._save(change, replace(resolved, state=state), event)

    def propose_authority_id(self, change_id: ChangeId, name: str) -> AuthorityId:
        """Return a readable identifier for a new authority, which the draft does not have yet."""
        change = self._load(change_id)
        plain = transliterate(name)
        slug = "-".join(re.findall(r"[a-z0-9]+", plain.encode("ascii", "ignore").decode().lower()))
        mark = hashlib.sha256(name.encode(errors="replace")).hexdigest()[:8]
        if not slug:
            slug = f"desk-{mark}"
        elif len(slug) > _LONGEST_SLUG:
            slug = slug[:_LONGEST_SLUG].rpartition("-")[0] or slug[:_LONGEST_SLUG]
        taken = {entry.id for entry in change.draft.authorities}
        made = candidate = AuthorityId(f"{change.participant}-{slug}")
        number = 2
        while candidate in taken:
            candidate = AuthorityId(f"{made}-{number}")
            number += 1
        return candidate

    def _edit(self, kind: EntryKind, entry: str, *, actor: str, grounds: Grounds) -> ChangeEvent:
        """Return the entry of an edit in the change's story."""
        for text in (grounds.reason, grounds.evidence):
            read_grounds(text)
        return ChangeEvent(
            at=self._clock(),
            actor=actor,
            step=Step.EDITED,
            entry_kind=kind,
            entry=entry,
            grounds=grounds,
        )

    def _write(self, change: Change, draft: ContactsDocument, event: ChangeEvent) -> Change:
        """Keep an edited draft, if it can stand."""
        state = advance(change.state, Step.EDITED)
        return self._save(change, replace(change, state=state, draft=check(draft)), event)


def _read_title(title: str) -> str:
    text = " ".join(title.split())
    if not text or len(text) > _LONGEST_TITLE or not text.isprintable():
        raise DraftRefusedError(
            f"Say in one line of at most {_LONGEST_TITLE} characters what the change is about."
        )
    return text


def read_grounds(text: str) -> str:
    """Return what is kept of why somebody acts; raises ``DraftRefusedError``, nothing is cut."""
    if len(text) > _LONGEST_GROUNDS:
        raise DraftRefusedError(
            f"Reason and evidence have at most {_LONGEST_GROUNDS} characters each: shorten them."
        )
    if _CONTROLS.search(text):  # databases refuse some of them, and pages show none
        raise DraftRefusedError(
            "Reason or evidence holds characters that cannot be shown: type it anew."
        )
    return text


def _own(document: ContactsDocument, code: ParticipantCode) -> ContactsDocument:
    if document.participant != code or any(
        get_participant_of(entry.id) != code for entry in document.authorities
    ):
        raise DraftRefusedError(
            f"These are the contacts of {document.participant}, not of {code}: begin a change of "
            "that Participant."
        )
    return document


def _not_listed(authority_id: AuthorityId) -> ChangeNotFoundError:
    return ChangeNotFoundError(f"{authority_id} is not in this draft: choose one of its entries.")
