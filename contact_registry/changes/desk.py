"""The desk where changes of contacts are drafted, signed elsewhere by people, and published.

The directory key never comes here. A change that is ready becomes a signing file, which whoever
holds the key downloads, looks at with tools of their own, signs, and brings back; of a threshold
above one, the signatures are gathered. Then the desk sends it to the registry host, and keeps it
until the host has answered: what was sent is on the disk before it is sent, and a lost answer is
found out by asking which bytes were published under the version number. So a crash at any point
repeats a question and publishes once.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Final

from contact_registry.changes.change import Change, ChangeEvent, ChangeId, ChangeSummary
from contact_registry.changes.drafting import DraftingDesk, read_grounds
from contact_registry.changes.errors import (
    SigningFileError,
    StaleChangeError,
    StepNotPossibleError,
)
from contact_registry.changes.following import DESK
from contact_registry.changes.reading import LONGEST, SIGNED_FOR
from contact_registry.changes.signing_file import (
    combine,
    is_same_statement,
    keep_good_signatures,
    parse_signing_file,
)
from contact_registry.changes.states import OPEN, ChangeState, Step, advance
from contact_registry.errors import (
    RefusalCode,
    RegistryError,
    RegistryUnavailableError,
    SubmissionRefusedError,
)
from contact_registry.trust.layout import participant_role
from protocol.identifiers import ParticipantCode

#: States that somebody else's publication, or a file sent from elsewhere, can still move.
_FOLLOWED: Final = OPEN | {ChangeState.WITHDRAWN}
#: The host cannot take it now; nothing is wrong with it: it is sent again later.
_LATER: Final = frozenset({RefusalCode.TOO_OFTEN, RefusalCode.ONLINE_KEY_MISSING})
_LONGEST_DETAIL: Final = 500


def signing_file_name(change: Change) -> str:
    """Return the name under which a change's signing file is offered."""
    return f"{change.participant}-{change.base_version + 1}.trm-change"


class ChangeDesk(DraftingDesk):
    """Drafts changes, gathers signatures, publishes. Methods block.

    They raise as :class:`~contact_registry.changes.drafting.DraftingDesk` says.
    """

    # ------------------------------------------------------------------ signing

    def prepare(
        self, change_id: ChangeId, *, seen: int, actor: str, lasts: timedelta = SIGNED_FOR
    ) -> Change:
        """Make the signing file; ``lasts`` is for how long the signature will hold.

        Raises ``StepNotPossibleError`` while a blocking finding stands.
        """
        if not timedelta(days=1) <= lasts <= LONGEST:
            raise StepNotPossibleError(
                f"A signature holds for 1 to {LONGEST.days} days: choose a number between them."
            )
        self._registry.refresh()
        change = self._open(change_id, seen)
        state = advance(change.state, Step.PREPARED)
        view = self.look(change_id)
        if view.is_blocked:
            raise StepNotPossibleError(
                "It cannot be signed yet: put right what the findings name as blocking."
            )
        file = self._draw_up(change, lasts=lasts)
        event = self._event(actor, Step.PREPARED, f"version {file.version}")
        prepared = replace(change, state=state, metadata=file.metadata.to_bytes())
        return self._save(change, prepared, event)

    def export_signing_file(self, change_id: ChangeId) -> bytes:
        """Return the signing file with the signatures that are here.

        Raises ``StepNotPossibleError`` if there is none.
        """
        file = self._load_file(self._load(change_id))
        if file is None:
            raise StepNotPossibleError("There is no signing file yet: prepare the change first.")
        return file.to_bytes()

    def take_signing_file(
        self, change_id: ChangeId, data: bytes, *, seen: int, actor: str
    ) -> Change:
        """Take over the signatures of a signed file. Those that do not count are left out.

        Raises ``SigningFileError``: not this change's file, or no signature that counts.
        """
        change = self._open(change_id, seen)
        # A step that is not possible is said before anything of the file.
        state = advance(change.state, Step.SIGNATURE_ADDED)
        held = self._load_file(change)
        if held is None:
            raise StepNotPossibleError("There is no signing file yet: prepare the change first.")
        brought = parse_signing_file(data)
        if brought.statement != held.statement or brought.data != held.data:
            raise SigningFileError(
                "This file belongs to another change, or to an earlier state of this one: download "
                "the file of this page, and let it be signed again."
            )
        published = self._registry.role(change.participant)
        good = keep_good_signatures(brought, published)
        if not good.metadata.signatures:
            raise SigningFileError(
                "The file carries no signature by a key that may sign for "
                f"{change.participant}: sign with the directory key that the registry lists."
            )
        merged = combine([held, good])
        signers = published.find_signers(merged.metadata)
        is_enough = len(signers) >= published.threshold
        if change.state is ChangeState.WAITING and is_enough:
            state = advance(change.state, Step.SIGNATURES_COMPLETE)
        step = Step.SIGNATURES_COMPLETE if is_enough else Step.SIGNATURE_ADDED
        added = ", ".join(published.find_signers(good.metadata))
        event = self._event(actor, step, f"keys {added}")
        signed = replace(change, state=state, metadata=merged.metadata.to_bytes())
        return self._save(change, signed, event)

    def reopen(self, change_id: ChangeId, *, seen: int, actor: str) -> Change:
        """Take a change back to the draft; its signatures are dropped."""
        change = self._open(change_id, seen)
        state = advance(change.state, Step.REOPENED)
        reopened = replace(change, state=state, metadata=b"", refusal=None, refusal_detail="")
        return self._save(change, reopened, self._event(actor, Step.REOPENED))

    def withdraw(self, change_id: ChangeId, *, seen: int, actor: str, reason: str = "") -> Change:
        """Give a change up. A file that was signed already could still be sent by who has it."""
        change = self._open(change_id, seen)
        state = advance(change.state, Step.WITHDRAWN)
        event = self._event(actor, Step.WITHDRAWN, read_grounds(reason))
        return self._save(change, replace(change, state=state), event)

    # ------------------------------------------------------------------ publishing

    def publish(self, change_id: ChangeId, *, seen: int, actor: str) -> Change:
        """Send a signed change to the registry host, and return what became of it.

        It stays ``publishing`` if the host cannot be reached; :meth:`continue_publishing` goes on.
        """
        change = self._open(change_id, seen)
        state = advance(change.state, Step.SENT)
        event = self._event(actor, Step.SENT, f"version {change.base_version + 1}")
        sending = self._save(change, replace(change, state=state), event)
        try:
            return self._deliver(sending, is_first=True)
        except RegistryError:
            # The background task was quicker, or the view at hand cannot be read just now. It is on
            # the disk as sent; whatever is wrong shows where the task and the registry are watched.
            return self._load(change_id)

    def continue_publishing(self) -> int:
        """Go on with every change whose answer is missing; returns how many still wait."""
        waiting = 0
        for change in self._load_each(self._list_all({ChangeState.PUBLISHING})):
            try:
                after = self._deliver(change, is_first=False)
            except StaleChangeError:
                continue
            except RegistryError:  # one that cannot be followed now must not hold up the others
                waiting += 1
            else:
                waiting += after.state is ChangeState.PUBLISHING
        return waiting

    def follow_all(self) -> int:
        """Let every change follow what was published meanwhile; returns how many moved."""
        moved = 0
        for change in self._load_each(self._list_overtaken()):
            try:
                moved += self._follow(change).row_version != change.row_version
            except (StaleChangeError, RegistryError):
                continue  # somebody is at it, or it is not to be found any more: look says which
        return moved

    def _list_overtaken(self) -> Iterator[ChangeSummary]:
        """Yield the changes that something was published past: of most there is nothing to load."""
        versions: dict[ParticipantCode, int] = {}
        for it in self._list_all(_FOLLOWED):
            if it.participant not in versions:
                versions[it.participant] = self._find_version(it.participant)
            version = versions[it.participant]
            is_news = version > it.base_version and version != it.theirs_version
            # What was given up can be seen published only while it is the newest.
            if is_news and (it.state in OPEN or version == it.base_version + 1):
                yield it

    def _find_version(self, code: ParticipantCode) -> int:
        """Return the published version, 0 if that cannot be told now."""
        try:
            return self._registry.role(code).version
        except RegistryError:
            return 0

    def _deliver(self, change: Change, *, is_first: bool) -> Change:
        """Send a change, or find out that it is published already."""
        file = self._load_file(change)
        if file is None:
            raise StepNotPossibleError("There is nothing to send: open the change again.")
        try:
            if not is_first and (known := self._recognise(change)) is not None:
                return known
            receipt = self._publisher.send(file.to_submission())
        except RegistryUnavailableError:
            return change
        except SubmissionRefusedError as error:
            return self._note_refusal(change, error)
        noted = self._note_published(change, registry_version=receipt.registry_version)
        self._registry.refresh()  # so that whoever looks next sees it in the directory
        return noted

    def _recognise(self, change: Change) -> Change | None:
        """Return what became of a change whose version is published; None if none is.

        What the own view says is verified and decides; only before it knows of this version, the
        host is asked. Raises ``RegistryUnavailableError``.
        """
        self._registry.refresh()
        if self._role(change).version > change.base_version:
            return self._follow(change)
        wanted = change.base_version + 1
        found = self._publisher.find(participant_role(change.participant), wanted)
        if found is None:
            return None
        if is_same_statement(found, change.metadata):
            return self._note_published(change, registry_version=None)
        return change  # somebody else's; it is followed once the own view has it

    def _note_refusal(self, change: Change, error: SubmissionRefusedError) -> Change:
        if error.code in _LATER:
            return change
        if error.code is RefusalCode.WRONG_VERSION:
            try:
                known = self._recognise(change)
            except RegistryUnavailableError:
                return change
            if known is not None:
                return known
        refused = replace(
            change,
            state=advance(change.state, Step.REFUSED),
            refusal=error.code,
            refusal_detail=str(error)[:_LONGEST_DETAIL],
        )
        return self._save(change, refused, self._event(DESK, Step.REFUSED, error.code.value))

    def _event(self, actor: str, step: Step, detail: str = "") -> ChangeEvent:
        return ChangeEvent(at=self._clock(), actor=actor, step=step, detail=detail)
